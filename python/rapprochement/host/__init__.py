"""Hosts written in Python: what drives nodes.

- `rapprochement.host.driver`: the reference driver, a small simulated world
- `rapprochement.host.netmodel`: its network
- `rapprochement.host.udp`: a host on real sockets, for two or more nodes
"""

"""A host on real sockets: one node over UDP, driven by asyncio.

    async def main():
        node = rap.Node()
        async with UdpHost(node, "127.0.0.1", 7000) as host:
            notes = node.join(genesis)
            node.add_peer(friend, "192.0.2.7:7000")
            host.flush()  # after every use of the node's own methods
            await asyncio.sleep(60)

It shows what a host has to do, and is meant to be read and changed. **It does not
authenticate**: a node believes what a link's peer says only as far as records are signed,
but who the peer is, is the host's to prove, and here a datagram that names a key is taken
at its word. Use it on loopback or inside a tunnel that proves who is who (WireGuard).

A datagram is a kind (1 byte), the sender's key (32), the number of the sender's session
and the number of the receiver's as the sender knows it (8 each, 0 for unknown), and for
``FRAME`` the frame. A link is a pair of sessions: frames of an earlier one are ignored. IP
carries no datagram above 65,507 bytes; spaces should limit values to `VALUE_MAX`.
"""

from __future__ import annotations

import asyncio
import secrets
from dataclasses import dataclass
from types import TracebackType
from typing import Any

from .. import _wire as wire
from ..cbor import Effect, Event
from ..errors import BadEventError
from ..node import Node, Now

__all__ = ["VALUE_MAX", "UdpHost"]

#: The longest value, in bytes, whose record fits into a datagram in any case.
VALUE_MAX = 32 << 10

#: Who else says hello is not answered.
PEERS_MAX = 1024

HELLO, FRAME = 1, 2
_HEAD = 1 + 32 + 8 + 8
_DATAGRAM_MAX = 65_507

#: Seconds between greetings, and the silence after which a link counts as down.
GREET_SECONDS, SILENCE_SECONDS = 1.0, 5.0

Address = tuple[str, int]


@dataclass
class _Peer:
    """Somebody we talk to, or try to."""

    key: bytes
    address: Address
    session: int = 0  # theirs, 0 while unknown
    link: int = 0  # 0 while it is down
    heard: float = 0.0


class UdpHost(asyncio.DatagramProtocol):
    """Drives one node. An async context manager; the node stays the caller's to close."""

    def __init__(self, node: Node, host: str = "127.0.0.1", port: int = 0) -> None:
        self.node = node
        self._bind = (host, port)
        self._session = secrets.randbits(63) | 1
        self._peers: dict[bytes, _Peer] = {}
        self._links: dict[int, _Peer] = {}
        self._next_link = 1
        self._alarm: asyncio.TimerHandle | None = None
        #: Effects that are not for the host: put a callable here to see them.
        self.on_effect: Any = None

    async def __aenter__(self) -> UdpHost:
        self._loop = asyncio.get_running_loop()
        self._transport, _ = await self._loop.create_datagram_endpoint(
            lambda: self, local_addr=self._bind
        )
        self._greeter = self._loop.create_task(self._greet())
        self.flush()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._greeter.cancel()
        if self._alarm:
            self._alarm.cancel()
        self._transport.close()

    @property
    def address(self) -> str:
        """Where others reach this node, as ``host:port``."""
        host, port = self._transport.get_extra_info("sockname")[:2]
        return f"{host}:{port}"

    # --- the node ---

    def give(self, *events: Event) -> None:
        """Gives the node events and carries out the effects."""
        self._carry_out(self.node.step(events))

    def flush(self) -> None:
        """Carries out what waits in the node after its own methods were used."""
        self._carry_out(self.node.take_pending())

    def _carry_out(self, effects: list[Effect]) -> None:
        for effect in effects:
            if isinstance(effect, wire.Send):
                if effect.link in self._links:
                    self._send(FRAME, self._links[effect.link], effect.bytes)
            elif isinstance(effect, wire.WakeAt):
                self._set_alarm(effect.mono)
            elif isinstance(effect, wire.Dial):
                host, _, port = effect.address.rpartition(":")
                peer = _Peer(effect.peer, (host, int(port)))
                self._send(HELLO, self._peers.setdefault(effect.peer, peer))
            elif isinstance(effect, wire.HangUp):
                self._down(self._links.get(effect.link), effect.reason)
            elif self.on_effect:
                self.on_effect(effect)

    def _set_alarm(self, mono_ns: int) -> None:
        if self._alarm:
            self._alarm.cancel()
        self._alarm = None
        if mono_ns:
            seconds = max(0, mono_ns - Now.read().mono_ns) / 1e9
            self._alarm = self._loop.call_later(seconds, self.give, wire.Wake())

    # --- the network ---

    def _send(self, kind: int, peer: _Peer, frame: bytes = b"") -> None:
        sessions = self._session.to_bytes(8, "big") + peer.session.to_bytes(8, "big")
        data = bytes((kind,)) + self.node.peer + sessions + frame
        if len(data) <= _DATAGRAM_MAX:
            self._transport.sendto(data, peer.address)

    def datagram_received(self, data: bytes, addr: Any) -> None:
        if len(data) < _HEAD or data[0] not in (HELLO, FRAME):
            return
        key, theirs = data[1:33], int.from_bytes(data[33:41], "big")
        ours = int.from_bytes(data[41:49], "big")
        if key not in self._peers and len(self._peers) >= PEERS_MAX:
            return
        peer = self._peers.setdefault(key, _Peer(key, addr[:2]))
        if peer.session != theirs:  # they are new, or new again
            self._down(peer, "the other end started anew")
            peer.session, peer.address = theirs, addr[:2]
            self._send(HELLO, peer)
        peer.heard = self._loop.time()
        if ours != self._session:
            self._send(HELLO, peer)  # they do not know us yet
        elif not peer.link:
            self._up(peer)
        if data[0] == FRAME and peer.link and ours == self._session:
            self.give(wire.Frame(peer.link, data[_HEAD:]))

    def error_received(self, exc: Exception) -> None:
        """Nobody listens there yet: the next greeting tries again."""

    def _up(self, peer: _Peer) -> None:
        peer.link, self._next_link = self._next_link, self._next_link + 1
        self._links[peer.link] = peer
        dialed = self.node.peer < peer.key  # one link per pair: either end may count as dialer
        observed = "{}:{}".format(*peer.address)
        self._send(HELLO, peer)
        try:
            self.give(wire.LinkUp(peer.key, peer.link, dialed, observed))
        except BadEventError:  # our own key, or bytes that are no key
            del self._links[peer.link], self._peers[peer.key]
            self.flush()

    def _down(self, peer: _Peer | None, reason: str) -> None:
        if peer and peer.link:
            link, peer.link = peer.link, 0
            del self._links[link]
            self.give(wire.LinkDown(link, reason))

    async def _greet(self) -> None:
        """Says hello to everybody now and then, and notices who has fallen silent."""
        while True:
            for peer in list(self._peers.values()):
                if peer.link and self._loop.time() - peer.heard > SILENCE_SECONDS:
                    self._down(peer, "silence")
                self._send(HELLO, peer)
            await asyncio.sleep(GREET_SECONDS)

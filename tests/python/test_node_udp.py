"""Two nodes over real sockets on loopback."""

from __future__ import annotations

import asyncio
import time

import rapprochement as rap
from rapprochement.host.udp import FRAME, HELLO, VALUE_MAX, UdpHost


async def until(condition, seconds: float = 10.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "took too long"
        await asyncio.sleep(0.02)


def values(node: rap.Node, space, prefix: str = "") -> list[bytes]:
    return [entry.value for entry in node.scan(space, prefix).entries]


def test_two_nodes_sync_over_loopback():
    async def main() -> None:
        alice, bob = rap.Node(frame_bytes=1200), rap.Node(frame_bytes=1200)
        notes = alice.create_space("notes", value_max=VALUE_MAX)
        bob.join(notes.genesis)
        alice.put(notes, {f"before/{i}": bytes([i]) * 500 for i in range(50)})
        async with UdpHost(alice) as a, UdpHost(bob) as b:
            alice.add_peer(bob.peer, b.address)
            a.flush()
            await until(lambda: len(values(bob, notes)) == 50)
            bob.put(notes, {"after": b"x" * VALUE_MAX})
            b.flush()
            await until(lambda: values(alice, notes, "after") == [b"x" * VALUE_MAX])

    asyncio.run(main())


def test_a_host_that_starts_anew_gets_a_new_link():
    async def main() -> None:
        alice, bob = rap.Node(), rap.Node()
        notes = alice.create_space("notes")
        bob.join(notes.genesis)
        async with UdpHost(alice) as a:
            async with UdpHost(bob) as b:
                bob.add_peer(alice.peer, a.address)
                b.flush()
                alice.put(notes, {"one": b"1"})
                a.flush()
                await until(lambda: values(bob, notes) == [b"1"])
            bob.close()
            again = rap.Node(bob.key)
            again.join(notes.genesis)
            async with UdpHost(again) as b:
                again.add_peer(alice.peer, a.address)
                b.flush()
                await until(lambda: values(again, notes) == [b"1"])

    asyncio.run(main())


def test_strange_datagrams_do_no_harm():
    async def main() -> None:
        faults, errors = [], []
        asyncio.get_running_loop().set_exception_handler(lambda _, what: errors.append(what))
        alice, bob = rap.Node(), rap.Node()
        async with UdpHost(alice) as a, UdpHost(bob) as b:
            a.on_effect = faults.append
            alice.add_peer(bob.peer, b.address)
            a.flush()
            await until(lambda: a._links and b._links)
            sessions = (7).to_bytes(8, "big") + a._session.to_bytes(8, "big")
            for data in (
                b"",
                bytes(60),
                bytes((HELLO,)),
                bytes((FRAME,)) + bytes(60),
                bytes((HELLO,)) + bytes(32) + sessions,  # no key
                bytes((HELLO,)) + alice.peer + sessions,  # its own
            ):
                b._transport.sendto(data, a._transport.get_extra_info("sockname"))
            b._send(FRAME, b._peers[alice.peer], b"no frame at all")
            await until(lambda: any(isinstance(f, rap.PeerFault) for f in faults))
            assert bob.peer in a._peers and alice.peer not in a._peers and not errors

    asyncio.run(main())

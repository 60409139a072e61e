"""The loop that the README shows: two nodes, driven by hand in simulated time."""

from __future__ import annotations

from pathlib import Path


def test_two_nodes_sync_in_a_loop_written_by_hand(capsys):
    # README: from here
    import heapq
    import itertools

    import rapprochement as rap

    now = 0  # nanoseconds; a real host lets the nodes read its clocks
    alice, bob = (rap.Node(clock=lambda: rap.Now(now, now)) for _ in range(2))
    notes = alice.create_space("notes")
    bob.join(notes.genesis)
    alice.put(notes, {"todo/1": b"write a README", "todo/2": b"run what it says"})

    other, number = {alice: bob, bob: alice}, itertools.count()
    agenda = [(0, next(number), alice, rap.LinkUp(bob.peer, link=1, dialed=True))]
    agenda += [(0, next(number), bob, rap.LinkUp(alice.peer, link=1))]
    while agenda and agenda[0][0] < 3e9:  # three seconds are plenty
        now, _, node, event = heapq.heappop(agenda)
        for effect in node.step(event):
            if isinstance(effect, rap.Send):  # 20 ms to the other end
                frame = rap.Frame(effect.link, effect.bytes)
                heapq.heappush(agenda, (now + 20_000_000, next(number), other[node], frame))
            elif isinstance(effect, rap.WakeAt) and effect.mono:
                heapq.heappush(agenda, (effect.mono, next(number), node, rap.Wake()))

    for entry in bob.scan(notes, "todo").entries:
        print(entry.key, entry.value.decode())
    # README: to here

    assert capsys.readouterr().out == (
        "(b'todo', b'1') write a README\n(b'todo', b'2') run what it says\n"
    )
    assert alice.status().spaces[0].summary == bob.status().spaces[0].summary


def test_the_loop_is_a_program_of_its_own(program):
    source = Path(__file__).read_text(encoding="utf-8")
    loop = source.partition("# README: from here\n")[2].partition("    # README: to here")[0]
    done = program(loop)
    assert done.stderr == ""
    assert done.stdout.splitlines()[-1:] == ["(b'todo', b'2') run what it says"]

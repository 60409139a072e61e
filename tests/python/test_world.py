"""Worlds from Python: running them, looking at them, taking over."""

from __future__ import annotations

import math
import os
import pickle
import signal
import subprocess
import sys
import textwrap
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import rapprochement as rap
from rapprochement import _wire as wire
from rapprochement import world as world_module
from rapprochement.errors import BadConfigError, BadEventError, ClosedError

ROOT = Path(__file__).resolve().parents[2]

SMALL = """
name = "small"
seed = 5
nodes = 4
duration = "60s"
[topology]
kind = "ring"
[links]
delay = "20ms"
loss = 0.02
[[workload]]
count = 5
every = "1s"
[measure]
transcript = true
latencies = true
"""

IDLE = """
nodes = 3
duration = "60s"
stop = "never"
[topology]
kind = "line"
[links]
delay = "50ms"
[measure]
transcript = true
"""


@pytest.fixture
def small():
    with rap.World(SMALL) as world:
        yield world


@pytest.fixture
def idle():
    """Three nodes in a line that have greeted each other and have nothing to do."""
    with rap.World(IDLE) as world:
        world.run(until=5)
        yield world


# --- running ---


def test_a_run_to_the_end(small):
    assert (small.now, small.over) == (0.0, False)
    result = small.run()
    assert small.over and result.over and result.converged
    assert (result.nodes, result.links, result.records, result.held) == (4, 4, 20, 80)
    assert 4 < result.converged_at <= result.now == small.now < 60
    assert 0.02 <= result.latency_p50 <= result.latency_p99 <= result.latency_max
    assert result.bytes_per_useful_record > 200
    assert small.run() == result  # the end is the end


def test_running_in_pieces_is_the_same_run(small):
    whole = small.run()
    with rap.World(SMALL) as world:
        assert world.step() == 1
        world.step(17)
        assert not world.run(until=1.25, progress=False).over
        assert world.now == 1.25
        while world.step(3):
            pass
        assert world.result() == whole
        assert world.transcript() == small.transcript()


def test_a_time_that_has_passed_is_refused(small):
    small.run(until=2)
    with pytest.raises(ValueError, match="a time from the start, not a duration"):
        small.run(until=1)
    for until in (math.nan, math.inf):
        with pytest.raises(ValueError, match="leave it out"):
            small.run(until=until)
    with pytest.raises(ValueError, match="at least 1"):
        small.step(0)


def test_seeds_make_runs(small):
    audit = small.run().audit
    assert rap.World(SMALL, seed=5).run().audit == audit
    assert rap.World(SMALL, seed=6).run().audit != audit
    assert rap.World(SMALL, store="pebble").run().audit == audit


def test_another_process_comes_to_the_same_audit(small, program):
    done = program(f"import rapprochement as rap\nprint(rap.World({SMALL!r}).run().audit)")
    assert done.stdout.strip() == small.run().audit, done.stderr


def test_a_run_leaves_the_interpreter_to_others(small):
    turns, stop = [0], threading.Event()

    def turn():
        while not stop.wait(0.001):
            turns[0] += 1

    thread = threading.Thread(target=turn)
    thread.start()
    with rap.World(SMALL.replace("nodes = 4", "nodes = 64")) as world:
        world.run()
    stop.set()
    thread.join()
    assert turns[0] > 5


def test_long_runs_show_their_progress(small, monkeypatch):
    monkeypatch.setattr(world_module, "PROGRESS_AFTER_SECONDS", 0.0)
    monkeypatch.setattr(world_module, "SLICE_SECONDS", 0.0)  # the smallest slices
    shown = []
    show = world_module._Meter.show
    monkeypatch.setattr(
        world_module._Meter, "show", lambda meter, ns: (shown.append(ns), show(meter, ns))
    )
    assert small.run().converged
    assert len(shown) > 3 and shown == sorted(shown)


INTERRUPTED = """
    import rapprochement as rap

    text = '''
    nodes = 100
    duration = "60s"
    [links]
    loss = 0.01
    [[workload]]
    count = 8
    every = "1s"
    '''
    world = rap.World(text)
    print("ready", flush=True)
    try:
        world.run()
        print("never interrupted")
    except KeyboardInterrupt:
        print("interrupted", 0 < world.now < 60, world.over, flush=True)
    print(world.run().audit == rap.World(text).run().audit)
"""


@pytest.mark.skipif(os.name != "posix", reason="sends a signal")
def test_interrupts_leave_a_world_that_goes_on(tmp_path):
    path = tmp_path / "program.py"
    path.write_text(textwrap.dedent(INTERRUPTED))
    with subprocess.Popen(
        [sys.executable, str(path)],
        env={**os.environ, "PYTHONPATH": str(ROOT / "python")},
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        threading.Timer(0.5, process.send_signal, (signal.SIGINT,)).start()
        output, _ = process.communicate(timeout=60)
    assert output.splitlines() == ["interrupted True False", "True"]


# --- looking ---


def test_columns_are_arrays_and_tables_are_frames(small):
    small.run()
    series = small.columns("series")
    assert series["at_ns"].dtype == np.int64 and series["held"].dtype == np.uint64
    assert len({len(column) for column in series.values()}) == 1
    assert series["held"][-1] == 80
    assert small.columns("peers")["peer"].shape == (4, 32)
    records = small.table("records")
    assert list(records["holders"]) == [4] * 20
    assert len(small.table("latencies")) == 60
    assert small.table("nodes")["records"].tolist() == [20] * 4
    assert set(small.table("sessions")["outcome"]) <= {o.name.lower() for o in rap.Outcome}


def test_the_transcript_tells_everything_so_far(small):
    small.run(until=1)
    early = small.transcript()
    small.run(until=2)
    assert small.transcript().startswith(early) and len(small.transcript()) > len(early)
    assert early.startswith("0 n0 <- JoinSpace genesis=")


def test_results_are_data(small):
    result = small.run()
    row = result.as_dict()
    assert row["converged"] is True and row["total_useful"] == 60 == result.totals.useful
    assert pickle.loads(pickle.dumps(result)) == result
    assert result.audit_cid.startswith("bafyrei") and result.audit[:8] in str(result)
    assert "<table>" in result._repr_html_() and "bytes_per_useful_record" in result._repr_html_()
    assert math.isnan(replace(result, totals=rap.Counters()).bytes_per_useful_record)


def test_values_show_themselves_as_the_engine_does(small, idle):
    assert repr(small) == "<World 'small', 4 nodes, at 0.000 s>"
    assert repr(small.nodes[2]) == "<node 2 of <World 'small', 4 nodes, at 0.000 s>>"
    small.close()
    assert repr(small) == "<World 'small', 4 nodes, closed>"
    idle.nodes[0].put({"a": b"1"})
    (frame,) = idle.frames()
    assert repr(frame).startswith(f"<frame {frame.number}: node 0 to 1, {len(frame.bytes)} bytes")


def test_a_line_of_the_transcript_is_made_of_reprs(idle):
    event = rap.Put(1, idle.space, [rap.PutEntry(("a", b"\xff"), rap.Codec.RAW, b"1")])
    effects = idle.give(0, event)
    line = idle.transcript().splitlines()[-1]
    assert line == f"{idle.now_ns} n0 <- {event!r}" + "".join(f" -> {e!r}" for e in effects)


# --- taking over ---


def test_records_written_by_hand_reach_everybody(idle):
    node = idle.nodes[0]
    (record,) = node.put({"greeting/en": b"hello", ("greeting", b"\xff"): b"?"}).ids[:1]
    assert [e.value for e in node.get("greeting/en").entries] == [b"hello"]
    assert idle.nodes[2].scan().entries == ()
    idle.run(until=8)
    entries = idle.nodes[-1].scan("greeting").entries
    assert [e.value for e in entries] == [b"hello", b"?"]
    assert entries[0].author == idle.nodes[0].peer and entries[0].record == record
    node.delete("greeting/en")
    idle.run(until=11)
    assert [e.value for e in idle.nodes[2].scan().entries] == [b"?"]
    assert idle.nodes[1].status().spaces[0].space == idle.space


def test_writing_wakes_a_world_that_was_over(small):
    small.run()
    assert small.nodes[0].get("w0/0").entries and small.result().converged
    small.nodes[3].put({"late": b"!"})
    assert not small.over and not small.result().converged
    result = small.run()
    assert result.converged and result.held == 84


def test_looking_at_keys_is_no_event(idle):
    audit = idle.result().audit
    assert len({bytes(node.peer) for node in idle.nodes}) == 3
    assert len(idle.space) == 32 and idle.frames() == []
    assert idle.result().audit == audit
    idle.nodes[0].status()
    assert idle.result().audit != audit


def test_frames_are_delivered_dropped_and_delayed_by_hand(idle):
    idle.nodes[0].put({"a": b"1"})
    (frame,) = idle.frames()
    assert (frame.sender, frame.receiver) == (0, 1)
    assert frame.arrives_at - frame.sent_at == pytest.approx(0.05)
    idle.deliver(frame)  # at once, ahead of its time
    assert idle.now == frame.sent_at and idle.nodes[1].get("a").entries
    with pytest.raises(BadEventError, match=f"no frame {frame.number} is in flight"):
        idle.deliver(frame)

    forwarded = next(f for f in idle.frames() if f.receiver == 2)
    idle.drop(forwarded.number)
    assert forwarded.number not in [f.number for f in idle.frames()]

    idle.nodes[0].put({"b": b"2"})
    (held,) = idle.frames()
    idle.delay(held, 2.0)
    (moved,) = idle.frames()
    assert moved.arrives_at == pytest.approx(held.arrives_at + 2.0)
    idle.delay(held, -100.0)
    assert idle.frames()[0].arrives_at == idle.now
    with pytest.raises(BadEventError, match="no frame 999999"):
        idle.delay(999999, 1.0)
    assert idle.run(until=30).held == 6  # a lost frame is sent again


@pytest.mark.parametrize("cut", [0, 1, 5, 60, -1])
def test_what_a_peer_sends_is_a_fault_and_never_an_exception(idle, cut):
    idle.nodes[0].put({"a": b"1"})
    (frame,) = idle.frames()
    idle.alter(frame, frame.bytes[:cut])
    idle.deliver(frame)
    assert idle.result().faults == 1
    assert " -> PeerFault peer=" in idle.transcript()
    with pytest.raises(BadEventError, match="at most 262144"):
        idle.alter(frame, bytes(1 << 20))
    idle.run(until=30)  # what was lost is sent again
    assert idle.nodes[2].get("a").entries


def test_cuts_separate_and_heal(idle):
    idle.cut([2])
    idle.nodes[0].put({"a": b"1"})
    idle.run(until=15)
    assert not idle.nodes[2].get("a").entries
    idle.heal()
    idle.run(until=40)
    assert idle.nodes[2].get("a").entries
    assert idle.result().lost_partition > 0


def test_nodes_crash_pause_leave_and_return(idle):
    idle.nodes[1].put({"a": b"1"})
    idle.crash(1)
    assert idle.columns("nodes")["up"].tolist() == [1, 0, 1]
    with pytest.raises(BadEventError, match="node 1 is down"):
        idle.nodes[1].status()
    idle.restart(1)
    assert idle.nodes[1].status().boot == 1 and idle.nodes[1].get("a").entries
    idle.crash([1], store="lost")
    idle.restart(1)
    assert not idle.nodes[1].get("a").entries
    idle.pause([0, 2])
    idle.run(until=10)
    idle.resume([0, 2])
    idle.leave(2)
    idle.run(until=11)
    assert idle.columns("nodes")["up"].tolist() == [1, 1, 0]
    idle.restart(2)
    idle.run(until=20)
    assert idle.result().nodes == 3 and idle.columns("nodes")["up"].all()


def test_stores_fail_when_told(idle):
    idle.fail_store(1, commit=1)
    idle.run(until=30)
    assert idle.columns("nodes")["up"].tolist() == [1, 0, 1]
    idle.restart(1)
    assert idle.run(until=31).nodes == 3 and idle.columns("nodes")["up"].all()
    with pytest.raises(ValueError, match="count from 1"):
        idle.fail_store(1, commit=0)


def test_clocks_move(idle):
    idle.advance_clock(0, mono=3600.0, wall=-7200.5)
    (entry,) = (idle.nodes[0].put({"a": b"1"}), idle.nodes[0].get("a"))[1].entries
    expected = (1_704_067_200 + idle.now - 7200.5) * 1000
    assert entry.time >> 16 == pytest.approx(expected, abs=2)
    with pytest.raises(BadEventError, match="only advance"):
        idle.advance_clock(0, mono=-1.0)


# --- snapshots ---


def meddle(world: rap.World) -> str:
    """A run with everything that a snapshot has to remember."""
    world.run(until=1.5, progress=False)
    world.step(11)
    world.nodes[1].put({"x": b"y"})
    frame = world.frames()[0]
    world.alter(frame, b"garbage")
    world.advance_clock(2, 0.5, 60.0)
    world.cut([3])
    world.step(5)
    world.crash(0)
    return world.result().audit


def test_a_restored_world_goes_on_as_the_first(small):
    audit = meddle(small)
    snapshot = small.snapshot()
    again = rap.World.restore(snapshot)
    assert again.result() == small.result() and again.result().audit == audit
    assert (again.now, again.over) == (small.now, small.over)
    assert again.scenario == small.scenario and again.transcript() == small.transcript()
    for world in (small, again):
        world.heal()
        world.restart(0)
        world.run(until=25)
    assert again.result() == small.result()
    assert again.snapshot() == small.snapshot()


def test_taking_a_snapshot_changes_nothing(small):
    with rap.World(SMALL) as world:
        while world.step(50) == 50:
            world.snapshot()
        assert world.result() == small.run()


def test_a_snapshot_is_restored_in_another_process(small, program, tmp_path):
    audit = meddle(small)
    (tmp_path / "snapshot").write_bytes(small.snapshot())
    done = program(
        """
        import rapprochement as rap
        print(rap.World.restore(open("snapshot", "rb").read()).result().audit)
        """
    )
    assert done.stdout.strip() == audit, done.stderr


@pytest.mark.parametrize("data", [b"", b"\x80", b"junk", b"\xa1\x61a\x01"])
def test_other_bytes_are_no_snapshot(data):
    with pytest.raises(BadConfigError, match="no snapshot"):
        rap.World.restore(data)


# --- mistakes ---


def test_mistakes_say_what_there_is(idle):
    with pytest.raises(BadEventError, match="have series, records, nodes"):
        idle.table("serie")
    with pytest.raises(IndexError, match="node 3, have 0 to 2"):
        idle.nodes[3]
    with pytest.raises(IndexError, match="node 7"):
        idle.give(7, wire.GetStatus())
    with pytest.raises(BadEventError, match="node 9, have 0 to 2"):
        idle.crash(9)
    with pytest.raises(TypeError, match='a text like "a/b"'):
        idle.nodes[0].put({b"a": b"1"})
    with pytest.raises(BadEventError, match="unknown space"):
        idle.give(0, rap.Get(1, bytes(32), ("a",)))
    with pytest.raises(ValueError, match=r'add "transcript = true" to its \[measure\]'):
        rap.World("nodes = 2").transcript()


def test_a_closed_world_says_so(small):
    small.close()
    small.close()
    for use in (small.run, small.result, small.frames, lambda: small.columns("nodes")):
        with pytest.raises(ClosedError, match="this world is closed"):
            use()


def test_wrong_types_are_named():
    import numpy as np

    with pytest.raises(TypeError, match="integer"):
        rap.World("first", seed="x")
    with rap.World("first", seed=np.int64(7)) as world:
        assert world.scenario.seed == 7
        with pytest.raises(TypeError, match="a frame is one of World.frames, or its number"):
            world.drop("x")
        with pytest.raises(TypeError, match=r"an event is an object such as Wake\(\)"):
            world.give(0, "wake")

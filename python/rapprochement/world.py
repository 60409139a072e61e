"""Worlds: many nodes on a simulated network, in one process and in simulated time."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import cbor2

from ._closing import Closing
from . import _wire as wire
from ._keys import KeyLike, key_of
from ._native import Handle
from .cbor import Answer, Command, Effect, Event
from .errors import BadConfigError, ClosedError, EngineError
from .metrics import Result, to_frame
from .node import put_entries
from .scenario import Scenario, blamed

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from rich.progress import Progress

__all__ = ["FrameInFlight", "World", "WorldNode"]

_SECOND = 1_000_000_000
_FOREVER = (1 << 62) - 1

#: How long one slice of a run aims to take, in seconds of wall time: Ctrl-C waits
#: for it, and the progress bar moves at its end.
SLICE_SECONDS = 0.15

#: A run that takes longer than this shows a progress bar.
PROGRESS_AFTER_SECONDS = 2.0

A = TypeVar("A", bound=Answer)
E = TypeVar("E", bound=Effect)


@dataclass(frozen=True, repr=False)
class FrameInFlight:
    """A frame under way between two nodes. Times are seconds from the start."""

    number: int
    sender: int
    receiver: int
    link: int
    sent_at: float
    arrives_at: float
    bytes: bytes

    @classmethod
    def of(cls, f: wire.WorldFrame) -> FrameInFlight:
        """The frame in seconds from the engine's in nanoseconds."""
        return cls(
            f.frame, f.from_, f.to, f.link, f.sent_at / _SECOND, f.arrives_at / _SECOND, f.bytes
        )

    def __repr__(self) -> str:
        return (
            f"<frame {self.number}: node {self.sender} to {self.receiver}, "
            f"{len(self.bytes)} bytes, sent at {self.sent_at:.6f} s, "
            f"arrives at {self.arrives_at:.6f} s>"
        )


class World(Closing):
    """A scenario that runs: real nodes, exchanging real frames over modelled links.

    ``scenario`` is a TOML text, the path of a ``.toml`` file, the name of a scenario in
    the package or a `Scenario`; ``files`` gives the files that it names as bytes, which
    are else read from beside it; ``seed`` takes the place of the scenario's; ``store`` is
    "memory" or "pebble", which keeps every node's records as files on a simulated disk.
    The same scenario, files and seed make the same run, to the last byte, with either
    store: `Result.audit` tells.

    A world is a context manager. Without one, its memory is given back when it is
    collected.

    Raises `ScenarioError` with the line to blame. Every method raises `ClosedError`
    once the world is closed, and `BadEventError` for what does not fit the world as
    it stands (a node that there is not, a frame that is no longer in flight).
    """

    def __init__(
        self,
        scenario: Scenario | str | os.PathLike[str],
        files: Mapping[str, bytes] | None = None,
        seed: int | None = None,
        *,
        store: str = "memory",
    ) -> None:
        self._begin(Scenario.of(scenario, files, seed))
        origin = {**self.scenario.origin(), "store": store}
        self._handle = self._open(cbor2.dumps(origin, canonical=True))

    def _begin(self, scenario: Scenario) -> None:
        #: What this world runs.
        self.scenario = scenario
        self._stands: wire.WorldRan | None = None  # None: not known, ask
        self._written: list[str] = []

    @staticmethod
    def _open(origin: bytes) -> Handle:
        try:
            return Handle("world", origin)
        except BadConfigError as error:
            raise blamed(error) from None

    @classmethod
    def restore(cls, snapshot: bytes) -> World:
        """The world that a snapshot was taken of, as it stood then.

        A world is a function of its scenario and of what was done to it, and the
        snapshot holds these: restoring does everything again, in about the time it
        took at first. Raises `BadConfigError`.
        """
        try:
            origin = cbor2.loads(snapshot)
        except (cbor2.CBORDecodeError, ValueError):
            origin = None
        if not isinstance(origin, dict) or "scenario" not in origin:
            raise BadConfigError("these bytes are no snapshot of a world")
        world = cls.__new__(cls)
        files = origin.get("files") or {}
        world._begin(Scenario.parse(origin["scenario"], files, seed=origin.get("seed")))
        world._handle = cls._open(snapshot)
        return world

    # --- running ---

    def run(self, until: float | None = None, *, progress: bool = True) -> Result:
        """Runs to a time, in seconds from the start; by default to the end.

        The end is the scenario's duration, or earlier the moment when all nodes hold
        the same, if the scenario stops there. A run that takes more than 2 s of wall
        time shows its progress over simulated time, unless ``progress`` is false.

        The world runs in slices of about 0.15 s, without the interpreter's lock.
        Ctrl-C is raised as `KeyboardInterrupt` between two slices; the world then
        stands between two events, as if `run` had been called with an earlier time,
        and can be looked at and run on. How a run is sliced changes nothing in it.

        Raises `ValueError` for a time that has passed.
        """
        target = self._until(until)
        meter = _Meter(self, target) if progress else None
        events = 256
        try:
            while True:
                began = time.perf_counter()
                ran = self._run(target, events)
                if ran.over or ran.now >= target and ran.events < events:
                    return self.result()
                events = _resized(events, time.perf_counter() - began)
                if meter:
                    meter.show(ran.now)
        finally:
            if meter:
                meter.stop()

    def _until(self, until: float | None) -> int:
        if until is None:
            return _FOREVER
        if not until * _SECOND < _FOREVER:
            raise ValueError(f"until is {until} s; leave it out to run to the end")
        ns = round(until * _SECOND)
        if ns < self.now_ns:
            raise ValueError(
                f"until is {until} s and the world is at {self.now} s already: it is a time "
                "from the start, not a duration"
            )
        return ns

    def _run(self, until: int, events: int) -> wire.WorldRan:
        self._stands = None  # an interrupt may come between the step and the next line
        self._stands = self._ask(wire.RunWorld(until, events), wire.WorldRan)
        return self._stands

    def step(self, events: int = 1) -> int:
        """Lets the next events happen and returns how many there were: fewer than asked
        for only at the end. An event is a frame's arrival, a wake, an action of the
        scenario, or a sample."""
        if events < 1:
            raise ValueError(f"events is {events}, want at least 1")
        return self._run(_FOREVER, events).events

    @property
    def now(self) -> float:
        """The world's time, in seconds from its start."""
        return self.now_ns / _SECOND

    @property
    def now_ns(self) -> int:
        """The world's time, in nanoseconds from its start."""
        return self._stand().now

    @property
    def over(self) -> bool:
        """Whether the run has come to its end."""
        return self._stand().over

    def _stand(self) -> wire.WorldRan:
        if self._stands is None:
            result = self._ask(wire.GetResult(), wire.WorldResult)
            self._stands = wire.WorldRan(result.now, 0, result.over)
        return self._stands

    # --- looking ---

    def result(self) -> Result:
        """The table of the run so far."""
        return Result.of(self._ask(wire.GetResult(), wire.WorldResult))

    def columns(self, name: str) -> dict[str, np.ndarray[Any, Any]]:
        """A table as arrays by name of the column. Times are nanoseconds.

        - ``series``: at_ns, held, bytes_reconcile, bytes_records, bytes_control,
          bytes_resent, frames, duplicates; a row per sample, counted from the start
        - ``records``: created_ns, author, holders, spread_ns; a row per record
        - ``nodes``: up, records, bytes_in, bytes_out, frames_out, useful, duplicate,
          sessions, rounds, verified; a row per node
        - ``latencies``: record, node, latency_ns; a row per record and node, if the
          scenario measures them
        - ``sessions``: began_ns, elapsed_ns, outcome, node, strategy, rounds, bytes, records;
          a row per session that ended; node opened it
        - ``faults``: kind, reporter, accused, count; a row for each kind that a node
          reported of a peer
        - ``adversaries``: node, frames_out, bytes_out, altered, added, cost_ns,
          bytes_caused; a row for each node that has misbehaved: what it sent, how many
          messages it altered and frames it made up, and what honest nodes spent on its
          frames: CPU by the cost model, and bytes they sent because of them
        - ``peers``: peer, the nodes' keys, shape (nodes, 32); ``space``: its id, (1, 32)

        Raises `BadEventError` for another name.
        """
        self._check()
        return self._handle.columns(name.encode())

    def table(self, name: str) -> pd.DataFrame:
        """A table as a data frame: `columns`, with names for outcomes and strategies of sessions and
        kinds of faults.
        Only for tables whose columns have one dimension."""
        return to_frame(self.columns(name))

    def violations(self) -> list[str]:
        """What does not hold of the run that has to hold of every run that is over, a text
        for each: all honest, connected nodes converged, in time; nothing that an honest
        node acknowledged is lost; no honest node was blamed."""
        return self._ask(wire.GetViolations(), wire.WorldText).text.splitlines()

    def transcript(self) -> str:
        """What has happened so far, a line per step of a node: time in nanoseconds, node,
        events (<-), effects (->). Raises `ValueError` if the scenario writes none."""
        if not self.scenario.transcript:
            raise ValueError(
                'this scenario writes no transcript; add "transcript = true" to its [measure]'
            )
        self._written.append(self._ask(wire.GetTranscript(), wire.WorldText).text)
        return "".join(self._written)

    @property
    def space(self) -> bytes:
        """The id of the one space that all nodes share, 32 bytes."""
        return bytes(self.columns("space")["space"][0])

    @property
    def nodes(self) -> Sequence[WorldNode]:
        """The nodes, by number."""
        return _Nodes(self)

    def snapshot(self) -> bytes:
        """What `restore` makes this world from, in this process or another."""
        return self._ask(wire.GetSnapshot(), wire.WorldSnapshot).bytes

    # --- taking over ---

    def frames(self) -> list[FrameInFlight]:
        """The frames in flight, in the order of their arrival."""
        found = self._ask(wire.ListFrames(), wire.WorldFrames)
        return [FrameInFlight.of(frame) for frame in found.frames]

    def deliver(self, frame: FrameInFlight | int) -> None:
        """Lets a frame arrive now."""
        self._interfere(wire.DeliverFrame(_number(frame)))

    def drop(self, frame: FrameInFlight | int) -> None:
        """Loses a frame."""
        self._interfere(wire.DropFrame(_number(frame)))

    def delay(self, frame: FrameInFlight | int, seconds: float) -> None:
        """Lets a frame arrive that much later than it would, or earlier if negative, but
        never before now."""
        number = _number(frame)
        listed = self._ask(wire.ListFrames(), wire.WorldFrames).frames
        at = next((f.arrives_at for f in listed if f.frame == number), 0)
        later = max(at + round(seconds * _SECOND), self.now_ns)
        self._interfere(wire.DelayFrame(number, later))

    def alter(self, frame: FrameInFlight | int, data: bytes) -> None:
        """Replaces a frame's bytes, 256 KiB at most."""
        self._interfere(wire.AlterFrame(_number(frame), data))

    def advance_clock(self, node: int, mono: float = 0.0, wall: float = 0.0) -> None:
        """Moves a node's monotonic clock forward and its wall clock either way, by so
        many seconds, and wakes it."""
        self._interfere(wire.AdvanceClock(node, round(mono * _SECOND), round(wall * _SECOND)))

    def cut(self, nodes: int | Iterable[int], one_way: bool = False) -> None:
        """Cuts these nodes off from all others; ``one_way``: only what they send is lost."""
        self._interfere(wire.Disturb("cut", _numbers(nodes), one_way))

    def heal(self, nodes: int | Iterable[int] = ()) -> None:
        """Ends the cut of these nodes; without nodes every cut."""
        self._interfere(wire.Disturb("heal", _numbers(nodes)))

    def crash(self, node: int | Iterable[int], store: str = "kept") -> None:
        """Stops nodes without warning. ``store`` says what is left of what they had
        written: "kept", "torn" (what was synced and a part of the rest) or "lost"."""
        self._interfere(wire.Disturb("crash", _numbers(node), False, store))

    def restart(self, node: int | Iterable[int]) -> None:
        """Starts nodes that crashed or left, on what their stores have kept."""
        self._interfere(wire.Disturb("restart", _numbers(node)))

    def pause(self, node: int | Iterable[int]) -> None:
        """Stops the clocks of nodes' programs: what arrives waits."""
        self._interfere(wire.Disturb("pause", _numbers(node)))

    def resume(self, node: int | Iterable[int]) -> None:
        """Lets paused nodes go on."""
        self._interfere(wire.Disturb("resume", _numbers(node)))

    def leave(self, node: int | Iterable[int]) -> None:
        """Closes nodes in good order."""
        self._interfere(wire.Disturb("leave", _numbers(node)))

    def fail_store(self, node: int | Iterable[int], commit: int = 1) -> None:
        """Makes the store of nodes fail at the ``commit``-th commit from now."""
        if commit < 1:
            raise ValueError(f"commit is {commit}; they count from 1")
        self._interfere(wire.Disturb("fail-store", _numbers(node), commit=commit))

    def give(self, node: int, event: Event) -> list[Effect]:
        """Gives a node an event now and returns the effects, which the world carries out
        as well. This is part of the run: it enters the audit."""
        if not isinstance(event, Event):
            raise TypeError(f"an event is an object such as Wake(), not {event!r}")
        if not 0 <= node < self.scenario.nodes:
            raise IndexError(f"node {node}, have 0 to {self.scenario.nodes - 1}")
        self._stands = None
        answer = self._ask(wire.GiveNode(node, wire.encode(event, 0, 0)), wire.NodeEffects)
        return wire.decode_effects(answer.effects)

    def _interfere(self, command: Command) -> None:
        self._stands = None
        self._stands = self._ask(command, wire.WorldRan)

    # --- the handle ---

    def _check(self) -> None:
        if self._handle.closed:
            raise ClosedError("this world is closed; make another one")

    def _ask(self, command: Command, kind: type[A]) -> A:
        self._check()
        data = wire.encode_command(command)
        (answer,) = wire.decode_answers(self._handle.step(data))
        if not isinstance(answer, kind):
            raise EngineError(f"the world answered {command!r} with {answer!r}")
        return answer

    def close(self) -> None:
        """Gives the memory back. Closing again does nothing."""
        self._handle.close()

    def __repr__(self) -> str:
        where = "closed" if self._handle.closed else f"at {self.now:.3f} s"
        return f"<World {self.scenario.name!r}, {self.scenario.nodes} nodes, {where}>"


def _number(frame: FrameInFlight | int) -> int:
    number = frame.number if isinstance(frame, FrameInFlight) else frame
    if not isinstance(number, int):
        raise TypeError(f"a frame is one of World.frames, or its number, not {frame!r}")
    return number


def _numbers(nodes: int | Iterable[int]) -> tuple[int, ...]:
    return (int(nodes),) if isinstance(nodes, int) else tuple(int(n) for n in nodes)


def _resized(events: int, seconds: float) -> int:
    """The size of the next slice, by the time that this one took."""
    wanted = events * SLICE_SECONDS / max(seconds, 1e-6)
    return max(16, min(int(wanted), events * 4, 1 << 40))


class _Meter:
    """A progress bar over simulated time, shown only once a run takes long."""

    def __init__(self, world: World, until: int) -> None:
        self._end = min(until / _SECOND, world.scenario.duration)
        self._name = world.scenario.name or "world"
        self._began = time.monotonic()
        self._bar: Progress | None = None

    def show(self, now_ns: int) -> None:
        if self._bar is None:
            if time.monotonic() - self._began < PROGRESS_AFTER_SECONDS:
                return
            self._bar = self._start()
        self._bar.update(self._bar.task_ids[0], completed=now_ns / _SECOND)

    def _start(self) -> Progress:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

        bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.completed:.1f} of at most {task.total:.1f} s simulated"),
            TimeElapsedColumn(),
            console=Console(stderr=True),
            transient=True,
        )
        bar.add_task(self._name, total=self._end)
        bar.start()
        return bar

    def stop(self) -> None:
        if self._bar is not None:
            self._bar.stop()


class _Nodes(Sequence["WorldNode"]):
    """The nodes of a world as a sequence."""

    def __init__(self, world: World) -> None:
        self._world = world

    def __len__(self) -> int:
        return self._world.scenario.nodes

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        if not -len(self) <= index < len(self):
            raise IndexError(f"node {index}, have 0 to {len(self) - 1}")
        return WorldNode(self._world, index % len(self))


class WorldNode:
    """One node of a world.

    Every call but `peer` gives the node an event at the world's present time. That is
    part of the run, so it changes the audit, even where it only reads. Keys are texts
    like ``"rtt/a"``, of which each part is a component, or tuples of components (texts
    or bytes). Raises `BadEventError` if the node is down or refuses the event.
    """

    def __init__(self, world: World, number: int) -> None:
        self.world = world
        #: The node's number in the world, from 0.
        self.number = number

    @property
    def peer(self) -> bytes:
        """The node's public key, 32 bytes."""
        return bytes(self.world.columns("peers")["peer"][self.number])

    def give(self, event: Event) -> list[Effect]:
        """Gives the node an event; see `World.give`."""
        return self.world.give(self.number, event)

    def put(self, entries: Mapping[KeyLike, bytes], replicas: int = 0) -> wire.Stored:
        """Writes registers, all in one commit. ``replicas`` asks the node for a `Replicated`
        effect once that many peers hold them."""
        event = wire.Put(0, self.world.space, put_entries(entries), replicas)
        return self._answer(event, wire.Stored)

    def delete(self, *keys: KeyLike) -> wire.Stored:
        """Writes tombstones over this node's registers."""
        event = wire.Delete(0, self.world.space, [key_of(key) for key in keys])
        return self._answer(event, wire.Stored)

    def get(self, key: KeyLike) -> wire.Entries:
        """What all authors hold at a key, newest first."""
        return self._answer(wire.Get(0, self.world.space, key_of(key)), wire.Entries)

    def scan(self, prefix: KeyLike = (), limit: int = 0) -> wire.Entries:
        """The entries under a prefix in the order of their keys: at most ``limit``, or
        65,536."""
        event = wire.Scan(0, self.world.space, key_of(prefix), (), limit)
        return self._answer(event, wire.Entries)

    def status(self) -> wire.Status:
        """How the node stands with its spaces and peers."""
        return self._answer(wire.GetStatus(), wire.Status)

    def _answer(self, event: Event, kind: type[E]) -> E:
        for effect in self.give(event):
            if isinstance(effect, kind):
                return effect
        raise EngineError(f"node {self.number} gave no {kind.__name__} for {event!r}")

    def __repr__(self) -> str:
        return f"<node {self.number} of {self.world!r}>"

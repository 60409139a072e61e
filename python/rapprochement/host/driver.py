"""The reference driver: a small world in plain Python, around real nodes.

It does what the engine's world does (``engine/sim/world.go``), so slowly and plainly that
it can be read beside it, and comes to the same transcript and the same audit hash. Two
drivers that agree line by line are the proof that a run depends on nothing but its plan.

The order of what happens is total: earlier times first; at equal times whatever was
scheduled, in the order of scheduling (the plan's actions come before all else), and then
wakes by node number.

It does not follow these, and says so before it starts:

- store faults (``kind = "store"``): a node's store lies in the library, out of reach
- torn stores of nodes that are not durable: what survives is the engine's draw
- adversaries (``kind = "forge"`` and the like): what they say is the engine's draw

Nodes that the plan restarts keep their records in files in a temporary directory, since a
memory store ends with its node; all others keep them in memory. The audit does not tell
the two apart.
"""

from __future__ import annotations

import hashlib
import heapq
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from pathlib import Path
from typing import Any

import cbor2

from .._closing import Closing
from .. import _wire as wire
from .._native import Handle
from ..cbor import Effect, Event
from ..errors import BadEventError
from ..scenario import Scenario
from .netmodel import (
    SECOND,
    Bandwidth,
    Constant,
    Exponential,
    LogNormal,
    Matrix,
    Model,
    Net,
    Params,
    Uniform,
)

__all__ = ["Driver", "UnsupportedError"]

#: The wall clock at the start of every run: 2024-01-01.
WALL_START = 1_704_067_200 * SECOND

#: How long a link stays down after a node hung up.
REDIAL_NS = 5 * SECOND


class UnsupportedError(ValueError):
    """The plan asks for something that this driver does not do."""


class Act(IntEnum):
    """What an action of a plan does: ``sim.ActionKind``."""

    GIVE = 0
    CUT = 1
    HEAL = 2
    CRASH = 3
    RESTART = 4
    PAUSE = 5
    RESUME = 6
    CLOCK = 7
    SET_LINKS = 8
    FAIL_STORE = 9
    LEAVE = 10
    CORRUPT = 11
    REFORM = 12


class Fate(IntEnum):
    """What a crash leaves of a store: ``sim.StoreFate``."""

    KEPT = 0
    TORN = 1
    LOST = 2


@dataclass
class Action:
    """One action of a plan: ``sim.ActionData``, whose order of fields this is."""

    at: int
    kind: int
    node: int
    event: bytes
    nodes: list[int] | None
    one_way: bool
    store: int
    shift: int
    drift: int  # parts per billion
    network: Mapping[str, Any] | None
    commit: int


class Kind(IntEnum):
    """What a scheduled item stands for."""

    FRAME = 0  # a frame reaches the receiver's downlink
    ARRIVE = 1  # a frame has passed it
    LEAVE = 2  # a frame leaves a busy sender
    ACTION = 3
    DIAL = 4  # a link comes up
    SAMPLE = 5
    WAKE = 6  # only in a paused node's list
    HANG_UP = 7  # a node gave up a link, by its number


@dataclass
class InFlight:
    """A frame between two nodes."""

    sender: int
    receiver: int
    link: int
    bytes: bytes


@dataclass
class Link:
    """A connection between two nodes. Its number for the nodes changes with every epoch,
    so that frames of an earlier connection are not mistaken for this one's."""

    index: int
    ends: tuple[int, int]
    epoch: int = 0
    up: bool = False

    @property
    def number(self) -> int:
        return self.index + 1 << 24 | self.epoch & 0xFFFFFF


@dataclass
class Machine:
    """A node with everything that belongs to its machine."""

    index: int
    config: dict[str, Any]
    seeds: list[bytes]
    directory: Path | None  # where its stores lie; None for memory
    node: Handle | None = None  # None while it is down
    stores: int = 1  # how many it has had, lost ones included
    boot: int = 0
    audits: list[int] = field(default_factory=list)  # of all boots that are over
    paused: bool = False
    waits: list[tuple[Kind, Any]] = field(default_factory=list)  # came while paused
    wall: int = 0  # its wall clock is ahead of the world's by this
    drift: int = 0  # parts per billion, since then
    since: int = 0
    busy: int = 0  # its CPU is busy until then
    links: list[Link] = field(default_factory=list)

    @property
    def peer(self) -> bytes:
        peer: bytes = self.config["peer"]
        return peer

    def store(self) -> str:
        """The directory of its present store, empty for memory."""
        return str(self.directory / str(self.stores)) if self.directory else ""


class Driver(Closing):
    """Runs a scenario with nodes of its own. A context manager.

    Raises `ScenarioError`, and `UnsupportedError` for a plan that it cannot follow.
    """

    def __init__(self, scenario: Scenario) -> None:
        self.plan = plan = scenario.plan()
        self.actions = [Action(*fields) for fields in plan["actions"] or ()]
        _check_supported(self.actions, plan["nodes"])
        self.now = 0
        #: What happened, a line per step.
        self.transcript: list[str] = []
        self.over = False
        self._converged = False
        self._queue: list[tuple[int, int, int, Kind, Any]] = []
        self._scheduled = 0
        self._wakes: dict[int, int] = {}
        self._acted = 0
        self._cuts: list[tuple[list[int], bool]] = []
        self._files = tempfile.TemporaryDirectory(prefix="rapprochement-")
        self._net = self._network()
        self._open_all()

    # --- beginning ---

    def _network(self) -> Net:
        net = Net(
            self.plan["seed"], _model(self.plan["network"]), _params(self.plan["network"])
        )
        for i in range(len(self.plan["nodes"])):
            net.set_uplink(i, Bandwidth(*self.plan["uplink"]))
            net.set_downlink(i, Bandwidth(*self.plan["downlink"]))
        return net

    def _open_all(self) -> None:
        restarted = {a.node for a in self.actions if a.kind == Act.RESTART}
        root = Path(self._files.name)
        self.machines = [
            Machine(i, n["config"], n["seeds"], root / str(i) if i in restarted else None)
            for i, n in enumerate(self.plan["nodes"])
        ]
        self.links: list[Link] = []
        for a, b in self.plan["links"] or ():
            self._add_link(a, b)
        for action in self.actions:
            self._schedule(action.at, Kind.ACTION, action)
        self._schedule(0, Kind.SAMPLE)
        absent = self.plan["absent"] or ()
        for m in self.machines:
            if not any(absent[m.index : m.index + 1]):
                self._open(m)
        for link in list(self.links):
            self._link_up(link)

    def _add_link(self, a: int, b: int) -> Link:
        link = Link(len(self.links), (a, b))
        self.links.append(link)
        for end in (a, b):
            self.machines[end].links.append(link)
        return link

    def _open(self, m: Machine) -> None:
        # A store that is always closed in order keeps everything without being synced.
        settings = {**m.config, "boot": m.boot, "durable": False}
        if m.boot:
            settings["seed"] = m.seeds[m.boot - 1]
        config = {"settings": settings, "store": m.store()}
        m.node = Handle("node", cbor2.dumps(config, canonical=True))
        self._step(m, wire.JoinSpace(genesis=self.plan["genesis"]))

    # --- the queue ---

    def _schedule(self, at: int, kind: Kind, what: Any = None) -> None:
        self._scheduled += 1
        heapq.heappush(self._queue, (at, 0, self._scheduled, kind, what))

    def _wake_at(self, m: Machine, at: int) -> None:
        """Sets a node's only wake; an entry for an earlier one is skipped when it comes."""
        self._wakes[m.index] = at
        heapq.heappush(self._queue, (at, 1, m.index, Kind.WAKE, m))

    def run(self) -> None:
        """Lets everything happen, to the end."""
        while not self.over:
            if not self._queue or self._queue[0][0] > self.plan["duration"]:
                self.now, self.over = self.plan["duration"], True
                return
            at, _, _, kind, what = heapq.heappop(self._queue)
            if kind == Kind.WAKE and self._wakes.get(what.index) != at:
                continue
            self.now = at
            self._happen(kind, what)

    def _happen(self, kind: Kind, what: Any) -> None:
        if kind == Kind.WAKE:
            del self._wakes[what.index]
            self._wake(what)
        elif kind == Kind.FRAME:
            self._reach(what)
        elif kind == Kind.ARRIVE:
            self._deliver(what)
        elif kind == Kind.LEAVE:
            self._transmit(what)
        elif kind == Kind.ACTION:
            self._act(what)
        elif kind == Kind.DIAL:
            self._link_up(what)
        elif kind == Kind.SAMPLE:
            self._sample()
        elif kind == Kind.HANG_UP:
            self._hung_up(what)

    # --- nodes ---

    def _clock(self, m: Machine) -> tuple[int, int]:
        """What a node's clocks show: monotonic and wall."""
        product = (self.now - m.since) // 1_000_000 * m.drift
        drifted = abs(product) // 1000 * (1 if product >= 0 else -1)  # as in Go: to zero
        return self.now, WALL_START + self.now + m.wall + drifted

    def _step(self, m: Machine, event: Event) -> None:
        """Gives a node an event and carries out the effects."""
        assert m.node is not None
        before = self._cost(m)
        data = wire.encode(event, *self._clock(m))
        try:
            effects = wire.decode_effects(m.node.step(data))
        except BadEventError as refused:
            effects = wire.decode_effects(refused.effects)
        self._transcribe(m, event, effects)
        if self.plan["cpu"]:
            m.busy = max(m.busy, self.now) + _difference(before, self._cost(m))
        for effect in effects:
            self._effect(m, effect)

    def _transcribe(self, m: Machine, event: Event, effects: list[Effect]) -> None:
        said = [f"{self.now} n{m.index} <- {event!r}"]
        said += [f"-> {effect!r}" for effect in effects]
        self.transcript.append(" ".join(said))

    def _cost(self, m: Machine) -> tuple[int, ...]:
        """The counters by which CPU time is charged, if it is: signatures checked, records,
        frames, bytes."""
        if not self.plan["cpu"] or m.node is None:
            return (0, 0, 0, 0)
        c = {name: int(column[0]) for name, column in m.node.columns(b"counters").items()}
        return (
            c["verified"],
            c["records_in"],
            c["frames_in"] + c["frames_out"],
            c["bytes_in"] + c["bytes_out"],
        )

    def _effect(self, m: Machine, effect: Effect) -> None:
        if isinstance(effect, wire.Send):
            self._send(m, effect)
        elif isinstance(effect, wire.WakeAt):
            if effect.mono:
                self._wake_at(m, max(effect.mono, self.now))
            else:
                self._wakes.pop(m.index, None)
        elif isinstance(effect, wire.HangUp):
            # Not at once: the effects of this step are still being carried out.
            self._schedule(self.now, Kind.HANG_UP, effect.link)
        elif isinstance(effect, wire.Dial):
            self._dial(m, effect.peer)

    def _wake(self, m: Machine) -> None:
        if m.node is None:
            return
        if m.paused:
            m.waits.append((Kind.WAKE, m))
        elif m.busy > self.now:
            self._wake_at(m, m.busy)
        else:
            self._step(m, wire.Wake())

    # --- frames ---

    def _send(self, m: Machine, send: wire.Send) -> None:
        link = self.links[(send.link >> 24) - 1]
        if not link.up or link.number != send.link:
            return
        a, b = link.ends
        frame = InFlight(m.index, b if a == m.index else a, send.link, send.bytes)
        if m.busy > self.now:
            self._schedule(m.busy, Kind.LEAVE, frame)
        else:
            self._transmit(frame)

    def _transmit(self, f: InFlight) -> None:
        arrivals, _ = self._net.send(self.now, f.sender, f.receiver, len(f.bytes))
        for arrival in arrivals:
            self._schedule(arrival.at, Kind.FRAME, f)

    def _reach(self, f: InFlight) -> None:
        """Passes a frame through the receiver's downlink."""
        at, fate = self._net.arrive(self.now, f.receiver, len(f.bytes))
        if fate != "delivered":
            return
        if at > self.now:
            self._schedule(at, Kind.ARRIVE, f)
        else:
            self._deliver(f)

    def _deliver(self, f: InFlight) -> None:
        """Hands a frame to its node, or lets it wait until the node has time."""
        m = self.machines[f.receiver]
        if m.node is not None and m.paused:
            m.waits.append((Kind.ARRIVE, f))
            return
        if m.node is not None and m.busy > self.now:
            self._schedule(m.busy, Kind.ARRIVE, f)
            return
        link = self.links[(f.link >> 24) - 1]
        if m.node is not None and link.up and link.number == f.link:
            self._step(m, wire.Frame(f.link, f.bytes))

    # --- links ---

    def _link_up(self, link: Link) -> None:
        """Connects the two ends, if both are there."""
        a, b = (self.machines[end] for end in link.ends)
        if link.up or a.node is None or b.node is None:
            return
        link.up = True
        link.epoch += 1
        number = link.number
        self._step(a, wire.LinkUp(b.peer, number, True, f"node {b.index}"))
        self._step(b, wire.LinkUp(a.peer, number, False, f"node {a.index}"))

    def _link_down(self, link: Link) -> None:
        """Tells whichever end is still there."""
        if not link.up:
            return
        link.up = False
        for end in link.ends:
            if self.machines[end].node is not None:
                self._step(self.machines[end], wire.LinkDown(link.number))

    def _hung_up(self, number: int) -> None:
        """Takes down a link that a node gave up, and lets it come back later, if that is
        not the nodes' own business."""
        link = self.links[(number >> 24) - 1]
        if link.up and link.number == number:
            self._link_down(link)
            if not self.plan["managed"]:
                self._schedule(self.now + REDIAL_NS, Kind.DIAL, link)

    def _dial(self, m: Machine, peer: bytes) -> None:
        """Makes a link that the plan does not have, for a node that asks for one."""
        to = next((other.index for other in self.machines if other.peer == peer), None)
        if to is None:
            return
        known = next((link for link in m.links if to in link.ends), None)
        if known and self.plan["managed"] and not known.up:
            known.ends = (m.index, to)  # whoever dials comes first
        self._schedule(self.now, Kind.DIAL, known or self._add_link(m.index, to))

    # --- actions ---

    def _act(self, a: Action) -> None:
        m = self.machines[a.node]
        if a.kind == Act.GIVE and m.node is not None:
            if m.paused:
                m.waits.append((Kind.ACTION, a))
                return
            if m.busy > self.now:
                self._schedule(m.busy, Kind.ACTION, a)
                return
        self._perform(m, a)
        self._acted += 1

    def _perform(self, m: Machine, a: Action) -> None:
        if a.kind == Act.GIVE:
            if m.node is not None:
                ((_, _, event),) = wire.decode_events(a.event)
                self._step(m, event)
        elif a.kind == Act.CUT:
            self._cut(a.nodes or (), a.one_way)
        elif a.kind == Act.HEAL:
            self._heal(list(a.nodes or ()))
        elif a.kind in (Act.CRASH, Act.LEAVE):
            self._stop(m, a.kind == Act.CRASH and a.store == Fate.LOST)
        elif a.kind == Act.RESTART:
            self._restart(m)
        elif a.kind == Act.PAUSE:
            m.paused = True
        elif a.kind == Act.RESUME:
            self._resume(m)
        elif a.kind == Act.CLOCK:
            m.wall = self._clock(m)[1] - WALL_START - self.now + a.shift
            m.since, m.drift = self.now, a.drift
        elif a.kind == Act.SET_LINKS and a.network is not None:
            self._net.params, self._net.model = _params(a.network), _model(a.network)

    def _cut(self, nodes: Any, one_way: bool) -> None:
        """Keeps nodes apart from all others, or only what they send."""
        self._cuts.append((list(nodes), one_way))
        self._regroup()

    def _heal(self, nodes: list[int]) -> None:
        """Ends one cut of these nodes; without nodes all cuts."""
        at = next((i for i, (cut, _) in enumerate(self._cuts) if cut == nodes), None)
        if not nodes:
            self._cuts = []
        elif at is not None:
            del self._cuts[at]
        self._regroup()

    def _regroup(self) -> None:
        """Puts nodes into groups by the cuts that they are in: bit c stands for cut c."""
        self._net.heal_all()
        for m in self.machines:
            group = sum((m.index in nodes) << c for c, (nodes, _) in enumerate(self._cuts))
            self._net.set_group(m.index, group)
        groups = range(1 << len(self._cuts))
        for sender in groups:
            for receiver in groups:
                if self._apart(sender, receiver):
                    self._net.cut_groups(sender, receiver)

    def _apart(self, sender: int, receiver: int) -> bool:
        """Whether frames from one group do not reach another."""
        for c, (_, one_way) in enumerate(self._cuts):
            sends, receives = sender >> c & 1, receiver >> c & 1
            if sends and not receives or not one_way and receives and not sends:
                return True
        return False

    def _stop(self, m: Machine, lost: bool) -> None:
        """Takes a node out of the world, and its store if it is lost."""
        if m.node is None:
            return
        m.audits.append(_audit(m.node))
        m.node.close()
        m.node = None
        self._wakes.pop(m.index, None)
        self._acted += sum(kind == Kind.ACTION for kind, _ in m.waits)  # it will not do them
        m.waits, m.paused, m.busy = [], False, 0
        for link in m.links:
            self._link_down(link)
        m.stores += lost

    def _restart(self, m: Machine) -> None:
        if m.node is not None:
            return
        m.boot += 1
        self._open(m)
        for link in list(m.links):
            if not self.plan["managed"] or link.index < len(self.plan["links"] or ()):
                self._link_up(link)

    def _resume(self, m: Machine) -> None:
        m.paused = False
        waits, m.waits = m.waits, []
        for kind, what in waits:
            if kind == Kind.WAKE:
                self._wake_at(m, self.now)
            else:
                self._schedule(self.now, kind, what)

    # --- the end ---

    def _sample(self) -> None:
        """Looks whether the run is over, as often as the plan says."""
        ready = self._acted == len(self.actions)
        if ready and not self._converged and self._equal():
            self._converged = True
            self.over = self.plan["stop"]
        if self.now + self.plan["sample"] <= self.plan["duration"]:
            self._schedule(self.now + self.plan["sample"], Kind.SAMPLE)

    def _equal(self) -> bool:
        """Whether all nodes that are up, and connected over such nodes, hold the same."""
        seen: set[int] = set()
        for first in self.machines:
            if first.node is None or first.index in seen:
                continue
            seen.add(first.index)
            part = [first]
            for m in part:
                for link in m.links:
                    other = self.machines[sum(link.ends) - m.index]
                    if other.node is not None and other.index not in seen:
                        seen.add(other.index)
                        part.append(other)
            if len({_set(m) for m in part}) > 1:
                return False
        return True

    def audit(self) -> str:
        """The chains of all nodes and all their boots, by peer id, hashed, in hex: what
        `rapprochement.Result.audit` is."""
        total = hashlib.sha256()
        for m in sorted(self.machines, key=lambda m: m.peer):
            total.update(m.peer)
            running = [] if m.node is None else [_audit(m.node)]
            for chain in m.audits + running:
                total.update(chain.to_bytes(8, "big"))
        return total.hexdigest()

    def close(self) -> None:
        """Closes the nodes and removes their files."""
        for m in self.machines:
            if m.node is not None:
                m.node.close()
        self._files.cleanup()


def _set(m: Machine) -> tuple[int, bytes]:
    """How many records a node holds, and their summary."""
    assert m.node is not None
    held = m.node.columns(b"spaces")
    return int(held["records"][0]), bytes(held["summary"][0])


def _check_supported(actions: list[Action], nodes: list[dict[str, Any]]) -> None:
    for a in actions:
        if a.kind == Act.FAIL_STORE:
            raise UnsupportedError(
                'this driver cannot make a store fail: leave out kind = "store"'
            )
        if a.kind == Act.CORRUPT:
            raise UnsupportedError(
                "this driver has no adversaries: leave out the faults forge, equivocate, flood, "
                "lie, silence, replay, collude, slander, invent, besiege and sybil"
            )
        durable = nodes[a.node]["config"].get("durable", False)
        if a.kind == Act.CRASH and a.store == Fate.TORN and not durable:
            raise UnsupportedError("this driver tears stores only of durable nodes")


def _audit(node: Handle) -> int:
    return int(node.columns(b"audit")["audit"][0])


def _difference(before: tuple[int, ...], after: tuple[int, ...]) -> int:
    """The virtual time, in nanoseconds, of what a step did: ``sim.cost``."""
    verified, records, frames, size = (b - a for a, b in zip(before, after))
    return verified * 36_000 + records * 1_000 + frames * 3_000 + size * 1_000 // 1024


def _model(n: Mapping[str, Any]) -> Model:
    """The latency model that a plan describes."""
    if n["model"] == "constant":
        return Constant(n["minimum"])
    if n["model"] == "uniform":
        return Uniform(n["minimum"], n["second"])
    if n["model"] == "exponential":
        return Exponential(n["minimum"], n["second"])
    if n["model"] == "lognormal":
        return LogNormal(n["minimum"], n["second"], n["sigma"])
    if n["model"] == "matrix":
        sites, delays = n["sites"], n["delays"]
        return Matrix([delays[i * sites : (i + 1) * sites] for i in range(sites)])
    raise UnsupportedError(f"this driver knows no latency model {n['model']!r}")


def _params(n: Mapping[str, Any]) -> Params:
    """The parameters of links that a plan describes."""
    return Params(
        delay=n["delay"],
        jitter=n["jitter"],
        loss=n["loss"],
        duplicate=n["duplicate"],
        reorder=n["reorder"],
        reorder_delay=n["reorder_delay"],
        bandwidth=Bandwidth(n["bandwidth"], n["queue"]),
    )

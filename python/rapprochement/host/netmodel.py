"""The network of the simulated world, in plain Python: slow, obvious, and bit for bit that of the engine.

It is the reference for what becomes of a frame between two nodes, for reading beside the Go packages
``engine/sim/draw`` and ``engine/sim/links`` and for hosts that want the same network without the engine.
Times are integer nanoseconds, chances parts per million, shapes (sigma, alpha) thousandths, sizes bytes.
The engine checks parameters; this module trusts them.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal, localcontext
from typing import NamedTuple, Protocol

MASK = (1 << 64) - 1
MILLION = 1_000_000
SECOND = 1_000_000_000
MAX_DELAY = 1 << 50
"""The longest delay, in nanoseconds; longer ones are cut to it."""


# --- draws: engine/sim/draw ---------------------------------------------------------------------------------------

_GOLDEN = 0x9E3779B97F4A7C15
_SECOND = 0xD1342543DE82EF95


def mix(z: int) -> int:
    """The finaliser of splitmix64."""
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9 & MASK
    z = (z ^ z >> 27) * 0x94D049BB133111EB & MASK
    return z ^ z >> 31


class Stream:
    """The key of one sequence of decisions, such as those about one directed link."""

    def __init__(self, seed: int, ident: int) -> None:
        self.key = mix(mix(seed + _GOLDEN & MASK) ^ ident * _SECOND & MASK)

    def uint64(self, purpose: int, count: int) -> int:
        """Draw 64 bits, always the same for the same purpose and count."""
        x = mix(self.key + count * _GOLDEN & MASK)
        rotated = (self.key << 32 | self.key >> 32) & MASK
        return mix((x ^ rotated) + (purpose + 1) * _SECOND & MASK)


def chance(x: int, ppm: int) -> bool:
    """Decide with a probability of ppm in a million."""
    return x * MILLION >> 64 < ppm


def uniform(x: int, lo: int, hi: int) -> int:
    """Choose from lo to hi, both included."""
    return lo + (x * (hi - lo + 1) >> 64)


def _tables() -> tuple[list[int], list[int]]:
    """ln(1 + i/256) and 2^(i/256) for i from 0 to 256, in units of 2^-32; decimal arithmetic rounds alike everywhere."""
    with localcontext() as context:
        context.prec = 50
        steps = [Decimal(i) / 256 for i in range(257)]
        unit = Decimal(1 << 32)
        return [round((1 + s).ln() * unit) for s in steps], [round(Decimal(2) ** s * unit) for s in steps]


_LOG, _POWER = _tables()
_LN2 = _LOG[256]
_LOG2E = 6196328019  # 2^32 * log2(e)
_PER_DEVIATION = 121422735  # 2^52 * log2(e) / (1000 * 65536 * sqrt(2/3))


def _between(table: list[int], fraction: int, bits: int) -> int:
    """Interpolate a table of 257 values at a fraction of that many bits."""
    i, rest = fraction >> bits - 8, fraction & (1 << bits - 8) - 1
    return table[i] + ((table[i + 1] - table[i]) * rest >> bits - 8)


def _negative_log(x: int) -> int:
    """-ln(x / 2^64) in units of 2^-32."""
    x |= 1
    zeros = 64 - x.bit_length()
    fraction = x << zeros + 1 & MASK
    return (zeros + 1) * _LN2 - _between(_LOG, fraction >> 24, 40)


def _power(value: int, y: int) -> int:
    """value * 2^y, y in units of 2^-32."""
    value = value * _between(_POWER, y & 0xFFFFFFFF, 32) >> 32
    shift = y >> 32
    return min(value >> -shift if shift <= 0 else value << shift, MAX_DELAY)


def exponential(x: int, mean: int) -> int:
    """An exponential delay of that mean."""
    return min(mean * _negative_log(x) >> 32, MAX_DELAY)


def pareto(x: int, minimum: int, alpha: int) -> int:
    """At least minimum; beyond m times it with probability m^-(alpha/1000)."""
    return _power(minimum, (_negative_log(x) * _LOG2E >> 32) * 1000 // alpha)


def log_normal(x: int, median: int, sigma: int) -> int:
    """median * e^(sigma/1000 * z), z nearly standard normal: the sum of eight uniform numbers."""
    total = sum(word >> shift & 0xFFFF for word in (x, mix(x + _GOLDEN & MASK)) for shift in (0, 16, 32, 48))
    return _power(median, (total - 4 * 65535) * sigma * _PER_DEVIATION >> 20)


# --- latencies: engine/sim/links ----------------------------------------------------------------------------------


class Model(Protocol):
    """The one-way latency between two nodes; x is a draw of 64 bits, fresh for every frame."""

    def latency(self, sender: int, receiver: int, x: int) -> int: ...


@dataclass(frozen=True)
class Constant:
    delay: int

    def latency(self, sender: int, receiver: int, x: int) -> int:
        return self.delay


@dataclass(frozen=True)
class Uniform:
    lo: int
    hi: int

    def latency(self, sender: int, receiver: int, x: int) -> int:
        return uniform(x, self.lo, self.hi)


@dataclass(frozen=True)
class Exponential:
    minimum: int
    mean: int

    def latency(self, sender: int, receiver: int, x: int) -> int:
        return min(self.minimum + exponential(x, self.mean), MAX_DELAY)


@dataclass(frozen=True)
class LogNormal:
    minimum: int
    median: int
    sigma: int

    def latency(self, sender: int, receiver: int, x: int) -> int:
        return min(self.minimum + log_normal(x, self.median, self.sigma), MAX_DELAY)


@dataclass(frozen=True)
class Pareto:
    minimum: int
    alpha: int

    def latency(self, sender: int, receiver: int, x: int) -> int:
        return pareto(x, self.minimum, self.alpha)


@dataclass(frozen=True)
class Matrix:
    """One-way latencies, row = sender. Node i is at site i mod N, or at sites[i mod len(sites)]."""

    rows: Sequence[Sequence[int]]
    sites: Sequence[int] | None = None

    def latency(self, sender: int, receiver: int, x: int) -> int:
        return self.rows[self._site(sender)][self._site(receiver)]

    def _site(self, node: int) -> int:
        return self.sites[node % len(self.sites)] if self.sites else node % len(self.rows)

    @classmethod
    def from_csv(cls, text: str, sites: Sequence[int] | None = None) -> Matrix:
        """Read lines of comma-separated round-trip times in milliseconds; one way is half, rounded down."""
        rows = [[int(Decimal(rtt) * MILLION) // 2 for rtt in line.split(",")] for line in text.splitlines()]
        return cls(rows, sites)

    @classmethod
    def from_places(cls, places: Iterable[tuple[int, int]], per_km: int, fixed: int) -> Matrix:
        """Compute from (latitude, longitude) in millionths of a degree: fixed, and per_km for the great circle."""
        points = [_vector(lat, lon) for lat, lon in places]
        return cls([[min(fixed + _distance(a, b) * per_km // 1000, MAX_DELAY) for b in points] for a in points])


# Fractions below are in units of 2^-30.
_ONE = 1 << 30
_PI = 3373259426
_RIGHT = 90_000_000


def _times(a: int, b: int) -> int:
    return a * b >> 30


def _sine(angle: int) -> int:
    if angle < 0:
        return -_sine(-angle)
    if angle > _RIGHT:
        angle = 2 * _RIGHT - angle
    x = angle * _PI // (2 * _RIGHT)
    square, total = _times(x, x), _ONE
    for k in range(16, 0, -2):
        total = _ONE - _times(square, total) // (k * (k + 1))
    return _times(x, total)


def _cosine(angle: int) -> int:
    return _sine(_RIGHT - abs(angle))


def _arcsine(x: int) -> int:
    if x > _ONE // 2:
        return _PI // 2 - 2 * _arcsine(math.isqrt((_ONE - x) * _ONE // 2))
    square, total = _times(x, x), _ONE
    for k in range(30, 0, -2):
        total = _ONE + _times(square, total) * (k - 1) * (k - 1) // (k * (k + 1))
    return _times(x, total)


def _vector(lat: int, lon: int) -> tuple[int, int, int]:
    return _times(_cosine(lat), _cosine(lon)), _times(_cosine(lat), _sine(lon)), _sine(lat)


def _distance(a: Sequence[int], b: Sequence[int]) -> int:
    """The great circle in metres, over the chord."""
    half = math.isqrt(sum((p - q) ** 2 for p, q in zip(a, b)) // 4)
    return _times(2 * 6_371_008, _arcsine(min(half, _ONE)))


# --- links --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Bandwidth:
    """A rate with a queue, which includes the frame being sent; a rate of 0 is unlimited."""

    bytes_per_second: int = 0
    queue_bytes: int = 0


@dataclass(frozen=True)
class Params:
    """The parameters of a directed link."""

    delay: int = 0
    jitter: int = 0
    loss: int = 0
    duplicate: int = 0
    reorder: int = 0
    reorder_delay: int = 0
    bandwidth: Bandwidth = Bandwidth()


class Delivery(NamedTuple):
    """One arrival of a frame, at the receiver's downlink."""

    at: int
    duplicate: bool


@dataclass
class _Line:
    """A queue and the time when it will be empty."""

    bandwidth: Bandwidth = Bandwidth()
    free: int = 0

    def put(self, now: int, size: int) -> int | None:
        """When the frame's last byte leaves, or None if the queue is full. An idle line takes any frame."""
        rate = self.bandwidth.bytes_per_second
        if rate == 0:
            return now
        waiting = -((now - self.free) * rate // SECOND)  # rounded up
        if self.free > now and waiting + size > self.bandwidth.queue_bytes:
            return None
        self.free = max(now, self.free) + -(-size * SECOND // rate)
        return self.free


@dataclass
class _Link:
    stream: Stream
    line: _Line = field(default_factory=_Line)
    params: Params | None = None
    frames: int = 0
    cut: bool = False


_LOSS, _DUPLICATE, _LATENCY, _JITTER, _REORDER = range(5)
_COPY = 16


class Net:
    """The state of the network. Calls of send, and of arrive for one node, come in the order of their times."""

    def __init__(self, seed: int, model: Model, params: Params = Params()) -> None:
        self.seed = seed
        self.model = model
        self.params = params
        self._links: dict[tuple[int, int], _Link] = {}
        self._up: dict[int, _Line] = {}
        self._down: dict[int, _Line] = {}
        self._group: dict[int, int] = {}
        self._cuts: set[tuple[int, int]] = set()

    def _link(self, sender: int, receiver: int) -> _Link:
        if (sender, receiver) not in self._links:
            self._links[sender, receiver] = _Link(Stream(self.seed, sender << 32 | receiver))
        return self._links[sender, receiver]

    def set_link(self, sender: int, receiver: int, params: Params) -> None:
        """Give a directed link parameters of its own."""
        self._link(sender, receiver).params = params

    def set_uplink(self, node: int, bandwidth: Bandwidth) -> None:
        """Give a node a queue for all that it sends."""
        self._up.setdefault(node, _Line()).bandwidth = bandwidth

    def set_downlink(self, node: int, bandwidth: Bandwidth) -> None:
        """Give a node a queue for all that it receives: see arrive."""
        self._down.setdefault(node, _Line()).bandwidth = bandwidth

    def cut(self, sender: int, receiver: int) -> None:
        """Stop frames in one direction."""
        self._link(sender, receiver).cut = True

    def heal(self, sender: int, receiver: int) -> None:
        """Undo cut."""
        self._link(sender, receiver).cut = False

    def set_group(self, node: int, group: int) -> None:
        """Put a node into a group; all start in group 0."""
        self._group[node] = group

    def cut_groups(self, senders: int, receivers: int) -> None:
        """Stop frames from one group to another, in this direction."""
        self._cuts.add((senders, receivers))

    def heal_groups(self, senders: int, receivers: int) -> None:
        """Undo cut_groups."""
        self._cuts.discard((senders, receivers))

    def heal_all(self) -> None:
        """Undo every cut."""
        self._cuts.clear()
        for link in self._links.values():
            link.cut = False

    def is_cut(self, sender: int, receiver: int) -> bool:
        """Whether frames in this direction are stopped."""
        groups = self._group.get(sender, 0), self._group.get(receiver, 0)
        return self._link(sender, receiver).cut or groups in self._cuts

    def send(self, now: int, sender: int, receiver: int, size: int) -> tuple[list[Delivery], str]:
        """Offer a frame: its arrivals, and "delivered" or why there are none: "loss", "queue" or "partition"."""
        link = self._link(sender, receiver)
        params = link.params or self.params
        count = link.frames
        link.frames += 1
        if self.is_cut(sender, receiver):
            return [], "partition"
        leaves = self._up.get(sender, _Line()).put(now, size)
        if leaves is not None:
            link.line.bandwidth = params.bandwidth
            leaves = link.line.put(leaves, size)
        if leaves is None:
            return [], "queue"
        draw = link.stream.uint64
        if chance(draw(_LOSS, count), params.loss):
            return [], "loss"
        copies = [False, True] if chance(draw(_DUPLICATE, count), params.duplicate) else [False]
        return [
            Delivery(leaves + self._latency(link.stream, params, sender, receiver, count, _COPY * copy), copy)
            for copy in copies
        ], "delivered"

    def arrive(self, now: int, receiver: int, size: int) -> tuple[int, str]:
        """Pass a frame that has come to the node's downlink: when the node has it, and "delivered" or "queue"."""
        at = self._down.get(receiver, _Line()).put(now, size)
        return (0, "queue") if at is None else (at, "delivered")

    def _latency(self, stream: Stream, params: Params, sender: int, receiver: int, count: int, copy: int) -> int:
        delay = self.model.latency(sender, receiver, stream.uint64(_LATENCY + copy, count)) + params.delay
        delay += uniform(stream.uint64(_JITTER + copy, count), 0, params.jitter)
        if chance(stream.uint64(_REORDER + copy, count), params.reorder):
            delay += params.reorder_delay
        return delay

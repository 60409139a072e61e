"""MeritRank: whom a node trusts, by personalised walks on a signed graph."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import cbor2

from ._closing import Closing
from . import _wire as wire
from ._native import Handle
from ._tool import settings
from .cbor import Answer, Command
from .errors import ClosedError, EngineError

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

__all__ = ["MeritRank", "RankUsage", "exact_scores"]

#: Edges of one command: 16 bytes each, below EVENT_BYTES_MAX.
_EDGES_PER_COMMAND = (wire.EVENT_BYTES_MAX - 1024) // 16

_ROW = [("source", "<u4"), ("target", "<u4"), ("weight", "<f8")]

A = TypeVar("A", bound=Answer)


@dataclass(frozen=True)
class RankUsage:
    """What a ranking holds."""

    nodes: int
    edges: int
    #: Egos whose walks are kept.
    egos: int
    #: Nodes of all walks, their starts included, and what these take with their indexes.
    walk_nodes: int
    walk_bytes: int


class MeritRank(Closing):
    """A signed graph, and what any of its nodes (the ego) thinks of the others.

    Nodes are whatever can be a key of a dictionary: numbers, texts, bytes. An edge is
    trust if its weight is positive and distrust if it is negative; only the ratios of
    the weights of a node's out-edges count. Scores are shares of the hits of ``walks``
    random walks from the ego, which go on with probability ``alpha`` at each step (see
    docs/meritrank.md for the definition). They come with standard errors. When an edge
    changes, the walks change just as much as they have to.

    ``seed`` chooses the walks: the same seed, edges in the same order and ego give the
    same scores, on every platform. ``beta`` takes this share of the trust in nodes that
    are reached through a single other one; ``threshold`` says what single means: the
    share of the walks that pass it. ``half_life`` in seconds lets evidence age, for
    `observe`, which leaves out changes below the share ``epsilon``. ``egos`` is how many
    egos' walks are kept, ``nodes`` and ``edges`` bound the graph.

    A ranking is a context manager. Without one, its memory is given back when it is
    collected. Raises `BadConfigError` for what is out of range. Every method raises
    `ClosedError` once the ranking is closed, `BadEventError` for an edge from a node to
    itself, a weight that is no finite number or above 1e100, or a graph that is full, and
    `KeyError` for an ego that no edge has named.
    """

    def __init__(
        self,
        *,
        seed: int = 0,
        walks: int = 10_000,
        alpha: float = 0.85,
        beta: float = 0.0,
        threshold: float = 1.0,
        half_life: float | None = None,
        epsilon: float = 0.0,
        nodes: int = 1 << 20,
        edges: int = 1 << 24,
        egos: int = 64,
    ) -> None:
        config: dict[str, int | float] = {
            "seed": seed,
            "walks": walks,
            "alpha": float(alpha),
            "beta": float(beta),
            "threshold": float(threshold),
            "nodes": nodes,
            "edges": edges,
            "egos": egos,
            "epsilon": float(epsilon),
        }
        # What is missing has a default in the engine, and so has zero.
        for name in ("walks", "alpha", "threshold", "nodes", "edges", "egos"):
            if not config[name]:
                raise ValueError(f"{name} is 0")
        if half_life is not None:
            config["half_life_ns"] = round(half_life * 1e9) or -1
        self._labels: list[Hashable] = []
        self._numbers: dict[Hashable, int] = {}
        self._handle = Handle("meritrank", settings(config))

    @classmethod
    def from_edges(cls, edges: Iterable[Sequence[Any]], **config: Any) -> MeritRank:
        """A ranking of edges (source, target, weight), or (source, target) for weight 1.

        Of two between the same nodes the later counts. ``config`` is that of the class.
        """
        rank = cls(**config)
        try:
            rank.load(edges)
        except BaseException:
            rank.close()
            raise
        return rank

    @classmethod
    def from_networkx(cls, graph: Any, weight: str = "weight", **config: Any) -> MeritRank:
        """A ranking of a networkx graph's edges, with their attribute ``weight``, or 1.

        An edge of an undirected graph goes both ways. Of parallel edges the last counts.
        Nodes without edges are known too. ``config`` is that of the class.
        """
        rows = [(a, b, w) for a, b, w in graph.edges(data=weight, default=1.0)]
        if not graph.is_directed():
            rows += [(b, a, w) for a, b, w in rows]
        rank = cls.from_edges(rows, **config)
        for label in graph.nodes:
            rank._number(label)
        return rank

    # --- the graph ---

    def load(self, edges: Iterable[Sequence[Any]]) -> None:
        """Sets many edges, as `from_edges` takes them, at once. All walks are drawn anew
        when they are asked for."""
        rows = list(edges)
        for row in rows:
            if len(row) not in (2, 3):
                raise ValueError(f"an edge is (source, target, weight), not {row!r}")
        self.load_arrays(
            [row[0] for row in rows],
            [row[1] for row in rows],
            [float(row[2]) if len(row) == 3 else 1.0 for row in rows],
        )

    def load_arrays(
        self, sources: Sequence[Any], targets: Sequence[Any], weights: Sequence[float]
    ) -> None:
        """`load` for three sequences or arrays of equal length: a million edges of numbers
        take one to two seconds."""
        import numpy as np

        if not len(sources) == len(targets) == len(weights):
            raise ValueError(f"{len(sources)} sources, {len(targets)} targets, {len(weights)} weights")
        ends = self._numbered([*_plain(sources), *_plain(targets)])
        rows = np.empty(len(sources), _ROW)
        rows["source"], rows["target"] = ends[: len(sources)], ends[len(sources) :]
        rows["weight"] = weights
        for at in range(0, len(rows), _EDGES_PER_COMMAND):
            data = rows[at : at + _EDGES_PER_COMMAND].tobytes()
            self._ask(wire.LoadEdges(data), wire.RankDone)

    def set(self, source: Hashable, target: Hashable, weight: float) -> None:
        """Sets the weight of an edge; 0 deletes it. The walks of all egos follow."""
        self._ask(wire.SetEdges(self._row(source, target, weight)), wire.RankDone)

    def delete(self, source: Hashable, target: Hashable) -> None:
        """Deletes an edge, if there is one."""
        self.set(source, target, 0.0)

    def observe(self, source: Hashable, target: Hashable, weight: float, at: float) -> bool:
        """Sets an edge to what was observed at a time, in seconds; evidence halves with
        every ``half_life``. It takes the place of what the source thought before. Returns
        whether that changed the graph: not if the weight moved by less than ``epsilon``
        of it."""
        when = round(at * 1e9).to_bytes(8, "little", signed=True)
        row = self._row(source, target, weight)
        return bool(self._ask(wire.ObserveEdges(row, when), wire.RankDone).changed)

    def edges(self) -> pd.DataFrame:
        """All edges: source, target, weight; a row each. With ``half_life``, weights are
        in units of their own for each source."""
        import pandas as pd

        found = self._query(wire.GetEdges())
        return pd.DataFrame(
            {
                "source": self._labelled(found["source"]),
                "target": self._labelled(found["target"]),
                "weight": found["weight"],
            }
        )

    @property
    def nodes(self) -> list[Hashable]:
        """All nodes, by number, which is the order in which they were named."""
        return list(self._labels)

    # --- scores ---

    def columns(
        self, ego: Hashable, top: int | None = None, *, refined: bool = False
    ) -> dict[str, np.ndarray[Any, Any]]:
        """An ego's scores as arrays, the highest first: node (uint32, the place in
        `nodes`), value (float64, -1 to 1) and error (its standard error).

        All nodes that the ego's walks have met are there, the ego too; the others have
        the score 0. ``top`` leaves the first so many. ``refined`` computes most of what
        is else sampled: the errors are several times smaller, at the cost of drawing the
        walks once more; it needs ``top``.
        """
        if top is not None and top < 1:
            raise ValueError(f"top is {top}, want at least 1")
        if refined and top is None:
            raise ValueError("refined needs top")
        return self._query(wire.GetScores(self._known(ego), top or 0, refined))

    def scores(
        self, ego: Hashable, top: int | None = None, *, refined: bool = False
    ) -> pd.DataFrame:
        """`columns` as a data frame, with the nodes themselves."""
        return self._frame(self.columns(ego, top, refined=refined))

    def score(self, ego: Hashable, node: Hashable) -> float:
        """What an ego thinks of a node; 0 if none of its walks has met it."""
        found = self.columns(ego)
        values = found["value"][found["node"] == self._known(node)]
        return float(values[0]) if len(values) else 0.0

    def mutual(self, ego: Hashable, top: int = 10) -> pd.DataFrame:
        """The nodes that an ego trusts most, itself left out, with what they think of it:
        node, value, error, back_value, back_error. Each of them becomes an ego for that,
        which takes as long as its walks do and may crowd out others."""
        if top < 1:
            raise ValueError(f"top is {top}, want at least 1")
        return self._frame(self._query(wire.GetMutual(self._known(ego), top)))

    def forget(self, ego: Hashable) -> None:
        """Drops the walks of an ego; they are drawn again when they are asked for."""
        self._ask(wire.ForgetEgo(self._known(ego)), wire.RankDone)

    def usage(self) -> RankUsage:
        """What the ranking holds now."""
        u = self._ask(wire.GetRankUsage(), wire.RankUsage)
        return RankUsage(len(self._labels), u.edges, u.egos, u.walk_nodes, u.walk_bytes)

    # --- numbers and labels ---

    def _number(self, label: Hashable) -> int:
        number = self._numbers.setdefault(label, len(self._labels))
        if number == len(self._labels):
            self._labels.append(label)
        return number

    def _known(self, label: Hashable) -> int:
        try:
            return self._numbers[label]
        except KeyError:
            raise KeyError(f"no edge has named {label!r}") from None

    def _numbered(self, labels: list[Any]) -> np.ndarray[Any, Any]:
        import numpy as np

        number = self._number
        return np.fromiter((number(label) for label in labels), np.uint32, len(labels))

    def _labelled(self, numbers: np.ndarray[Any, Any]) -> list[Hashable]:
        labels = self._labels
        return [labels[n] for n in numbers.tolist()]

    def _frame(self, columns: dict[str, np.ndarray[Any, Any]]) -> pd.DataFrame:
        import pandas as pd

        frame: pd.DataFrame = pd.DataFrame(
            {**columns, "node": pd.Series(self._labelled(columns["node"]), dtype=object)}
        )
        frame["node"] = frame["node"].infer_objects()
        return frame

    def _row(self, source: Hashable, target: Hashable, weight: float) -> bytes:
        import numpy as np

        row = np.empty(1, _ROW)
        row[0] = (self._number(source), self._number(target), weight)
        return row.tobytes()

    # --- the handle ---

    def _check(self) -> None:
        if self._handle.closed:
            raise ClosedError("this ranking is closed; make another one")

    def _ask(self, command: Command, kind: type[A]) -> A:
        self._check()
        (answer,) = wire.decode_rank_answers(self._handle.step(wire.encode_command(command)))
        if not isinstance(answer, kind):
            raise EngineError(f"the ranking answered {command!r} with {answer!r}")
        return answer

    def _query(self, command: Command) -> dict[str, np.ndarray[Any, Any]]:
        self._check()
        return self._handle.columns(wire.encode_command(command))

    def close(self) -> None:
        """Gives the memory back. Closing again does nothing."""
        self._handle.close()

    def __repr__(self) -> str:
        if self._handle.closed:
            return "<MeritRank closed>"
        u = self.usage()
        return f"<MeritRank {u.nodes} nodes, {u.edges} edges, walks of {u.egos} egos>"


def exact_scores(
    edges: Iterable[Sequence[Any]], ego: Hashable, alpha: float = 0.85
) -> dict[Hashable, float]:
    """The scores that `MeritRank` estimates, without connectivity decay, for every node
    that the edges name: by the closed form of docs/meritrank.md, for tests and small
    graphs. It takes the square of twice the nodes in memory, and their cube in time.

    ``edges`` are as in `MeritRank.from_edges`, ``alpha`` is above 0 and below 1. Raises
    `ValueError` for another alpha and `KeyError` for an ego that no edge names.
    """
    import numpy as np

    if not 0 < alpha < 1:
        raise ValueError(f"alpha is {alpha}, want above 0, below 1")
    rows = {(row[0], row[1]): float(row[2]) if len(row) > 2 else 1.0 for row in edges}
    at = {label: i for i, label in enumerate(dict.fromkeys(end for pair in rows for end in pair))}
    n = len(at)
    weights = np.zeros((n, n))
    for (source, target), weight in rows.items():
        weights[at[source], at[target]] = weight
    trust = np.maximum(weights, 0)
    every, trusting = np.abs(weights).sum(1), trust.sum(1)
    every[every == 0] = trusting[trusting == 0] = 1
    steps = np.zeros((2 * n, 2 * n))
    steps[:n, :n] = trust / every[:, None]
    steps[:n, n:] = (trust - weights) / every[:, None]
    steps[n:, n:] = trust / trusting[:, None]
    visits = np.linalg.inv(np.eye(2 * n) - alpha * steps)
    hits = visits[at[ego]] / np.diag(visits)
    return dict(zip(at, ((hits[:n] - hits[n:]) / hits.sum()).tolist()))


def _plain(labels: Sequence[Any]) -> list[Any]:
    """A list of Python's own values, also of an array, a series or an index."""
    return list(labels.tolist()) if hasattr(labels, "tolist") else list(labels)

"""Sybils: identities that an attacker makes up to be trusted more, and what they gain.

    region = SybilRegion("mallory", "path", sybils=50)
    with rap.MeritRank.from_edges([*edges, *region.edges(edges)], seed=1) as rank:
        found = rank.scores("ann")
        region.gain(dict(zip(found.node, found.value))), region.bound(alpha=0.85)

The regions are those of Nasrulin, Ishmaev and Pouwelse, "MeritRank: Sybil Tolerant
Reputation for Merit-based Tokenomics", BRAINS 2022, arXiv:2207.09950.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

__all__ = ["SybilRegion", "Topology"]

#: path: attacker → 1 → 2 → …; cycle: attacker ⇄ each; parallel: attacker → each.
Topology = Literal["path", "cycle", "parallel"]


@dataclass(frozen=True)
class SybilRegion:
    """Sybils that an attacker, a node of a graph, attaches to itself.

    ``sybils``, at least 1, is how many. ``share``, above 0 and at most 1, is the part of
    the attacker's out-weight that goes to them; at 1 its other edges end. Raises
    `ValueError` for what is out of range.
    """

    attacker: Hashable
    topology: Topology = "path"
    sybils: int = 50
    share: float = 1.0

    def __post_init__(self) -> None:
        if self.topology not in get_args(Topology):
            raise ValueError(f"topology is {self.topology!r}, want one of {get_args(Topology)}")
        if self.sybils < 1:
            raise ValueError(f"sybils is {self.sybils}, want at least 1")
        if not 0 < self.share <= 1:
            raise ValueError(f"share is {self.share}, want above 0, at most 1")

    @property
    def labels(self) -> list[str]:
        """The Sybils as nodes, in the order of the path."""
        return [f"Sybil {i} of {self.attacker!r}" for i in range(1, self.sybils + 1)]

    def edges(self, graph: Iterable[Sequence[Any]]) -> list[tuple[Hashable, Hashable, float]]:
        """The edges (source, target, weight) that attach the region to a graph, given by
        its own edges, as `MeritRank.from_edges` takes them: what to load after them.

        The Sybils trust with weight 1. With share 1 the attacker's edges are there with
        the weight 0, which ends them. Raises `ValueError` if it has none to share with.
        """
        honest = {
            row[1]: float(row[2]) if len(row) > 2 else 1.0
            for row in graph
            if row[0] == self.attacker
        }
        labels, total = self.labels, 1.0
        ends: list[tuple[Hashable, Hashable, float]] = []
        if self.share == 1:
            ends = [(self.attacker, target, 0.0) for target in honest]
        elif not honest:
            raise ValueError(f"share is {self.share}, and {self.attacker!r} has no other edges")
        else:
            total = sum(map(abs, honest.values())) * self.share / (1 - self.share)
        if self.topology == "path":
            chain = [(a, b, 1.0) for a, b in zip(labels, labels[1:])]
            return [*ends, (self.attacker, labels[0], total), *chain]
        ends += [(self.attacker, label, total / self.sybils) for label in labels]
        if self.topology == "cycle":
            ends += [(label, self.attacker, 1.0) for label in labels]
        return ends

    def gain(self, scores: Mapping[Hashable, float]) -> float:
        """The sum of the Sybils' scores, by the score of the attacker; nodes that have
        no score have 0. Raises `ValueError` if the attacker is not trusted."""
        own = scores.get(self.attacker, 0.0)
        if own <= 0:
            raise ValueError(f"{self.attacker!r} has the score {own}: there is nothing to gain by")
        return sum(scores.get(label, 0.0) for label in self.labels) / own

    def bound(self, alpha: float, beta: float = 0.0) -> float:
        """The most that the gain can be, with ``alpha`` and ``beta`` of `MeritRank`, for an
        attacker that more than one way leads to (else ``beta`` takes from it as well).

        Among nodes that trust, a walk enters the region only from the attacker: with
        chance alpha·share, or else if it comes back, two steps later at best. Inside it
        meets a next Sybil with chance alpha at best. So the gain is at most
        (1−β)·e·(1−αᵏ)/(1−α), with k Sybils and e = α·share ÷ (1 − α²·(1−share)), which
        is α at share 1. A path attains this.
        Raises `ValueError` for parameters out of range.
        """
        if not (0 < alpha < 1 and 0 <= beta <= 1):
            raise ValueError(f"alpha is {alpha}, beta {beta}, want above 0 and below 1, 0 to 1")
        enters = alpha * self.share / (1 - alpha**2 * (1 - self.share))
        return (1 - beta) * enters * (1 - alpha**self.sybils) / (1 - alpha)

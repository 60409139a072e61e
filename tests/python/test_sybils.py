"""Sybil regions: what they are made of, and that they gain what the law says."""

from __future__ import annotations

import numpy as np
import pytest

import rapprochement as rap
from rapprochement.meritrank import exact_scores
from rapprochement.sybils import SybilRegion

#: Two ways from ann lead to the attacker, who likes bob, who likes it back.
GRAPH = [("ann", "bob", 1), ("ann", "cy"), ("bob", "eve", 2), ("cy", "eve"), ("eve", "bob", 3)]


def exact_gain(region, alpha, graph=GRAPH):
    return region.gain(exact_scores([*graph, *region.edges(graph)], "ann", alpha))


def test_edges():
    s = SybilRegion("eve", sybils=3).labels
    assert s[0] == "Sybil 1 of 'eve'" and len(set(s)) == 3
    ended = ("eve", "bob", 0.0)
    assert SybilRegion("eve", "path", 3).edges(GRAPH) == [
        ended,
        ("eve", s[0], 1.0),
        (s[0], s[1], 1.0),
        (s[1], s[2], 1.0),
    ]
    assert SybilRegion("eve", "parallel", 2, 0.5).edges(GRAPH) == [
        ("eve", s[0], 1.5),
        ("eve", s[1], 1.5),
    ]
    assert SybilRegion("eve", "cycle", 2).edges([]) == [
        ("eve", s[0], 0.5),
        ("eve", s[1], 0.5),
        (s[0], "eve", 1.0),
        (s[1], "eve", 1.0),
    ]


@pytest.mark.parametrize("alpha", [0.2, 0.85, 0.99])
@pytest.mark.parametrize("k", [1, 3, 40])
def test_exact_gains(alpha, k):
    path, cycle, parallel = (SybilRegion("eve", t, k) for t in ("path", "cycle", "parallel"))
    assert exact_gain(path, alpha) == pytest.approx(path.bound(alpha))
    assert exact_gain(cycle, alpha) == pytest.approx(alpha / (1 - alpha**2 * (k - 1) / k))
    assert exact_gain(parallel, alpha) == pytest.approx(alpha)
    half = SybilRegion("eve", "path", k, 0.5)  # bob sends the walks back at once
    back = [*GRAPH, ("bob", "eve", 1)]
    assert exact_gain(half, alpha, back) == pytest.approx(half.bound(alpha))


def test_no_region_gains_more_than_the_bound():
    rng = np.random.default_rng(1)
    for _ in range(100):
        graph = [
            (s, d, float(rng.integers(1, 5) * rng.choice([1, 1, -1])))
            for s in ["ann", "bob", "cy", "eve"]
            for d in ["ann", "bob", "cy", "eve"]
            if s != d and rng.random() < 0.7
        ]
        for topology in ("path", "cycle", "parallel"):
            region = SybilRegion("eve", topology, int(rng.integers(1, 9)), rng.uniform(0.1, 1))
            try:
                assert exact_gain(region, 0.85, graph) < region.bound(0.85) * (1 + 1e-9)
            except (ValueError, KeyError):
                continue  # ann does not trust eve


@pytest.mark.parametrize("beta", [0.0, 0.9])
def test_measured_gains_are_the_exact_ones(beta):
    for topology in ("path", "cycle", "parallel"):
        region = SybilRegion("eve", topology, 10, 0.7)
        gains = []
        for seed in range(10):
            edges = [*GRAPH, *region.edges(GRAPH)]
            with rap.MeritRank.from_edges(edges, seed=seed, beta=beta) as rank:
                found = rank.scores("ann")
            gains.append(region.gain(dict(zip(found.node, found.value))))
        want = (1 - beta) * exact_gain(region, 0.85)
        error = np.std(gains, ddof=1) / len(gains) ** 0.5
        assert abs(np.mean(gains) - want) < 4 * error < 0.1 * want


@pytest.mark.parametrize("wrong", [{"topology": "star"}, {"sybils": 0}, {"share": 0.0}, {"share": 1.1}])
def test_refusals(wrong):
    with pytest.raises(ValueError, match=f"{next(iter(wrong))} is"):
        SybilRegion("eve", **wrong)


def test_refused_questions():
    region = SybilRegion("eve")
    for alpha, beta in [(1.0, 0.0), (0.0, 0.0), (0.85, -0.1), (0.85, 1.1)]:
        with pytest.raises(ValueError, match="alpha is"):
            region.bound(alpha, beta)
    with pytest.raises(ValueError, match="no other edges"):
        SybilRegion("ann", share=0.5).edges(GRAPH[2:])
    with pytest.raises(ValueError, match="nothing to gain"):
        region.gain({"ann": 1.0, "eve": -0.2})
    with pytest.raises(ValueError, match="alpha is"):
        exact_scores(GRAPH, "ann", 1.0)
    with pytest.raises(KeyError):
        exact_scores(GRAPH, "nobody")

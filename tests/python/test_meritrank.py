"""MeritRank from Python: graphs in, scores out. The walks themselves are tested in Go."""

from __future__ import annotations

import math

import numpy as np
import pytest

import rapprochement as rap
from rapprochement import _wire as wire
from rapprochement._native import Handle
from rapprochement.errors import BadConfigError, BadEventError, ClosedError
from rapprochement.meritrank import exact_scores

TRIANGLE = [("a", "b"), ("a", "c", 1), ("b", "c", 1.0)]


def random_edges(seed, n=12):
    rng = np.random.default_rng(seed)
    return [
        (s, d, float(rng.integers(1, 5) * rng.choice([1, 1, 1, -1])))
        for s in range(n)
        for d in range(n)
        if s != d and rng.random() < 0.3
    ]


def test_scores_are_those_of_the_closed_form():
    z = []
    for seed in range(20):
        edges = random_edges(seed)
        want = exact_scores(edges, 0)
        with rap.MeritRank.from_edges(edges, seed=seed) as rank:
            for found in (rank.scores(0), rank.scores(0, 12, refined=True)):
                for row in found[found.node != 0].itertuples():
                    if row.error > 0:
                        z.append((row.value - want[row.node]) / row.error)
    z = np.array(z)
    assert len(z) > 300
    assert 0.8 < math.sqrt((z**2).mean()) < 1.2
    assert abs(z).max() < 6


def test_changed_graphs_have_the_scores_of_fresh_ones():
    edges = random_edges(3)
    with rap.MeritRank(seed=1) as rank:
        rank.load(edges[::2])
        rank.scores(0)
        for s, d, w in edges[1::2]:
            rank.set(s, d, 2 * w)
            rank.set(s, d, w)
        rank.set(0, 11, 3)
        rank.delete(0, 11)
        edges = [e for e in edges if e[:2] != (0, 11)]
        want = exact_scores(edges, 0)
        found = rank.scores(0)
        assert rank.usage().edges == len(edges)
        for row in found.itertuples():
            assert abs(row.value - want[row.node]) < 5 * row.error


def test_columns_and_frames_agree():
    with rap.MeritRank.from_edges(TRIANGLE) as rank:
        columns = rank.columns("a")
        assert columns["node"].dtype == np.uint32
        assert columns["value"].dtype == columns["error"].dtype == np.float64
        frame = rank.scores("a")
        assert [rank.nodes[n] for n in columns["node"]] == list(frame.node) == ["a", "c", "b"]
        assert list(frame.value) == list(columns["value"])
        assert frame.value.is_monotonic_decreasing
        assert rank.scores("a", top=2).equals(frame[:2])
        assert rank.score("a", "c") == frame.value[1]
        assert rank.score("c", "a") == 0.0
        assert rank.edges().to_dict("list") == {
            "source": ["a", "a", "b"],
            "target": ["b", "c", "c"],
            "weight": [1.0, 1.0, 1.0],
        }
        assert repr(rank) == "<MeritRank 3 nodes, 3 edges, walks of 2 egos>"


def test_a_seed_decides():
    def scores(seed):
        with rap.MeritRank.from_edges(random_edges(5), seed=seed) as rank:
            return rank.columns(0)["value"].tolist()

    assert scores(1) == scores(1)
    assert scores(1) != scores(2)


def test_mutual():
    with rap.MeritRank.from_edges([(0, 1, 2), (1, 0, 1), (0, 2, 1), (2, 0, -1)]) as rank:
        frame = rank.mutual(0)
        assert list(frame.node) == [1, 2]
        assert frame.back_value[0] > 0 > frame.back_value[1]
        assert frame.back_value[0] == rank.score(1, 0)


def test_networkx():
    networkx = pytest.importorskip("networkx")
    graph = networkx.DiGraph()
    graph.add_edge("x", "y", weight=2.5)
    graph.add_edge("y", "z", trust=-1.0)
    graph.add_node("alone")
    with rap.MeritRank.from_networkx(graph) as rank:
        assert rank.nodes == ["x", "y", "z", "alone"]
        assert list(rank.edges().weight) == [2.5, 1.0]
        assert list(rank.scores("alone").value) == [1.0]
    with rap.MeritRank.from_networkx(graph, weight="trust") as rank:
        assert list(rank.edges().weight) == [1.0, -1.0]
    with rap.MeritRank.from_networkx(networkx.path_graph(3)) as rank:
        assert rank.usage().edges == 4


def test_arrays_and_many_edges():
    n = 600_000  # more than fit into one command
    sources = np.arange(n) % 1000
    targets = (sources + 1 + np.arange(n) // 1000) % 1000
    with rap.MeritRank(walks=100) as rank:
        rank.load_arrays(sources, targets, np.ones(n))
        assert rank.usage().edges == n
        assert rank.nodes[:3] == [0, 1, 2]
        with pytest.raises(ValueError, match="2 sources, 1 targets"):
            rank.load_arrays([1, 2], [3], [1.0])


def test_egos_give_way():
    with rap.MeritRank.from_edges(random_edges(7), egos=2, walks=500) as rank:
        first = rank.columns(0)
        for ego in range(1, 6):
            rank.columns(ego)
        usage = rank.usage()
        assert usage.egos == 2
        assert usage.walk_nodes > 1000
        assert rank.columns(0)["value"].tolist() == first["value"].tolist()
        rank.forget(0)
        assert rank.usage().egos == 1


def test_evidence_ages():
    with rap.MeritRank(half_life=10.0, epsilon=0.1) as rank:
        assert rank.observe(0, 1, 1.0, at=0)
        assert rank.observe(0, 2, 1.0, at=30)
        assert not rank.observe(0, 2, 1.02, at=30)
        old, new = rank.edges().weight
        assert new / old == pytest.approx(8)
    with rap.MeritRank() as rank, pytest.raises(BadEventError, match="half_life"):
        rank.observe(0, 1, 1.0, at=0)


def test_refusals():
    with rap.MeritRank(nodes=4, edges=2) as rank:
        rank.set(0, 1, 1.0)
        with pytest.raises(BadEventError, match="to itself"):
            rank.set(1, 1, 1.0)
        for weight in (math.nan, math.inf, 1e300):
            with pytest.raises(BadEventError, match="weight out of range"):
                rank.set(0, 1, weight)
        rank.set(0, 2, 1.0)
        with pytest.raises(BadEventError, match="too many edges"):
            rank.set(0, 3, 1.0)
        with pytest.raises(BadEventError, match="edge 1: .*node out of range"):
            rank.load([(0, 1, 1.0), (0, 99, 1.0), (98, 97, 1.0)])
        with pytest.raises(KeyError, match="'nobody'"):
            rank.scores("nobody")
        for bad in (0, -1):
            with pytest.raises(ValueError, match="top is"):
                rank.scores(0, bad)
        with pytest.raises(ValueError, match="refined needs top"):
            rank.scores(0, refined=True)
        with pytest.raises(ValueError, match="an edge is"):
            rank.load([(1,)])
        assert rank.usage().edges == 2
    with pytest.raises(ClosedError):
        rank.scores(0)
    assert repr(rank) == "<MeritRank closed>"
    rank.close()


@pytest.mark.parametrize(
    "config",
    [
        {"walks": -1},
        {"alpha": 1.0},
        {"beta": 1.5},
        {"threshold": -1.0},
        {"egos": -1},
        {"half_life": -1.0},
        {"half_life": 1.0, "epsilon": 2.0},
        {"nodes": 1 << 40},
    ],
)
def test_bad_configs(config):
    with pytest.raises(BadConfigError):
        rap.MeritRank(**config)


def test_bytes_that_are_no_commands():
    """What a foreign host may send is refused, and the ranking goes on."""
    with Handle("meritrank") as handle:
        for command in (
            wire.LoadEdges(b"\0" * 15),
            wire.ObserveEdges(b"\0" * 16, b""),
            wire.ForgetEgo(1 << 40),
            wire.GetEdges(),
        ):
            with pytest.raises(BadEventError, match="^event 0|event 0"):
                handle.step(wire.encode_command(command))
        for query in (
            b"",
            b"scores",
            wire.encode_command(wire.GetRankUsage()),
            wire.encode_command(wire.GetScores(1 << 40)),
            wire.encode_command(wire.GetScores(0, 0, True)),
            wire.encode_command(wire.GetEdges()) * 2,
        ):
            with pytest.raises(BadEventError):
                handle.columns(query)
        assert wire.decode_rank_answers(handle.step(wire.encode_command(wire.GetRankUsage())))

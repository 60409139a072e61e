"""The lab from Python. What policies choose is tested in Go."""

from __future__ import annotations

import numpy as np
import pytest

import rapprochement as rap
from rapprochement.errors import BadConfigError, ClosedError


def run(rounds=6, peers=40, **config):
    with rap.Lab(peers, **config) as lab:
        lab.run(rounds, progress=False)
        return lab.rounds(), lab.nodes(), lab.slots(), lab.audit


def plane(n, seed=1):
    """Round trips in ms between points on a plane."""
    points = np.random.default_rng(seed).uniform(0, 200, (n, 2))
    return np.hypot(*(points[:, None] - points[None]).transpose(2, 0, 1)) + 1


def test_peers_find_the_nearest():
    rounds, nodes, slots, _ = run(rounds=10, peers=60, seed=3)
    assert list(rounds["round"]) == list(range(1, 11))
    assert rounds["ratio"].iloc[0] > 1.5 * rounds["ratio"].iloc[-1]
    assert 0.99 < rounds["ratio"].iloc[-1] < 1.2
    assert nodes["mean_ms"].sum() / nodes["oracle_ms"].sum() == pytest.approx(
        rounds["ratio"].iloc[-1]
    )
    assert len(slots) == 60 * 8 and slots["random"].sum() == 60 * 2
    assert (slots["node"] != slots["peer"]).all()
    assert (nodes["measured"] >= 10).all() and (nodes["measured"] < 60).all()


def test_the_best_slots_are_near_in_a_matrix_of_ones_own():
    rtt = plane(50)
    with rap.Lab(rtt, np.zeros_like(rtt), seed=1) as lab:
        lab.run(15, progress=False)
        best = lab.slots().query("not random")
        own = rtt[best["node"], best["peer"]].reshape(50, 6).mean(axis=1)
        assert np.allclose(own, lab.nodes()["mean_ms"])
    np.fill_diagonal(rtt, np.inf)
    oracle = np.sort(rtt, axis=1)[:, :6].mean()
    assert own.mean() < 1.15 * oracle


def test_equal_arguments_give_equal_runs():
    first, again, other = run(seed=5), run(seed=5), run(seed=6)
    assert first[3] == again[3] != other[3]
    assert len(first[3]) == 64 and first[3] != run(rounds=5, seed=5)[3]
    assert first[0].equals(again[0]) and first[1].equals(again[1]) and first[2].equals(again[2])


def test_ranking_keeps_liars_out():
    kept = {
        trust: run(rounds=12, peers=60, seed=2, liars=0.3, trust=trust)[0]["liar_share"].iloc[-1]
        for trust in ("credulous", "ranked")
    }
    assert kept["ranked"] < 0.5 * kept["credulous"]
    nodes = run(peers=60, liars=0.3)[1]
    assert nodes["liar"].sum() == 18


def test_rounds_go_on_from_where_they_were():
    with rap.Lab(30, seed=4) as lab:
        assert lab.audit == "00" * 32 and "after 0 rounds" in repr(lab)
        lab.run(2, progress=False)
        assert len(lab.run(3, progress=False)) == 5
        assert lab.audit == run(rounds=5, peers=30, seed=4)[3]
        with pytest.raises(ValueError, match="rounds is -1"):
            lab.run(-1)
    assert repr(lab) == "<Lab closed>"
    for use in (lab.nodes, lab.slots, lambda: lab.run(1)):
        with pytest.raises(ClosedError):
            use()


@pytest.mark.parametrize(
    ("peers", "config", "error", "says"),
    [
        (1, {}, BadConfigError, "start is 8, want at least one and fewer"),
        (5000, {}, BadConfigError, "5000 nodes, want 2 to 4096"),
        (20, {"start": 20}, BadConfigError, "fewer than the 20 nodes"),
        (20, {"liars": 1.0}, BadConfigError, "liars is 1"),
        (20, {"liars": float("nan")}, ValueError, "liars is nan"),
        (20, {"delay_ms": -1}, BadConfigError, "delay is"),
        (20, {"trust": "blind"}, BadConfigError, "credulous checked ranked"),
        (20, {"noise_ms": np.ones((20, 20))}, ValueError, "goes with a matrix"),
        (np.ones((3, 4)), {}, ValueError, r"shape \(3, 4\)"),
        (np.ones((20, 20)), {"noise_ms": np.ones((3, 3))}, ValueError, "two squares alike"),
        (np.full((20, 20), np.nan), {}, ValueError, "not a finite number"),
        (-np.ones((20, 20)), {}, BadConfigError, "between its noise and an hour"),
        (np.ones((20, 20)), {"noise_ms": 2 * np.ones((20, 20))}, BadConfigError, "between its noise"),
    ],
)
def test_what_cannot_be_is_refused(peers, config, error, says):
    with pytest.raises(error, match=says):
        rap.Lab(peers, **config)

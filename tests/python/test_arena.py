"""PeerSwap from Python: shapes, errors, and that runs repeat."""

from __future__ import annotations

import cbor2
import numpy as np
import pytest

import rapprochement as rap
from rapprochement._native import Handle
from rapprochement.errors import BadConfigError, BadEventError


def test_runs_keep_the_graph_regular():
    edges, counts = rap.peerswap(32, 5, [2, 6], seed=3, geographic=True)
    assert edges.shape == (2, 32, 5) and edges.dtype == np.int32
    for look in edges:
        assert (np.bincount(look.ravel(), minlength=32) == 5).all()
        for peer, row in enumerate(look):
            assert len(set(row)) == 5 and peer not in row
            assert all(peer in look[neighbour] for neighbour in row)
    assert counts["swaps"] >= 96 and counts["lost"] == 0 and counts["now_ns"] > 10e9
    failed = counts["busy"] + counts["refused"] + counts["broken"]
    assert counts["rings"] == counts["swaps"] + failed


def test_seeds_choose_the_run_and_the_graph():
    def run(**seeds):
        return rap.peerswap(16, 3, [1], **seeds)[0].tolist()

    assert run(seed=1) == run(seed=1) != run(seed=2)
    assert run(graph=1) != run(graph=2)


def test_without_delays_no_swap_meets_another():
    _, counts = rap.peerswap(32, 4, [8])
    assert counts["busy"] == counts["refused"] == counts["broken"] == 0


@pytest.mark.parametrize(
    "bad",
    [
        {"peers": 4, "degree": 4},
        {"peers": 5, "degree": 3},
        {"degree": 1},
        {"degree": 33},
        {"peers": 1 << 20},
        {"every": 0.0},
        {"every": 1e9},
    ],
)
def test_bad_configs(bad):
    with pytest.raises(BadConfigError, match="want"):
        rap.peerswap(**{"peers": 40, "degree": 4, "swaps": [1], **bad})


def test_what_can_not_be_done_is_refused():
    with pytest.raises(BadEventError, match="at most"):
        rap.peerswap(64, 4, [1e6])
    config = {"peers": 8, "degree": 3, "every_ns": 10**9, "graph": 0, "seed": 0, "geographic": False}
    with Handle("arena", cbor2.dumps(config, canonical=True)) as arena:
        with pytest.raises(BadEventError, match="table"):
            arena.columns(b"edges")
        with pytest.raises(BadEventError):
            arena.step(b"\xff")

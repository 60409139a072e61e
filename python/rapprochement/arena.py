"""Policies of the overlay that speak with each other, run without nodes.

    edges, counts = rap.peerswap(64, 4, swaps=[5, 10], seed=1)
    edges[1][0]                               # peer 0's neighbours after ten swaps each

`peerswap` lets neighbours exchange their places (see docs/overlay.md): the code is that
of the engine's policy, the network a small model of connections that take their time.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import cbor2

from ._native import Handle

if TYPE_CHECKING:
    import numpy as np

__all__ = ["peerswap"]


def peerswap(
    peers: int,
    degree: int,
    swaps: Sequence[float],
    *,
    seed: int = 0,
    graph: int = 0,
    every: float = 35.0,
    geographic: bool = False,
) -> tuple[np.ndarray, dict[str, int]]:
    """One run of PeerSwap, looked at after so many ``swaps`` of each peer, in rising order.

    It begins with a random regular graph, which the seed ``graph`` chooses: ``peers``
    (up to 8,192) with ``degree`` (2 to 32) neighbours each. The clock of an edge rings
    ``every`` so many seconds on average. Messages take no time, or with ``geographic``
    what they take between cities, in which ``seed`` puts the peers at random. The same
    arguments give the same run.

    Returns the neighbours, an int32 array of shape (``len(swaps)``, ``peers``,
    ``degree``), and counts of the whole run: ``rings`` of clocks, and what became of
    them: ``swaps``, ``busy`` (the peer or the edge in another swap), ``refused`` (the
    other one was), ``broken``; ``lost`` ends of edges, ``messages``, and ``now_ns``, how
    long it took in the model.

    Raises `BadConfigError` for what is out of range, and `BadEventError` for more than
    262,144 swaps between two looks or clocks too fast for the network.
    """
    import numpy as np

    config = {
        "peers": peers,
        "degree": degree,
        "every_ns": round(every * 1e9),
        "graph": graph,
        "seed": seed,
        "geographic": geographic,
    }
    looks, counts = [], {}
    with Handle("arena", cbor2.dumps(config, canonical=True)) as arena:
        for each in swaps:
            counts = cbor2.loads(arena.step(cbor2.dumps({"swaps": int(each * peers / 2)})))
            looks.append(arena.columns()["neighbour"].reshape(peers, degree))
    return np.array(looks, np.int32), counts

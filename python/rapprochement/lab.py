"""Finding near peers, a round at a time and without nodes: thousands of peers on a matrix
of round trips.

    with rap.Lab(1000, seed=1) as lab:        # or Lab(rtt_ms), a measured matrix
        rounds = lab.run(100)                 # a row for each round
        lab.nodes(), lab.slots()              # how things stand now

Every peer pings those that it is connected to and up to three others, publishes what it
measured, reads what all others did, and chooses anew whom to stay connected to: the six
nearest and two at random, by the same code as the service ``rtt`` of real nodes. See
``docs/overlay.md`` and the package ``engine/overlay/lab``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import cbor2

from ._closing import Closing
from ._native import Handle
from ._tool import settings
from .errors import ClosedError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pandas as pd

__all__ = ["Lab"]


class Lab(Closing):
    """One run. The same arguments give the same run, to the last bit.

    ``peers`` is a number of them, 2 to 4,096, which then stand in large cities in turn,
    or a square array of mean round-trip times in ms. ``noise_ms`` is the mean of the
    noise in each of them, which is exponential: a tenth unless given. ``seed`` is 0 to
    2^64 - 1. ``start`` is how many random peers each begins with.

    ``liars``, 0 to below 1, is the share of peers that collude: they claim a millisecond
    to each other, say that they are in the middle of everything, hold their answers to
    honest peers back by ``delay_ms``, speak well of each other and ill of the rest.
    ``trust`` is what the honest make of what others say: ``"credulous"``, everything is
    taken at face value; ``"checked"``, claims count by how well they fit what the peer
    measured itself; ``"ranked"``, and by the rank of who makes them, by MeritRank.

    Raises `BadConfigError` for values that can't be, which it says.
    """

    def __init__(
        self,
        peers: int | npt.ArrayLike,
        noise_ms: npt.ArrayLike | None = None,
        *,
        seed: int = 0,
        start: int = 8,
        liars: float = 0.0,
        delay_ms: float = 0.0,
        trust: str = "checked",
    ) -> None:
        config: dict[str, Any] = {
            "seed": seed,
            "start": start,
            "liars": float(liars),
            "delay_ns": round(delay_ms * 1e6),
            "trust": trust,
        }
        if isinstance(peers, int):
            if noise_ms is not None:
                raise ValueError("noise_ms goes with a matrix of round trips, not with a number of peers")
            config["nodes"] = peers
        else:
            config.update(_matrix(peers, noise_ms))
        #: How many peers there are.
        self.peers: int = config["nodes"]
        self._handle = Handle("lab", settings(config))
        self._states: list[dict[str, Any]] = []

    def run(self, rounds: int, *, progress: bool = True) -> pd.DataFrame:
        """Lets so many more rounds pass, with a progress bar if that takes a while, and
        returns `rounds`. Ctrl-C ends it after the round in progress."""
        if rounds < 0:
            raise ValueError(f"rounds is {rounds}, want at least 0")
        self._check()
        from rich.console import Console
        from rich.progress import track

        console = Console(stderr=True)
        steps = track(
            range(rounds),
            "rounds",
            console=console,
            transient=True,
            disable=not (progress and (console.is_terminal or console.is_jupyter)),
        )
        for _ in steps:
            self._states.append(cbor2.loads(self._handle.step(_ROUND)))
        return self.rounds()

    def rounds(self) -> pd.DataFrame:
        """A row for each round so far: ``round``, from 1; ``ratio``, the mean round trip
        to the best slots of honest peers divided by what an oracle would choose among
        honest peers; ``liar_share`` of the honest peers' slots."""
        import pandas as pd

        return pd.DataFrame(
            {
                "round": range(1, len(self._states) + 1),
                "ratio": [state["ratio"] for state in self._states],
                "liar_share": [state["liar_share"] for state in self._states],
            }
        )

    def nodes(self) -> pd.DataFrame:
        """A row for each peer: whether it is a ``liar``; ``mean_ms`` and ``oracle_ms``, the
        mean round trip to its best slots and to as many nearest honest peers;
        ``liar_share`` of its slots; how many peers it has ``measured``."""
        import pandas as pd

        found = self._columns(b"nodes")
        return pd.DataFrame(
            {
                "liar": found["liar"].astype(bool),
                "mean_ms": found["mean_ns"] / 1e6,
                "oracle_ms": found["oracle_ns"] / 1e6,
                "liar_share": found["liar_share"],
                "measured": found["measured"],
            }
        )

    def slots(self) -> pd.DataFrame:
        """A row for each slot: ``node``, ``peer``, and whether it is one at ``random``; by
        node, the best first."""
        import pandas as pd

        found = self._columns(b"slots")
        return pd.DataFrame(
            {"node": found["node"], "peer": found["peer"], "random": found["random"].astype(bool)}
        )

    @property
    def audit(self) -> str:
        """A hash of all choices so far, as hexadecimal digits: equal for equal runs."""
        return self._states[-1]["audit"].hex() if self._states else "00" * 32

    def _columns(self, table: bytes) -> dict[str, np.ndarray[Any, Any]]:
        self._check()
        return self._handle.columns(table)

    def _check(self) -> None:
        if self._handle.closed:
            raise ClosedError("this lab is closed; make another one")

    def close(self) -> None:
        """Gives the memory back. Closing again does nothing."""
        self._handle.close()

    def __repr__(self) -> str:
        if self._handle.closed:
            return "<Lab closed>"
        after = f"after {len(self._states)} rounds"
        if self._states:
            after += f", {self._states[-1]['ratio']:.3f} of the oracle"
        return f"<Lab {self.peers} peers, {after}>"


#: The event that asks for a round.
_ROUND = cbor2.dumps({})


def _matrix(rtt_ms: npt.ArrayLike, noise_ms: npt.ArrayLike | None) -> dict[str, Any]:
    """What the engine takes of a matrix."""
    import numpy as np

    rtt = np.asarray(rtt_ms, dtype=np.float64)
    noise = rtt / 10 if noise_ms is None else np.asarray(noise_ms, dtype=np.float64)
    if rtt.ndim != 2 or rtt.shape[0] != rtt.shape[1] or noise.shape != rtt.shape:
        raise ValueError(
            f"round trips of shape {rtt.shape} and noise of shape {noise.shape}, want two squares alike"
        )
    if not (np.isfinite(rtt).all() and np.isfinite(noise).all()):
        raise ValueError("a round trip or its noise is not a finite number")
    mean, floor = (np.rint(each * 1e6).astype("<i8").tobytes() for each in (rtt, noise))
    return {"nodes": rtt.shape[0], "mean": mean, "noise": floor}

"""What simulating the choice of peers costs from Python.

    python -m rapprochement._bench_peers

prints one JSON object per line: name, value, unit, parameters, machine.

- ``rtt_world_s``: 1,000 peers in cities for 100 rounds, with every round's results fetched,
  three runs, of which the median is printed. All have to end with the same audit hash.
"""

from __future__ import annotations

import statistics
import time

from ._bench import report
from .lab import Lab

_PEERS, _ROUNDS, _RUNS = 1_000, 100, 3


def main() -> None:
    """Measures and prints. Raises `RuntimeError` if two runs differ."""
    seconds, audits = [], set()
    for _ in range(_RUNS):
        began = time.perf_counter()
        with Lab(_PEERS, seed=1) as lab:
            rounds = lab.run(_ROUNDS)
            audits.add(lab.audit)
        seconds.append(time.perf_counter() - began)
    if len(audits) > 1:
        raise RuntimeError(f"{_RUNS} runs of one seed have the audit hashes {sorted(audits)}")
    parameters = {
        "peers": _PEERS,
        "rounds": _ROUNDS,
        "runs": _RUNS,
        "ratio": round(float(rounds["ratio"].iloc[-1]), 4),
        "audit": audits.pop(),
    }
    report("rtt_world_s", statistics.median(seconds), "s", parameters)


if __name__ == "__main__":
    main()

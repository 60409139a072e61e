"""Strategies side by side: which way of finding the difference is best, for which data
and which network.

    table = rap.compare(["riblt", "full"], ["uniform", "updates"], differ=[10, 1000])
    print(summary(table))                     # medians over the seeds
    plots.save(table, "out/compare")          # `rapprochement.plot_comparison`

Two real nodes hold two sets that differ by a workload, meet over a modelled link, and
what that costs is measured: see the package ``engine/sim/compare`` and
``docs/comparison.md``. `choices` names the workloads and networks.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cbor2

from . import node as _node
from ._native import Handle
from ._tool import ask
from .errors import CanceledError

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["BY", "choices", "compare", "pareto", "strategies", "summary"]

#: What a row of `summary` stands for: every combination of these.
BY = ["workload", "network", "records", "differ", "strategy"]


def strategies() -> list[str]:
    """The strategies that nodes can run."""
    names: list[str] = ask({"op": "strategies"})["strategies"]
    return names


def choices() -> dict[str, dict[str, str]]:
    """The ``workloads`` and ``networks`` that can be named, each with a line about it."""
    with Handle("compare", cbor2.dumps({})) as bench:
        answer = cbor2.loads(bench.step(cbor2.dumps({"strategy": ""})))
    return {
        kind: {one["name"]: one["about"] for one in answer[kind]}
        for kind in ("workloads", "networks")
    }


@dataclass(frozen=True)
class _Case:
    """One measurement."""

    workload: str
    network: str
    records: int
    differ: int
    strategy: str
    seed: int


def compare(
    strategies: Sequence[str],
    workloads: Sequence[str] = ("uniform",),
    networks: Sequence[str] = ("wan",),
    *,
    records: Sequence[int] = (10_000,),
    differ: Sequence[int] = (10, 100, 1000),
    seeds: Iterable[int] = range(3),
    own: bytes | str | os.PathLike[str] | None = None,
    progress: bool = True,
) -> pd.DataFrame:
    """Measures every combination and gives a table with a row for each.

    A strategy may be several in order of preference, ``"frontier+riblt"``: the next one
    takes over where the first can't finish. ``records`` is what both sides hold,
    ``differ`` how many records one of them lacks, 0 to 10,000,000 each. ``own`` is an
    export of a space (`Node.export_space`, or a file of it) for the workload
    ``"records"``, which draws the difference from it.

    Columns: the case; ``converged``, ``sessions``, ``rounds``; ``elapsed_s``, simulated,
    from the opening of the first session to the last record's arrival; the bytes
    ``up`` and ``down`` of sessions, of ``control`` and ``resent``, and their sum
    ``overhead``, all without records; ``per_difference``, that sum for each missing
    record; ``record_bytes``, ``canonical_bytes`` and their quotient with the overhead,
    ``sync_ratio``; ``missing`` and ``duplicate`` records; CPU of this machine in seconds,
    ``initiator_s``, ``responder_s`` and, for building the summaries, ``cold_s``;
    ``kept_bytes`` of memory. What is simulated depends on the case alone.

    Raises `BadEventError` for a name or number that can't be, which it says.
    Ctrl-C ends the measurement in progress and is raised as `KeyboardInterrupt`.
    """
    import pandas as pd

    sizes = [0] if list(workloads) == ["records"] else list(records)
    cases = [
        _Case(workload, network, n, d, strategy, seed)
        for n in sizes
        for workload in workloads
        for d in ([0] if workload in ("equal", "empty") else differ)
        for network in networks
        for seed in seeds
        for strategy in strategies  # innermost: the bench keeps the difference
    ]
    with Handle("compare", cbor2.dumps(_own(own))) as bench:
        rows = [_flat(_measure(bench, case)) for case in _watched(cases, progress)]
    return pd.DataFrame(rows)


def _own(source: bytes | str | os.PathLike[str] | None) -> dict[str, bytes]:
    """What the engine takes of an export of a space."""
    if source is None:
        return {}
    data = source if isinstance(source, bytes) else Path(source).read_bytes()
    genesis, chunks = _node.read_space(data)
    return {"genesis": genesis, "envelopes": b"".join(chunks)}


def _watched(cases: Sequence[_Case], progress: bool) -> Iterator[_Case]:
    """The cases, with a progress bar that says which one is measured."""
    if not progress:
        yield from cases
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.description}"),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=len(cases))
        for case in cases:
            about = f"{case.workload} {case.network} n={case.records:,} d={case.differ:,}"
            bar.update(task, description=f"{about} {case.strategy}")
            yield case
            bar.advance(task)


def _measure(bench: Handle, case: _Case) -> dict[str, Any]:
    """One case, in a thread of its own so that Ctrl-C reaches this one."""
    answer: list[dict[str, Any]] = []
    failure: list[BaseException] = []

    def work() -> None:
        try:
            answer.append(cbor2.loads(bench.step(cbor2.dumps(vars(case), canonical=True))))
        except BaseException as error:  # noqa: BLE001: it is raised where the caller is
            failure.append(error)

    thread = threading.Thread(target=work, name="compare", daemon=True)
    thread.start()
    try:
        while thread.is_alive():
            thread.join(0.1)
    except KeyboardInterrupt:
        while thread.is_alive():
            bench.cancel()
            thread.join(0.05)
        raise
    if failure:
        if isinstance(failure[0], CanceledError):
            raise KeyboardInterrupt from failure[0]
        raise failure[0]
    return answer[0]


def _flat(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row of the table."""
    case, cost = row["case"], row["records"]
    overhead = row["reconcile_up"] + row["reconcile_down"] + row["control"] + row["resent"]
    missing, canonical = cost["missing"], cost["canonical"]
    return {
        **{name: case[name] for name in [*BY, "seed"]},
        "converged": row["converged"],
        "sessions": row["sessions"],
        "rounds": row["rounds"],
        "elapsed_s": row["elapsed_ns"] / 1e9,
        "up": row["reconcile_up"],
        "down": row["reconcile_down"],
        "control": row["control"],
        "resent": row["resent"],
        "overhead": overhead,
        "per_difference": overhead / missing if missing else float("nan"),
        "record_bytes": cost["bytes"],
        "canonical_bytes": canonical,
        "sync_ratio": (overhead + cost["bytes"]) / canonical if canonical else float("nan"),
        "missing": missing,
        "duplicate": cost["duplicate"],
        "initiator_s": row["initiator_ns"] / 1e9,
        "responder_s": row["responder_ns"] / 1e9,
        "cold_s": row["cold_ns"] / 1e9,
        "kept_bytes": row["kept_bytes"],
    }


def summary(table: pd.DataFrame) -> pd.DataFrame:
    """The medians over the seeds, a row for each combination of `BY`, with ``elapsed_p99_s``
    beside them and ``best``: whether nothing else needs both fewer bytes and less time
    in that row's situation (the Pareto front)."""
    import pandas as pd

    rows = []
    for key, group in table.groupby(BY, sort=False):
        numbers = group.drop(columns=[*BY, "seed", "converged"])
        rows.append(
            {
                **dict(zip(BY, key)),
                "runs": len(group),
                "converged": int(group["converged"].sum()),
                **numbers.median().to_dict(),
                "elapsed_p99_s": float(group["elapsed_s"].quantile(0.99)),
            }
        )
    result = pd.DataFrame(rows)
    result["best"] = False
    for _, group in result.groupby(BY[:-1], sort=False):
        result.loc[group.index, "best"] = pareto(group["overhead"], group["elapsed_s"])
    return result


def pareto(x: Sequence[float], y: Sequence[float]) -> list[bool]:
    """For each point whether no other one is at most as large in both and smaller in one."""
    points = list(zip(x, y))
    return [
        not any(a <= px and b <= py and (a < px or b < py) for a, b in points) for px, py in points
    ]

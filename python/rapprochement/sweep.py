"""Many runs: a scenario with several seeds and several changes, as one table.

    table = sweep("repair", seeds=range(10), vary={"node.strategies": [["riblt"], ["full"]]})
    table.groupby("node.strategies")["total_bytes_reconcile"].median()

Runs are independent, so they go through any `concurrent.futures.Executor`: by
default through processes started afresh (the engine does not survive a fork), as
many as the machine has cores. What has been computed before, by the same engine, is
read from a cache: a run is a function of scenario, files, seed and engine.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import multiprocessing
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, Future, ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import _native, scenarios
from .scenario import Scenario
from .world import World

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["CACHE", "sweep"]

#: Where results are kept, unless told otherwise.
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "rapprochement" / "runs"


@dataclass(frozen=True)
class _Job:
    """One run: what the engine gets, and what the row says of it."""

    scenario: Scenario
    columns: Mapping[str, Any]

    def key(self) -> str:
        """The name of the result in a cache."""
        files = {
            name: hashlib.sha256(data).hexdigest() for name, data in self.scenario.files.items()
        }
        parts = [
            _engine(),
            self.scenario.text,
            str(self.scenario.seed),
            json.dumps(files, sort_keys=True),
        ]
        return hashlib.sha256("\0".join(parts).encode()).hexdigest()


@lru_cache(maxsize=1)
def _engine() -> str:
    """The engine that computes: the hash of the library, since every change of its code
    may change what a run does."""
    return hashlib.sha256(_native._find_library().read_bytes()).hexdigest()


def sweep(
    scenario: str,
    seeds: Iterable[int] = range(5),
    vary: Mapping[str, Sequence[Any]] | None = None,
    *,
    changes: Iterable[str] = (),
    executor: Executor | None = None,
    cache: Path | str | None = CACHE,
    progress: bool = True,
) -> pd.DataFrame:
    """Runs a scenario with every seed and every combination of the fields to vary.

    ``scenario`` is a path or the name of a scenario in the package; ``vary`` gives the
    values of fields by name (``{"links.loss": [0, 0.01]}``), ``changes`` are texts like
    ``nodes=50`` for all runs; ``cache`` is a directory, None for none. The table has a
    row for each run: seed, varied fields, and everything of `Result.as_dict`. Raises
    what `World.run` raises, and `ValueError` for a field or value that does not exist.
    """
    import pandas as pd

    jobs = list(_jobs(scenario, list(seeds), vary or {}, list(changes)))
    rows: list[dict[str, Any] | None] = [_read(job, cache) for job in jobs]
    todo = [i for i, row in enumerate(rows) if row is None]
    if todo and executor is not None:
        _compute(jobs, todo, rows, executor, cache, progress)
    elif todo:
        fresh = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(min(len(todo), os.cpu_count() or 1), mp_context=fresh) as pool:
            _compute(jobs, todo, rows, pool, cache, progress)
    return pd.DataFrame([{**job.columns, **(row or {})} for job, row in zip(jobs, rows)])


def _jobs(
    scenario: str, seeds: Sequence[int], vary: Mapping[str, Sequence[Any]], changes: Sequence[str]
) -> Iterator[_Job]:
    """All runs, in order of the combinations, then of the seeds."""
    for values in itertools.product(*vary.values()):
        varied = [f"{name}={json.dumps(value)}" for name, value in zip(vary, values)]
        checked = scenarios.load(scenario, [*changes, *varied])
        shown = {name: _shown(value) for name, value in zip(vary, values)}
        for seed in seeds:
            one = Scenario.of(checked, seed=seed)
            yield _Job(one, {"scenario": one.name, "seed": seed, **shown})


def _shown(value: Any) -> Any:
    """A value that a table can group by."""
    return ",".join(map(str, value)) if isinstance(value, list) else value


def _compute(
    jobs: Sequence[_Job],
    todo: Sequence[int],
    rows: list[dict[str, Any] | None],
    executor: Executor,
    cache: Path | str | None,
    progress: bool,
) -> None:
    """Fills in the rows that are to do."""
    futures: dict[Future[dict[str, Any]], int] = {
        executor.submit(_run, jobs[i].scenario): i for i in todo
    }
    try:
        for future in _watched(futures, progress):
            i = futures[future]
            rows[i] = future.result()
            _write(jobs[i], rows[i], cache)
    finally:
        for future in futures:
            future.cancel()


def _run(scenario: Scenario) -> dict[str, Any]:
    """One run, in whatever process it is."""
    with World(scenario) as world:
        row = world.run(progress=False).as_dict()
        row["violations"] = "; ".join(world.violations())
        return row


def _watched(
    futures: Mapping[Future[dict[str, Any]], int], progress: bool
) -> Iterator[Future[dict[str, Any]]]:
    """The futures as they complete, with a progress bar."""
    from rich.console import Console
    from rich.progress import track

    done = as_completed(futures)
    if not progress:
        return done
    console = Console(stderr=True)
    return iter(track(done, "runs", total=len(futures), console=console, transient=True))


def _read(job: _Job, cache: Path | str | None) -> dict[str, Any] | None:
    """A row from the cache."""
    if cache is None:
        return None
    try:
        row: dict[str, Any] = json.loads((Path(cache) / f"{job.key()}.json").read_text())
    except (OSError, ValueError):
        return None
    return row


def _write(job: _Job, row: dict[str, Any] | None, cache: Path | str | None) -> None:
    """Keeps a row, in one move, so that no reader sees a part of it."""
    if cache is None:
        return
    folder = Path(cache)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{job.key()}.json"
    part = path.with_suffix(f".{os.getpid()}")
    part.write_text(json.dumps(row))
    part.replace(path)

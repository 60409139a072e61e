"""The command ``rapprochement``: run scenarios, look at them, compare many runs."""

from __future__ import annotations

import argparse
import json
import os
import sys
import textwrap
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import _native, scenarios
from .errors import RapprochementError
from .metrics import TABLES, Result
from .scenario import Scenario
from .world import World

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from rich.console import Console

__all__ = ["main"]

#: Exit codes.
CONVERGED, BAD_INPUT, NOT_CONVERGED, INTERRUPTED = 0, 2, 3, 130

_EXIT_CODES = """\
exit codes:
  0    done; of run, demo and sweep: all nodes came to hold the same set
  2    bad input: the message says what to change
  3    a run ended before all nodes held the same set, or broke another rule
  130  stopped by Ctrl-C
"""

_MAIN = f"""\
Start here:
  rapprochement scenarios              what comes with the package
  rapprochement run first              run one of them, in less than a second
  rapprochement demo                   222 cities, loss, a partition; pictures in out/demo
  rapprochement scenarios first > my.toml
  rapprochement run my.toml --set links.loss=0.2

{_EXIT_CODES}"""

_RUN = f"""\
SCENARIO is a file, or the name of a scenario in the package ("rapprochement
scenarios" lists them). The same scenario and seed make the same run, to the last
byte: compare the audit hash.

Examples:
  rapprochement run first
  rapprochement run partition --seed 7 --plots --out out/partition
  rapprochement run my.toml --set links.loss=0.05 --set fault.0.until=40s
  rapprochement run repair --set 'node.strategies=["full"]'
  rapprochement run churn --json | jq .audit
  rapprochement run churn --columns churn.npz    (NumPy: arrays named series.at_ns, …)
  rapprochement run churn --columns churn.csv    (one file a table: churn.series.csv, …)

{_EXIT_CODES}"""

_DEMO = f"""\
Peers in 222 cities publish signed opinions about the round trips to their neighbours;
everything reaches everybody over a network that loses 1 % of the frames and is split
for twenty seconds. Round trips are those measured by WonderProxy if the file
wonderproxy222/rtt_avg_ms.csv is in ${scenarios.DATA_VARIABLE} or in ../shared/data beside
the repository; a model of distances between the same number of cities otherwise.

Examples:
  rapprochement demo
  rapprochement demo --twice --out out/demo      (run again, compare the audit hashes)
  rapprochement demo --set links.loss=0.1

{_EXIT_CODES}"""

_CHECK = f"""\
Reads a scenario as a run would, the files it names included, and says what it is.
With --run it runs it twice and checks what has to hold of every run: honest nodes that
are connected converge, within three intervals for each hop once nothing more goes
wrong (or expect.within); nothing acknowledged is lost; no honest node is blamed; both
runs have one audit hash. What fails is printed with the line that replays it.

Examples:
  rapprochement check my.toml
  rapprochement check demo --set nodes=1000
  rapprochement check partition --run --seed 7

{_EXIT_CODES}"""

_SHRINK = f"""\
Takes a scenario whose run fails (see "rapprochement check --run") and leaves out nodes,
faults and writes, and what makes links and nodes harder to follow, for as long as it
still fails in the same way. Prints the line that replays the least, and writes it as a
scenario. Ctrl-C ends the search with the best so far.

Examples:
  rapprochement shrink my.toml --seed 17
  rapprochement shrink partition --set expect.within=1s --out least.toml

{_EXIT_CODES}"""

_SWEEP = f"""\
Runs a scenario with several seeds, and with every combination of the values given
with --vary, on all cores. Prints the medians over the seeds. Runs done before by the
same engine come from a cache.

Examples:
  rapprochement sweep partition --seeds 1-20
  rapprochement sweep repair --vary 'node.strategies=["riblt"]|["frontier","full"]|["full"]'
  rapprochement sweep partition --vary links.loss=0|0.01|0.1 --seeds 1-5 --csv loss.csv

{_EXIT_CODES}"""

_COMPARE = f"""\
Two nodes hold two sets that differ, and meet. For every strategy, workload, network and
size: what finding the difference costs, and how long it takes. Medians over the seeds; a
star marks what nothing else beats in both bytes and time. "rapprochement compare --list"
explains workloads and networks. Several strategies joined by + take over from each
other. In bytes everything but the records counts, both ways; the ratio is of all bytes to
the canonical size of the missing records.

Examples:
  rapprochement compare
  rapprochement compare --strategies riblt,frontier+riblt,full --workloads updates,recent
  rapprochement compare --networks lan,satellite --records 1M --differ 10,1k --out out/compare
  rapprochement compare --own notes.space --differ 100     (of Node.export_space)

{_EXIT_CODES}"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command and gives its exit code."""
    options = _parser().parse_args(arguments)
    try:
        code: int = options.command(options)
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:  # the reader, head for example, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except (RapprochementError, ValueError, OSError) as error:
        print(f"rapprochement: {error}", file=sys.stderr)
        return BAD_INPUT
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "rapprochement",
        description="A sync engine for peer-to-peer networks, and the simulator that runs it.",
        epilog=_MAIN,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)

    def command(
        name: str, run: Callable[[argparse.Namespace], int], text: str, more: str
    ) -> argparse.ArgumentParser:
        sub = commands.add_parser(
            name, help=text, description=text[0].upper() + text[1:] + ".", epilog=more,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )  # fmt: skip
        sub.set_defaults(command=run)
        return sub

    run = command("run", _run, "run a scenario and print its table", _RUN)
    run.add_argument("scenario", metavar="SCENARIO")
    _run_options(run, None)
    _run_options(command("demo", _demo, "run the demonstration", _DEMO), Path("out/demo"))
    check = command("check", _check, "check a scenario without running it", _CHECK)
    check.add_argument("scenario", metavar="SCENARIO")
    _change_options(check)
    check.add_argument("--run", action="store_true", help="run it and check what has to hold")
    less = command("shrink", _shrink, "find the least of a failing scenario that fails", _SHRINK)
    less.add_argument("scenario", metavar="SCENARIO")
    _change_options(less)
    less.add_argument(
        "--out", type=Path, metavar="FILE", default=Path("shrunk.toml"),
        help="write the scenario that is left (default: shrunk.toml)",
    )  # fmt: skip
    less.add_argument("--no-progress", action="store_true", help="show no progress bar")
    listing = command(
        "scenarios", _scenarios, "list the scenarios in the package, or print one", _EXIT_CODES
    )
    listing.add_argument("name", nargs="?", metavar="NAME", help="print the text of this one")
    _sweep_options(command("sweep", _sweep, "run a scenario with many seeds and changes", _SWEEP))
    _compare_options(
        command("compare", _compare, "measure reconciliation strategies side by side", _COMPARE)
    )
    command("version", _version, "print the versions of the package and the engine", _EXIT_CODES)
    return parser


def _change_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--seed", type=int, metavar="N", help="a seed in place of the scenario's")
    parser.add_argument(
        "--set", action="append", default=[], dest="changes", metavar="FIELD=VALUE",
        help="change a field: links.loss=0.05, fault.0.until=40s; may be repeated",
    )  # fmt: skip


def _run_options(parser: argparse.ArgumentParser, out: Path | None) -> None:
    _change_options(parser)
    parser.add_argument("--until", metavar="TIME", help="stop at this simulated time: 30, 1m30s")
    parser.add_argument(
        "--out", type=Path, metavar="DIR", default=out,
        help="write result.json and scenario.toml, as it ran, into this directory"
        + (f" (default: {out})" if out else ""),
    )  # fmt: skip
    parser.add_argument(
        "--columns", type=Path, metavar="FILE",
        help="write all tables of results: .npz, .csv or .parquet (needs pyarrow)",
    )  # fmt: skip
    if out is None:
        parser.add_argument(
            "--plots", action="store_true", help="draw pictures into --out, or out/NAME"
        )
    else:
        parser.set_defaults(plots=True)
    parser.add_argument(
        "--twice", action="store_true", help="run again and compare the audit hashes"
    )
    parser.add_argument(
        "--json", action="store_true", help="print the result as JSON, not as a table"
    )
    parser.add_argument("--no-progress", action="store_true", help="show no progress bar")


def _sweep_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("scenario", nargs="+", metavar="SCENARIO")
    parser.add_argument("--seeds", default="1-5", metavar="A-B", help="the seeds (default: 1-5)")
    parser.add_argument(
        "--vary", action="append", default=[], metavar="FIELD=V1|V2",
        help="the values of a field; may be repeated: all combinations are run",
    )  # fmt: skip
    parser.add_argument(
        "--set", action="append", default=[], dest="changes", metavar="FIELD=VALUE",
        help="change a field in all runs",
    )  # fmt: skip
    parser.add_argument("--csv", type=Path, metavar="FILE", help="write a row for each run")
    parser.add_argument("--no-cache", action="store_true", help="compute everything again")
    parser.add_argument("--no-progress", action="store_true", help="show no progress bar")


def _compare_options(parser: argparse.ArgumentParser) -> None:
    def names(flag: str, default: str, text: str) -> None:
        parser.add_argument(flag, default=default, metavar="A,B", help=f"{text} (default: {default})")

    parser.add_argument(
        "--strategies", metavar="A,B", help="what to compare (default: all but full, salted)"
    )
    names("--workloads", "uniform,updates", "how the sets differ")
    names("--networks", "wan", "what the link is like")
    names("--records", "10k", "how many records both hold")
    names("--differ", "10,100,1k", "how many records one of them lacks")
    parser.add_argument("--seeds", default="1-3", metavar="A-B", help="the seeds (default: 1-3)")
    parser.add_argument(
        "--own", type=Path, metavar="FILE",
        help="an export of a space: draw the difference from its records",
    )  # fmt: skip
    parser.add_argument("--csv", type=Path, metavar="FILE", help="write a row for each run")
    parser.add_argument("--out", type=Path, metavar="DIR", help="draw pictures into this directory")
    parser.add_argument("--list", action="store_true", help="list what can be named, and stop")
    parser.add_argument("--no-progress", action="store_true", help="show no progress bar")


# --- run and demo -----------------------------------------------------------------


def _run(options: argparse.Namespace) -> int:
    scenario = scenarios.load(options.scenario, options.changes, options.seed)
    if options.plots and options.out is None:
        options.out = Path("out") / (scenario.name or "run")
    return _perform(scenario, options)


def _demo(options: argparse.Namespace) -> int:
    matrix = "wonderproxy222/rtt_avg_ms.csv"
    measured = []
    if scenarios.data(matrix):
        measured = ["links.latency=matrix", f"links.matrix={matrix}"]
        _say(f"round trips between 222 cities as measured: {matrix}")
    else:
        _say(f"{scenarios.missing(matrix)}.\nUsing the built-in model of distances instead.")
    scenario = scenarios.load("demo", [*measured, *options.changes], options.seed)
    return _perform(scenario, options)


def _say(text: str) -> None:
    """For people, beside the result."""
    print(text, file=sys.stderr)


def _perform(scenario: Scenario, options: argparse.Namespace) -> int:
    """Runs, prints, saves, and runs again if asked to."""
    _writable(options.columns)
    if options.out is not None:
        options.out.mkdir(parents=True, exist_ok=True)
    until = scenarios.seconds(options.until) if options.until else None
    with World(scenario) as world:
        began, stopped = _user_seconds(), False
        try:
            result = world.run(until, progress=not options.no_progress)
        except KeyboardInterrupt:
            result, stopped = world.result(), True
            _say(
                f"stopped by Ctrl-C at {result.now:.3f} s of simulated time; this is the run so far"
            )
        _print(scenario, result, _user_seconds() - began, options.json)
        _save(world, result, options)
    if stopped:
        return INTERRUPTED
    if options.twice and not _same_again(scenario, result, until, options):
        return NOT_CONVERGED
    return CONVERGED if result.converged else NOT_CONVERGED


def _user_seconds() -> float:
    """What this process has computed so far, the engine's threads included."""
    return os.times().user


def _same_again(
    scenario: Scenario, result: Result, until: float | None, options: argparse.Namespace
) -> bool:
    """Runs a second time and says whether that was the same run."""
    began = time.monotonic()
    with World(scenario) as world:
        again = world.run(until, progress=not options.no_progress)
    same = again.audit == result.audit
    verdict = (
        "the same audit hash" if same else f"ANOTHER audit hash: {again.audit}; please report this"
    )
    _say(f"run again in {time.monotonic() - began:.1f} s: {verdict}")
    return same


def _print(scenario: Scenario, result: Result, cpu: float, as_json: bool) -> None:
    if as_json:
        head = {"scenario": scenario.name, "seed": scenario.seed}
        print(_json({**head, **result.as_dict(), "cpu_user_s": round(cpu, 3)}))
    else:
        _table(scenario, result, cpu)


def _json(row: Mapping[str, Any]) -> str:
    """A row as JSON, which has no numbers that are none."""
    clean = {name: None if value != value else value for name, value in row.items()}
    return json.dumps(clean, indent=2, allow_nan=False)


def _table(scenario: Scenario, result: Result, cpu: float) -> None:
    """The table that a run ends in."""
    from rich import box
    from rich.table import Table

    table = Table(title=str(scenario), title_justify="left", box=box.SIMPLE_HEAD, show_header=False)
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for section in (_convergence_rows(result), _cost_rows(result), _end_rows(result, cpu)):
        for name, value in section:
            table.add_row(name, value)
        table.add_section()
    _console().print(table)


def _console() -> Console:
    from rich.console import Console

    # Where the output is no terminal, lines are not to be cut at 80 columns.
    return Console(highlight=False, width=None if sys.stdout.isatty() else 140)


def _convergence_rows(r: Result) -> list[tuple[str, str]]:
    if r.converged_at is not None:
        end = f"at {r.converged_at:.3f} s of simulated time"
    else:
        end = (
            f"no: {r.held:,} of at most {r.records * r.nodes:,} node-records held at {r.now:.3f} s"
        )
    return [
        ("converged", end),
        ("network", f"{r.nodes:,} nodes, {r.links:,} links, {r.records:,} records written"),
        (
            "a record to a node",
            f"{_quantiles(r.latency_p50, r.latency_p99)}, {_time(r.latency_max)} at most",
        ),
        ("a record to all nodes", _quantiles(r.spread_p50, r.spread_p99)),
    ]


def _cost_rows(r: Result) -> list[tuple[str, str]]:
    t, useful = r.totals, max(r.totals.useful, 1)
    purposes = {
        "records": t.bytes_records,
        "reconciliation": t.bytes_reconcile,
        "control": t.bytes_control,
        "sent again": t.bytes_resent,
    }
    parts = ", ".join(f"{name} {value / useful:.1f}" for name, value in purposes.items())
    lost = r.lost_chance + r.lost_queue + r.lost_partition
    return [
        ("bytes per useful record", f"{t.bytes_out / useful:.1f}: {parts}"),
        ("deliveries", f"{t.useful:,} useful, {t.duplicate:,} duplicate"),
        ("sessions", f"{t.sessions:,} sessions, {t.rounds:,} rounds"),
        ("frames", f"{r.frames_sent:,} sent, {lost:,} lost ({r.lost_partition:,} at partitions)"),
    ]


def _end_rows(r: Result, cpu: float) -> list[tuple[str, str]]:
    rows = [("CPU", f"{cpu:.1f} s of user time, not part of the audit"), ("audit hash", r.audit)]
    if r.refused:
        rows.insert(0, ("refused events", f"{r.refused:,}, the last: {r.last_refusal}"))
    if r.faults or r.equivocations:
        rows.insert(0, ("peers' faults", f"{r.faults:,}, equivocations {r.equivocations:,}"))
    return rows


def _quantiles(p50: float, p99: float) -> str:
    return f"p50 {_time(p50)}, p99 {_time(p99)}"


def _time(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.2f} s"


# --- files ------------------------------------------------------------------------


def _writable(path: Path | None) -> None:
    """Fails before a long run rather than after it."""
    if path is None:
        return
    if path.suffix not in (".npz", ".csv", ".parquet"):
        raise ValueError(f"--columns {path}: the name must end with .npz, .csv or .parquet")
    if path.suffix == ".parquet":
        try:
            import pyarrow  # noqa: F401
        except ImportError:
            raise ValueError(
                "--columns: .parquet needs pyarrow; pip install pyarrow, or use .npz"
            ) from None
    if not path.parent.is_dir():
        raise ValueError(f"--columns {path}: there is no directory {path.parent}")


def _save(world: World, result: Result, options: argparse.Namespace) -> None:
    """Writes what was asked for and says where it is."""
    paths: list[Path] = []
    if options.columns is not None:
        paths += _save_columns({name: world.columns(name) for name in TABLES}, options.columns)
    if options.out is not None:
        paths += [options.out / "result.json", options.out / "scenario.toml"]
        paths[-2].write_text(_json(result.as_dict()) + "\n", encoding="utf-8")
        paths[-1].write_text(world.scenario.text, encoding="utf-8")
    if options.plots:
        from . import plot

        paths += plot.save(world, options.out)
    if paths:
        _say("written: " + ", ".join(map(str, paths)))


def _save_columns(
    tables: Mapping[str, Mapping[str, np.ndarray[Any, Any]]], path: Path
) -> list[Path]:
    """Tables as one .npz file, or as one .csv or .parquet file each."""
    import numpy as np
    import pandas as pd

    if path.suffix == ".npz":
        arrays: dict[str, Any] = {
            f"{table}.{name}": column
            for table, columns in tables.items()
            for name, column in columns.items()
        }
        with path.open("wb") as file:
            np.savez_compressed(file, **arrays)
        return [path]
    paths = []
    for name, columns in tables.items():
        paths.append(path.with_suffix(f".{name}{path.suffix}"))
        frame = pd.DataFrame(columns)
        if path.suffix == ".csv":
            frame.to_csv(paths[-1], index=False)
        else:
            frame.to_parquet(paths[-1], index=False)
    return paths


# --- the other commands -----------------------------------------------------------


def _check(options: argparse.Namespace) -> int:
    scenario = scenarios.load(options.scenario, options.changes, options.seed)
    plan = scenario.plan()
    print(scenario)
    print(f"{len(plan['links']):,} links, {len(plan['actions']):,} events and faults")
    print(f"ends: {scenario.stop}")
    for name, content in scenario.files.items():
        print(f"reads {name}, {len(content):,} bytes")
    return _check_run(scenario, options) if options.run else 0


def _check_run(scenario: Scenario, options: argparse.Namespace) -> int:
    """Runs a scenario and says what does not hold of it."""
    from .shrink import failures, replay

    with World(scenario) as world:
        found = failures(world)
    line = replay(options.scenario, scenario.seed, options.changes)
    if not found:
        print("holds: converged in time, nothing lost, nobody blamed, twice the same")
        return CONVERGED
    for text in found:
        print(text)
    print(f"again: {line}")
    print(f"least: {line.replace(' check ', ' shrink ', 1).replace(' --run', '', 1)}")
    return NOT_CONVERGED


def _shrink(options: argparse.Namespace) -> int:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    from .shrink import shrink

    with Progress(
        BarColumn(), TextColumn("{task.description}"), TimeElapsedColumn(),
        console=Console(stderr=True), transient=True, disable=options.no_progress,
    ) as bar:  # fmt: skip
        task = bar.add_task("the first run", total=None)
        least = shrink(
            options.scenario, options.changes, options.seed,
            shown=lambda text, left: bar.update(task, description=text, total=1, completed=1 - left),
        )  # fmt: skip
    print(least)
    options.out.write_text(least.text, encoding="utf-8")
    print(f"written: {options.out}")
    print(f"again: {least.line(options.scenario)}")
    if not least.finished:
        print("stopped: there may be less", file=sys.stderr)
    return CONVERGED if least.finished else INTERRUPTED


def _scenarios(options: argparse.Namespace) -> int:
    if options.name:
        print(scenarios.find(options.name).read_text(encoding="utf-8"), end="")
        return 0
    for name, path in scenarios.shipped().items():
        text = path.read_text(encoding="utf-8")
        about = " ".join(line[2:] for line in text.split("\nname")[0].splitlines())
        print(textwrap.fill(about, 88, initial_indent=f"{name:11}", subsequent_indent=" " * 11))
    return 0


def _sweep(options: argparse.Namespace) -> int:
    import pandas as pd

    from .shrink import replay
    from .sweep import CACHE, sweep

    vary = dict(_values(text) for text in options.vary)
    tables = [
        sweep(
            name, _range(options.seeds), vary, changes=options.changes,
            cache=None if options.no_cache else CACHE, progress=not options.no_progress,
        )
        for name in options.scenario
    ]  # fmt: skip
    table = pd.concat(tables, ignore_index=True)
    if options.csv:
        _write_rows(table, options.csv)
    _print_sweep(table, ["scenario", *vary])
    failed = 0
    for name, runs in zip(options.scenario, tables):
        for _, row in runs[~runs["converged"] | (runs["violations"] != "")].iterrows():
            failed += 1
            varied = [f"{field}={row[field]}" for field in vary]
            _say(row["violations"] or "not converged")
            _say(replay(name, int(row["seed"]), [*options.changes, *varied]))
    return NOT_CONVERGED if failed else CONVERGED


def _range(text: str) -> range:
    first, dash, last = text.partition("-")
    if not first.isdigit() or (dash and not last.isdigit()) or (dash and int(last) < int(first)):
        raise ValueError(f"--seeds {text}: want one seed, or the first and the last, like 1-20")
    return range(int(first), int(last or first) + 1)


def _values(text: str) -> tuple[str, list[Any]]:
    """A field and its values of --vary."""
    field, equals, values = text.partition("=")
    if not equals or not field:
        raise ValueError(f"--vary {text}: want field=value|value, like links.loss=0|0.01")
    return field, [scenarios.value_of(one.strip()) for one in values.split("|")]


#: What a sweep's table shows: the columns of the runs and how they are called there.
_SWEPT = {
    "converged_at": "at s",
    "latency_p50": "p50 s",
    "latency_p99": "p99 s",
    "spread_p99": "spread s",
    "bytes_per_useful_record": "B/record",
    "reconcile": "reconcile B",
    "total_rounds": "rounds",
}


def _write_rows(table: pd.DataFrame, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    table.to_csv(path, index=False)
    _say(f"written: {path}")


def _print_sweep(runs: Any, by: list[str]) -> None:
    """The medians over the seeds, a row for each combination."""
    from rich import box
    from rich.table import Table

    runs = runs.assign(reconcile=runs["total_bytes_reconcile"] / runs["total_useful"].clip(lower=1))
    table = Table(title="medians over the seeds", title_justify="left", box=box.SIMPLE_HEAD)
    for name in [*by, "runs", "converged", *_SWEPT.values()]:
        table.add_column(name, justify="left" if name in by else "right", no_wrap=True)
    for key, group in runs.groupby(by, sort=False):
        medians = [f"{group[column].astype(float).median():.4g}" for column in _SWEPT]
        table.add_row(*map(str, key), str(len(group)), str(int(group["converged"].sum())), *medians)
    _console().print(table)


def _compare(options: argparse.Namespace) -> int:
    from . import comparison

    if options.list:
        return _list_choices(comparison.choices())
    known = [name for name in comparison.strategies() if name not in ("full", "salted")]
    table = comparison.compare(
        _names(options.strategies) or known,
        ["records"] if options.own else _names(options.workloads),
        _names(options.networks),
        records=[_number(n) for n in _names(options.records)],
        differ=[_number(d) for d in _names(options.differ)],
        seeds=_range(options.seeds),
        own=options.own,
        progress=not options.no_progress,
    )
    if options.csv:
        _write_rows(table, options.csv)
    if options.out:
        from . import plot_comparison

        _say("written: " + ", ".join(map(str, plot_comparison.save(table, options.out))))
    _print_compared(comparison.summary(table))
    return CONVERGED if table["converged"].all() else NOT_CONVERGED


def _names(text: str | None) -> list[str]:
    return [name.strip() for name in (text or "").split(",") if name.strip()]


def _number(text: str) -> int:
    """A count like 1000, 10k or 1M."""
    factor = {"k": 1000, "M": 1_000_000}.get(text[-1:], 1)
    digits = text if factor == 1 else text[:-1]
    if not digits.isdigit():
        raise ValueError(f"{text!r} is no count: want 1000, 10k or 1M")
    return int(digits) * factor


def _list_choices(choices: Mapping[str, Mapping[str, str]]) -> int:
    from . import comparison

    print("strategies\n  " + ", ".join(comparison.strategies()))
    for kind, names in choices.items():
        print(kind)
        for name, about in names.items():
            print(textwrap.fill(about, 88, initial_indent=f"  {name:11}", subsequent_indent=" " * 13))
    return 0


#: What a comparison's table shows: a heading, a column of the summary and its format.
_COMPARED: list[tuple[str, str, Callable[[float], str]]] = [
    ("bytes", "overhead", "{:,.0f}".format),
    ("B/record", "per_difference", "{:,.1f}".format),
    ("ratio", "sync_ratio", "{:.3f}".format),
    ("rounds", "rounds", "{:g}".format),
    ("time s", "elapsed_s", "{:.3f}".format),
    ("p99 s", "elapsed_p99_s", "{:.3f}".format),
    ("CPU ms", "initiator_s", lambda s: f"{s * 1e3:,.1f}"),
    ("resp. ms", "responder_s", lambda s: f"{s * 1e3:,.1f}"),
    ("cold ms", "cold_s", lambda s: f"{s * 1e3:,.1f}"),
    ("kept kB", "kept_bytes", lambda b: f"{b / 1e3:,.0f}"),
]


def _print_compared(rows: Any) -> None:
    """A section for each situation, a row for each strategy."""
    from rich import box
    from rich.table import Table

    table = Table(title="medians over the seeds", title_justify="left", box=box.SIMPLE_HEAD)
    table.add_column("strategy", no_wrap=True)
    for name, _, _ in _COMPARED:
        table.add_column(name, justify="right", no_wrap=True)
    for key, group in rows.groupby(["workload", "network", "records", "differ"], sort=False):
        table.add_row(f"[bold]{key[0]}[/], {key[1]}, n = {key[2]:,}, d = {key[3]:,}")
        for _, row in group.iterrows():
            star = " *" if row["best"] else ""
            lost = "" if row["converged"] == row["runs"] else f" ({row['converged']:g} converged)"
            values = [(row[column], form) for _, column, form in _COMPARED]
            cells = ["–" if value != value else form(value) for value, form in values]
            table.add_row(f"  {row['strategy']}{star}{lost}", *cells)
        table.add_section()
    _console().print(table)


def _version(_: argparse.Namespace) -> int:
    from importlib.metadata import PackageNotFoundError, version

    from ._tool import ask

    try:
        package = version("rapprochement")
    except PackageNotFoundError:
        package = "not installed, runs from its source"
    print(f"package     {package}")
    print(f"library     {_native.library_version()}")
    print(f"ABI         {_native.load().rap_version()}")
    print(f"strategies  {', '.join(ask({'op': 'strategies'})['strategies'])}")
    print(f"python      {sys.version.split()[0]}")
    return 0

"""Pictures of a run. Every function takes a world that has run and gives a Figure.

    with rap.World(scenarios.load("partition")) as world:
        world.run()
        plot.convergence(world)           # shown as the last line of a notebook cell
        plot.save(world, "out")           # or all of them, as PNG files

The functions read the world's tables (``world.table``) and the faults of its
scenario, which they shade.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, cast

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter, PercentFormatter

from . import scenarios

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = [
    "FIGURES",
    "Span",
    "bytes_over_time",
    "convergence",
    "latency",
    "save",
    "sessions",
    "spread",
]

#: Colours that people with any kind of colour vision can tell apart
#: (Okabe and Ito, 2008).
BLUE, ORANGE, GREEN, RED = "#0072B2", "#E69F00", "#009E73", "#D55E00"
PURPLE, SKY, GREY = "#CC79A7", "#56B4E9", "#8C8C8C"

_STYLE: dict[str, Any] = {
    "figure.dpi": 120,
    "savefig.dpi": 150,
    "font.size": 9.5,
    "axes.titlesize": 11,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.titlepad": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.edgecolor": "#555555",
    "grid.color": "#E3E3E3",
    "grid.linewidth": 0.7,
    "legend.frameon": False,
    "legend.fontsize": 8.5,
    "lines.linewidth": 1.8,
    "figure.constrained_layout.use": True,
}

_PURPOSES = {
    "bytes_records": ("records", BLUE),
    "bytes_reconcile": ("reconciliation", ORANGE),
    "bytes_control": ("control", GREEN),
    "bytes_resent": ("sent again", RED),
}

_SECOND = 1e9


class Span(NamedTuple):
    """A fault and when it lasted, in seconds from the start."""

    kind: str
    began: float
    ended: float


class Run(Protocol):
    """What a picture needs of a world."""

    def table(self, name: str) -> pd.DataFrame:
        """A table of results."""
        ...

    @property
    def scenario(self) -> Any:
        """What the world was made of."""
        ...


@contextmanager
def _drawn(
    rows: int = 1, columns: int = 1, size: tuple[float, float] = (7.2, 3.6), **options: Any
) -> Iterator[tuple[Figure, Any]]:
    """A figure in the package's style that no window and no notebook shows twice."""
    with mpl.rc_context(cast("Any", _STYLE)):
        figure, axes = plt.subplots(rows, columns, figsize=size, **options)
        try:
            yield figure, axes
        finally:
            plt.close(figure)


def _shade(axes: Axes, spans: Sequence[Span], until: float, names: bool = True) -> None:
    """Shades the faults; those of one instant become lines."""
    named: set[str] = set()
    for kind, began, ended in spans:
        if began > until:
            continue
        if ended > began:
            axes.axvspan(began, min(ended, until), color=GREY, alpha=0.16, linewidth=0, zorder=0)
        axes.axvline(began, color=GREY, linewidth=0.8, linestyle=":", zorder=1)
        if names and kind not in named:
            named.add(kind)
            axes.annotate(
                kind, (began, 1), xycoords=("data", "axes fraction"), textcoords="offset points",
                xytext=(3, 7 - 10 * len(named)), va="top", fontsize=8, color="#555555",
            )  # fmt: skip


def _no_data(axes: Axes, text: str) -> None:
    """Says so where there is nothing to draw."""
    axes.set(xticks=[], yticks=[])
    axes.text(0.5, 0.5, text, transform=axes.transAxes, ha="center", va="center", color=GREY)


def _bytes(value: float, _: Any = None) -> str:
    """A number of bytes for people."""
    for unit in ("B", "kB", "MB", "GB"):
        if abs(value) < 1000:
            return (
                f"{value:.0f} {unit}"
                if value == int(value) or value >= 100
                else f"{value:.1f} {unit}"
            )
        value /= 1000
    return f"{value:.1f} TB"


def _count(value: float, _: Any = None) -> str:
    """A number for people."""
    return f"{value:,.0f}"


def _milliseconds(value: float, _: Any = None) -> str:
    """A duration in milliseconds for people."""
    return f"{value:g} ms" if value < 1000 else f"{value / 1000:g} s"


def spans(world: Run) -> list[Span]:
    """The faults of the world's scenario. Those that nothing ends last until now."""
    end = float(world.table("series")["at_ns"].max()) / _SECOND
    found = scenarios.faults(world.scenario.text)
    return [Span(kind, began, end if ended is None else ended) for kind, began, ended in found]


# --- convergence ----------------------------------------------------------------


def convergence(world: Run, title: str = "How much of what was written is in place") -> Figure:
    """Over time: the share of node-records that are in place, and how many records
    have not reached all the nodes that they will reach."""
    records, series = world.table("records"), world.table("series")
    until = float(series["at_ns"].max()) / _SECOND
    with _drawn(2, 1, (7.2, 4.8), sharex=True, height_ratios=[3, 2]) as (figure, (above, below)):
        at, share, label = _share(records, series, world.table("latencies"))
        above.plot(at, share, color=BLUE)
        above.fill_between(at, share, color=BLUE, alpha=0.12, linewidth=0)
        above.set(ylim=(0, 1.13), yticks=np.linspace(0, 1, 6), ylabel=label, title=title)
        above.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
        at, waiting = _backlog(records)
        below.step(at, waiting, where="post", color=ORANGE)
        below.fill_between(at, waiting, step="post", color=ORANGE, alpha=0.15, linewidth=0)
        below.set(ylim=(0, None), xlim=(0, until), ylabel="records under way", xlabel="seconds")
        faults = spans(world)
        _shade(above, faults, until)
        _shade(below, faults, until, names=False)
    return figure


def _share(
    records: pd.DataFrame, series: pd.DataFrame, latencies: pd.DataFrame
) -> tuple[np.ndarray, np.ndarray, str]:
    """Of what was written until each time, how much is where it will get to. Without
    the latency of each record at each node, only the growth of the sets is known."""
    if latencies.empty:
        at = series["at_ns"].to_numpy() / _SECOND
        return at, series["held"].to_numpy() / max(series["held"].max(), 1), "node-records held"
    created = records["created_ns"].to_numpy()
    arrived = created[latencies["record"].to_numpy()] + latencies["latency_ns"].to_numpy()
    order = np.argsort(created, kind="stable")
    at = np.linspace(created.min(), series["at_ns"].max(), 600)
    written = np.concatenate([[0], np.cumsum(records["holders"].to_numpy()[order])])
    due = written[np.searchsorted(created[order], at, side="right")]
    own = np.searchsorted(created[order], at, side="right")
    there = own + np.searchsorted(np.sort(arrived), at, side="right")
    return at / _SECOND, there / np.maximum(due, 1), "node-records in place"


def _backlog(records: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """How many records were written but had not yet reached the last of their nodes."""
    created = records["created_ns"].to_numpy()
    ended = created + records["spread_ns"].to_numpy()
    at = np.concatenate([created, ended])
    change = np.concatenate([np.ones(len(created)), -np.ones(len(ended))])
    order = np.argsort(at, kind="stable")
    return at[order] / _SECOND, np.cumsum(change[order])


# --- bytes ----------------------------------------------------------------------


def bytes_over_time(world: Run, title: str = "What the bytes were for") -> Figure:
    """All bytes sent so far by all nodes, by purpose, stacked."""
    series = world.table("series")
    at = series["at_ns"].to_numpy() / _SECOND
    with _drawn() as (figure, axes):
        names = [
            f"{name}, {_bytes(series[column].iloc[-1])}" for column, (name, _) in _PURPOSES.items()
        ]
        colours = [colour for _, colour in _PURPOSES.values()]
        layers = [series[column].to_numpy() for column in _PURPOSES]
        axes.stackplot(at, layers, labels=names, colors=colours, alpha=0.85, linewidth=0)
        axes.set(
            xlim=(0, at[-1]), ylim=(0, None), xlabel="seconds", ylabel="bytes sent", title=title
        )
        axes.yaxis.set_major_formatter(FuncFormatter(_bytes))
        _shade(axes, spans(world), at[-1])
        handles, labels = axes.get_legend_handles_labels()
        axes.legend(handles[::-1], labels[::-1], loc="upper left", bbox_to_anchor=(1.01, 1))
    return figure


# --- latency --------------------------------------------------------------------


def latency(world: Run, title: str = "How long a record takes to a node") -> Figure:
    """The distribution of the time from writing a record to having it, over all
    records and nodes. Needs ``measure.latencies = true``."""
    values = world.table("latencies")
    with _drawn() as (figure, axes):
        axes.set(title=title, ylabel="share of node-records")
        if values.empty:
            _no_data(axes, "no latencies: set measure.latencies = true in the scenario")
        else:
            _distribution(axes, values["latency_ns"].to_numpy() / 1e6, BLUE)
    return figure


def spread(world: Run, title: str = "How long a record takes to its last node") -> Figure:
    """The distribution of each record's spread, and the spread by the time of writing:
    what was written during a fault waits for its end."""
    records = world.table("records")
    milliseconds = records["spread_ns"].to_numpy() / 1e6
    written = records["created_ns"].to_numpy() / _SECOND
    with _drawn(1, 2, (9.2, 3.6), width_ratios=[5, 6]) as (figure, (left, right)):
        left.set(title=title, ylabel="share of records")
        moved = milliseconds > 0  # the others were superseded before they got anywhere
        if not moved.any():
            _no_data(left, "nothing had to travel")
            right.set_axis_off()
            return figure
        _distribution(left, milliseconds[moved], GREEN)
        right.scatter(
            written[moved], milliseconds[moved], s=7, color=GREEN, alpha=0.35, linewidth=0
        )
        right.set(yscale="log", xlabel="written at, seconds", xlim=(0, None))
        right.set_ylim(top=2 * milliseconds.max())
        right.set_title("by the time of writing", fontweight="normal")
        right.yaxis.set_major_formatter(FuncFormatter(_milliseconds))
        _shade(right, spans(world), written.max())
    return figure


def _distribution(axes: Axes, milliseconds: np.ndarray, colour: str) -> None:
    """A cumulative distribution on a logarithmic axis, with its median and p99."""
    values = np.maximum(np.sort(milliseconds), 1e-3)  # for the logarithm
    picks = np.unique(np.linspace(0, len(values) - 1, min(len(values), 2000)).astype(int))
    axes.plot(values[picks], (picks + 1) / len(values), color=colour)
    for percent, at, side in ((50, 0.5, "right"), (99, 0.06, "left")):
        value = values[(len(values) - 1) * percent // 100]
        axes.plot([value, value], [0, percent / 100], color=colour, linewidth=0.9, linestyle="--")
        axes.annotate(
            f"p{percent}  {_milliseconds(float(f'{value:.3g}'))}", (value, at), ha=side,
            xytext=(-6 if side == "right" else 4, 2), textcoords="offset points", fontsize=8.5,
        )  # fmt: skip
    axes.set(xscale="log", ylim=(0, 1.02), xlabel="time since it was written")
    axes.margins(x=0.08)
    axes.xaxis.set_major_formatter(FuncFormatter(_milliseconds))
    axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))


# --- sessions -------------------------------------------------------------------

_OUTCOMES = {
    "equal": ("equal from the start", SKY),
    "finished": ("finished", BLUE),
    "superseded": ("superseded", GREY),
    "timed_out": ("timed out", RED),
    "link_down": ("link went down", PURPLE),
}


def sessions(world: Run, title: str = "What sessions cost") -> Figure:
    """When sessions ran, how they ended, and their bytes of reconciliation: over time,
    and against the records that they exchanged themselves, where they did. What is
    asked for by name during a session, from whomever, is not counted as its own."""
    table = world.table("sessions")
    with _drawn(1, 2, (9.2, 3.8), width_ratios=[6, 5]) as (figure, (left, right)):
        left.set(title=title, xlabel="began at, seconds", ylabel="bytes of reconciliation")
        if table.empty:
            _no_data(left, "no sessions")
            right.set_axis_off()
            return figure
        began = table["began_ns"].to_numpy() / _SECOND
        cost = table["bytes"].to_numpy()
        outcomes = table["outcome"].astype(str).to_numpy()
        found = sorted(set(outcomes))
        for outcome in sorted(found, key=[*_OUTCOMES, *found].index):
            name, colour = _OUTCOMES.get(outcome, (outcome.replace("_", " "), ORANGE))
            rows = outcomes == outcome
            label = f"{name}, {rows.sum():,}"
            left.scatter(
                began[rows], cost[rows], s=12, color=colour, alpha=0.45, linewidth=0, label=label
            )
        left.set_yscale("symlog", linthresh=100)
        left.yaxis.set_major_formatter(FuncFormatter(_bytes))
        until = float(world.table("series")["at_ns"].max()) / _SECOND
        left.set(ylim=(-8, max(2 * cost.max(), 1000)), xlim=(0, until))
        _shade(left, spans(world), until)
        legend = figure.legend(
            loc="outside lower center", ncols=5, markerscale=1.8, handletextpad=0.1
        )
        for handle in legend.legend_handles:
            cast("Any", handle).set_alpha(1)
        _session_cost(right, table)
    return figure


#: Fewer sessions than this say nothing about how bytes follow records.
_LEAST_SESSIONS = 10


def _session_cost(axes: Axes, table: pd.DataFrame) -> None:
    """Bytes against records, for finished sessions that exchanged some; the share of
    sessions by their bytes where there are too few of those."""
    done = table[(table["outcome"] == "finished") & (table["records"] > 0)]
    if len(done) < _LEAST_SESSIONS:
        cost = np.sort(table["bytes"].to_numpy())
        axes.set_title("by share of sessions", fontweight="normal")
        axes.step(cost, np.arange(1, len(cost) + 1) / len(cost), where="post", color=BLUE)
        axes.set_xscale("symlog", linthresh=100)
        axes.set(xlabel="bytes of reconciliation, at most", ylim=(0, 1.02))
        axes.set_xlim(-8, max(2 * cost[-1], 1000))
        axes.xaxis.set_major_formatter(FuncFormatter(_bytes))
        axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
        return
    axes.set_title("by records exchanged", fontweight="normal")
    axes.set(xlabel="records exchanged", xscale="log", yscale="log")
    axes.scatter(done["records"], done["bytes"], s=12, color=BLUE, alpha=0.4, linewidth=0)
    for axis, form in ((axes.xaxis, _count), (axes.yaxis, _bytes)):
        axis.set_major_formatter(FuncFormatter(form))
        axis.set_minor_formatter(NullFormatter())
    axes.xaxis.set_major_locator(LogLocator(numticks=6))
    axes.set_xlim(done["records"].min() / 1.5, max(done["records"].max() * 1.5, 10))
    axes.set_ylim(min(done["bytes"].min() / 1.5, 100), done["bytes"].max() * 2)
    per_record = float(done["bytes"].sum()) / float(done["records"].sum())
    axes.annotate(
        f"{per_record:.0f} bytes per record in all",
        (0.97, 0.05),
        xycoords="axes fraction",
        ha="right",
        fontsize=8.5,
    )


#: The pictures by the names of their files.
FIGURES: Mapping[str, Callable[[Any], Figure]] = {
    "convergence": convergence,
    "bytes": bytes_over_time,
    "latency": latency,
    "spread": spread,
    "sessions": sessions,
}


def save(world: Run, folder: str | Path) -> list[Path]:
    """Writes all pictures as PNG files into a folder and gives their paths."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for name, draw in FIGURES.items():
        paths.append(folder / f"{name}.png")
        draw(world).savefig(paths[-1])
    return paths

"""Pictures of a comparison. Every function takes a table of `compare` and gives a Figure.

    table = rap.compare(["riblt", "full"])
    plot_comparison.costs(table)              # the last line of a notebook cell
    plot_comparison.save(table, "out")        # or all of them, as PNG files
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import matplotlib.pyplot as plt
from matplotlib.ticker import FuncFormatter, NullFormatter

from .comparison import summary
from .plot import BLUE, GREEN, GREY, ORANGE, PURPLE, RED, SKY, _bytes, _count, _drawn

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["FIGURES", "costs", "cpu", "front", "save"]

_COLOURS = [BLUE, ORANGE, GREEN, RED, PURPLE, SKY, "#000000", "#B8860B", GREY]
_MARKERS = "osD^vPXd*"


def _looks(table: pd.DataFrame) -> dict[str, tuple[str, str]]:
    """Colour and marker of each strategy, the same in all pictures of a table."""
    names = list(dict.fromkeys(table["strategy"]))
    return {
        name: (_COLOURS[i % len(_COLOURS)], _MARKERS[i % len(_MARKERS)])
        for i, name in enumerate(names)
    }


def _panels(table: pd.DataFrame, by: list[str]) -> list[tuple[str, pd.DataFrame]]:
    """Parts of the table with what they have in common in words; what is the same in
    all of them is left out."""
    varied = [name for name in by if table[name].nunique() > 1]
    if not varied:
        return [("", table)]
    groups = table.groupby(varied, sort=False)
    return [(", ".join(_said(n, v) for n, v in zip(varied, key)), part) for key, part in groups]


def _said(name: str, value: object) -> str:
    letters = {"records": "n", "differ": "d"}
    return f"{letters[name]} = {value:,}" if name in letters else str(value)


def _grid(panels: int) -> tuple[int, int]:
    columns = min(panels, 3)
    return -(-panels // columns), columns


def _against_difference(table: pd.DataFrame, column: str, ylabel: str, title: str) -> Figure:
    """One panel for each situation: a cost over the size of the difference."""
    looks, rows = _looks(table), summary(table)
    rows = rows[rows["differ"] > 0]
    panels = _panels(rows, ["workload", "network", "records"])
    height, width = _grid(len(panels))
    with _drawn(height, width, (3.1 * width + 1.2, 2.7 * height + 0.9), squeeze=False) as (
        figure,
        grid,
    ):
        figure.suptitle(title, x=0.01, ha="left", fontsize=11, fontweight="bold")
        for axes, (name, part) in zip(grid.flat, panels):
            axes.set_title(name, fontweight="normal")
            for strategy, line in part.groupby("strategy", sort=False):
                colour, marker = looks[strategy]
                line = line.sort_values("differ")
                axes.plot(
                    line["differ"], line[column], color=colour, marker=marker, ms=4.5,
                    label=strategy,
                )  # fmt: skip
            axes.set(xscale="log", yscale="log", xlabel="records that differ", ylabel=ylabel)
            axes.xaxis.set_major_formatter(FuncFormatter(_count))
        _finish(figure, grid, len(panels))
    return figure


def _finish(figure: Figure, grid: object, used: int) -> None:
    axes: list[Axes] = list(grid.flat)  # type: ignore[attr-defined]
    for unused in axes[used:]:
        unused.set_axis_off()
    handles: dict[str, Artist] = {}
    for one in axes[:used]:
        for handle, label in zip(*one.get_legend_handles_labels()):
            handles.setdefault(label, handle)
    figure.legend(handles.values(), handles.keys(), loc="outside lower center", ncols=6)


def costs(table: pd.DataFrame) -> Figure:
    """Bytes that are not records, for each record that was missing."""
    figure = _against_difference(
        table, "per_difference", "bytes per record", "what finding a missing record costs"
    )
    for axes in figure.axes:
        axes.yaxis.set_major_formatter(FuncFormatter(_bytes))
    return figure


def cpu(table: pd.DataFrame) -> Figure:
    """Time of this machine in the steps of both nodes, verification included."""
    both = table.assign(cpu_ms=(table["initiator_s"] + table["responder_s"]) * 1e3)
    return _against_difference(both, "cpu_ms", "ms, both sides", "CPU, checking signatures included")


def front(table: pd.DataFrame) -> Figure:
    """Bytes against time, a panel for each situation; the line is the Pareto front:
    what nothing else beats in both."""
    looks, rows = _looks(table), summary(table)
    if (rows["differ"] > 0).any():
        rows = rows[rows["differ"] > 0]
    panels = _panels(rows, ["workload", "network", "records", "differ"])
    height, width = _grid(len(panels))
    with _drawn(height, width, (3.1 * width + 1.2, 2.6 * height + 0.9), squeeze=False) as (
        figure,
        grid,
    ):
        figure.suptitle(
            "bytes against time to converge", x=0.01, ha="left", fontsize=11, fontweight="bold"
        )
        for axes, (name, part) in zip(grid.flat, panels):
            axes.set_title(name, fontweight="normal")
            best = part[part["best"]].sort_values("overhead")
            axes.step(best["overhead"], best["elapsed_s"], where="post", color=GREY, lw=1, zorder=1)
            for _, point in part.iterrows():
                colour, marker = looks[point["strategy"]]
                axes.scatter(
                    point["overhead"], point["elapsed_s"], s=34, color=colour, marker=marker,
                    label=point["strategy"], zorder=2, alpha=1 if point["best"] else 0.45,
                )  # fmt: skip
            low, high = part["overhead"].min(), part["overhead"].max()
            axes.set(
                xscale="log", xlabel="bytes without records", ylabel="seconds",
                xlim=(low / 3, high * 3), ylim=(0, part["elapsed_s"].max() * 1.15),
            )  # fmt: skip
            axes.xaxis.set_major_formatter(FuncFormatter(_bytes))
            axes.xaxis.set_minor_formatter(NullFormatter())
        _finish(figure, grid, len(panels))
    return figure


#: The pictures by the names of their files.
FIGURES: Mapping[str, Callable[[pd.DataFrame], Figure]] = {
    "costs": costs,
    "front": front,
    "cpu": cpu,
}


def save(table: pd.DataFrame, folder: str | Path) -> list[Path]:
    """Writes the pictures as PNG files into a folder and gives their paths."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for name, draw in FIGURES.items():
        if name != "front" and (table["differ"] == 0).all():
            continue  # nothing to draw over
        paths.append(folder / f"{name}.png")
        figure = draw(table)
        figure.savefig(paths[-1])
        plt.close(figure)
    return paths

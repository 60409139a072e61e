"""Pictures: that each is drawn from whatever a run can hold."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.figure import Figure

import rapprochement as rap
from rapprochement import plot, scenarios


@pytest.fixture(scope="module")
def world():
    with rap.World(scenarios.load("partition", ["nodes=12"])) as world:
        world.run(progress=False)
        yield world


@pytest.mark.parametrize("name", plot.FIGURES)
def test_every_picture_is_a_figure(world, name, tmp_path):
    figure = plot.FIGURES[name](world)
    assert isinstance(figure, Figure)
    figure.savefig(tmp_path / "x.png")
    assert (tmp_path / "x.png").stat().st_size > 10_000


@pytest.mark.parametrize("name", plot.FIGURES)
@pytest.mark.parametrize(
    ("changes", "until"),
    [
        (["nodes=1"], 5.0),  # nothing travels
        ([], 0.5),  # nothing was written yet
        (["measure.latencies=false"], 8.0),
        (["fault.0.until=0s"], 8.0),  # a fault without an end
    ],
    ids=["alone", "early", "no latencies", "for ever"],
)
def test_pictures_of_little(name, changes, until, tmp_path):
    with rap.World(scenarios.load("partition", ["nodes=4", *changes])) as world:
        world.run(until, progress=False)
        plot.FIGURES[name](world).savefig(tmp_path / "x.png")


def test_convergence_ends_with_everything_in_place(world):
    above, below = plot.convergence(world).axes
    share = above.lines[0].get_ydata()
    assert share[-1] == pytest.approx(1)
    assert min(share[len(share) // 3 :]) < 0.95  # the partition shows
    assert np.max(below.lines[0].get_ydata()) > 0
    assert below.lines[0].get_ydata()[-1] == 0


def test_faults_are_shaded(world):
    assert plot.spans(world) == [("partition", 5.0, 25.0)]
    texts = [text.get_text() for text in plot.bytes_over_time(world).axes[0].texts]
    assert texts == ["partition"]


def test_bytes_by_purpose_are_those_of_the_result(world):
    labels = [
        text.get_text() for text in plot.bytes_over_time(world).axes[0].get_legend().get_texts()
    ]
    assert [label.partition(",")[0] for label in labels] == [
        "sent again",
        "control",
        "reconciliation",
        "records",
    ]


def test_the_spread_of_the_picture_is_that_of_the_table():
    # A register that is written faster than the network carries it: some records
    # are superseded before they get anywhere, and belong to neither.
    with rap.World(scenarios.load("demo", ["nodes=40", "seed=1"])) as world:
        world.run(20.0, progress=False)
        result = world.result()
        assert (world.table("records")["spread_ns"] == 0).any()
        lines = plot.spread(world).axes[0].lines
    p50, p99 = (float(line.get_xdata()[0]) / 1e3 for line in lines[1:3])
    assert (p50, p99) == pytest.approx((result.spread_p50, result.spread_p99), rel=1e-9)


def test_save_writes_all(world, tmp_path):
    paths = plot.save(world, tmp_path / "new" / "folder")
    assert [path.name for path in paths] == [f"{name}.png" for name in plot.FIGURES]
    assert all(path.is_file() for path in paths)

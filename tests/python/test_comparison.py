"""Strategies side by side."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import time

import pandas as pd
import pytest

import rapprochement as rap
from rapprochement import cli, comparison, plot_comparison
from rapprochement.errors import BadEventError

SMALL = {"records": [300], "differ": [5, 50], "seeds": [1, 2], "progress": False}
#: What depends on this machine, not on the case.
MEASURED = ["initiator_s", "responder_s", "cold_s", "kept_bytes"]


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    return rap.compare(["riblt", "full"], ["uniform", "updates", "equal"], ["wan", "lossy"], **SMALL)


def test_every_combination_has_a_row_and_converges(table):
    assert len(table) == 2 * (2 * 2 + 1) * 2 * 2
    assert table["converged"].all()
    assert not table.duplicated(["seed", *comparison.BY]).any()
    assert (table["missing"] == table["differ"]).all()
    assert (table[MEASURED] > 0).all().all()


def test_sums_and_quotients(table):
    parts = table[["up", "down", "control", "resent"]].sum(axis=1)
    assert (table["overhead"] == parts).all()
    some = table[table["missing"] > 0]
    assert (some["per_difference"] * some["missing"]).round().astype(int).eq(some["overhead"]).all()
    assert table[table["missing"] == 0]["per_difference"].isna().all()
    # 300 ids of 32 bytes for five records, against a few cells.
    five = table[(table["differ"] == 5) & (table["workload"] == "uniform")].set_index("strategy")
    assert five.loc["full", "overhead"].min() > 300 * 32
    assert five.loc["riblt", "overhead"].max() < 1000


def test_the_same_case_gives_the_same_row():
    again = [rap.compare(["riblt"], **SMALL).drop(columns=MEASURED) for _ in range(2)]
    pd.testing.assert_frame_equal(*again)


def test_summary_has_medians_and_the_front(table):
    rows = comparison.summary(table)
    assert len(rows) == 2 * (2 * 2 + 1) * 2
    assert (rows["runs"] == 2).all() and (rows["converged"] == 2).all()
    assert rows.groupby(comparison.BY[:-1])["best"].any().all()
    assert (rows["elapsed_p99_s"] >= rows["elapsed_s"]).all()


def test_pareto():
    assert comparison.pareto([1, 2, 3, 2], [3, 2, 1, 3]) == [True, True, True, False]
    assert comparison.pareto([1, 1], [1, 1]) == [True, True]


def test_choices_are_those_that_work():
    choices = comparison.choices()
    assert {"uniform", "recent", "updates", "clustered", "empty", "equal"} <= set(choices["workloads"])
    table = rap.compare(
        ["riblt"], list(choices["workloads"]), list(choices["networks"]),
        records=[50], differ=[3], seeds=[1], progress=False,
    )  # fmt: skip
    assert table["converged"].all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"strategies": ["ribbit"]}, 'strategy: "ribbit" is unknown, have'),
        ({"workloads": ["unicorn"]}, 'workload: "unicorn" is unknown, have uniform'),
        ({"networks": ["van"]}, 'network: "van" is unknown, have lan'),
        ({"records": [-1]}, "records: -1"),
        ({"differ": [10**9]}, "differ: 1000000000"),
    ],
)
def test_what_can_not_be_says_why(change, message):
    with pytest.raises(BadEventError, match=re.escape(message)):
        rap.compare(**{"strategies": ["riblt"], **SMALL, **change})


def test_own_records_are_drawn_from_an_export(tmp_path):
    with rap.Node() as node:
        space = node.create_space("notes")
        for i in range(20):
            node.put(space, {f"note/{i}/{k}": b"x" * 50 for k in range(10)})
        path = tmp_path / "notes.space"
        path.write_bytes(node.export_space(space))
    table = rap.compare(["riblt"], ["records"], differ=[30], seeds=[1], own=path, progress=False)
    assert table["missing"].tolist() == [30] and table["converged"].all()
    with pytest.raises(BadEventError, match="needs records"):
        rap.compare(["riblt"], ["records"], differ=[3], seeds=[1], progress=False)
    with pytest.raises(ValueError, match="no space export"):
        rap.compare(["riblt"], ["records"], own=b"nonsense", progress=False)


def test_pictures(table, tmp_path):
    paths = plot_comparison.save(table, tmp_path)
    assert {path.stem for path in paths} == {"costs", "front", "cpu"}
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in paths)
    figure = plot_comparison.costs(table)
    lines = {line.get_label(): line.get_ydata() for line in figure.axes[0].get_lines()}
    assert set(lines) == {"riblt", "full"}
    assert lines["full"][0] > lines["riblt"][0] > 0
    equal = table[table["workload"] == "equal"]
    assert {path.stem for path in plot_comparison.save(equal, tmp_path / "equal")} == {"front"}


def test_the_command(capsys, tmp_path):
    csv, out = tmp_path / "rows.csv", tmp_path / "pictures"
    code = cli.main(
        ["compare", "--strategies", "riblt,full", "--records", "1k", "--differ", "4", "--seeds", "1-2",
         "--csv", str(csv), "--out", str(out), "--no-progress"]
    )  # fmt: skip
    printed = capsys.readouterr().out
    assert code == cli.CONVERGED
    assert "uniform, wan, n = 1,000, d = 4" in printed and "riblt *" in printed
    assert len(pd.read_csv(csv)) == 2 * 2 * 2 and (out / "front.png").is_file()
    assert cli.main(["compare", "--list"]) == cli.CONVERGED
    assert "satellite" in capsys.readouterr().out
    assert cli.main(["compare", "--records", "5x"]) == cli.BAD_INPUT
    assert "want 1000, 10k or 1M" in capsys.readouterr().err


def test_ctrl_c_ends_the_case_in_progress():
    process = subprocess.Popen(
        [sys.executable, "-m", "rapprochement", "compare", "--strategies", "riblt", "--records", "200k",
         "--differ", "20k", "--seeds", "1-9"],
        stderr=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip
    time.sleep(6)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == cli.INTERRUPTED
    assert b"stopped" in errors and b"Traceback" not in errors

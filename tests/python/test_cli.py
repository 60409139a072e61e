"""The command, as people call it."""

from __future__ import annotations

import json
import re

import numpy as np
import pandas as pd
import pytest

from rapprochement import cli, scenarios
from rapprochement.scenario import ScenarioError
from rapprochement.sweep import sweep


def test_a_run_ends_in_the_table(capsys):
    assert cli.main(["run", "first", "--no-progress"]) == cli.CONVERGED
    printed = capsys.readouterr().out
    for name in ("converged", "a record to a node", "bytes per useful record", "sessions", "CPU"):
        assert name in printed
    assert re.search(r"audit hash +[0-9a-f]{64}\b", printed)


def test_json_is_json_and_the_same_seed_the_same_run(capsys):
    rows = []
    for seed in ("1", "1", "2"):
        assert cli.main(["run", "first", "--json", "--seed", seed]) == cli.CONVERGED
        rows.append(json.loads(capsys.readouterr().out))
    assert rows[0]["audit"] == rows[1]["audit"] != rows[2]["audit"]
    assert (rows[0]["scenario"], rows[0]["seed"], rows[0]["converged"]) == ("first", 1, True)


def test_nothing_written_is_no_number_in_json(capsys):
    assert cli.main(["run", "first", "--json", "--until", "500ms"]) == cli.NOT_CONVERGED
    assert json.loads(capsys.readouterr().out)["bytes_per_useful_record"] is None


def test_a_run_that_stops_early_has_not_converged(capsys):
    assert cli.main(["run", "first", "--until", "2s"]) == cli.NOT_CONVERGED
    assert "no: " in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["run", "nowhere.toml"], "no scenario of that name in the package"),
        (["run", "first", "--set", "links.loss=2"], "links.loss: 2 is outside 0 to 1"),
        (["run", "first", "--set", "links.los=2"], "links.los: there is no such field"),
        (["run", "first", "--set", "links.loss"], "want field=value"),
        (["run", "first", "--set", "fault.3.at=1s"], "there are 0 of fault"),
        (["run", "first", "--set", "name.first=1"], "is a value and has no fields"),
        (["run", "first", "--until", "soon"], "is no duration"),
        (["run", "first", "--columns", "x.xls"], "must end with .npz, .csv or .parquet"),
        (["run", "first", "--columns", "nowhere/x.npz"], "there is no directory nowhere"),
        (["run", "first", "--seed", "-1"], "seed is -1"),
        (["sweep", "first", "--seeds", "9-1"], "like 1-20"),
        (["sweep", "first", "--vary", "nodes"], "want field=value|value"),
        (["scenarios", "nowhere"], "those are: churn, "),
    ],
)
def test_bad_input_says_what_to_do(arguments, says, capsys):
    assert cli.main(arguments) == cli.BAD_INPUT
    assert says in capsys.readouterr().err


def test_where_nothing_can_be_written_nothing_runs(tmp_path, capsys):
    (tmp_path / "file").write_text("")
    assert cli.main(["run", "first", "--out", str(tmp_path / "file" / "out")]) == cli.BAD_INPUT
    said = capsys.readouterr()
    assert "file" in said.err and said.out == ""


def test_a_scenario_that_is_no_toml(tmp_path, capsys):
    path = tmp_path / "bad.toml"
    path.write_text("nodes = \n")
    assert cli.main(["check", str(path)]) == cli.BAD_INPUT
    assert "scenario line 1" in capsys.readouterr().err


def test_everything_that_can_be_written(tmp_path, capsys):
    out = tmp_path / "out"
    arguments = ["run", "first", "--out", str(out), "--plots", "--columns"]
    assert cli.main([*arguments, str(tmp_path / "first.npz")]) == cli.CONVERGED
    assert json.loads((out / "result.json").read_text())["converged"] is True
    assert (
        cli.main(["run", str(out / "scenario.toml"), "--columns", str(tmp_path / "first.csv")]) == 0
    )
    names = {"convergence", "bytes", "latency", "spread", "sessions"}
    assert {path.stem for path in out.glob("*.png")} == names
    with np.load(tmp_path / "first.npz") as arrays:
        records = pd.read_csv(tmp_path / "first.records.csv")
        assert arrays["records.spread_ns"].tolist() == records["spread_ns"].tolist()
        assert arrays["series.at_ns"][0] == 0
    assert f"{out / 'latency.png'}" in capsys.readouterr().err


def test_running_twice_compares_the_hashes(capsys):
    assert cli.main(["run", "first", "--twice"]) == cli.CONVERGED
    assert "the same audit hash" in capsys.readouterr().err


def test_ctrl_c_stops_with_the_table_so_far(program):
    done = program(
        """
        import os, signal, threading

        from rapprochement import World, cli

        run = World.run

        def interrupted(self, *arguments, **options):
            threading.Timer(1, os.kill, (os.getpid(), signal.SIGINT)).start()
            return run(self, *arguments, **options)

        World.run = interrupted
        raise SystemExit(cli.main(["run", "demo", "--no-progress"]))
        """
    )
    assert done.returncode == cli.INTERRUPTED
    assert "stopped by Ctrl-C at" in done.stderr
    assert "audit hash" in done.stdout


def test_check_reads_without_running(capsys):
    assert cli.main(["check", "partition", "--set", "nodes=12"]) == 0
    assert capsys.readouterr().out.startswith("scenario 'partition': 12 nodes, 120 s, seed 1\n")


def test_version(capsys):
    assert cli.main(["version"]) == 0
    assert re.search(r"ABI +1\nstrategies +riblt, ", capsys.readouterr().out)


def test_help_has_examples_and_exit_codes(capsys):
    for arguments in ([], ["run"], ["demo"], ["check"], ["sweep"]):
        with pytest.raises(SystemExit) as ended:
            cli.main([*arguments, "--help"])
        assert ended.value.code == 0
        text = capsys.readouterr().out
        assert "  rapprochement " in text and "130  stopped by Ctrl-C" in text


# --- scenarios ----------------------------------------------------------------------


def test_every_scenario_of_the_package_is_checked_and_listed(capsys):
    assert cli.main(["scenarios"]) == 0
    listed = re.findall(r"^(\w+) ", capsys.readouterr().out, re.MULTILINE)
    assert listed == list(scenarios.shipped())
    for name in listed:
        scenario = scenarios.load(name)
        assert (scenario.name, scenario.seed) == (name, 1)
        assert scenario.latencies


def test_wheels_bring_the_scenarios(backend):
    packed = {
        path.name for path in backend._files(backend.PACKAGE) if path.parent.name == "scenarios"
    }
    assert packed == {"__init__.py", *(path.name for path in scenarios.shipped().values())}


def test_changes_write_the_same_scenario_anew():
    text = scenarios.shipped()["churn"].read_text()
    changes = ["links.loss=0.5", "fault.1.store=kept", 'node.strategies=["full"]', 'name=a "b"']
    tree, expected = scenarios.parsed(scenarios.changed(text, changes)), scenarios.parsed(text)
    expected["links"]["loss"] = 0.5
    expected["fault"][1]["store"] = "kept"
    expected["node"] = {"strategies": ["full"]}
    expected["name"] = 'a "b"'
    assert tree == expected
    appended = scenarios.changed(text, ["fault.4.kind=pause", "fault.4.nodes=[1]"])
    assert scenarios.parsed(appended)["fault"][4] == {"kind": "pause", "nodes": [1]}


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90", 90), ("1m30s", 90), ("250ms", 0.25), ("-24h", -86400), ("0", 0), ("1.5us", 1.5e-6)],
)
def test_durations(text, seconds):
    assert scenarios.seconds(text) == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["", "s", "5x", "1m30", "-"])
def test_what_is_no_duration(text):
    with pytest.raises(scenarios.SourceError, match="is no duration"):
        scenarios.seconds(text)


def test_faults_and_when_they_end():
    faults = scenarios.faults(scenarios.shipped()["clocks"].read_text())
    assert faults == [("clock", 2, 2), ("clock", 2, 2), ("clock", 5, 5)]
    assert scenarios.faults('[[fault]]\nkind = "pause"\nat = "1s"\n') == [("pause", 1, None)]


def test_data_sets_are_looked_for_where_the_variable_says(tmp_path, monkeypatch):
    changes = ["links.latency=matrix", "links.matrix=three/rtt.csv", "nodes=3"]
    with pytest.raises(scenarios.SourceError, match="set RAPPROCHEMENT_DATA to the directory"):
        scenarios.load("first", changes)
    (tmp_path / "three").mkdir()
    (tmp_path / "three" / "rtt.csv").write_text("0,20,30\n20,0,40\n30,40,0\n")
    monkeypatch.setenv("RAPPROCHEMENT_DATA", str(tmp_path))
    assert list(scenarios.load("first", changes).files) == ["three/rtt.csv"]


# --- many runs ----------------------------------------------------------------------


def test_a_sweep_runs_everything_once(tmp_path, monkeypatch):
    vary = {"links.loss": [0.0, 0.1]}
    table = sweep("first", [1, 2], vary, cache=tmp_path, progress=False)
    assert table[["seed", "links.loss"]].values.tolist() == [[1, 0.0], [2, 0.0], [1, 0.1], [2, 0.1]]
    assert table["converged"].all() and table["audit"].nunique() == 4
    monkeypatch.setattr("rapprochement.sweep._compute", None)  # nothing is left to compute
    pd.testing.assert_frame_equal(
        sweep("first", [1, 2], vary, cache=tmp_path, progress=False), table
    )


def test_any_executor_will_do():
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(2) as threads:
        table = sweep("first", [1, 2, 3], executor=threads, cache=None, progress=False)
    assert table["converged"].tolist() == [True] * 3


def test_a_sweep_of_a_field_that_does_not_exist():
    with pytest.raises(ScenarioError, match="there is no such field"):
        sweep("first", [1], {"links.los": [1]}, cache=None)


def test_the_command_prints_medians_and_names_what_failed(tmp_path, capsys):
    arguments = ["sweep", "first", "--seeds", "1-2", "--no-cache", "--no-progress"]
    assert cli.main([*arguments, "--csv", str(tmp_path / "new" / "runs.csv")]) == cli.CONVERGED
    assert len(pd.read_csv(tmp_path / "new" / "runs.csv")) == 2
    assert cli.main([*arguments, "--set", "duration=2s"]) == cli.NOT_CONVERGED
    said = capsys.readouterr().err
    assert "unfinished: " in said
    assert "rapprochement check first --run --seed 2 --set duration=2s" in said

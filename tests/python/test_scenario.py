"""Scenarios from Python: reading, checking, compiling them."""

from __future__ import annotations

import pytest

import rapprochement as rap

MATRIX = b"0,20\n30,0\n"

WITH_FILE = """
name = "measured"
seed = 3
nodes = 2
duration = "90s"
[links]
latency = "matrix"
matrix = "rtt.csv"
[[workload]]
count = 2
"""


@pytest.fixture
def path(tmp_path):
    (tmp_path / "rtt.csv").write_bytes(MATRIX)
    path = tmp_path / "measured.toml"
    path.write_text(WITH_FILE)
    return path


def test_files_are_found_beside_the_scenario(path):
    scenario = rap.Scenario.load(path)
    assert (scenario.name, scenario.nodes, scenario.seed) == ("measured", 2, 3)
    assert (scenario.duration, scenario.stop) == (90.0, "converged")
    assert scenario.files == {"rtt.csv": MATRIX}
    assert str(scenario) == "scenario 'measured': 2 nodes, 90 s, seed 3"


def test_a_world_takes_what_a_scenario_takes(path, monkeypatch):
    audit = rap.World(path).run().audit
    assert rap.World(str(path)).run().audit == audit
    assert rap.World(WITH_FILE, {"rtt.csv": MATRIX}).run().audit == audit
    assert rap.World(rap.Scenario.load(path)).run().audit == audit
    assert rap.World(rap.Scenario.load(path), seed=4).run().audit != audit
    monkeypatch.chdir(path.parent)
    assert rap.World(WITH_FILE).run().audit == audit


def test_a_file_that_is_not_there_is_named(path):
    (path.parent / "rtt.csv").unlink()
    with pytest.raises(FileNotFoundError, match=r"rtt\.csv"):
        rap.World(path)
    with pytest.raises(FileNotFoundError, match=r"gone\.toml"):
        rap.World("gone.toml")
    with pytest.raises(rap.ScenarioError, match=r"no scenario 'gone' in the package.*\.toml"):
        rap.World("gone")


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("nodes = 3\n\n[links]\nloss = 1.5\n", 4, "scenario line 4: links.loss: 1.5 is outside"),
        ("nodes = 3\nnoodles = 4\n", 2, "noodles: there is no such field"),
        ('nodes = 3\nduration = "soon"\n', 2, "want a duration like"),
        ("nodes = \n", 1, "scenario line 1"),
        ('[[fault]]\nkind = "crash"\nnodes = [9]\n', 3, "9 is outside 0 to 1"),
        ("nodes = 0\nstop = 'x'\n", 2, "want one of converged, never"),
    ],
)
def test_mistakes_are_found_with_their_line(text, line, message):
    for make in (rap.Scenario.parse, rap.World):
        with pytest.raises(rap.ScenarioError, match=message) as caught:
            make(text)
        assert caught.value.line == line
        assert isinstance(caught.value, ValueError)


def test_a_matrix_that_is_none_is_refused(path):
    with pytest.raises(rap.ScenarioError, match="links") as caught:
        rap.World(path, {"rtt.csv": b"no numbers\n"})
    assert caught.value.line is None


def test_seeds_are_64_bits():
    for seed in (-1, 1 << 64):
        with pytest.raises(ValueError, match=r"want 0 to 2\*\*64 - 1"):
            rap.Scenario.parse("nodes = 2", seed=seed)
    assert rap.Scenario.parse("nodes = 2", seed=(1 << 64) - 1).plan()["seed"] == (1 << 64) - 1


def test_a_plan_has_every_choice_made(path):
    plan = rap.Scenario.load(path).plan()
    assert len(plan["nodes"]) == 2 and plan["links"] == [[0, 1]]
    assert [action[0] for action in plan["actions"]] == [0, 0, 0, 0]
    assert plan["network"]["delays"] == [0, 10_000_000, 15_000_000, 0]
    peers = [node["config"]["peer"] for node in plan["nodes"]]
    assert peers == [node.peer for node in rap.World(path).nodes]

"""The Python driver against the engine's world: the same plan, the same run."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

import rapprochement as rap
from rapprochement.host.driver import Driver, UnsupportedError

HERE = Path(__file__).resolve().parent

#: Larger worlds take a driver in Python longer than a test may.
NODES_MAX = 8

SCENARIOS = [
    *sorted((HERE / "data").glob("*.toml")),
    *sorted((HERE.parent / "scenarios").glob("*.toml")),
]


def first_difference(ours: list[str], theirs: list[str]) -> str:
    """The first line that is not the same, empty if there is none."""
    for i, (a, b) in enumerate(itertools.zip_longest(ours, theirs), 1):
        if a != b:
            return f"line {i}\n  driver: {a}\n  world:  {b}"
    return ""


@pytest.mark.parametrize("path", SCENARIOS, ids=lambda path: path.stem)
def test_the_driver_comes_to_the_same_transcript_and_audit(path):
    scenario = rap.Scenario.load(path)
    if scenario.nodes > NODES_MAX:
        pytest.skip(f"{scenario.nodes} nodes are too many for Python")
    try:
        driver = Driver(scenario)
    except UnsupportedError as unsupported:
        pytest.skip(str(unsupported))
    with driver, rap.World(scenario) as world:
        driver.run()
        result = world.run(progress=False)
        if scenario.transcript:
            theirs = world.transcript().splitlines()
            assert first_difference(driver.transcript, theirs) == ""
        assert driver.audit() == result.audit
        assert driver.now / 1e9 == result.now


def test_a_different_seed_is_a_different_run():
    audits = []
    for seed in (1, 2):
        scenario = rap.Scenario.load(HERE / "data" / "quiet.toml", seed=seed)
        with rap.World(scenario) as world, Driver(scenario) as driver:
            driver.run()
            audits.append(driver.audit())
            assert world.run().audit == audits[-1]
    assert audits[0] != audits[1]


PARTS = """
nodes = 6
duration = "30s"
[topology]
kind = "line"
[[workload]]
count = 3
every = "200ms"
[[fault]]
kind = "leave"
at = "300ms"
nodes = [3]
[keep]
nodes = [0, 1, 3, 4, 5]
writes = [0, 3, 14, 16]
"""


def test_worlds_that_fall_apart_and_worlds_of_which_a_part_is_left_out():
    scenario = rap.Scenario.parse(PARTS)
    with rap.World(scenario) as world, Driver(scenario) as driver:
        driver.run()
        result = world.run(progress=False)
        assert result.converged and result.nodes == 5 and result.records == 4
        assert world.violations() == []
        assert (driver.audit(), driver.now / 1e9) == (result.audit, result.now)
        assert list(world.columns("nodes")["up"]) == [1, 1, 0, 0, 1, 1]


STORE_FAULT = """
nodes = 2
[[fault]]
kind = "store"
at = "1s"
nodes = [1]
"""

LIAR = """
nodes = 2
[[fault]]
kind = "lie"
at = "1s"
nodes = [1]
"""

COLLUDERS = """
nodes = 2
[node]
services = ["rtt"]
[[fault]]
kind = "collude"
count = 1
"""

TORN = """
nodes = 2
[node]
durable = false
[[fault]]
kind = "crash"
at = "1s"
nodes = [1]
store = "torn"
"""


@pytest.mark.parametrize(
    ("text", "message"),
    [(STORE_FAULT, "store fail"), (TORN, "only of durable nodes"), (LIAR, "has no adversaries"), (COLLUDERS, "has no adversaries")],
)
def test_what_the_driver_cannot_follow_is_said_before_the_run(text, message):
    with pytest.raises(UnsupportedError, match=message):
        Driver(rap.Scenario.parse(text))

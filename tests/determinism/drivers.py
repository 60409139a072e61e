"""Runs scenarios by the engine's world and by the driver in plain Python, and compares the
audit hashes: drivers.py BENCH SEEDS

They are the scenarios of the package, cut down to a few nodes, and those that the program
BENCH (tests/bench, built) draws for the seeds 1 to SEEDS, without the faults of stores,
which lie out of Python's reach. Exits with 1 if one differs."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from itertools import chain

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

import rapprochement as rap
from rapprochement import scenarios
from rapprochement.host.driver import Driver, UnsupportedError

#: What makes each scenario small enough for Python: it steps every node for every frame.
CHANGES = ["nodes=10", "node.durable=true"]


def shipped() -> Iterator[tuple[str, rap.Scenario]]:
    """The scenarios of the package, by name."""
    for name in scenarios.shipped():
        yield name, scenarios.load(name, CHANGES)


def drawn(bench: str, seeds: int) -> Iterator[tuple[str, rap.Scenario]]:
    """Those of the seeds."""
    for seed in range(1, seeds + 1):
        command = [bench, "audit", "-show", "-seed", str(seed)]
        text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        kinds = [fault["kind"] for fault in tomllib.loads(text).get("fault", [])]
        kept = [number for number, kind in enumerate(kinds) if kind != "store"]
        yield f"seed {seed}", rap.Scenario.parse(f"{text}\n[keep]\nfaults = {kept}\n")


def equal(scenario: rap.Scenario) -> tuple[bool, str]:
    """Whether both drivers come to one audit hash, and the world's."""
    with rap.World(scenario) as world:
        audit = world.run(progress=False).audit
    with Driver(scenario) as driver:
        driver.run()
        return driver.audit() == audit, audit


def main(bench: str, seeds: int) -> int:
    """Compares, prints what differs and a line for each scenario of the package, and gives
    the exit code."""
    different = skipped = 0
    for name, scenario in chain(shipped(), drawn(bench, seeds)):
        try:
            same, audit = equal(scenario)
        except UnsupportedError as error:
            print(f"drivers: {name}: SKIPPED: {error}", flush=True)
            skipped += 1
            continue
        different += not same
        if not same or not name.startswith("seed"):
            print(f"drivers: {name}: {'equal' if same else 'DIFFERENT'}, audit {audit[:16]}", flush=True)
    print(f"drivers: seeds 1 to {seeds} compared; of all, {different} differ and {skipped} were skipped")
    return 1 if different else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], int(sys.argv[2])))

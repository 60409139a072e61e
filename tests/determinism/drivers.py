"""Runs the scenarios of the package, cut down to a few nodes, by the engine's world and by
the driver in plain Python, and compares the audit hashes. Exits with 1 if one differs."""

from __future__ import annotations

import sys

import rapprochement as rap
from rapprochement import scenarios
from rapprochement.host.driver import Driver, UnsupportedError

#: What makes each scenario small enough for Python: it steps every node for every frame.
CHANGES = ["nodes=10", "node.durable=true"]


def main() -> int:
    """Compares, prints a line for each scenario, and gives the exit code."""
    different = 0
    for name in scenarios.shipped():
        scenario = scenarios.load(name, CHANGES)
        with rap.World(scenario) as world:
            audit = world.run(progress=False).audit
        try:
            with Driver(scenario) as driver:
                driver.run()
                same = driver.audit() == audit
        except UnsupportedError as error:
            print(f"drivers: {name}: SKIPPED: {error}")
            continue
        different += not same
        print(
            f"drivers: {name}: {'equal' if same else 'DIFFERENT'}, audit {audit[:16]}", flush=True
        )
    return 1 if different else 0


if __name__ == "__main__":
    sys.exit(main())

"""Shrinking: from a scenario that fails to the least of it that still does.

    shrunk = shrink("partition", ["nodes=30"], seed=7)
    print(shrunk.line("partition"))   # what replays it
    Path("least.toml").write_text(shrunk.text)

A scenario's ``[keep]`` table leaves nodes, faults and writes out without changing a
draw about the others, so what is left does what it did before: the search is by delta
debugging (Zeller and Hildebrandt, "Simplifying and Isolating Failure-Inducing Input",
2002) over the three lists, and ends where nothing can be left out alone. It is
deterministic: same scenario, same engine, same result.
"""

from __future__ import annotations

import copy
import json
import shlex
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from . import scenarios
from .errors import EngineError
from .scenario import Scenario, ScenarioError
from .world import World

__all__ = ["NothingFailsError", "Shrunk", "failures", "shrink"]

#: What a failure is: the first word of a violation, and the text.
Failures = dict[str, str]


class NothingFailsError(ValueError):
    """The run to be shrunk does not fail."""


@dataclass(frozen=True)
class Shrunk:
    """The least of a scenario that still fails."""

    #: The scenario as TOML.
    text: str
    #: The changes that make it from the original: texts for ``--set``.
    changes: tuple[str, ...]
    seed: int
    #: What fails in it.
    failures: tuple[str, ...]
    nodes: int
    faults: int
    writes: int
    #: How many runs it took.
    runs: int
    #: False if the search was interrupted: this fails too, but may not be the least.
    finished: bool

    def line(self, source: str) -> str:
        """The command that replays it, given the original scenario's path or name."""
        return replay(source, self.seed, self.changes)

    def __str__(self) -> str:
        return (
            f"{self.nodes} nodes, {self.faults} faults, {self.writes} writes after "
            f"{self.runs} runs: {'; '.join(self.failures)}"
        )


def replay(source: str, seed: int, changes: Iterable[str]) -> str:
    """The command that runs a scenario and checks what has to hold of it."""
    words = ["rapprochement", "check", source, "--run", "--seed", str(seed)]
    for change in changes:
        words += ["--set", change]
    return shlex.join(words)


def failures(world: World) -> list[str]:
    """What does not hold of a world's run, once it is over, and of a second run."""
    first = world.run(progress=False)
    found = world.violations()
    with World(world.scenario) as again:
        second = again.run(progress=False)
    if second.audit != first.audit:
        found.append(f"replay: the audit is {first.audit[:16]}, then {second.audit[:16]}")
    return found


def shrink(
    source: str,
    changes: Iterable[str] = (),
    seed: int | None = None,
    *,
    fails: Callable[[World], list[str]] = failures,
    shown: Callable[[str, float], None] = lambda _text, _left: None,
) -> Shrunk:
    """Shrinks the failing run of a scenario, given as a path or the name of one in the
    package, with changes like ``links.loss=0.1``.

    ``fails`` runs a world and says what is wrong, by texts of which the first word is the
    kind: only failures of a kind that the original had count. ``shown`` is told of the
    progress: a text, and the share of nodes, faults and writes that is left. `KeyboardInterrupt` ends the search early: the best so far is returned, with
    ``finished`` false.

    Raises `NothingFailsError`, and what `scenarios.load` raises.
    """
    scenario = scenarios.load(source, changes, seed)
    search = _Search(scenario, fails, shown)
    try:
        search.run()
    except KeyboardInterrupt:
        if not search.failed:
            raise
        return search.result(list(changes), finished=False)
    return search.result(list(changes), finished=True)


class _Search:
    """The least known tree that fails, and ways to a smaller one."""

    def __init__(
        self,
        scenario: Scenario,
        fails: Callable[[World], list[str]],
        shown: Callable[[str, float], None],
    ) -> None:
        self._fails, self._shown = fails, shown
        self._files: Mapping[str, bytes] = scenario.files
        self._seed = scenario.seed
        self._tree = scenarios.parsed(scenario.text)
        self._kinds: set[str] = set()
        self._tried: set[str] = set()
        self._changes: dict[str, str] = {}
        self.failed: list[str] = []
        self._runs = 0
        self._lists = {
            "faults": list(range(len(self._tree.get("fault", [])))),
            "nodes": list(range(scenario.nodes)),
            "writes": list(range(self._writes())),
        }
        for name, numbers in self._tree.get("keep", {}).items():
            self._lists[name] = list(numbers)

        self._all = max(self._left(), 1)

    def _left(self) -> int:
        """How much there is to leave out."""
        return sum(map(len, self._lists.values()))

    def _writes(self) -> int:
        """How many writes the scenario has, those left out included."""
        tree = copy.deepcopy(self._tree)
        tree.pop("keep", None)
        tree.pop("fault", None)
        tree.setdefault("space", {})["write"] = "open"  # grants are no writes
        return len(self._scenario(tree).plan()["actions"] or ())

    def _scenario(self, tree: Mapping[str, Any]) -> Scenario:
        return Scenario.parse(scenarios.text_of(tree), self._files, seed=self._seed)

    def run(self) -> None:
        """Looks for less until nothing can go."""
        self.failed = self._failures(self._tree)
        self._kinds = {text.partition(":")[0] for text in self.failed}
        if not self.failed:
            raise NothingFailsError("this run does not fail: there is nothing to shrink")
        before: tuple[int, int] | None = None
        while before != (self._left(), len(self._changes)):
            before = self._left(), len(self._changes)
            self._reduce("faults")
            self._reduce("writes")
            self._set("topology.kind", "full")  # or few nodes would be connected
            self._reduce("nodes")
            self._simplify()

    def _failures(self, tree: Mapping[str, Any]) -> list[str]:
        self._runs += 1
        try:
            with World(self._scenario(tree)) as world:
                found = self._fails(world)
        except ScenarioError:
            return []
        except EngineError as error:
            found = [f"error: {error}"]
        return [f for f in found if not self._kinds or f.partition(":")[0] in self._kinds]

    def _try(self, tree: dict[str, Any]) -> bool:
        """Takes over a tree if it fails in the same way."""
        text = scenarios.text_of(tree)
        if text in self._tried:
            return False
        self._tried.add(text)
        found = self._failures(tree)
        if found:
            self._tree, self.failed = tree, found
        sizes = ", ".join(f"{len(numbers)} {name}" for name, numbers in self._lists.items())
        self._shown(f"{sizes} after {self._runs} runs", self._left() / self._all)
        return bool(found)

    def _set(self, field: str, value: Any) -> bool:
        """Gives a field another value, if the run still fails then."""
        tree = copy.deepcopy(self._tree)
        at = tree
        *tables, last = field.split(".")
        for table in tables:
            at = at.setdefault(table, {})
        if at.get(last) == value:
            return False
        at[last] = value
        if not self._try(tree):
            return False
        self._changes[field] = json.dumps(value)
        return True

    def _reduce(self, name: str) -> None:
        """Leaves out as many of a list as it can: delta debugging."""
        parts = 2
        while self._lists[name]:
            numbers = self._lists[name]
            parts = min(parts, len(numbers))
            size = -(-len(numbers) // parts)
            for start in range(0, len(numbers), size):
                rest = numbers[:start] + numbers[start + size :]
                if self._keep(name, rest):
                    parts = max(parts - 1, 2)
                    break
            else:
                if size == 1:
                    return
                parts *= 2

    def _keep(self, name: str, numbers: list[int]) -> bool:
        if name == "nodes" and not numbers:
            return False
        old, self._lists[name] = self._lists[name], numbers
        if self._set(f"keep.{name}", numbers):
            return True
        self._lists[name] = old
        return False

    def _simplify(self) -> None:
        """Does without what makes a run harder to follow."""
        for field, value in _PLAIN:
            table, _, name = field.partition(".")
            if self._tree.get(table, {}).get(name, value) != value:
                self._set(field, value)

    def result(self, changes: list[str], *, finished: bool) -> Shrunk:
        """The least that was found."""
        made = [f"{field}={value}" for field, value in self._changes.items()]
        return Shrunk(
            text=scenarios.text_of({**self._tree, "seed": self._seed}),
            changes=(*changes, *made),
            seed=self._seed,
            failures=tuple(self.failed),
            **{name: len(numbers) for name, numbers in self._lists.items()},
            runs=self._runs,
            finished=finished,
        )


#: What a plain run has.
_PLAIN = [
    ("links.loss", 0),
    ("links.duplicate", 0),
    ("links.reorder", 0),
    ("links.jitter", "0s"),
    ("links.bandwidth", 0),
    ("links.uplink", 0),
    ("links.downlink", 0),
    ("links.latency", "constant"),
    ("node.cpu", False),
    ("node.durable", True),
    ("node.push_all", False),
    ("node.frame_bytes", 16384),
    ("space.history", "current"),
    ("space.write", "open"),
]

"""Scenarios: what a world runs, as a TOML text and the files that the text names."""

from __future__ import annotations

import operator
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ._tool import ask
from .errors import BadConfigError, EngineError

__all__ = ["Scenario", "ScenarioError"]


class ScenarioError(BadConfigError, ValueError):
    """A scenario that cannot run. The text names the line and the field."""

    def __init__(self, text: str = "", effects: bytes = b"") -> None:
        super().__init__(text, effects)
        found = re.match(r"scenario line (\d+)", text)
        #: The line to blame, from 1, or None where no single line is.
        self.line: int | None = int(found[1]) if found else None


@dataclass(frozen=True)
class Scenario:
    """A scenario that has been checked.

    Make one with `load` or `parse`. ``docs/scenarios.md`` describes the fields of
    the text.
    """

    #: The TOML text.
    text: str = field(repr=False)
    #: The bytes of every file that the text names.
    files: Mapping[str, bytes] = field(repr=False)
    name: str
    #: The seed in force: the text's, or the one that was given in its place.
    seed: int
    nodes: int
    #: The longest that the run takes, in seconds of simulated time.
    duration: float
    #: "converged": the run ends when all nodes hold the same; "never": at `duration`.
    stop: str
    #: Whether `World.table("latencies")` and `World.transcript` will have rows.
    latencies: bool
    transcript: bool

    @classmethod
    def load(
        cls,
        path: str | os.PathLike[str],
        files: Mapping[str, bytes] | None = None,
        *,
        seed: int | None = None,
    ) -> Scenario:
        """Reads a scenario's file, and the files it names from the same directory.

        ``files`` gives some of them as bytes by name instead. Raises `ScenarioError`
        with the line to blame, and `OSError` for a file that cannot be read.
        """
        path = Path(path)
        return cls._checked(path.read_text(encoding="utf-8"), files, path.parent, seed)

    @classmethod
    def parse(
        cls, text: str, files: Mapping[str, bytes] | None = None, *, seed: int | None = None
    ) -> Scenario:
        """Checks a scenario's text. Files that it names and that are not in ``files``
        are read from the working directory. Raises what `load` raises."""
        return cls._checked(text, files, Path(), seed)

    @classmethod
    def of(
        cls,
        source: Scenario | str | os.PathLike[str],
        files: Mapping[str, bytes] | None = None,
        seed: int | None = None,
    ) -> Scenario:
        """A scenario from what a `World` takes: a TOML text, a path (anything path-like,
        or one line that ends with ``.toml``), the name of a scenario in the package (one
        word), or a scenario."""
        if isinstance(source, Scenario):
            given = source.files if files is None else files
            same_seed = source.seed if seed is None else seed
            return cls._checked(source.text, given, Path(), same_seed)
        if isinstance(source, str) and re.fullmatch(r"[\w-]+", source):
            return cls.load(_shipped(source), files, seed=seed)
        if isinstance(source, str) and ("\n" in source or not source.endswith(".toml")):
            return cls.parse(source, files, seed=seed)
        return cls.load(source, files, seed=seed)

    @classmethod
    def _checked(
        cls, text: str, files: Mapping[str, bytes] | None, directory: Path, seed: int | None
    ) -> Scenario:
        if seed is not None:
            seed = operator.index(seed)  # NumPy's numbers are welcome
            if not 0 <= seed < 1 << 64:
                raise ValueError(f"seed is {seed}, want 0 to 2**64 - 1")
        info = _asked({"op": "check", "scenario": text})["info"]
        given = dict(files or {})
        for name in info["files"]:
            if name not in given:
                given[name] = (directory / name).read_bytes()
        return cls(
            text=text,
            files=given,
            name=info["name"],
            seed=info["seed"] if seed is None else seed,
            nodes=info["nodes"],
            duration=info["duration"] / 1e9,
            stop=info["stop"],
            latencies=info["latencies"],
            transcript=info["transcript"],
        )

    def origin(self) -> dict[str, Any]:
        """What the engine is told of this scenario, as a map for CBOR."""
        return {"scenario": self.text, "seed": self.seed, "files": dict(self.files)}

    def plan(self) -> dict[str, Any]:
        """The scenario with every choice made: nodes with their keys and seeds, links,
        actions by time. Times are integer nanoseconds from the start.

        Large scenarios make large plans: every write is in it with its value.
        Raises `ScenarioError`.
        """
        plan: dict[str, Any] = _asked({"op": "compile", **self.origin()})["plan"]
        return plan

    def __str__(self) -> str:
        return (
            f"scenario {self.name!r}: {self.nodes} nodes, {self.duration:g} s, seed {self.seed}"
        )


def _shipped(name: str) -> Path:
    """The file of a scenario in the package."""
    directory = Path(__file__).with_name("scenarios")
    names = sorted(path.stem for path in directory.glob("*.toml"))
    if name not in names:
        raise ScenarioError(
            f"there is no scenario {name!r} in the package, only {', '.join(names)}; the path "
            "of a file ends with .toml"
        )
    return directory / f"{name}.toml"


def _asked(request: dict[str, Any]) -> dict[str, Any]:
    """The tool's answer about a scenario."""
    try:
        return ask(request)
    except EngineError as error:
        raise blamed(error) from None


def blamed(error: EngineError) -> EngineError:
    """A `ScenarioError` where the engine blames the scenario, else the error itself."""
    text = re.sub(r"^event \d+: ", "", str(error))
    return ScenarioError(text) if text.startswith("scenario") else error

"""Where scenarios come from: files, the ones in this package, changes made to them,
and the data sets that they name.

    scenario = scenarios.load("partition", ["links.loss=0.05", "nodes=100"])
    with rap.World(scenario) as world: ...
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from .._tool import ask
from ..errors import EngineError
from ..scenario import Scenario, blamed

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

#: Names the directory of the data sets, which are no part of the package.
DATA_VARIABLE = "RAPPROCHEMENT_DATA"

#: The scenarios in the package.
SHIPPED = Path(__file__).parent

#: Where the data sets lie beside a checkout.
_BESIDE_CHECKOUT = Path(__file__).resolve().parents[3].parent / "shared" / "data"


__all__ = [
    "SourceError",
    "changed",
    "data",
    "faults",
    "files",
    "find",
    "load",
    "seconds",
    "shipped",
    "text_of",
]


class SourceError(ValueError):
    """A scenario, a change to one, or a file that it names cannot be had."""


# --- scenarios --------------------------------------------------------------------


def shipped() -> dict[str, Path]:
    """The scenarios in the package, by name."""
    return {path.stem: path for path in sorted(SHIPPED.glob("*.toml"))}


def load(source: str, changes: Iterable[str] = (), seed: int | None = None) -> Scenario:
    """A checked scenario from a path or the name of one in the package.

    ``changes`` are texts like ``links.loss=0.05``. Raises `SourceError` and
    `ScenarioError`.
    """
    path = find(source)
    text = path.read_text(encoding="utf-8")
    changes = list(changes)
    if changes:
        text = changed(text, changes)
    return Scenario.parse(text, files(text, path.parent), seed=seed)


def find(source: str) -> Path:
    """The file of a scenario. Raises `SourceError`."""
    path = Path(source)
    if path.is_file():
        return path
    known = shipped()
    if source in known:
        return known[source]
    raise SourceError(
        f"there is no file {source!r}, and no scenario of that name in the package; "
        f"those are: {', '.join(known)}"
    )


def files(text: str, directory: Path) -> dict[str, bytes]:
    """The files that a scenario names, from beside it or from the data sets. Raises
    `SourceError` and `ScenarioError`."""
    try:
        names = ask({"op": "check", "scenario": text})["info"]["files"]
    except EngineError as error:
        raise blamed(error) from None
    found = {}
    for name in names:
        beside = directory / name
        path = beside if beside.is_file() else data(name)
        if path is None:
            raise SourceError(missing(name, directory))
        found[name] = path.read_bytes()
    return found


def data(name: str) -> Path | None:
    """A file of the data sets, None where there is none."""
    places = [_BESIDE_CHECKOUT]
    if os.environ.get(DATA_VARIABLE):
        places.insert(0, Path(os.environ[DATA_VARIABLE]))
    return next((place / name for place in places if (place / name).is_file()), None)


def missing(name: str, directory: Path | None = None) -> str:
    """What to say of a file that is in none of the places."""
    beside = f"{directory}, " if directory else ""
    return (
        f"no file {name!r} in {beside}${DATA_VARIABLE} or ../shared/data beside the "
        f"repository; set {DATA_VARIABLE} to the directory that holds it"
    )


# --- changes ----------------------------------------------------------------------


def changed(text: str, changes: Iterable[str]) -> str:
    """A scenario's text with other values for some fields. The text is written anew,
    so lines in later errors are those of the new one. Raises `SourceError`."""
    tree = parsed(text)
    for change in changes:
        path, equals, value = change.partition("=")
        if not equals or not path.strip():
            raise SourceError(f"{change!r}: want field=value, for example links.loss=0.05")
        _set(tree, path.strip().split("."), value_of(value.strip()), change)
    return text_of(tree)


def text_of(tree: Mapping[str, Any]) -> str:
    """A scenario's dictionary as TOML."""
    return "\n".join(_lines(tree)) + "\n"


def parsed(text: str) -> dict[str, Any]:
    """A TOML text as a dictionary. Raises `SourceError`."""
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SourceError(f"the scenario is no TOML: {error}") from None


def value_of(text: str) -> Any:
    """A value as TOML reads it, a text where TOML reads nothing: durations and names
    need no quotes."""
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def _set(tree: dict[str, Any], path: list[str], value: Any, change: str) -> None:
    """Sets a field like links.loss, fault.1.at or workload.0.count."""
    at: Any = tree
    step: int | str
    for i, name in enumerate(path):
        last = i == len(path) - 1
        if isinstance(at, list):
            index = int(name) if name.isdigit() else -1
            if not 0 <= index <= len(at):
                raise SourceError(f"{change!r}: there are {len(at)} of {path[0]}, counted from 0")
            if index == len(at):
                at.append({})
            step = index
        elif isinstance(at, dict):
            step = name
            if not last:
                at.setdefault(name, [] if path[i + 1].isdigit() else {})
        else:
            raise SourceError(f"{change!r}: {'.'.join(path[:i])} is a value and has no fields")
        if last:
            at[step] = value
        else:
            at = at[step]


def _lines(tree: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    """A dictionary as TOML: values first, then tables."""
    tables = {}
    for name, value in tree.items():
        if isinstance(value, dict) or (
            isinstance(value, list) and value and isinstance(value[0], dict)
        ):
            tables[name] = value
        else:
            yield f"{name} = {json.dumps(value, ensure_ascii=False)}"
    for name, value in tables.items():
        for table in value if isinstance(value, list) else [value]:
            yield ""
            yield f"[[{prefix}{name}]]" if isinstance(value, list) else f"[{prefix}{name}]"
            yield from _lines(table, f"{prefix}{name}.")


# --- durations and faults -----------------------------------------------------------

_UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "ns": 1e-9}
_PART = re.compile(r"(\d+\.?\d*|\.\d+)(h|ms|m|s|us|µs|ns)")


def seconds(text: str) -> float:
    """A duration like "90", "1m30s" or "250ms" in seconds. Raises `SourceError`."""
    try:
        return float(text)
    except ValueError:
        pass
    sign = -1 if text.startswith("-") else 1
    body = text.lstrip("-")
    if not body or _PART.sub("", body):
        raise SourceError(f'{text!r} is no duration: write "90", "1m30s" or "250ms"')
    return sign * sum(float(number) * _UNITS[unit] for number, unit in _PART.findall(body))


def faults(text: str) -> list[tuple[str, float, float | None]]:
    """A scenario's faults: kind, beginning and end in seconds; None for those that
    last for ever, the beginning for those of one instant."""
    found = []
    for fault in parsed(text).get("fault", []):
        began = seconds(fault.get("at", "0"))
        ended = seconds(fault.get("until", "0")) or None
        found.append((fault["kind"], began, began if fault["kind"] == "clock" else ended))
    return found

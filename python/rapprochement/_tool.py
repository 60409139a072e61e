"""Questions to the engine that need no node: see the machine "tool" in the library."""

from __future__ import annotations

import math
from typing import Any

import cbor2

from ._native import Handle


def ask(request: dict[str, Any]) -> dict[str, Any]:
    """Puts one question and returns the answer's fields. Raises `EngineError`."""
    with Handle("tool") as tool:
        answer: dict[str, Any] = cbor2.loads(tool.step(cbor2.dumps(request, canonical=True)))
    return answer


def settings(fields: dict[str, Any]) -> bytes:
    """The configuration of a handle: keys in canonical order, and floats of 64 bits, which
    canonical CBOR would shorten. Raises `ValueError` for floats that are not finite."""
    for name, value in fields.items():
        if isinstance(value, float) and not math.isfinite(value):
            raise ValueError(f"{name} is {value}, want a finite number")
    return cbor2.dumps({name: fields[name] for name in sorted(fields, key=lambda k: (len(k), k))})

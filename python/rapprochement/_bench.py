"""What a step from Python costs above the engine's own work.

    python -m rapprochement._bench

prints one JSON object per line: name, value, unit, parameters, machine.

- ``python_empty_call_ns``: the library's step function with no event, by ctypes into Go and
  back; beside it what of this is ctypes and C (``c_ns``: the same arguments, but for a
  place for the effects, which C refuses) and the way into Go (``go_ns``: a handle that Go
  does not find)
- ``python_empty_step_ns``: the same through `Handle.step`, which keeps other threads and
  interrupts in order
- ``python_step_overhead_us``: one step of a node with one event of about 200 bytes, less
  what the same event costs inside a long batch. In a batch every event has an instant of
  its own, so that the engine takes as many steps, while the way from Python and back is
  gone once.

Both are the lowest of many short rounds: whatever else the machine does only adds.
"""

from __future__ import annotations

import json
import os
import platform
import time
from collections.abc import Callable
from ctypes import c_uint64
from functools import partial
from typing import Any

import cbor2

from . import _wire as wire
from ._native import Handle, _lengths

_ROUNDS, _CALLS, _BATCH = 300, 1_000, 500


def main() -> None:
    """Measures and prints."""
    node = Handle(
        "node", cbor2.dumps({"settings": {"key": bytes(31) + b"\x01"}}, canonical=True)
    )
    with node:
        call, c, go = _empty_calls(node)
        floors = {"c_ns": round(c, 1), "go_ns": round(go, 1)}
        report("python_empty_call_ns", call, "ns", floors)
        report("python_empty_step_ns", _empty_step(node), "ns", {})
        space = _space(node)
        size = len(_event(space, 0))
        single, batched = _single_and_batched(node, space)
        parameters = {
            "event": "Get",
            "bytes": size,
            "single_us": round(single / 1e3, 3),
            "engine_us": round(batched / 1e3, 3),
        }
        report("python_step_overhead_us", (single - batched) / 1e3, "µs", parameters)


def _empty_calls(node: Handle) -> list[float]:
    """Nanoseconds of a call of the library with prepared arguments: that of an open handle,
    and those that end in C and at the entrance of Go."""
    step, number, length, out = node._step, node._id, _lengths[0], node._out_ref
    nobody = c_uint64.from_param(0)

    def calls(number: Any, out: Any) -> None:
        for _ in range(_CALLS):
            step(number, b"", length, out)

    turns = [partial(calls, *arguments) for arguments in ((number, out), (number, None), (nobody, out))]
    return [lowest / _CALLS for lowest in _lowest(*turns)]


def _empty_step(node: Handle) -> float:
    """Nanoseconds of a step without events."""
    step = node.step

    def calls() -> None:
        for _ in range(_CALLS):
            step(b"")

    return _lowest(calls)[0] / _CALLS


def _single_and_batched(node: Handle, space: bytes) -> tuple[float, float]:
    """Nanoseconds for each event, alone and in a batch. The two take turns, so that both
    see the same machine."""
    single = batched = float("inf")
    step = node.step
    for r in range(_ROUNDS):
        start = 1 + 2 * r * _BATCH
        events = [_event(space, start + i) for i in range(_BATCH)]
        began = time.perf_counter_ns()
        for event in events:
            step(event)
        single = min(single, (time.perf_counter_ns() - began) / _BATCH)
        batch = b"".join(_event(space, start + _BATCH + i) for i in range(_BATCH))
        began = time.perf_counter_ns()
        step(batch)
        batched = min(batched, (time.perf_counter_ns() - began) / _BATCH)
    return single, batched


def _space(node: Handle) -> bytes:
    """The id of a space in the node."""
    data = node.step(wire.encode(wire.CreateSpace(1), 0, 0))
    return next(e.space for e in wire.decode_effects(data) if isinstance(e, wire.SpaceReady))


def _event(space: bytes, mono: int) -> bytes:
    """An event that reads and finds nothing: the engine does little on its own account."""
    return wire.encode(wire.Get(1, space, ("k" * 140,)), mono, 0)


def _lowest(*runs: Callable[[], None]) -> list[int]:
    """The lowest nanoseconds of each. They take turns, so that all see the same machine."""
    lowest = [2**63] * len(runs)
    for _ in range(_ROUNDS):
        for i, run in enumerate(runs):
            began = time.perf_counter_ns()
            run()
            lowest[i] = min(lowest[i], time.perf_counter_ns() - began)
    return lowest


def report(name: str, value: float, unit: str, parameters: dict[str, Any]) -> None:
    """Prints a measurement as a line of JSON, with the machine."""
    line = {
        "name": name,
        "value": round(value, 3),
        "unit": unit,
        "parameters": parameters,
        "machine": _machine(),
    }
    print(json.dumps(line, ensure_ascii=False))


def _machine() -> dict[str, Any]:
    return {
        "system": platform.system(),
        "machine": platform.machine(),
        "processor": _processor(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
    }


def _processor() -> str:
    """The processor's name, where the system tells it."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            names = (line.partition(":")[2].strip() for line in file if "model name" in line)
            return next(names, platform.processor())
    except OSError:
        return platform.processor()


if __name__ == "__main__":
    main()

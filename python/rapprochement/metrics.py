"""What a world has measured: the result of a run, and tables as arrays."""

from __future__ import annotations

import html
import math
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any

from . import cbor
from ._tool import ask
from ._wire import Counters, FaultKind, Outcome, WorldResult

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

__all__ = ["TABLES", "Result", "to_frame"]

#: The tables of a world.
TABLES = ("series", "records", "nodes", "latencies", "sessions", "faults", "adversaries")

_DURATIONS = ("latency_p50", "latency_p99", "latency_max", "spread_p50", "spread_p99")


@dataclass(frozen=True)
class Result:
    """The table of a run. Times are seconds of simulated time."""

    #: Where the world stands.
    now: float
    #: How many events have happened: frames that arrived, wakes, actions.
    events: int
    #: Whether the run has come to its end.
    over: bool
    #: When the last record came to a node before all sets were equal; None if they
    #: are not.
    converged_at: float | None
    #: A hash over everything that entered and left every node, in hex: equal for
    #: equal runs.
    audit: str
    nodes: int
    links: int
    #: Distinct records written.
    records: int
    #: Records held, summed over the nodes that are up.
    held: int
    #: From a record's writing to its arrival at a node, over all pairs of record and
    #: node. The quantiles are counted in buckets: at most 1.6 % above the exact ones,
    #: which `plot.latency` shows.
    latency_p50: float
    latency_p99: float
    latency_max: float
    #: From a record's writing to its arrival at the last node, over the records that
    #: reached another node: the others were superseded first. As `plot.spread` shows.
    spread_p50: float
    spread_p99: float
    frames_sent: int
    frames_delivered: int
    #: Frames lost by chance, in full queues, at partitions.
    lost_chance: int
    lost_queue: int
    lost_partition: int
    #: Frames that arrived after their connection had ended.
    stale: int
    #: Events that a node refused, and why it refused the last of them.
    refused: int
    last_refusal: str
    #: Faults that honest nodes reported about peers, and how often one found that an
    #: author had signed one version twice.
    faults: int
    equivocations: int
    #: The accounts of all nodes, added up.
    totals: Counters

    @classmethod
    def of(cls, answer: WorldResult) -> Result:
        """The result in seconds from the engine's in nanoseconds."""
        values: dict[str, Any] = {
            f.name: getattr(answer, f.name) for f in fields(cls) if f.name not in _DURATIONS
        }
        values.update({name: getattr(answer, name) / 1e9 for name in _DURATIONS})
        values["now"] = answer.now / 1e9
        values["converged_at"] = answer.converged_at / 1e9 if answer.converged_at >= 0 else None
        values["audit"] = answer.audit.hex()
        return cls(**values)

    @property
    def converged(self) -> bool:
        """Whether all nodes that are up, honest and connected came to hold the same set."""
        return self.converged_at is not None

    @property
    def audit_cid(self) -> str:
        """The audit hash as a CID."""
        return cbor.cid(bytes.fromhex(self.audit))

    @property
    def bytes_per_useful_record(self) -> float:
        """Bytes sent by all nodes for each record that was new to its receiver; NaN if
        there was none."""
        return self.totals.bytes_out / self.totals.useful if self.totals.useful else math.nan

    def as_dict(self) -> dict[str, Any]:
        """All fields and properties in one flat dictionary: a row of a table of runs.
        The totals' names are prefixed with ``total_``."""
        row = {f.name: getattr(self, f.name) for f in fields(self) if f.name != "totals"}
        row["converged"] = self.converged
        row["bytes_per_useful_record"] = self.bytes_per_useful_record
        row.update({f"total_{k}": v for k, v in asdict(self.totals).items()})
        return row

    def __str__(self) -> str:
        if self.converged_at is not None:
            end = f"converged at {self.converged_at:.3f} s"
        else:
            end = f"not converged at {self.now:.3f} s"
        return (
            f"{end}: {self.nodes} nodes, {self.records} records, "
            f"latency p50 {self.latency_p50:.3f} s, p99 {self.latency_p99:.3f} s, "
            f"{self.bytes_per_useful_record:.0f} bytes per useful record, audit {self.audit[:8]}"
        )

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><th style='text-align:left'>{html.escape(name)}</th>"
            f"<td style='text-align:right'>{html.escape(_shown(value))}</td></tr>"
            for name, value in self.as_dict().items()
            if value not in ("", None)
        )
        return f"<table><caption>{html.escape(str(self))}</caption>{rows}</table>"


def _shown(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.6g}"
    return f"{value:,}" if type(value) is int else str(value)


def to_frame(columns: dict[str, np.ndarray[Any, Any]]) -> pd.DataFrame:
    """A data frame of columns of equal length, with names for outcomes and
    strategies of sessions and kinds of faults."""
    import pandas as pd

    frame: pd.DataFrame = pd.DataFrame(columns)
    for column, numbers in (("outcome", Outcome), ("kind", FaultKind)):
        if column in frame:
            names = {int(n): n.name.lower() for n in numbers}
            frame[column] = frame[column].map(names).astype("category")
    if "strategy" in frame:
        known = dict(enumerate(ask({"op": "strategies"})["strategies"]))
        frame["strategy"] = frame["strategy"].map(known).astype("category")
    return frame

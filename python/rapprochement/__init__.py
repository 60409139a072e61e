"""A sync engine for peer-to-peer networks, and a simulator that runs it.

`World` runs a scenario: many nodes on a simulated network, in simulated time. `Node` is
one node, for a host to drive. Both speak in events (what a host tells a node) and
effects (what a node asks of its host), which are classes of this package too; their
``repr`` is the line that logs and transcripts show.
"""

from __future__ import annotations

from . import _wire, identity
from ._wire import *  # noqa: F403  (the names are those of events and effects, below)
from .errors import RapprochementError
from .identity import IdentityError
from .metrics import Result
from .node import Node, Now
from .scenario import Scenario, ScenarioError
from .world import FrameInFlight, World, WorldNode

__all__ = [
    "FrameInFlight",
    "IdentityError",
    "Node",
    "Now",
    "RapprochementError",
    "Result",
    "Scenario",
    "ScenarioError",
    "World",
    "WorldNode",
    "identity",
]

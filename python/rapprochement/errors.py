"""The exceptions, one class for each condition.

All derive from `RapprochementError`. Those that the library answers with derive
from `EngineError` and carry the code of ``rapprochement.h`` in ``code``. A peer's
misbehaviour is never an exception: it arrives as an effect.
"""

from __future__ import annotations

import re
from typing import ClassVar

__all__ = [
    "BadArgumentError",
    "BadConfigError",
    "BadEventError",
    "BadHandleError",
    "BusyError",
    "CanceledError",
    "ClosedError",
    "EngineError",
    "ForkedError",
    "InternalError",
    "LibraryError",
    "LibraryMissingError",
    "LibraryVersionError",
    "MuslError",
    "PoisonedError",
    "RapprochementError",
    "ServiceError",
    "StoreFailedError",
]


class RapprochementError(Exception):
    """The base of everything that this package raises on its own account."""


class LibraryError(RapprochementError):
    """The shared library cannot be loaded."""


class LibraryMissingError(LibraryError):
    """There is no shared library where it was looked for."""


class LibraryVersionError(LibraryError):
    """The shared library speaks another version of the C interface."""


class MuslError(LibraryError):
    """This Python runs on musl libc, where the library cannot work."""


class ServiceError(RapprochementError):
    """A service on a node has no answer to a question; the text is the service's."""


class EngineError(RapprochementError):
    """The library answered a call with something other than OK."""

    code: ClassVar[int] = 0
    meaning: ClassVar[str] = "the engine refused"

    def __init__(self, text: str = "", effects: bytes = b"") -> None:
        super().__init__(text or self.meaning)
        #: Effects of the events before the one that failed. They count: what
        #: they report has happened and is committed.
        self.effects = effects

    @property
    def index(self) -> int | None:
        """Which event of the batch failed, from 0, where the engine knows."""
        found = re.match(r"event (\d+): ", str(self))
        return int(found[1]) if found else None


class BadHandleError(EngineError):
    """The number is no handle of this library."""

    code = 1
    meaning = "this is no handle"


class ClosedError(EngineError):
    """The handle has been closed."""

    code = 2
    meaning = "the handle is closed"


class BusyError(EngineError):
    """Another thread is inside this handle; nothing happened."""

    code = 3
    meaning = "another call is inside this handle; nothing happened"


class PoisonedError(EngineError):
    """The engine panicked in this handle, which can only be closed now."""

    code = 4
    meaning = "the engine panicked in this handle; close it"


class ForkedError(EngineError):
    """The process was forked after the engine was loaded."""

    code = 5
    meaning = (
        "this process was forked after the engine was loaded; "
        "use multiprocessing 'spawn' or 'forkserver'"
    )


class BadConfigError(EngineError):
    """No such kind of machine, or a config that it refuses."""

    code = 6
    meaning = "the config is not accepted"


class BadEventError(EngineError):
    """An event or query breaks the contract; earlier events have happened."""

    code = 7
    meaning = "the event is not accepted"


class StoreFailedError(EngineError):
    """The storage failed; the machine has to be reopened."""

    code = 8
    meaning = "the store failed"


class CanceledError(EngineError):
    """The call was cancelled; earlier events have happened."""

    code = 9
    meaning = "canceled"


class BadArgumentError(EngineError):
    """A null pointer where one is needed, or a length over the limit."""

    code = 10
    meaning = "an argument is missing or too long"


class InternalError(EngineError):
    """A bug in the engine, or an exhausted resource."""

    code = 11
    meaning = "internal error"


BY_CODE: dict[int, type[EngineError]] = {kind.code: kind for kind in EngineError.__subclasses__()}

"""What everything that must be closed shares: it is a context manager."""

from __future__ import annotations

from types import TracebackType
from typing import TypeVar

C = TypeVar("C", bound="Closing")


class Closing:
    """Something with a `close`, which leaving its ``with`` block calls."""

    __slots__ = ()

    def close(self) -> None:
        """Gives back what is held. Closing again does nothing."""
        raise NotImplementedError

    def __enter__(self: C) -> C:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

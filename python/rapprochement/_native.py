"""The shared library: how it is found and loaded, and a handle to a machine in it.

Importing this module touches nothing native. The library is loaded when the
first `Handle` is made, for two reasons: a process that forks before that may use
it in the child, and ``faulthandler`` is enabled by then in the programs that
enable it at start, which is the harmless order.
"""

from __future__ import annotations

import atexit
import ctypes
import itertools
import logging
import os
import re
import sys
import threading
import time
from ctypes import POINTER, byref, c_char_p, c_int32, c_size_t, c_uint64, c_void_p
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from ._closing import Closing
from .errors import (
    BY_CODE,
    BadArgumentError,
    BusyError,
    ClosedError,
    EngineError,
    ForkedError,
    InternalError,
    LibraryError,
    LibraryMissingError,
    LibraryVersionError,
    MuslError,
)

if TYPE_CHECKING:
    import numpy as np

__all__ = ["Handle", "library_version", "load"]

#: The version of the C interface that this module was written for.
ABI_VERSION = 1

#: Names the library to load instead of the one in the package.
LIBRARY_VARIABLE = "RAPPROCHEMENT_LIBRARY"

#: Room for the text of a failed open, RAP_ERROR_MAX in the header.
_ERROR_MAX = 1024

#: Pause between looks at a call in flight that a close is waiting for.
_CLOSE_POLL_SECONDS = 0.0005

#: NumPy's names of the element types in the header, in their order, from 1.
_DTYPES = (
    *("int8", "int16", "int32", "int64"),
    *("uint8", "uint16", "uint32", "uint64"),
    *("float32", "float64"),
)

#: Codes after which the library's text is that of an earlier failure.
_WITHOUT_TEXT = (BusyError.code, BadArgumentError.code)

_LogFunction = ctypes.CFUNCTYPE(None, c_void_p, c_int32, c_void_p, c_size_t)


class _Bytes(ctypes.Structure):
    """rap_bytes"""

    _fields_ = [("ptr", c_void_p), ("len", c_size_t)]


class _Column(ctypes.Structure):
    """rap_column"""

    _fields_ = [
        ("name", c_char_p),
        ("data", c_void_p),
        ("len", c_size_t),
        ("dtype", c_int32),
        ("width", c_int32),
    ]


class _Table(ctypes.Structure):
    """rap_table"""

    _fields_ = [("columns", POINTER(_Column)), ("count", c_size_t)]


class _Host(ctypes.Structure):
    """rap_host"""

    _fields_ = [
        ("size", c_size_t),
        ("user", c_void_p),
        ("log_level", c_int32),
        ("log", _LogFunction),
    ]


# --- loading ----------------------------------------------------------------

_load_lock = threading.Lock()
_library: ctypes.CDLL | None = None
_touched = False  # set before the library is first touched
_forked = False


def _after_fork_in_child() -> None:
    """Notes that the engine's threads are gone, and frees a lock whose holder is."""
    global _load_lock, _forked
    _load_lock = threading.Lock()
    _forked = _touched


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)


def load() -> ctypes.CDLL:
    """The library, loaded at the first call. Raises `LibraryError` if it cannot be."""
    global _library, _touched
    if _forked:
        raise ForkedError
    if _library is None:
        with _load_lock:
            if _library is None:
                path = _find_library()
                _touched = True
                library = _open_library(path)
                atexit.register(_close_all)
                _watch_unraisable()
                _library = library
    return _library


def library_version() -> str:
    """The release of the library that is loaded."""
    text: bytes = load().rap_version_text()
    return text.decode()


def _find_library() -> Path:
    """Where the library lies, provided that it can work here at all."""
    if sys.platform == "linux" and _is_musl():
        raise MuslError(
            "this Python runs on musl libc (Alpine Linux, for example), where a shared "
            "library with the Go runtime in it cannot be loaded; use a Python on glibc, "
            "for example in a Debian-based image"
        )
    override = os.environ.get(LIBRARY_VARIABLE)
    if override:
        path = Path(override)
    else:
        path = Path(__file__).with_name(_library_name(sys.platform))
    if not path.is_file():
        where = f"named by {LIBRARY_VARIABLE}" if override else "in the package"
        raise LibraryMissingError(
            f"no library at {path} ({where}); install a wheel, or build it with 'make lib'"
        )
    return path


def _library_name(platform: str) -> str:
    """What the library is called on a platform."""
    if platform == "win32":
        return "rapprochement.dll"
    return "librapprochement.dylib" if platform == "darwin" else "librapprochement.so"


def _is_musl(maps: str = "/proc/self/maps") -> bool:
    """Whether this process runs on musl: the files that are mapped into it tell."""
    try:
        text = Path(maps).read_text(errors="replace")
    except OSError:
        return False
    return re.search(r"/(ld-musl-|libc\.musl-)[^/\n]*$", text, re.MULTILINE) is not None


def _open_library(path: Path) -> ctypes.CDLL:
    """Loads the library, compares versions and declares the functions."""
    try:
        library = ctypes.CDLL(str(path.resolve()))
        library.rap_version.argtypes = ()
        library.rap_version.restype = c_int32
    except (OSError, AttributeError) as error:
        raise LibraryError(f"cannot load {path}: {error}") from error
    version = library.rap_version()
    if version != ABI_VERSION:
        raise LibraryVersionError(
            f"{path} has version {version} of the C interface and this package needs "
            f"{ABI_VERSION}; rebuild it ('make lib') and start a new process"
        )
    declarations: dict[str, tuple[Any, ...]] = {
        "rap_open": (c_char_p, c_char_p, c_size_t, POINTER(_Host), POINTER(c_uint64), c_char_p),
        "rap_step": (c_uint64, c_char_p, c_size_t, c_void_p),
        "rap_columns": (c_uint64, c_char_p, c_size_t, POINTER(_Table)),
        "rap_cancel": (c_uint64,),
        "rap_close": (c_uint64,),
        "rap_last_error": (c_uint64, POINTER(_Bytes)),
    }
    for name, argtypes in declarations.items():
        function = getattr(library, name)
        function.argtypes = argtypes
        function.restype = c_int32
    library.rap_version_text.argtypes = ()
    library.rap_version_text.restype = c_char_p
    return library


# --- what the library calls -------------------------------------------------

#: The user data in C is an index into this, never an object.
_sinks: dict[int, tuple[logging.Logger, int]] = {}
_next_sink = itertools.count(1)

#: What callbacks have raised, by thread, until the call that they were made from
#: is over: an exception cannot pass through the library.
_raised: dict[int, BaseException] = {}


def _receive(user: int, level: int, text: int, length: int) -> None:
    """Passes a line of the engine's log on to its logger."""
    try:
        sink = _sinks.get(user)
        if sink is not None:
            sink[0].log(level, "%s", ctypes.string_at(text, length).decode())
    except BaseException as error:
        if not _keep(error, sys._getframe().f_back is not None):
            raise


def _keep(error: BaseException, called: bool) -> bool:
    """Stores what a callback raised for the call it was made from. In a thread of
    the engine there is no such call, and Python reports the exception itself."""
    if called:
        known = _raised.setdefault(threading.get_ident(), error)
        if isinstance(error, KeyboardInterrupt) and known is not error:
            _raised[threading.get_ident()] = error
    return called


#: The one function pointer the library gets. It lives as long as this module,
#: since the library may call it at any time.
_receive_pointer = _LogFunction(_receive)


def _watch_unraisable() -> None:
    """Catches an interrupt that strikes between the library and `_receive`'s own
    ``try``: Ctrl-C during a long step arrives there whenever the step logs. Python
    reports it to ``sys.unraisablehook`` and would forget it."""
    previous = sys.unraisablehook

    def hook(unraisable: Any) -> None:
        trace, error = unraisable.exc_traceback, unraisable.exc_value
        ours = trace is not None and trace.tb_frame.f_code is _receive.__code__
        if not (ours and error and _keep(error, sys._getframe().f_back is not None)):
            previous(unraisable)

    sys.unraisablehook = hook


def _close_all() -> None:
    """Closes what is open when the interpreter exits, so that stores are closed in
    order and no thread of the engine calls into an interpreter that is gone."""
    if _library is not None and not _forked:
        for _, number in list(_sinks.values()):
            _library.rap_close(number)
    _sinks.clear()


# --- handles ----------------------------------------------------------------


class _Lengths(dict[int, Any]):
    """Lengths as prepared arguments: making one costs as much as a tenth of an empty
    call, and most batches are short."""

    def __missing__(self, length: int) -> Any:
        argument = c_size_t.from_param(length)
        if length < 4096:
            self[length] = argument
        return argument


_lengths = _Lengths()


class Handle(Closing):
    """A machine inside the library: bytes of events in, bytes of effects out.

    ``kind`` names the machine and ``config`` is what that kind wants to know. What
    it logs goes to ``logger`` (by default ``rapprochement.<kind>``), from the level
    on that the logger has at this moment.

    One thread may be inside a handle at a time; another one gets `BusyError` at
    once. `cancel` and `close` may be called from any thread, and from a signal
    handler. Ctrl-C during a call is raised when the call returns: keep batches
    short, and slice long runs.
    """

    __slots__ = (
        *("_library", "_number", "_id", "_sink", "_step", "_closing", "_closed"),
        *("_take", "_give", "_out", "_out_ref", "_view", "_view_at", "_view_len"),
        "__weakref__",
    )

    def __init__(
        self, kind: str, config: bytes = b"", *, logger: logging.Logger | None = None
    ) -> None:
        self._closed = self._closing = True  # until it is open, for __del__
        self._library = library = load()
        self._sink = next(_next_sink)
        logger = logger or logging.getLogger(f"rapprochement.{kind}")
        self._number = number = self._open(kind, config, logger)
        _sinks[self._sink] = (logger, number)
        self._prepare(library, number)
        self._closed = self._closing = False

    def _open(self, kind: str, config: bytes, logger: logging.Logger) -> int:
        """Opens the machine and gives the number of its handle."""
        number, text = c_uint64(), ctypes.create_string_buffer(_ERROR_MAX)
        host = _Host(
            ctypes.sizeof(_Host), self._sink, logger.getEffectiveLevel(), _receive_pointer
        )
        _sinks[self._sink] = (logger, 0)  # opening may log
        try:
            code = self._library.rap_open(
                kind.encode(), config, len(config), byref(host), byref(number), text
            )
        finally:
            del _sinks[self._sink]
        if code:
            raise _error(code, text.value.decode(errors="replace"))
        return number.value

    def _prepare(self, library: ctypes.CDLL, number: int) -> None:
        """Makes once what every step needs.

        The step function is a second one, without argtypes: converting arguments that
        are prepared costs more than all of the step's work in Go, also where they are
        C objects already. The type of the one argument that is not prepared is checked
        by hand.
        """
        self._id = c_uint64.from_param(number)
        self._step = library["rap_step"]
        self._step.restype = c_int32
        self._out = (c_size_t * 2)()  # rap_bytes: pointer and length, a word each
        self._out_ref = byref(self._out)
        self._view: Any = (ctypes.c_char * 0)()  # its slices are bytes, whatever typeshed says
        self._view_at = self._view_len = 0
        # Whoever is inside holds the one token. A lock would do the same, but an
        # interrupt between acquiring it and the next instruction would leave it
        # locked for ever; giving a token back twice does no harm.
        token = {True}
        self._take = token.remove
        self._give = token.add

    def step(self, events: bytes) -> bytes:
        """Hands over a batch of events and returns the effects, both CBOR sequences.

        If an event fails, the exception's ``effects`` hold those of the events
        before it, and its ``index`` says which it was.
        """
        if events.__class__ is not bytes:
            raise TypeError(f"events must be bytes, not {type(events).__name__}")
        try:
            self._take(True)
            code = self._step(self._id, events, _lengths[len(events)], self._out_ref)
            out = self._out
            length = out[1]
            if length <= self._view_len and out[0] == self._view_at:
                effects: bytes = self._view[:length]
            else:
                effects = self._copy()
        except KeyError:
            raise self._unavailable() from None
        except BaseException:
            self._leave()
            raise
        self._give(True)
        if code or _raised or self._closing:
            self._ended(code, effects)
        return effects

    def _copy(self) -> bytes:
        """The effects that the library holds for this handle. What the view covers
        stays the handle's while the address is the same, so the next step reuses it."""
        at, length = self._out
        if not length:
            return b""
        self._view_at, self._view_len = at, length
        self._view = (ctypes.c_char * length).from_address(at)
        effects: bytes = self._view[:]
        return effects

    def effects(self) -> bytes:
        """The effects of the latest step once more.

        For a host that was interrupted (Ctrl-C) between the step and its return:
        the step has happened, and what it asked for is still here.
        """
        try:
            self._take(True)
        except KeyError:
            raise self._unavailable() from None
        try:
            return self._copy()
        finally:
            self._leave()

    def columns(self, query: bytes = b"") -> dict[str, np.ndarray[Any, Any]]:
        """Bulk results as NumPy arrays by name. Ids are rows of 32 bytes."""
        table = _Table()
        try:
            self._take(True)
            code = self._library.rap_columns(self._number, query, len(query), byref(table))
            arrays = {} if code else _arrays(table)
        except KeyError:
            raise self._unavailable() from None
        except BaseException:
            self._leave()
            raise
        self._give(True)
        if code or _raised or self._closing:
            self._ended(code, b"")
        return arrays

    def cancel(self) -> None:
        """Asks the call in flight, if any, to end early with `CanceledError`."""
        code = self._library.rap_cancel(self._number)
        if code and code != ClosedError.code:
            raise self._error(code)

    @property
    def closed(self) -> bool:
        """Whether the handle is closed, or will be when the call in flight returns."""
        return self._closing

    def close(self) -> None:
        """Closes the machine. Closing again does nothing.

        A call in flight is cancelled. Its thread finishes the closing, and this one
        waits for that, unless they are the same (a signal handler, say).
        """
        if self._closed:
            return
        self._closing = True
        if _forked:
            self._closed = True  # the handle is the parent's
            return
        self._library.rap_cancel(self._number)
        while not self._finish():
            if self._is_inside():
                return
            time.sleep(_CLOSE_POLL_SECONDS)

    def _finish(self) -> bool:
        """Closes the machine unless a call is in flight; says whether it is closed."""
        try:
            self._take(True)
        except KeyError:
            return self._closed
        self._closed = True  # and the token is kept: nobody gets in again
        code = self._library.rap_close(self._number)
        _sinks.pop(self._sink, None)
        self._view, self._view_len = (ctypes.c_char * 0)(), 0
        if code and code != ClosedError.code:
            raise _error(code, "closing failed; the log says why")
        return True

    def _leave(self) -> None:
        """Gives the token back; whoever waits to close does not find it taken."""
        self._give(True)
        if self._closing:
            self._finish()

    def _ended(self, code: int, effects: bytes) -> None:
        """Deals with what is unusual about a call that is over."""
        error = self._error(code, effects) if code else None
        if self._closing:
            self._finish()
        raised = _raised.pop(threading.get_ident(), None)
        if raised is not None:
            raise raised
        if error is not None:
            raise error

    def _is_inside(self) -> bool:
        """Whether this thread is inside a call of this handle."""
        inside = {Handle.step.__code__, Handle.columns.__code__, Handle.effects.__code__}
        frame = sys._getframe()
        while frame.f_back is not None:
            frame = frame.f_back
            if frame.f_code in inside and frame.f_locals.get("self") is self:
                return True
        return False

    def _unavailable(self) -> EngineError:
        """Why the token was not there."""
        if _forked:
            return ForkedError()
        return ClosedError() if self._closing else BusyError()

    def _error(self, code: int, effects: bytes = b"") -> EngineError:
        """The exception for a code, with the library's text where it leaves one."""
        if code in _WITHOUT_TEXT:
            return _error(code)
        text = _Bytes()
        self._library.rap_last_error(self._number, byref(text))
        said = ctypes.string_at(text.ptr, text.len).decode(errors="replace") if text.len else ""
        return _error(code, said, effects)

    def __del__(self) -> None:
        # A safety net only: when, and in which thread, is up to the collector.
        try:
            if not self._closed:
                self.close()
        except Exception:
            logging.getLogger("rapprochement").exception("closing a forgotten handle failed")

    def __repr__(self) -> str:
        return f"<Handle {self._number:#x}{' closed' if self._closed else ''}>"


def _error(code: int, text: str = "", effects: bytes = b"") -> EngineError:
    """The exception for a code of the header."""
    return BY_CODE.get(code, InternalError)(text, effects)


def _arrays(table: _Table) -> dict[str, np.ndarray[Any, Any]]:
    """Copies columns, whose memory is the library's, into arrays."""
    import numpy as np

    arrays = {}
    for column in table.columns[: table.count]:
        shape = (column.len, column.width) if column.width > 1 else (column.len,)
        array = np.empty(shape, _DTYPES[column.dtype - 1])
        if column.len:
            ctypes.memmove(array.ctypes.data, column.data, array.nbytes)
        arrays[column.name.decode()] = array
    return arrays

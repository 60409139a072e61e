"""The loader and the handle, in this process."""

from __future__ import annotations

import ctypes
import gc
import logging
import re
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from conftest import ROOT
from rapprochement import _native, errors
from rapprochement._native import Handle

HEADER = (ROOT / "capi" / "rapprochement.h").read_text(encoding="utf-8")


class Lines(logging.Handler):
    """A log handler that keeps lines and says when one arrives."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[tuple[int, str]] = []
        self.arrived = threading.Event()

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append((record.levelno, record.getMessage()))
        self.arrived.set()


@pytest.fixture
def lines(request: pytest.FixtureRequest) -> Iterator[tuple[logging.Logger, Lines]]:
    """A logger of this test's own and what it receives."""
    logger, lines = logging.getLogger(f"test.{request.node.name}"), Lines()
    logger.setLevel(logging.INFO)
    logger.addHandler(lines)
    yield logger, lines
    logger.removeHandler(lines)


class Spin:
    """A step that lasts until it is cancelled, in a thread of its own."""

    def __init__(self, logger: logging.Logger, lines: Lines) -> None:
        self.handle = Handle("spin", b"60000", logger=logger)
        self.outcome: object = None
        self.thread = threading.Thread(target=self._run)
        self.thread.start()
        assert lines.arrived.wait(30)

    def _run(self) -> None:
        try:
            self.outcome = self.handle.step(b"x")
        except Exception as error:
            self.outcome = error

    def join(self) -> object:
        self.thread.join(30)
        assert not self.thread.is_alive()
        return self.outcome


# --- steps ----------------------------------------------------------------------


@pytest.mark.parametrize("size", [0, 1, 200, 4096, 100_000, 5_000_000])
def test_echo(size: int) -> None:
    events = bytes(range(256)) * (size // 256 + 1)
    with Handle("echo") as handle:
        for length in (size // 2, size, size // 3):  # growing and shrinking
            assert handle.step(events[:length]) == events[:length]


def test_effects_are_the_callers_own() -> None:
    with Handle("echo") as handle:
        first = handle.step(b"first")
        handle.step(b"other")
        assert first == b"first"


def test_effects_once_more() -> None:
    with Handle("echo") as handle:
        assert handle.effects() == b""
        handle.step(b"abc")
        assert handle.effects() == b"abc"
        handle.step(b"")
        assert handle.effects() == b""
    with pytest.raises(errors.ClosedError):
        handle.effects()


@pytest.mark.parametrize("events", ["text", bytearray(b"x"), memoryview(b"x"), None, 1, [b"x"]])
def test_only_bytes_are_events(events: object) -> None:
    with Handle("echo") as handle:
        with pytest.raises(TypeError):
            handle.step(events)  # type: ignore[arg-type]
        assert handle.step(b"still here") == b"still here"


def test_bad_event_keeps_earlier_effects() -> None:
    with Handle("fail", b"7") as handle, pytest.raises(errors.BadEventError) as caught:
        handle.step(b"earlier")
    assert caught.value.effects == b"earlier"
    assert caught.value.index == 1
    assert str(caught.value) == "event 1: on purpose"


@pytest.mark.parametrize(
    ("config", "kind"),
    [
        (b"6", errors.BadConfigError),
        (b"8", errors.StoreFailedError),
        (b"9", errors.CanceledError),
        (b"", errors.BadEventError),
        (b"99", errors.InternalError),
    ],
)
def test_codes_become_exceptions(config: bytes, kind: type[errors.EngineError]) -> None:
    with Handle("fail", config) as handle, pytest.raises(kind) as caught:
        handle.step(b"x")
    assert type(caught.value) is kind
    assert caught.value.effects == b"x"


def test_failing_close(lines: tuple[logging.Logger, Lines]) -> None:
    handle = Handle("fail", b"close 8", logger=lines[0])
    with pytest.raises(errors.StoreFailedError):
        handle.close()
    assert handle.closed
    assert lines[1].lines == [(logging.ERROR, "closing failed: on purpose")]
    handle.close()


def test_exceptions_and_header_agree() -> None:
    block = HEADER[HEADER.index("RAP_OK = 0") :]
    codes = dict(re.findall(r"RAP_(\w+) = (\d+)", block[: block.index("};")]))
    assert codes.pop("OK") == "0"
    expected = {
        "".join(part.title() for part in name.split("_")) + "Error": int(code)
        for name, code in codes.items()
    }
    assert {kind.__name__: code for code, kind in errors.BY_CODE.items()} == expected


def test_constants_and_header_agree() -> None:
    assert f"#define RAP_ABI_VERSION {_native.ABI_VERSION}\n" in HEADER
    assert f"#define RAP_ERROR_MAX {_native._ERROR_MAX}\n" in HEADER
    found = re.findall(r"RAP_(U?INT|FLOAT)(\d+) = (\d+)", HEADER)
    dtypes = [f"{kind.lower()}{bits}" for kind, bits, _ in found]
    assert [int(number) for *_, number in found] == list(range(1, len(found) + 1))
    assert tuple(dtypes) == _native._DTYPES


# --- columns --------------------------------------------------------------------


def test_columns() -> None:
    with Handle("echo") as handle:
        columns = handle.columns(b"query")
        handle.columns(b"overwritten")
    assert columns["query"].tobytes() == b"query"
    for name in ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"):
        limits = np.iinfo(name)
        assert columns[name].dtype == name
        assert columns[name].tolist() == [limits.min, limits.max]
    for name in ("float32", "float64"):
        limits = np.finfo(name)
        assert columns[name].dtype == name
        assert columns[name].tolist() == [limits.min, limits.smallest_subnormal]
    assert columns["id"].shape == (2, 32)
    assert columns["id"][:, [0, 31]].tolist() == [[1, 2], [3, 4]]
    columns["int64"][0] = 7  # arrays belong to the caller


def test_empty_column() -> None:
    with Handle("echo") as handle:
        assert handle.columns()["query"].shape == (0,)
    with Handle("spin", b"0") as handle:
        assert handle.columns() == {}


def test_columns_of_a_failing_query() -> None:
    with Handle("fail", b"7") as handle:
        with pytest.raises(errors.BadEventError, match="^on purpose$") as caught:
            handle.columns(b"x")
    assert caught.value.index is None


# --- opening and closing --------------------------------------------------------


def test_open_says_why_not() -> None:
    with pytest.raises(errors.BadConfigError, match='called "nothing"'):
        Handle("nothing")
    with pytest.raises(errors.BadConfigError, match="does not know the config"):
        Handle("echo", b"unknown")
    with pytest.raises(errors.InternalError, match="on purpose, in open"):
        Handle("panic", b"open")


def test_close_is_final_and_idempotent() -> None:
    handle = Handle("echo")
    assert not handle.closed
    assert "closed" not in repr(handle)
    handle.close()
    handle.close()
    assert handle.closed
    assert "closed" in repr(handle)
    handle.cancel()
    for call in (handle.step, handle.columns):
        with pytest.raises(errors.ClosedError):
            call(b"x")


def test_context_manager_closes() -> None:
    with pytest.raises(ZeroDivisionError), Handle("echo") as handle:
        raise ZeroDivisionError
    assert handle.closed


def test_forgotten_handle_is_closed() -> None:
    handle = Handle("echo")
    number = handle._number
    library = _native.load()
    assert library.rap_cancel(number) == 0
    del handle
    gc.collect()
    assert library.rap_cancel(number) == errors.ClosedError.code


def test_panic_poisons_one_handle() -> None:
    with Handle("panic", b"explicit") as sick, Handle("echo") as well:
        for call in (sick.step, sick.step, sick.columns):
            with pytest.raises(errors.PoisonedError, match=r"(?s)on purpose.*panicker"):
                call(b"x")
        with pytest.raises(errors.PoisonedError):
            sick.cancel()
        assert well.step(b"x") == b"x"


def test_panic_in_close(lines: tuple[logging.Logger, Lines]) -> None:
    handle = Handle("panic", b"close", logger=lines[0])
    with pytest.raises(errors.PoisonedError):
        handle.close()
    assert handle.closed
    assert "on purpose, in close" in lines[1].lines[0][1]


def test_many_handles_leave_nothing() -> None:
    def resident() -> int:
        return int(Path("/proc/self/statm").read_text().split()[1]) * 4096

    def churn(count: int) -> None:
        for _ in range(count):
            with Handle("echo") as handle:
                handle.step(bytes(100_000))
                handle.columns(bytes(10_000))

    churn(200)
    before = resident()
    churn(1000)
    assert resident() - before < 20_000_000  # each would have left 200 kB
    assert not _native._sinks


# --- threads --------------------------------------------------------------------


def test_second_thread_is_busy(lines: tuple[logging.Logger, Lines]) -> None:
    spin = Spin(*lines)
    for call in (spin.handle.step, spin.handle.columns):
        with pytest.raises(errors.BusyError):
            call(b"y")
    with pytest.raises(errors.BusyError):
        spin.handle.effects()
    spin.handle.cancel()
    outcome = spin.join()
    assert isinstance(outcome, errors.CanceledError)
    assert outcome.index == 0
    spin.handle.close()


def test_library_itself_answers_busy(lines: tuple[logging.Logger, Lines]) -> None:
    spin = Spin(*lines)
    out = _native._Bytes()
    code = _native.load().rap_step(spin.handle._number, b"y", 1, ctypes.byref(out))
    assert code == errors.BusyError.code
    spin.handle.cancel()
    spin.join()
    spin.handle.close()


def test_close_with_call_in_flight(lines: tuple[logging.Logger, Lines]) -> None:
    spin = Spin(*lines)
    spin.handle.close()
    # close has waited: the machine is gone although the call's thread may linger.
    assert _native.load().rap_cancel(spin.handle._number) == errors.ClosedError.code
    assert isinstance(spin.join(), errors.CanceledError)
    with pytest.raises(errors.ClosedError):
        spin.handle.step(b"x")


def test_threads_share_a_handle() -> None:
    """Every result is the caller's own, although all use one buffer."""
    served = [0] * 4

    def work(mine: int) -> None:
        events = bytes([mine]) * (50 + 1000 * mine)
        end = time.monotonic() + 30
        while served[mine] < 500 and time.monotonic() < end:
            try:
                assert handle.step(events) == events
                served[mine] += 1
            except errors.BusyError:
                pass
            time.sleep(0)  # the others' turn

    with Handle("echo") as handle:
        run_threads([lambda mine=mine: work(mine) for mine in range(4)])
    assert served == [500] * 4


def test_threads_have_handles_of_their_own() -> None:
    def work() -> None:
        for _ in range(50):
            with Handle("echo") as handle:
                for size in range(100):
                    assert handle.step(bytes(size)) == bytes(size)

    run_threads([work] * 4)


def test_closing_against_stepping_threads() -> None:
    """No call returns another's memory or hangs while a handle goes away."""

    def work(handle: Handle, events: bytes) -> None:
        try:
            while True:
                try:
                    assert handle.step(events) == events
                except errors.BusyError:
                    pass
        except errors.ClosedError:
            pass

    for _ in range(30):
        handle = Handle("echo")
        jobs = [lambda size=size: work(handle, bytes(size)) for size in (10, 5000)]
        run_threads([*jobs, lambda: (time.sleep(0.005), handle.close())])
        assert handle.closed


def run_threads(jobs: list[Callable[[], object]]) -> None:
    """Runs jobs in threads and raises what they raise."""
    raised: list[BaseException] = []

    def guarded(job: Callable[[], object]) -> None:
        try:
            job()
        except BaseException as error:
            raised.append(error)

    threads = [threading.Thread(target=guarded, args=[job]) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive()
    if raised:
        raise raised[0]


# --- the log --------------------------------------------------------------------


def test_log_reaches_its_logger(lines: tuple[logging.Logger, Lines]) -> None:
    logger, kept = lines
    with Handle("echo", b"log", logger=logger) as handle, Handle("echo", b"log") as other:
        other.step(b"not here")
        handle.step(b"abc")
    assert kept.lines == [(logging.INFO, "echo: 3 bytes")]
    assert not _native._sinks


def test_log_level_is_heeded(lines: tuple[logging.Logger, Lines]) -> None:
    logger, kept = lines
    logger.setLevel(logging.WARNING)
    with Handle("echo", b"log", logger=logger) as handle:
        logger.setLevel(logging.INFO)  # too late: the engine has the level of the start
        handle.step(b"abc")
    assert kept.lines == []


@pytest.mark.parametrize("kind", [ValueError, KeyError, KeyboardInterrupt, SystemExit])
def test_what_a_callback_raises_arrives(
    lines: tuple[logging.Logger, Lines], kind: type[BaseException]
) -> None:
    logger, _ = lines
    raising = True

    def refuse(record: logging.LogRecord) -> bool:
        if raising:
            raise kind("in the callback")
        return True

    logger.addFilter(refuse)
    with Handle("echo", b"log", logger=logger) as handle:
        with pytest.raises(kind, match="in the callback"):
            handle.step(b"abc")
        assert handle.effects() == b"abc"  # the step has happened all the same
        raising = False
        assert handle.step(b"next") == b"next"
    logger.removeFilter(refuse)


def test_callback_may_use_the_library(lines: tuple[logging.Logger, Lines]) -> None:
    logger, _ = lines
    seen: list[object] = []

    def meddle(record: logging.LogRecord) -> bool:
        seen.append(inner.step(b"inner"))
        try:
            handle.step(b"own")
        except errors.BusyError as error:
            seen.append(type(error))
        return True

    logger.addFilter(meddle)
    with Handle("echo") as inner, Handle("echo", b"log", logger=logger) as handle:
        assert handle.step(b"abc") == b"abc"
    logger.removeFilter(meddle)
    assert seen == [b"inner", errors.BusyError]


def test_close_from_inside_a_call(lines: tuple[logging.Logger, Lines]) -> None:
    """A callback or signal handler that closes must not wait for itself."""
    logger, _ = lines

    def close(record: logging.LogRecord) -> bool:
        handle.close()
        return True

    logger.addFilter(close)
    handle = Handle("echo", b"log", logger=logger)
    assert handle.step(b"abc") == b"abc"
    logger.removeFilter(close)
    assert _native.load().rap_cancel(handle._number) == errors.ClosedError.code


# --- loading --------------------------------------------------------------------


def test_versions_agree() -> None:
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert f'version = "{_native.library_version()}"' in project


@pytest.mark.parametrize(
    ("line", "musl"),
    [
        ("7f00-7f01 r--p 0 08:01 1 /lib/ld-musl-x86_64.so.1", True),
        ("7f00-7f01 r--p 0 08:01 1 /lib/libc.musl-aarch64.so.1", True),
        ("7f00-7f01 r--p 0 08:01 1 /usr/lib/x86_64-linux-gnu/libc.so.6", False),
        ("7f00-7f01 r--p 0 08:01 1 /home/ld-musl-fan/libfoo.so", False),
    ],
)
def test_musl_is_recognised(tmp_path: Path, line: str, musl: bool) -> None:
    maps = tmp_path / "maps"
    maps.write_text(f"5600-5601 r-xp 0 08:01 1 /usr/bin/python3\n{line}\n6000-6001 rw-p\n")
    assert _native._is_musl(str(maps)) is musl
    assert not _native._is_musl(str(tmp_path / "missing"))


def test_musl_is_refused_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_native, "_is_musl", lambda: True)
    monkeypatch.setattr("sys.platform", "linux")
    with pytest.raises(errors.MuslError, match="musl libc"):
        _native._find_library()


def test_missing_library_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    missing = tmp_path / "nothing.so"
    monkeypatch.setenv(_native.LIBRARY_VARIABLE, str(missing))
    with pytest.raises(errors.LibraryMissingError, match=re.escape(str(missing))):
        _native._find_library()


def test_other_files_are_no_library(tmp_path: Path) -> None:
    other = tmp_path / "text.so"
    other.write_text("not a library")
    with pytest.raises(errors.LibraryError, match="cannot load"):
        _native._open_library(other)


def test_other_versions_are_refused(monkeypatch: pytest.MonkeyPatch, library: Path) -> None:
    monkeypatch.setattr(_native, "ABI_VERSION", 99)
    with pytest.raises(errors.LibraryVersionError, match=r"version 1 .* needs 99"):
        _native._open_library(library)


def test_library_names() -> None:
    names = [_native._library_name(name) for name in ("linux", "darwin", "win32")]
    assert names == ["librapprochement.so", "librapprochement.dylib", "rapprochement.dll"]

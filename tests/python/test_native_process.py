"""What only shows in a process of its own: forks, signals, start and exit."""

from __future__ import annotations

import multiprocessing
from pathlib import Path

import pytest

from conftest import Program

FORKING = f"""
import multiprocessing, sys, time
from rapprochement._native import Handle
from rapprochement.errors import RapprochementError

def child(queue):
    try:
        with Handle("echo") as handle:
            for _ in range(20000):
                handle.step(b"x" * 100)
        queue.put("ok")
    except RapprochementError as error:
        queue.put(f"{{type(error).__name__}}: {{error}}")

if __name__ == "__main__":
    method, loaded = sys.argv[1:] if len(sys.argv) > 1 else {{argv}}
    if loaded == "loaded":
        keep = Handle("echo")
        keep.step(b"x")
    context = multiprocessing.get_context(method)
    queue = context.Queue()
    process = context.Process(target=child, args=[queue])
    process.start()
    print(queue.get(timeout=30))
    process.join(30)
    print(process.exitcode)
    if loaded == "loaded":
        print(keep.step(b"parent"))
"""


@pytest.mark.parametrize("loaded", ["loaded", "fresh"])
@pytest.mark.parametrize("method", multiprocessing.get_all_start_methods())
def test_multiprocessing(program: Program, method: str, loaded: str) -> None:
    done = program(FORKING.replace("{argv}", repr([method, loaded])))
    answer, code, *rest = done.stdout.splitlines() or [done.stderr, ""]
    if (method, loaded) == ("fork", "loaded"):
        assert answer == (
            "ForkedError: this process was forked after the engine was loaded; "
            "use multiprocessing 'spawn' or 'forkserver'"
        )
    else:
        assert answer == "ok"
    assert code == "0"
    assert rest == (["b'parent'"] if loaded == "loaded" else [])


def test_inherited_handle_in_forked_child(program: Program) -> None:
    """Using it is an error in words; dropping and closing it is silent and quick."""
    done = program(
        """
        import ctypes, os, threading, time
        from rapprochement import _native, errors
        handle, other = _native.Handle("echo"), _native.Handle("spin", b"1000")
        handle.step(b"x")
        thread = threading.Thread(target=other.step, args=[b"x"])
        thread.start()
        time.sleep(0.2)
        pid = os.fork()
        if pid == 0:
            for call in (handle.step, handle.columns, other.step, lambda _: handle.cancel()):
                try:
                    call(b"x")
                except errors.ForkedError:
                    print("worded", flush=True)
            out = (ctypes.c_size_t * 2)()
            print(_native._library.rap_step(handle._number, b"x", 1, out), flush=True)
            print(_native._library.rap_version(), flush=True)
            handle.close()
            other.close()
            raise SystemExit(7)
        print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
        thread.join()
        print(handle.step(b"parent"))
        """,
        *("-W", "ignore::DeprecationWarning"),  # Python 3.12 warns of the fork itself
    )
    assert done.stderr == ""
    assert done.stdout.splitlines() == [*["worded"] * 4, "5", "1", "7", "b'parent'"]


def test_import_touches_nothing_native(program: Program) -> None:
    """Nothing of Go is loaded by the import, and a child forked after it may use it."""
    done = program(
        """
        import os
        from pathlib import Path
        from rapprochement import _native, errors
        loaded = lambda: "librapprochement" in Path("/proc/self/maps").read_text()
        print(loaded(), flush=True)
        pid = os.fork()
        if pid == 0:
            print(_native.Handle("echo").step(b"child"), loaded(), flush=True)
            os._exit(0)
        os.waitpid(pid, 0)
        print(loaded(), _native.Handle("echo").step(b"parent"))
        """
    )
    assert done.stdout.splitlines() == ["False", "b'child' True", "False b'parent'"]


@pytest.mark.parametrize(("stage", "outcome"), [("_find_library", "4"), ("_open_library", "3")])
def test_fork_while_loading(program: Program, stage: str, outcome: str) -> None:
    """A child forked while another thread loads does not hang. It uses the library only
    if that had not been touched yet."""
    done = program(
        f"""
        import os, threading
        from rapprochement import _native, errors
        inside, go_on = threading.Event(), threading.Event()
        real = _native.{stage}
        def slow(*arguments):
            inside.set()
            go_on.wait()
            return real(*arguments)
        _native.{stage} = slow
        thread = threading.Thread(target=_native.load)
        thread.start()
        inside.wait()
        pid = os.fork()
        if pid == 0:
            _native.{stage} = real
            try:
                _native.load()
            except errors.ForkedError:
                os._exit(3)
            os._exit(4)
        for _ in range(100):
            gone, status = os.waitpid(pid, os.WNOHANG)
            if gone:
                print(os.waitstatus_to_exitcode(status))
                break
            threading.Event().wait(0.1)
        else:
            os.kill(pid, 9)
            print("hangs")
        go_on.set()
        thread.join()
        """
    )
    assert done.stdout == f"{outcome}\n", done.stderr


INTERRUPTED = """
import logging, os, signal, threading, time
from rapprochement._native import Handle
logger = logging.getLogger("spin")
logger.setLevel({level})
handle = Handle("spin", b"600", logger=logger)
threading.Timer(0.3, os.kill, [os.getpid(), signal.SIGINT]).start()
start = time.monotonic()
try:
    handle.step(b"happened")
    print("no interrupt")
except KeyboardInterrupt:
    print(0.5 < time.monotonic() - start < 5)
print(handle.effects())
print(handle.step(b"next"))
"""


@pytest.mark.parametrize("level", ["logging.INFO", "logging.ERROR"])
def test_interrupt_during_a_step(program: Program, level: str) -> None:
    """Ctrl-C is raised when the step returns, also when it first strikes within a
    callback, and the step's effects are not lost."""
    done = program(INTERRUPTED.format(level=level))
    assert done.stdout.splitlines() == ["True", "b'happened'", "b'next'"]
    assert done.stderr == ""


def test_interrupts_leave_the_handle_usable(program: Program) -> None:
    """Wherever an interrupt strikes, the handle is neither stuck nor out of step."""
    done = program(
        """
        import os, signal, threading, time
        from rapprochement._native import Handle
        handle, stop = Handle("echo"), False
        def pester():
            while not stop:
                os.kill(os.getpid(), signal.SIGINT)
                time.sleep(0.0003)
        thread = threading.Thread(target=pester)
        interrupts = steps = 0
        end = time.monotonic() + 3
        while True:
            try:
                if not thread.is_alive():
                    thread.start()
                while time.monotonic() < end:
                    steps += 1
                    assert handle.step(b"%d" % steps) == b"%d" % steps
                stop = True
                break
            except KeyboardInterrupt:
                interrupts += 1
        while True:
            try:
                thread.join()
                break
            except KeyboardInterrupt:
                pass
        other = threading.Thread(target=lambda: print(handle.step(b"from another thread")))
        other.start()
        other.join()
        print(interrupts > 100, steps > 1000)
        """
    )
    assert done.stderr == ""
    assert done.stdout.splitlines() == ["b'from another thread'", "True True"]


def test_signal_handler_may_close(program: Program) -> None:
    """A handler that runs within a step in the same thread must not wait for it."""
    done = program(
        """
        import os, signal, threading
        from rapprochement import _native, errors
        handle = _native.Handle("spin", b"500")
        signal.signal(signal.SIGTERM, lambda *_: handle.close())
        threading.Timer(0.1, os.kill, [os.getpid(), signal.SIGTERM]).start()
        print(handle.step(b"x"))
        try:
            handle.step(b"x")
        except errors.ClosedError:
            print("closed")
        print(_native.load().rap_cancel(handle._number))
        """
    )
    assert done.stdout.splitlines() == ["b'x'", "closed", "2"]


DEREFERENCE = """
import faulthandler
{before}
from rapprochement import _native, errors
_native.load()
{after}
try:
    _native.Handle("panic", b"{how}").step(b"x")
except errors.PoisonedError:
    print("poisoned")
"""


@pytest.mark.parametrize("how", ["explicit", "nil"])
def test_faulthandler_before_loading_is_harmless(program: Program, how: str) -> None:
    done = program(DEREFERENCE.format(before="faulthandler.enable()", after="", how=how))
    assert done.stdout == "poisoned\n"


def test_faulthandler_after_loading_spares_explicit_panics(program: Program) -> None:
    done = program(DEREFERENCE.format(before="", after="faulthandler.enable()", how="explicit"))
    assert done.stdout == "poisoned\n"


def test_faulthandler_after_loading_makes_nil_dereferences_fatal(program: Program) -> None:
    """The reason why the library is loaded late, and why no design may count on
    recovering from a nil dereference."""
    done = program(DEREFERENCE.format(before="", after="faulthandler.enable()", how="nil"))
    assert done.returncode < 0
    assert done.stdout == ""


def test_exit_closes_what_is_open(program: Program) -> None:
    """In order, with logging still there; and a step in a daemon thread holds up nothing."""
    done = program(
        """
        import ctypes, logging, sys, threading, time
        from rapprochement._native import Handle
        logging.basicConfig(stream=sys.stdout, format="%(message)s")
        keep = Handle("panic", b"close")
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(keep))  # so that __del__ never runs
        busy = Handle("spin", b"30000")
        threading.Thread(target=busy.step, args=[b"x"], daemon=True).start()
        time.sleep(0.2)
        """
    )
    assert done.returncode == 0
    assert done.stdout.startswith("panic: on purpose, in close")
    assert done.stderr == ""


def test_override_names_the_library(program: Program, library: Path, tmp_path: Path) -> None:
    copy = tmp_path / "elsewhere.so"
    copy.write_bytes(library.read_bytes())
    done = program(
        """
        from pathlib import Path
        from rapprochement._native import Handle
        print(Handle("echo").step(b"x"), "elsewhere.so" in Path("/proc/self/maps").read_text())
        """,
        RAPPROCHEMENT_LIBRARY=str(copy),
    )
    assert done.stdout == "b'x' True\n", done.stderr


def test_no_check_depends_on_assert(program: Program) -> None:
    done = program(
        """
        from rapprochement import _native, errors
        handle = _native.Handle("echo")
        for events in ("text", None):
            try:
                handle.step(events)
            except TypeError:
                print("refused")
        """,
        "-O",
    )
    assert done.stdout == "refused\nrefused\n"

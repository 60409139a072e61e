"""What the tests of the package share."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]

#: Longest that a program of a test may take. One that hangs (a fork, a lock) is the
#: failure that many of these tests look for.
PROGRAM_SECONDS = 60

Program = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="session", autouse=True)
def library() -> Path:
    """The shared library that the tests load."""
    named = os.environ.get("RAPPROCHEMENT_LIBRARY")
    path = Path(named or ROOT / "python" / "rapprochement" / "librapprochement.so")
    if not path.is_file():
        pytest.exit(f"no library at {path}; build it with 'make lib'", returncode=2)
    return path


@pytest.fixture(scope="session")
def backend() -> ModuleType:
    """The build backend, which is no part of the package."""
    path = ROOT / "python" / "build_backend" / "backend.py"
    spec = importlib.util.spec_from_file_location("backend", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def program(tmp_path: Path) -> Program:
    """Runs a program in a Python of its own and gives what it printed."""

    def run(
        source: str, *options: str, python: str = sys.executable, **environment: str
    ) -> subprocess.CompletedProcess[str]:
        path = tmp_path / "program.py"
        path.write_text(textwrap.dedent(source), encoding="utf-8")
        return subprocess.run(
            [python, *options, str(path)],
            env={**os.environ, "PYTHONPATH": str(ROOT / "python"), **environment},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=PROGRAM_SECONDS,
        )

    return run

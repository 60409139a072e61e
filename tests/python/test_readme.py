"""What the README and docs/ say: that it runs, and that nothing is left out."""

from __future__ import annotations

import re
import shlex
import textwrap
from pathlib import Path

import pytest

from rapprochement import cli, scenarios

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")

#: How many commands, blocks of Python and links are at least looked at: a changed
#: layout must not turn these tests into tests of nothing.
COMMANDS, BLOCKS, LINKS = 6, 2, 10


def blocks(kind: str) -> list[str]:
    """The README's blocks of code of one kind."""
    return re.findall(rf"^```{kind}\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


def commands() -> list[str]:
    """The README's calls of the command."""
    return re.findall(r"^(rapprochement .*?)(?:  +#.*)?$", "\n".join(blocks("")), re.MULTILINE)


def test_there_is_enough_to_test():
    assert len(commands()) >= COMMANDS
    assert len(blocks("python")) >= BLOCKS


@pytest.mark.parametrize("command", commands())
def test_commands_of_the_readme_work(command, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("rapprochement.sweep.CACHE", tmp_path)
    assert cli.main(shlex.split(command)[1:]) == 0
    assert capsys.readouterr().out


@pytest.mark.parametrize("code", blocks("python"), ids=range(len(blocks("python"))))
def test_python_of_the_readme_runs(code, program, tmp_path):
    done = program(code)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout


def test_python_of_the_page_on_services_runs(program):
    page = (ROOT / "docs" / "services.md").read_text(encoding="utf-8")
    presence, rtt = re.findall(r"^```python\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    for code, says in ((presence, "writing docs []\n"), (rtt, "0 []\n")):
        done = program(code)
        assert (done.returncode, done.stderr, done.stdout) == (0, "", says)


def test_python_of_the_page_on_embedding_runs(program):
    page = (ROOT / "docs" / "embedding.md").read_text(encoding="utf-8")
    parts = re.findall(r"^```python\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    assert len(parts) == 2
    done = program("\n".join(parts))
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "(b'todo', b'1') b'write'\n"


def test_the_loop_is_the_tested_one():
    source = (Path(__file__).parent / "test_readme_loop.py").read_text(encoding="utf-8")
    marked = source.partition("# README: from here\n")[2].partition("    # README: to here")[0]
    loop = textwrap.dedent(marked).strip("\n")
    assert f"```python\n{loop}\n```" in README
    lines = [line for line in loop.splitlines() if line.strip()]
    assert len(lines) <= 25


def test_make_targets_that_are_named_exist():
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for page in [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]:
        named = set(re.findall(r"`?make ([a-z]+(?:-[a-z]+)*)\b(?![ -])", page.read_text(encoding="utf-8")))
        assert named & targets == named - {"sure"}, page


def test_links_lead_somewhere():
    count = 0
    for page in [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]:
        for target in re.findall(r"\]\((?!http)([^)#]+)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page.name}: {target}"
            count += 1
    assert count >= LINKS


# --- docs/scenarios.md --------------------------------------------------------------

SCENARIOS = (ROOT / "docs" / "scenarios.md").read_text(encoding="utf-8")

#: The section of the page that describes each Go struct.
SECTIONS = {
    "Scenario": "## The whole",
    "NodeSpec": "## `[node]`",
    "RTTSpec": "## `[rtt]`",
    "Topology": "## `[topology]`",
    "LinkSpec": "## `[links]`",
    "SpaceSpec": "## `[space]`",
    "Workload": "## `[[workload]]`",
    "Fault": "## `[[fault]]`",
    "Measure": "## `[measure]`",
    "Expect": "## `[expect]`",
    "Keep": "## `[keep]`",
}


def fields() -> list[tuple[str, str]]:
    """Struct and TOML name of every field of a scenario, from the Go source."""
    source = (ROOT / "engine" / "sim" / "scenario.go").read_text(encoding="utf-8")
    found = []
    for name, body in re.findall(
        r"^type (\w+) struct \{(.*?)^\}", source, re.MULTILINE | re.DOTALL
    ):
        found += [(name, field) for field in re.findall(r'`toml:"(\w+)"`', body)]
    return found


def test_the_source_has_the_structs():
    assert {struct for struct, _ in fields()} == set(SECTIONS)
    assert len(fields()) > 60


@pytest.mark.parametrize(("struct", "field"), fields())
def test_every_field_of_a_scenario_is_described(struct, field):
    section = SCENARIOS.partition(SECTIONS[struct])[2].partition("\n## ")[0]
    if struct == "Scenario" and f"[{field}]" in SCENARIOS:
        return  # a table, with a section of its own
    row = re.search(rf"^\| `{field}` \| (.+?), (.+?) \| (.+) \|$", section, re.MULTILINE)
    assert row, f"no row for {field} with type, default and meaning in {SECTIONS[struct]}"


def test_every_kind_is_described():
    source = (ROOT / "engine" / "sim" / "check.go").read_text(encoding="utf-8")
    kinds = [
        kind
        for kinds in re.findall(r'oneOf\([^,]+, [^,]+, ("[^)]+)\)', source)
        for kind in re.findall(r'"(\w+)"', kinds)
    ]
    assert len(kinds) > 25
    missing = [
        kind for kind in kinds if f"`{kind}`" not in SCENARIOS and f'`"{kind}"`' not in SCENARIOS
    ]
    assert missing == []


def test_the_example_of_the_page_is_a_scenario():
    example = re.search(r"^```toml\n(name = .*?)^```$", SCENARIOS, re.MULTILINE | re.DOTALL)
    assert example
    path = Path("example.toml")
    assert scenarios.Scenario.parse(example[1]).nodes == 50, path
    for part in re.findall(r"^```toml\n(\[.*?)^```$", SCENARIOS, re.MULTILINE | re.DOTALL):
        if "matrix" not in part:
            scenarios.Scenario.parse("nodes = 20\n" + part)


def test_the_scenarios_of_the_package_are_named():
    for name in scenarios.shipped():
        assert f"`{name}`" in SCENARIOS.partition("## The scenarios in the package")[2]


# --- docs/formats.md ----------------------------------------------------------------


def test_the_numbers_of_vectors_are_those_of_the_files():
    import json

    formats = (ROOT / "docs" / "formats.md").read_text(encoding="utf-8")
    for file in ("records", "vocabulary"):
        vectors = json.loads((ROOT / "tests" / "vectors" / f"{file}.json").read_text())
        paragraphs = re.findall(rf"\*Vectors\*: `{file}\.json`:(.+?)\n\n", formats, re.DOTALL)
        counted = re.findall(r"`(\w+)` \((\d+)\b", " ".join(paragraphs))
        assert counted, file
        for name, count in counted:
            assert len(vectors[name]) == int(count), f"{file}: {name}"


def test_every_message_is_described():
    from rapprochement._wire import MessageKind

    formats = (ROOT / "docs" / "formats.md").read_text(encoding="utf-8")
    for kind in MessageKind:
        name = kind.name.title().replace("_", "")
        assert f"| {int(kind)} {name} |" in formats

"""Shrinking: from thirty nodes and twelve faults to what it takes to fail."""

from __future__ import annotations

import pytest

import rapprochement as rap
from rapprochement import cli, scenarios
from rapprochement.shrink import NothingFailsError, replay, shrink

#: Twelve faults, of which the first is the only forger.
CROWD = """
name = "crowd"
seed = 5
nodes = 30
duration = "40s"
[node]
interval = "4s"
[topology]
degree = 6
[links]
latency = "uniform"
delay = "5ms"
mean = "30ms"
loss = 0.02
[[workload]]
count = 3
every = "1s"
""" + "".join(
    f'[[fault]]\nkind = "{kind}"\nat = "{1 + i / 4}s"\n{more}\n'
    for i, (kind, more) in enumerate(
        [
            ("forge", "count = 2\nshare = 0.5"),
            ("clock", 'count = 3\nshift = "50s"'),
            ("pause", 'count = 2\nuntil = "5s"'),
            ("crash", 'count = 2\nuntil = "5s"'),
            ("partition", 'split = 0.3\nuntil = "6s"'),
            ("leave", 'count = 1\nuntil = "6s"'),
            ("silence", "nodes = [3]"),
            ("crash", 'count = 3\nstore = "lost"\nuntil = "6s"'),
            ("partition", 'nodes = [1, 2]\none_way = true\nuntil = "5s"'),
            ("pause", 'count = 3\nuntil = "4s"'),
            ("link", 'until = "4s"\nlinks = { delay = "90ms" }'),
            ("clock", "count = 2\ndrift = 0.01"),
        ]
    )
)


@pytest.fixture
def crowd(tmp_path):
    path = tmp_path / "crowd.toml"
    path.write_text(CROWD)
    return str(path)


def forgery(world: rap.World) -> list[str]:
    """A planted bug: what must never happen happens when a signature is forged."""
    world.run(until=8, progress=False)
    kinds = world.table("faults")["kind"]
    return ["bug: it met a forged signature"] if (kinds == "signature").any() else []


def test_the_least_that_meets_a_forgery_is_a_forger_with_a_victim_and_a_write(crowd):
    seen = []
    least = shrink(crowd, fails=forgery, shown=lambda text, left: seen.append(left))
    assert least.nodes <= 3 and (least.faults, least.writes) == (1, 1)
    assert least.finished and least.failures == ("bug: it met a forged signature",)
    tree = scenarios.parsed(least.text)
    assert tree["fault"][tree["keep"]["faults"][0]]["kind"] == "forge"
    assert len(seen) == least.runs - 1 and all(0 <= left <= 1 for left in seen)
    with rap.World(least.text) as world:
        assert forgery(world) == ["bug: it met a forged signature"]
        assert world.result().nodes == least.nodes
    assert shrink(crowd, fails=forgery) == least
    again = scenarios.load(crowd, least.changes, least.seed)
    with rap.World(again) as world:
        assert forgery(world)


def test_the_command_shrinks_what_a_check_finds(crowd, tmp_path, capsys):
    tight = ["--set", "expect.within=30ms", "--set", "fault.0.kind=pause"]
    tight += ["--set", "fault.0.until=7s"]
    assert cli.main(["check", crowd, "--run", *tight]) == cli.NOT_CONVERGED
    text = capsys.readouterr().out
    assert "late: converged" in text and f"rapprochement shrink {crowd} --seed 5" in text
    out = tmp_path / "least.toml"
    assert cli.main(["shrink", crowd, *tight, "--out", str(out), "--no-progress"]) == 0
    said = capsys.readouterr().out.splitlines()
    nodes, faults = (int(word) for word in said[0].split()[:3:2])
    assert nodes <= 3 and faults <= 1
    line = next(s for s in said if s.startswith("again: "))
    assert line.startswith(f"again: rapprochement check {crowd} --run --seed 5 --set ")
    import shlex

    assert cli.main(shlex.split(line)[2:]) == cli.NOT_CONVERGED
    assert cli.main(["check", str(out), "--run"]) == cli.NOT_CONVERGED
    assert "late: converged" in capsys.readouterr().out


def test_ctrl_c_leaves_the_best_so_far(crowd):
    runs = 0

    def interrupted(world: rap.World) -> list[str]:
        nonlocal runs
        runs += 1
        if runs == 6:
            raise KeyboardInterrupt
        return forgery(world)

    least = shrink(crowd, fails=interrupted)
    assert not least.finished and least.faults < 12
    with rap.World(least.text) as world:
        assert forgery(world)

    def at_once(world: rap.World) -> list[str]:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        shrink(crowd, fails=at_once)


def test_what_does_not_fail_cannot_be_shrunk(crowd, capsys):
    with pytest.raises(NothingFailsError, match="does not fail"):
        shrink("first")
    assert cli.main(["shrink", "first", "--no-progress"]) == cli.BAD_INPUT
    assert cli.main(["check", "first", "--run"]) == cli.CONVERGED
    assert "holds: " in capsys.readouterr().out


def test_another_kind_of_failure_is_another_failure(tmp_path):
    path = tmp_path / "few.toml"
    path.write_text(
        'nodes = 4\n[[workload]]\ncount = 2\n[[fault]]\nkind = "forge"\nnodes = [1]\n'
    )

    def moody(world: rap.World) -> list[str]:
        found = forgery(world)
        return found if not world.scenario.plan()["absent"] else ["other: thing"]

    least = shrink(str(path), fails=moody)
    assert least.nodes == 4 and least.failures == ("bug: it met a forged signature",)


def test_the_line_can_be_pasted_into_a_shell():
    assert replay("my file.toml", 3, ["keep.nodes=[0, 2]"]) == (
        "rapprochement check 'my file.toml' --run --seed 3 --set 'keep.nodes=[0, 2]'"
    )

"""The Python twin of the network must give what the engine gives, bit for bit: both check the same golden vectors."""

import json
from pathlib import Path

import pytest

from rapprochement.host import netmodel as nm

VECTORS = Path(__file__).parent.parent / "vectors"


def load(name):
    return json.loads((VECTORS / name).read_text())


DRAWS = load("draw.json")
SCENARIOS = load("links.json")


def test_uint64():
    for c in DRAWS["uint64"]:
        assert nm.Stream(c["seed"], c["stream"]).uint64(c["purpose"], c["count"]) == c["value"], c


@pytest.mark.parametrize(
    ("kind", "function", "fields"),
    [
        ("chance", nm.chance, ["ppm"]),
        ("uniform", nm.uniform, ["lo", "hi"]),
        ("exponential", nm.exponential, ["mean"]),
        ("pareto", nm.pareto, ["minimum", "alpha"]),
        ("logNormal", nm.log_normal, ["median", "sigma"]),
    ],
)
def test_shapes(kind, function, fields):
    assert len(DRAWS[kind]) >= 20
    for c in DRAWS[kind]:
        assert function(c["x"], *(c[f] for f in fields)) == c["value"], c


def model(m):
    match m["Kind"]:
        case "constant":
            return nm.Constant(m.get("Delay", 0))
        case "uniform":
            return nm.Uniform(m["Lo"], m["Hi"])
        case "exponential":
            return nm.Exponential(m["Minimum"], m["Mean"])
        case "logNormal":
            return nm.LogNormal(m["Minimum"], m["Median"], m["Sigma"])
        case "pareto":
            return nm.Pareto(m["Minimum"], m["Alpha"])
        case "geographic":
            places = [(p["Lat"], p["Lon"]) for p in m["Places"]]
            return nm.Matrix.from_places(places, m["Route"]["PerKm"], m["Route"]["Fixed"])
        case "matrix" | "placed":
            return nm.Matrix.from_csv(m["CSV"], m.get("Sites"))
    raise ValueError(m["Kind"])


def bandwidth(b):
    return nm.Bandwidth(b["BytesPerSecond"], b["QueueBytes"])


def params(p):
    return nm.Params(
        p["Delay"], p["Jitter"], p["Loss"], p["Duplicate"], p["Reorder"], p["ReorderDelay"], bandwidth(p["Bandwidth"])
    )


def perform(net, s):
    """Do one step and return the part of it that is the result."""
    a, b = s["from"], s["to"]
    match s["op"]:
        case "send":
            deliveries, drop = net.send(s.get("now", 0), a, b, s.get("size", 0))
            return [{"At": d.at, "Duplicate": d.duplicate} for d in deliveries], 0, drop
        case "arrive":
            return [], *net.arrive(s.get("now", 0), b, s.get("size", 0))
        case "cut":
            net.cut(a, b)
        case "heal":
            net.heal(a, b)
        case "group":
            net.set_group(a, b)
        case "cutGroups":
            net.cut_groups(a, b)
        case "healGroups":
            net.heal_groups(a, b)
        case "healAll":
            net.heal_all()
        case "link":
            net.set_link(a, b, params(s["params"]))
        case "default":
            net.params = params(s["params"])
        case "uplink":
            net.set_uplink(a, bandwidth(s["bandwidth"]))
        case "downlink":
            net.set_downlink(a, bandwidth(s["bandwidth"]))
        case other:
            raise ValueError(other)
    return [], 0, ""


@pytest.mark.parametrize("scenario", SCENARIOS, ids=[s["name"] for s in SCENARIOS])
def test_links(scenario):
    net = nm.Net(scenario["seed"], model(scenario["model"]), params(scenario["all"]))
    assert len(scenario["steps"]) >= 100
    for i, s in enumerate(scenario["steps"]):
        assert perform(net, s) == (s.get("deliveries", []), s.get("at", 0), s.get("drop", "")), (i, s)


def test_matrix_keeps_every_nanosecond():
    assert nm.Matrix.from_csv("3.700,308.417001\n0.000003,0\n").rows == [[1_850_000, 154_208_500], [1, 0]]

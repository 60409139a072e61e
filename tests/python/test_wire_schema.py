"""docs/schema.cddl against the golden vectors.

The validators that are on PyPI do not choose between arrays correctly, so this
reads the part of CDDL (RFC 8610) that the schema uses: arrays, groups, choices,
occurrence, ranges, .size and .cbor. pycddl, where installed, checks the syntax.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import cbor2
import pytest

ROOT = Path(__file__).resolve().parents[2]
SCHEMA = (ROOT / "docs/schema.cddl").read_text()
VOCABULARY = json.loads((ROOT / "tests/vectors/vocabulary.json").read_text())
RECORDS = json.loads((ROOT / "tests/vectors/records.json").read_text())

TOKEN = re.compile(r"\.\.|\.size|\.cbor|&\(|\d+\*\d+|[a-z][a-z0-9-]*|\d+|[][(),:=/*]")
PRELUDE = {
    "any": lambda v: True,
    "uint": lambda v: type(v) is int and 0 <= v < 2**64,
    "int": lambda v: type(v) is int and -(2**64) <= v < 2**64,
    "bool": lambda v: type(v) is bool,
    "bytes": lambda v: type(v) is bytes,
    "text": lambda v: type(v) is str,
    "null": lambda v: v is None,
}


class Schema:
    """Rules as trees: ("choice", [...]), ("array", group), ("name", x), …"""

    def __init__(self, text: str) -> None:
        text = re.sub(r";.*", "", text)
        self.rules = {}
        for name, body in re.findall(
            r"^([a-z][a-z0-9-]*) = (.*?)(?=^[a-z][a-z0-9-]* = |\Z)", text, re.M | re.S
        ):
            assert name not in self.rules, f"two rules are called {name}"
            self.tokens = TOKEN.findall(body)
            is_group = self.tokens[0] == "("
            self.rules[name] = self.group() if is_group else self.choice()
            assert not self.tokens, f"{name}: {self.tokens} is left"

    def take(self, *wanted: str) -> str | None:
        return self.tokens.pop(0) if self.tokens and self.tokens[0] in wanted else None

    def choice(self) -> tuple:
        types = [self.type()]
        while self.take("/"):
            types.append(self.type())
        return ("choice", types)

    def type(self) -> tuple:
        left = self.simple()
        if operator := self.take("..", ".size", ".cbor"):
            return (operator, left, self.simple())
        return left

    def simple(self) -> tuple:
        token = self.tokens.pop(0)
        if token.isdigit():
            return ("number", int(token))
        if token == "[":
            return ("array", self.entries("]"))
        if token == "(":
            inner = self.choice()
            assert self.take(")")
            return inner
        if token == "&(":
            entries = self.entries(")")
            return ("choice", [entry[2] for entry in entries])
        return ("name", token)

    def group(self) -> tuple:
        assert self.take("(")
        return ("group", self.entries(")"))

    def entries(self, end: str) -> list[tuple]:
        """(least, most, what) for each entry of a group."""
        entries = []
        while not self.take(end):
            least, most = 1, 1
            if self.take("*"):
                least, most = 0, 2**32
            elif re.fullmatch(r"\d+\*\d+", self.tokens[0]):
                least, most = map(int, self.tokens.pop(0).split("*"))
            elif self.tokens[1] == "*":  # 1* and no upper bound
                least, most = int(self.tokens.pop(0)), 2**32
                self.take("*")
            if len(self.tokens) > 1 and self.tokens[1] == ":":
                del self.tokens[:2]
            entries.append((least, most, self.choice()))
            self.take(",")
        return entries

    def fits(self, tree: tuple, value: object) -> bool:
        match tree:
            case ("choice", types):
                return any(self.fits(one, value) for one in types)
            case ("number", number):
                return type(value) is int and value == number
            case ("array", entries):
                return type(value) is list and len(value) in self.ends(entries, value, 0)
            case ("..", (_, low), (_, high)):
                return type(value) is int and low <= value <= high
            case (".size", left, size):
                return self.fits(left, value) and self.fits(size, len(value))
            case (".cbor", left, inner):
                return self.fits(left, value) and self.fits(inner, cbor2.loads(value))
            case ("name", name) if name in PRELUDE:
                return PRELUDE[name](value)
            case ("name", name):
                return self.fits(self.rules[name], value)
        raise AssertionError(tree)

    def ends(self, entries: list[tuple], items: list, at: int) -> set[int]:
        """Where the entries may end when they start at an item."""
        places = {at}
        for least, most, what in entries:
            reached = places if least == 0 else set()
            for count in range(1, min(most, len(items)) + 1):
                places = {end for place in places for end in self.one(what, items, place)}
                if not places:
                    break
                if count >= least:
                    reached = reached | places
            places = reached
        return places

    def one(self, what: tuple, items: list, at: int) -> Iterator[int]:
        match what:
            case ("choice", [("name", name)]) if self.rules.get(name, "?")[0] == "group":
                yield from self.ends(self.rules[name][1], items, at)
            case _:
                if at < len(items) and self.fits(what, items[at]):
                    yield at + 1

    def check(self, rule: str, data: bytes) -> bool:
        return self.fits(self.rules[rule], cbor2.loads(data))


@pytest.fixture(scope="module")
def schema():
    return Schema(SCHEMA)


PARTS = [
    ("event", VOCABULARY["events"]),
    ("effect", VOCABULARY["effects"]),
    ("message", VOCABULARY["messages"]),
    ("frame", VOCABULARY["frames"]),
    ("world-command", VOCABULARY["world_commands"]),
    ("world-answer", VOCABULARY["world_answers"]),
    ("rank-command", VOCABULARY["rank_commands"]),
    ("rank-answer", VOCABULARY["rank_answers"]),
    ("genesis", RECORDS["genesis"]),
    ("batch", RECORDS["batches"]),
]


@pytest.mark.parametrize(("rule", "vectors"), PARTS, ids=[rule for rule, _ in PARTS])
def test_schema_accepts_the_vectors(schema, rule, vectors):
    for vector in vectors:
        data = vector["hex"]
        if rule in ("world-command", "rank-command"):
            value = cbor2.loads(bytes.fromhex(data))
            data = cbor2.dumps([value[0], 0, 0, value[3]]).hex()
        assert schema.check(rule, bytes.fromhex(data)), vector


def test_schema_accepts_records(schema):
    for vector in RECORDS["records"]:
        assert schema.check("header", bytes.fromhex(vector["header"])), vector["name"]
        assert schema.check("envelope", bytes.fromhex(vector["envelope"])), vector["name"]
    for rule, vector in zip(("grant-value", "cut-value", "cut-value"), RECORDS["values"]):
        assert schema.check(rule, bytes.fromhex(vector["hex"])), vector


PARTS_BY_RULE = dict(PARTS)


@pytest.mark.parametrize("rule", ["event", "effect", "world-answer", "rank-answer", "genesis", "frame"])
def test_schema_refuses_a_field_too_many_or_too_few(schema, rule):
    for vector in PARTS_BY_RULE[rule]:
        value = cbor2.loads(bytes.fromhex(vector["hex"]))
        fields = value if rule in ("genesis", "frame") else value[-1]
        assert not schema.check(rule, cbor2.dumps(longer(value, fields))), vector
        if fields:
            fields.pop()
            assert not schema.check(rule, cbor2.dumps(value)), vector


def longer(value: list, fields: list) -> list:
    """A copy of value with one more field; fields is value or its last element."""
    return [*value, None] if fields is value else [*value[:-1], [*fields, None]]


@pytest.mark.parametrize(
    ("rule", "hex"),
    [
        ("event", "840100008100"),
        ("event", "841903e7000080"),
        ("effect", "820580"),
        ("effect", "820581f5"),
        ("effect", "82058120"),
        ("batch", "8180"),
        ("key", "80"),
        ("key", "91" + "40" * 17),
        ("header", "80"),
        ("id", "581f" + "00" * 31),
        ("version", "00"),
        ("frame", "8400005841" + "00" * 65 + "80"),
    ],
)
def test_schema_refuses(schema, rule, hex):
    assert not schema.check(rule, bytes.fromhex(hex))


def test_every_name_has_a_rule(schema):
    names = set(re.findall(r"\('name', '([a-z0-9-]+)'\)", repr(schema.rules)))
    assert names <= set(schema.rules) | set(PRELUDE)


def test_another_parser_reads_the_schema():
    pycddl = pytest.importorskip("pycddl")
    pycddl.Schema(SCHEMA)

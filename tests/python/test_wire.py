"""The generated vocabulary and the plain-Python record reader against the golden vectors."""

from __future__ import annotations

import json
from pathlib import Path

import cbor2
import pytest

from rapprochement import _wire as wire
from rapprochement import cbor
from rapprochement.cbor import FormatError

ROOT = Path(__file__).resolve().parents[2]
VOCABULARY = json.loads((ROOT / "tests/vectors/vocabulary.json").read_text())
RECORDS = json.loads((ROOT / "tests/vectors/records.json").read_text())

PARTS = {
    "events": wire.EVENTS,
    "effects": wire.EFFECTS,
    "world_commands": wire.COMMANDS,
    "world_answers": wire.ANSWERS,
}


def vectors_of(*parts: str) -> list:
    """Three of each kind: the zero value first, then two drawn at random."""
    return [
        pytest.param(PARTS[part], vector, id=f"{part}-{vector['name']}-{i % 3}")
        for part in parts
        for i, vector in enumerate(VOCABULARY[part])
    ]


@pytest.mark.parametrize(("table", "vector"), vectors_of("events", "world_commands"))
def test_what_goes_in_is_read_written_and_shown_as_in_go(table, vector):
    data = bytes.fromhex(vector["hex"])
    [(mono, wall, event)] = cbor.decode_timed(table, "event", data)
    assert type(event) is table[vector["kind"]]
    assert type(event).__name__ == vector["name"]
    assert cbor.encode_timed(event, mono, wall) == data
    assert repr(event) == cbor.describe(event) == vector["describe"]


@pytest.mark.parametrize(("table", "vector"), vectors_of("effects", "world_answers"))
def test_what_comes_out_is_read_and_shown_as_in_go(table, vector):
    data = bytes.fromhex(vector["hex"])
    [effect] = cbor.decode(table, "effect", data)
    assert type(effect) is table[vector["kind"]]
    assert type(effect).__name__ == vector["name"]
    assert cbor2.dumps([int(effect.KIND), effect._pack()]) == data
    assert repr(effect) == vector["describe"]


@pytest.mark.parametrize(("table", "vector"), vectors_of(*PARTS)[::3])
def test_zero_values_are_the_defaults(table, vector):
    cls = table[vector["kind"]]
    assert cls() == cls._read(cbor2.loads(bytes.fromhex(vector["hex"]))[-1])
    assert repr(cls()) == vector["name"]


@pytest.mark.parametrize(
    ("kinds", "part"),
    [
        (wire.EventKind, "events"),
        (wire.EffectKind, "effects"),
        (wire.WorldCommandKind, "world_commands"),
        (wire.WorldAnswerKind, "world_answers"),
    ],
)
def test_every_kind_has_a_class_and_a_vector(kinds, part):
    assert set(kinds) == set(PARTS[part]) == {vector["kind"] for vector in VOCABULARY[part]}
    assert all(cls.KIND == kind for kind, cls in PARTS[part].items())


def test_a_step_returns_a_sequence():
    data = bytes.fromhex("".join(vector["hex"] for vector in VOCABULARY["effects"]))
    shown = [repr(effect) for effect in wire.decode_effects(data)]
    assert shown == [vector["describe"] for vector in VOCABULARY["effects"]]
    assert wire.decode_effects(b"") == []


def test_times_travel_with_events():
    data = wire.encode(wire.Wake(), 5, -7) + wire.encode(wire.GetStatus(req=1), 6, 2**62)
    assert wire.decode_events(data) == [(5, -7, wire.Wake()), (6, 2**62, wire.GetStatus(1))]


def test_commands_and_answers_of_a_world():
    data = wire.encode_command(wire.RunWorld(until=10**9, events=3))
    assert wire.decode_commands(data) == [wire.RunWorld(10**9, 3)]
    assert repr(wire.RunWorld(10**9, 3)) == "RunWorld until=1s events=3"
    answer = cbor2.dumps([int(wire.WorldAnswerKind.TEXT), ["x"]])
    assert wire.decode_answers(answer) == [wire.WorldText("x")]


def test_keys_may_hold_texts():
    text = wire.Get(space=b"s" * 32, key=("rtt", "ключ"))
    raw = wire.Get(space=b"s" * 32, key=(b"rtt", "ключ".encode()))
    assert wire.encode(text, 1, 2) == wire.encode(raw, 1, 2)
    assert repr(text) == repr(raw) == "Get space=73737373 key=rtt/ключ"
    with pytest.raises(TypeError, match="tuple of components"):
        wire.encode(wire.Get(key="rtt/x"), 0, 0)


def test_lists_may_be_lists():
    put = wire.Put(entries=[wire.PutEntry(key=["a"], codec=wire.Codec.RAW, value=b"x")])
    [(_, _, read)] = wire.decode_events(wire.encode(put, 0, 0))
    assert read.entries == (wire.PutEntry(key=(b"a",), codec=0x55, value=b"x"),)


def test_values_are_immutable():
    for value in (wire.Wake(), wire.Done()):
        with pytest.raises((AttributeError, TypeError)):
            value.req = 1
    assert wire.Done(req=1) == wire.Done(1) != wire.Replicated(1)
    assert len({wire.Done(1), wire.Done(1), wire.Done(2)}) == 2


def test_numbers_of_a_later_release_are_kept():
    fault = cbor2.dumps([int(wire.EffectKind.PEER_FAULT), [bytes(32), 0, 999, ""]])
    [effect] = wire.decode_effects(fault)
    assert effect.fault == 999
    assert repr(effect) == "PeerFault fault=fault-kind(999)"


def is_covered(error: str) -> bool:
    """Python checks kinds, arity and types; lengths and spellings are the engine's."""
    if "31 bytes" in error or "shortest" in error or "range" in error:
        return False
    return any(text in error for text in ("is unknown", "want ", "input ends", "announced", "UTF"))


@pytest.mark.parametrize(
    "vector",
    [
        v
        for v in VOCABULARY["invalid"]
        if v["of"] in ("event", "effect") and v["hex"] and is_covered(v["error"])
    ],
    ids=lambda v: f"{v['of']}-{v['hex'][:24]}-{v['error'][-20:]}",
)
def test_what_go_refuses(vector):
    decode = wire.decode_events if vector["of"] == "event" else wire.decode_effects
    with pytest.raises(FormatError):
        decode(bytes.fromhex(vector["hex"]))


@pytest.mark.parametrize(
    ("hex", "error"),
    [
        ("821903e780", "effect: kind 999 is unknown"),
        ("820580", "Done: 0 elements, want 1"),
        ("8205820000", "Done: 2 elements, want 1"),
        ("820581f5", "Done: req: want int, got bool"),
        ("820581f6", "Done: req: want int, got NoneType"),
        ("820883008000", "Entries: more: want bool, got int"),
        ("820883008180f4", "Entry: 0 elements, want 7"),
        ("8208830081f6f4", "Entry: want a list, got NoneType"),
        ("8105", r"effect: want \[kind, fields\]"),
        ("82f580", r"effect: want \[kind, fields\]"),
        ("820581", "cbor: "),
        ("82058100ff820580", "a break inside"),
        ("ff", "a break inside"),
        ("f6", r"effect: want \[kind, fields\]"),
    ],
)
def test_errors_name_the_field(hex, error):
    with pytest.raises(FormatError, match=error):
        wire.decode_effects(bytes.fromhex(hex))


def test_key_parts_are_bytes():
    text_key = cbor2.dumps([int(wire.EventKind.GET), 0, 0, [1, bytes(32), ["rtt"]]])
    with pytest.raises(FormatError, match="list of byte strings"):
        wire.decode_events(text_key)


@pytest.mark.parametrize(
    ("ns", "text"),
    [
        (0, "0ns"),
        (1, "1ns"),
        (999, "999ns"),
        (1_500, "1.5µs"),
        (20_000_000, "20ms"),
        (1_000_000_007, "1.000000007s"),
        (60 * 10**9, "1m0s"),
        (3_661_000_000_001, "1h1m1.000000001s"),
        (-1, "-1ns"),
    ],
)
def test_durations(ns, text):
    assert cbor.show_duration(ns) == text


# ---- Records, read in plain Python ----


def test_limits_agree():
    for name in (
        "KEY_BYTES_MAX",
        "KEY_PARTS_MAX",
        "VALUE_INLINE_MAX",
        "BLOB_MAX",
        "REFS_MAX",
        "HEADER_MAX",
        "VERSION_MAX",
        "NESTING_MAX",
    ):
        assert getattr(cbor, name) == getattr(wire, name)
    assert (cbor.RAW, cbor.DAG_CBOR) == (wire.Codec.RAW, wire.Codec.DAG_CBOR)


@pytest.mark.parametrize("vector", RECORDS["records"], ids=lambda v: v["name"])
def test_records(vector):
    envelope = cbor.parse_envelope(bytes.fromhex(vector["envelope"]))
    header, raw = envelope.header, bytes.fromhex(vector["header"])
    assert header.encode() == raw
    assert cbor.parse_header(raw) == header
    assert cbor.record_id(raw).hex() == vector["id"]
    assert cbor.cid(cbor.record_id(raw)) == vector["cid"]
    assert cbor.parse_id(vector["cid"]).hex() == vector["id"]
    assert header.author.hex() == vector["author"]
    assert header.signing_message().hex() == vector["signing_message"]
    assert envelope.signature.hex() == vector["signature"]
    assert (envelope.value.hex() if envelope.value is not None else None) == vector["value"]


@pytest.mark.parametrize("vector", RECORDS["records"], ids=lambda v: v["name"])
def test_signatures(vector):
    ed25519 = pytest.importorskip("cryptography.hazmat.primitives.asymmetric.ed25519")
    key = ed25519.Ed25519PrivateKey.from_private_bytes(bytes.fromhex(vector["seed"]))
    assert key.public_key().public_bytes_raw().hex() == vector["author"]
    envelope = cbor.parse_envelope(bytes.fromhex(vector["envelope"]))
    key.public_key().verify(envelope.signature, envelope.header.signing_message())


@pytest.mark.parametrize("vector", RECORDS["genesis"], ids=lambda v: v["name"] or "nameless")
def test_genesis_ids(vector):
    block = bytes.fromhex(vector["hex"])
    cbor.scan(block)
    assert cbor.sha256(block).hex() == vector["id"]
    assert cbor.cid(cbor.sha256(block)) == vector["cid"]


@pytest.mark.parametrize("vector", RECORDS["cids"], ids=lambda v: v["cid"])
def test_cids(vector):
    id = cbor.sha256(bytes.fromhex(vector["block"]))
    assert id.hex() == vector["id"]
    assert cbor.cid(id, vector["codec"]) == vector["cid"]
    assert cbor.parse_id(vector["cid"]) == cbor.parse_id(vector["id"]) == id


@pytest.mark.parametrize(
    "text", ["", "x" * 59, "g" * 64, "é" * 64, "é" * 59, "bafyrei", "b" + "A" * 58, "b" + "7" * 58]
)
def test_ids_refused(text):
    with pytest.raises(FormatError):
        cbor.parse_id(text)


@pytest.mark.parametrize("hex", RECORDS["scan"])
def test_strict_items(hex):
    cbor.scan(bytes.fromhex(hex))


PARSERS = {"scan": cbor.scan, "header": cbor.parse_header}


@pytest.mark.parametrize(
    "vector",
    [v for v in RECORDS["invalid"] if v["of"] in PARSERS],
    ids=lambda v: f"{v['of']}-{v['hex'][:16]}-{v['error'][:24]}",
)
def test_what_go_refuses_of_records(vector):
    with pytest.raises(FormatError) as caught:
        PARSERS[vector["of"]](bytes.fromhex(vector["hex"]))
    if vector["of"] == "header" and " at byte" in vector["error"]:
        field = vector["error"].split(" at byte")[0]
        assert field in str(caught.value)


def test_every_cut_of_a_header_is_refused():
    raw = bytes.fromhex(RECORDS["records"][6]["header"])
    for n in range(len(raw)):
        with pytest.raises(FormatError):
            cbor.parse_header(raw[:n])
    with pytest.raises(FormatError, match="trailing"):
        cbor.parse_header(raw + b"\0")


def test_envelopes_are_checked():
    vector = next(v for v in RECORDS["records"] if v["name"] == "put with grant")
    good = bytes.fromhex(vector["envelope"])
    for old, new, error in (
        (b"\x45hello", b"\x45hellO", "its hash is not"),
        (b"\x45hello", b"\x44hell", "4 bytes, the header says 5"),
        (b"\x45hello", b"\xf6", "null exactly when"),
    ):
        with pytest.raises(FormatError, match=error):
            cbor.parse_envelope(good.replace(old, new))


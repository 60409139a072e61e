"""Bytes and their human form: what the generated vocabulary is built on.

Two halves. The first reads and writes events and effects through cbor2, as
tables in `_wire` say, and shows them in one line, the same line that the engine
shows. The second reads and writes records in plain Python, strictly: it is
there to check what the engine says, not to be fast.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import IntEnum
from typing import Any, ClassVar, TypeVar

import cbor2

from .errors import RapprochementError

Key = tuple[bytes | str, ...]
"""A path of 1 to 16 components; texts stand for their UTF-8. () is the prefix of every key."""


class FormatError(RapprochementError, ValueError):
    """Bytes or fields that break the format. The text says which, and where."""


# ---- Events and effects ----


class Value:
    """A value of the vocabulary. Immutable; two are equal when all fields are."""

    __slots__ = ()

    _types: ClassVar[tuple[type, ...]]
    _shown: ClassVar[tuple[tuple[str, str, Callable[[Any], str]], ...]]

    def _pack(self) -> list[Any]:
        raise NotImplementedError

    @classmethod
    def _unpack(cls, fields: list[Any]) -> Any:
        return cls(*fields)

    @classmethod
    def _read(cls, fields: Any) -> Any:
        if type(fields) is not list or tuple(map(type, fields)) != cls._types:
            raise _misfit(cls, fields)
        return cls._unpack(fields)

    def __repr__(self) -> str:
        return " ".join([type(self).__name__, *_fields(self)])


class Event(Value):
    """What a host tells the node."""

    __slots__ = ()
    KIND: ClassVar[IntEnum]


class Effect(Value):
    """What the node asks of its host, or tells it."""

    __slots__ = ()
    KIND: ClassVar[IntEnum]


class Command(Value):
    """What a driver tells a world, or a program a ranking."""

    __slots__ = ()
    KIND: ClassVar[IntEnum]


class Answer(Value):
    """What a world tells its driver, or a ranking its program."""

    __slots__ = ()
    KIND: ClassVar[IntEnum]


V = TypeVar("V", bound=Value)


def describe(value: Value) -> str:
    """The one-line human form, the same as in the engine's logs and transcripts."""
    return repr(value)


def _misfit(cls: type[Value], fields: Any) -> FormatError:
    """Says which field has the wrong type."""
    what = cls.__name__
    if type(fields) is not list:
        return FormatError(f"{what}: want a list, got {type(fields).__name__}")
    if len(fields) != len(cls._types):
        return FormatError(f"{what}: {len(fields)} elements, want {len(cls._types)}")
    for (name, _, _), want, got in zip(cls._shown, cls._types, fields):
        if type(got) is not want:
            break
    return FormatError(f"{what}: {name}: want {want.__name__}, got {type(got).__name__}")


def encode_timed(value: Event | Command, mono: int, wall: int) -> bytes:
    """[kind, mono, wall, fields]"""
    return cbor2.dumps([int(value.KIND), mono, wall, value._pack()])


def decode_timed(
    table: Mapping[int, type[V]], what: str, data: bytes
) -> list[tuple[int, int, V]]:
    """All of a sequence of [kind, mono, wall, fields]."""
    values = []
    for item in sequence(data):
        if type(item) is not list or tuple(map(type, item)) != (int, int, int, list):
            raise FormatError(f"{what}: want [kind, mono, wall, fields]")
        kind, mono, wall, fields = item
        values.append((mono, wall, _class(table, what, kind)._read(fields)))
    return values


def decode(table: Mapping[int, type[V]], what: str, data: bytes) -> list[V]:
    """All of a sequence of [kind, fields]."""
    values = []
    for item in sequence(data):
        if type(item) is not list or tuple(map(type, item)) != (int, list):
            raise FormatError(f"{what}: want [kind, fields]")
        values.append(_class(table, what, item[0])._read(item[1]))
    return values


def _class(table: Mapping[int, type[V]], what: str, kind: int) -> type[V]:
    try:
        return table[kind]
    except KeyError:
        raise FormatError(f"{what}: kind {kind} is unknown") from None


def sequence(data: bytes) -> list[Any]:
    """The items of a CBOR sequence.

    Read as one list without announced length, which is one call instead of one
    per item; a null marks the end, so that a sequence that ends the list by
    itself is noticed.
    """
    try:
        items: list[Any] = cbor2.loads(b"".join((b"\x9f", data, b"\xf6\xff")))
    except (cbor2.CBORDecodeError, ValueError) as e:
        raise FormatError(f"cbor: {e}") from e
    if not items or items.pop() is not None:
        raise FormatError("cbor: a break inside the sequence")
    return items


def pack_key(key: Key) -> list[bytes]:
    if isinstance(key, (str, bytes)):
        raise TypeError(f"a key is a tuple of components, not {key!r}")
    return [part.encode() if isinstance(part, str) else part for part in key]


def read_key(parts: Any) -> tuple[bytes, ...]:
    if type(parts) is not list or any(type(part) is not bytes for part in parts):
        raise FormatError("key: want a list of byte strings")
    return tuple(parts)


def read_enum(cls: type[IntEnum], number: int) -> int:
    """The constant, or the number itself: a later release, or a peer, may know more."""
    try:
        return cls(number)
    except ValueError:
        return number


# ---- The human form ----

_SHOWN_ITEMS = 4  # of a list
_SHOWN_RUNES = 64  # of a text
_SHOWN_TEXT = 24  # bytes of a byte string that is text
_SHOWN_BYTES = 8  # of one that is not


def _fields(value: Value) -> Iterator[str]:
    """The fields that are not zero."""
    for name, shown, show in value._shown:
        field = getattr(value, name)
        if isinstance(field, Value):
            if not any(_fields(field)):
                continue
        elif not field or (show is show_id and not any(field)):
            continue
        yield shown if field is True else f"{shown}={show(field)}"


def show_value(value: Value) -> str:
    return "{" + " ".join(_fields(value)) + "}"


def show_bool(value: bool) -> str:
    return "true" if value else "false"


def show_id(value: bytes) -> str:
    return value[:4].hex()


def show_list(show: Callable[[Any], str]) -> Callable[[Sequence[Any]], str]:
    def shown(items: Sequence[Any]) -> str:
        more = len(items) - _SHOWN_ITEMS
        parts = [show(item) for item in items[:_SHOWN_ITEMS]]
        return "[" + " ".join(parts) + (f" …+{more}" if more > 0 else "") + "]"

    return shown


def show_enum(cls: type[IntEnum], kind: str) -> Callable[[int], str]:
    def shown(number: int) -> str:
        number = read_enum(cls, number)
        if isinstance(number, IntEnum):
            return number.name.lower().replace("_", "-")
        return f"{kind}({number})"

    return shown


def show_codec(codec: int) -> str:
    return {0: "none", 0x55: "raw", 0x71: "dag-cbor"}.get(codec) or f"0x{codec:x}"


def show_key(key: Key) -> str:
    return "/".join(map(_show_part, pack_key(key)))


def _show_part(part: bytes) -> str:
    if not part:
        return '""'
    text = _plain(part)
    if text is None or any(c in text for c in '/ "\\'):
        return _show_hex(part)
    return _cut(part) + "…" if len(part) > _SHOWN_TEXT else text


def show_bytes(data: bytes) -> str:
    """Length and beginning."""
    size = f"{len(data)}B"
    if not data:
        return size
    text = _plain(data)
    if text is None:
        return f"{size}:{_show_hex(data)}"
    if len(data) > _SHOWN_TEXT:
        return f"{size}:{_quote(_cut(data))}…"
    return f"{size}:{_quote(text)}"


def show_text(text: str) -> str:
    return _quote(text[:_SHOWN_RUNES]) + ("…" if len(text) > _SHOWN_RUNES else "")


def show_duration(ns: int) -> str:
    """1h2m3.5s, 20ms, 1.5µs, 7ns."""
    if ns < 0:
        return "-" + show_duration(-ns)
    for unit, size in (("ns", 1), ("µs", 1_000), ("ms", 1_000_000)):
        if ns < size * 1000:
            return _decimal(ns, size) + unit
    minutes, rest = divmod(ns, 60 * 10**9)
    hours, minutes = divmod(minutes, 60)
    text = f"{hours}h" if hours else ""
    text += f"{minutes}m" if hours or minutes else ""
    return text + _decimal(rest, 10**9) + "s"


def _decimal(value: int, unit: int) -> str:
    whole, rest = divmod(value, unit)
    digits = str(rest + unit)[1:].rstrip("0")  # the unit's own 1 keeps leading zeros
    return f"{whole}.{digits}" if digits else str(whole)


_ERA = 400 * 365 + 97  # days after which the calendar repeats itself


def show_clock(clock: int) -> str:
    """A hybrid logical clock: UTC, and the count where there is one."""
    ms, count = clock >> 16, clock & 0xFFFF
    era, ms = divmod(ms, _ERA * 86_400_000)  # datetime ends with the year 9999
    at = datetime(1970, 1, 1) + timedelta(milliseconds=ms)
    text = f"{at.year + 400 * era:04}-{at:%m-%dT%H:%M:%S}.{at.microsecond // 1000:03}Z"
    return f"{text}+{count}" if count else text


def _show_hex(data: bytes) -> str:
    return "0x" + data[:_SHOWN_BYTES].hex() + ("…" if len(data) > _SHOWN_BYTES else "")


def _cut(data: bytes) -> str:
    return data[:_SHOWN_TEXT].decode(errors="ignore")


def _quote(text: str) -> str:
    return '"' + "".join(map(_escape, text)) + '"'


def _escape(c: str) -> str:
    if c in '"\\':
        return "\\" + c
    return c if _is_plain(ord(c)) else f"\\u{{{ord(c):x}}}"


def _plain(data: bytes) -> str | None:
    """The text, unless it is none or could mislead the eye."""
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return None
    return text if all(_is_plain(ord(c)) for c in text) else None


#: Controls, and what is invisible or turns the direction of writing.
_HIDDEN = (
    (0, 0x1F),
    (0x7F, 0xA0),
    (0xAD, 0xAD),
    (0x2000, 0x200F),
    (0x2028, 0x202F),
    (0x205F, 0x206F),
    (0xFEFF, 0xFEFF),
    (0xFFF0, 0xFFFF),
    (0xE0000, 0x10FFFF),
)


def _is_plain(c: int) -> bool:
    return not any(first <= c <= last for first, last in _HIDDEN)


# ---- Records ----

KEY_BYTES_MAX = 1024
KEY_PARTS_MAX = 16
VALUE_INLINE_MAX = 64 << 10
BLOB_MAX = 2**53 - 1
REFS_MAX = 64
HEADER_MAX = 16 << 10
VERSION_MAX = 2**63 - 1
NESTING_MAX = 64
TEXT_MAX = 1024

DAG_CBOR, RAW = 0x71, 0x55
_KIND_MAX = 2**32


def sha256(block: bytes) -> bytes:
    return hashlib.sha256(block).digest()


def cid(id: bytes, codec: int = DAG_CBOR) -> str:
    """CIDv1 text of a block's id, in lower-case base32."""
    raw = bytes((1, codec, 0x12, 0x20)) + id
    return "b" + base64.b32encode(raw).decode().lower().rstrip("=")


def parse_id(text: str) -> bytes:
    """The id in CIDv1 text, or in 64 hex digits."""
    if len(text) == 64:
        try:
            return base64.b16decode(text, casefold=True)
        except ValueError as e:
            raise FormatError(f"id: {e}") from e
    if len(text) != 59:
        raise FormatError("id: want a base32 CIDv1 of 59 characters or 64 hex digits")
    try:
        raw = base64.b32decode(text[1:].upper() + "======")
    except ValueError as e:
        raise FormatError(f"id: {e}") from e
    id = raw[4:]
    for codec in (DAG_CBOR, RAW):
        if cid(id, codec) == text:
            return id
    raise FormatError("id: not a canonical CIDv1, dag-cbor or raw, sha2-256")


@dataclass(frozen=True)
class Dot:
    """One author's version."""

    author: bytes
    version: int


@dataclass(frozen=True)
class Supersede:
    """What a record removes: one id, or all under a prefix up to a version vector."""

    id: bytes | None = None
    prefix: Key = ()
    vector: tuple[Dot, ...] = ()


@dataclass(frozen=True)
class Header:
    """The part of a record that its id covers."""

    kind: int
    space: bytes
    author: bytes
    version: int
    time: int
    key: Key
    codec: int = 0
    value_len: int = 0
    value_hash: bytes | None = None
    grant: bytes | None = None
    refs: tuple[bytes, ...] = ()
    supersedes: tuple[Supersede, ...] = ()

    def encode(self) -> bytes:
        """The block whose hash is the record's id."""
        fields = [1, self.kind, self.space, self.author, self.version, self.time]
        fields += [pack_key(self.key), self.codec, self.value_len, self.value_hash, self.grant]
        fields += [list(self.refs), [_pack_supersede(s) for s in self.supersedes]]
        return cbor2.dumps(fields)

    def signing_message(self) -> bytes:
        """What the author signs."""
        return b"rapprochement/1 record\0" + self.space + sha256(self.encode())


def _pack_supersede(s: Supersede) -> bytes | list[Any]:
    if s.id is not None:
        return s.id
    return [pack_key(s.prefix), [[dot.author, dot.version] for dot in s.vector]]


def record_id(header: bytes) -> bytes:
    """The id of the record with this header block."""
    return sha256(header)


def parse_header(data: bytes) -> Header:
    """Reads exactly one header and refuses whatever is not canonical."""
    r = Reader("record header", data)
    if len(data) > HEADER_MAX:
        r.refuse("length", f"{len(data)} bytes, at most {HEADER_MAX} are allowed")
    r.array("list", 13, 13)
    if (number := r.uint("format", _KIND_MAX)) != 1:
        r.refuse("format", f"format {number}, only 1 is known")
    header = Header(
        kind=r.uint("kind", _KIND_MAX),
        space=r.bytes("space", 32, 32),
        author=r.bytes("author", 32, 32),
        version=r.uint("version", VERSION_MAX),
        time=r.uint("time", 2**64 - 1),
        key=r.key("key"),
        codec=r.uint("value codec", _KIND_MAX),
        value_len=r.uint("value length", BLOB_MAX),
        value_hash=r.optional_id("value hash"),
        grant=r.optional_id("grant"),
        refs=tuple(r.bytes("refs", 32, 32) for _ in range(r.array("refs", 0, REFS_MAX))),
        supersedes=tuple(_supersede(r) for _ in range(r.array("supersedes", 0, REFS_MAX))),
    )
    r.end()
    _check_header(r, header)
    return header


def _supersede(r: Reader) -> Supersede:
    if r.next_is(_BYTES):
        id = r.bytes("supersedes", 32, 32)
        if not any(id):
            r.refuse("supersedes", "an all-zero id")
        return Supersede(id)
    r.array("supersedes", 2, 2)
    prefix = () if r.take(0x80) else r.key("supersedes prefix")
    dots: list[Dot] = []
    count = r.array("supersedes vector", 0, REFS_MAX)
    if count == 0:
        r.refuse("supersedes vector", "an empty version vector")
    for _ in range(count):
        r.array("supersedes vector", 2, 2)
        author = r.bytes("supersedes vector author", 32, 32)
        version = r.uint("supersedes vector version", VERSION_MAX)
        if version == 0:
            r.refuse("supersedes vector version", "versions start at 1")
        if dots and dots[-1].author >= author:
            r.refuse("supersedes vector", "authors are not sorted or repeat")
        dots.append(Dot(author, version))
    return Supersede(None, prefix, tuple(dots))


_PUT, _DELETE, _GRANT, _CUT = 1, 2, 3, 4


def _check_header(r: Reader, h: Header) -> None:
    """The rules that tie the fields together."""
    control = h.key[0][:1] in (b"\0", "\0")
    if h.kind == 0:
        r.refuse("kind", "kind 0 does not exist")
    if h.version == 0:
        r.refuse("version", "versions start at 1")
    if h.codec == 0 and (h.value_len or h.value_hash):
        r.refuse("value codec", "codec 0 says there is no value, but length or hash is set")
    if h.codec != 0 and h.value_hash is None:
        r.refuse("value hash", "missing for a record with a value")
    if h.kind == _DELETE and h.codec != 0:
        r.refuse("value codec", "a delete has no value")
    if h.kind in (_PUT, _GRANT, _CUT) and h.codec == 0:
        r.refuse("value codec", "this kind needs a value")
    if h.kind <= _CUT and control != (h.kind in (_GRANT, _CUT)):
        r.refuse(
            "key", "keys that start with byte 0 are for grants and cuts, and only for them"
        )


@dataclass(frozen=True)
class Envelope:
    """A record at rest: header, signature, and the value where it is inline."""

    header: Header
    signature: bytes
    value: bytes | None


def parse_envelope(data: bytes) -> Envelope:
    """Reads exactly one envelope and checks everything but the signature."""
    r = Reader("record envelope", data)
    r.array("list", 3, 3)
    raw = r.bytes("header", 0, HEADER_MAX)
    signature = r.bytes("signature", 64, 64)
    value = None if r.take(_NULL) else r.bytes("value", 0, VALUE_INLINE_MAX)
    r.end()
    header = parse_header(raw)
    inline = header.codec != 0 and header.value_len <= VALUE_INLINE_MAX
    if (value is not None) != inline:
        r.refuse("value", "null exactly when the header has no inline value")
    if value is not None:
        if len(value) != header.value_len:
            r.refuse("value", f"{len(value)} bytes, the header says {header.value_len}")
        if sha256(value) != header.value_hash:
            r.refuse("value", "its hash is not the header's")
        if header.codec == DAG_CBOR:
            scan(value, "record value")
    return Envelope(header, signature, value)


# ---- Strict DAG-CBOR ----

_UINT, _NEGATIVE, _BYTES, _TEXT, _ARRAY, _MAP, _TAG, _OTHER = range(8)
_NULL = 0xF6
_MAJORS = (
    "unsigned integer",
    "negative integer",
    "byte string",
    "text",
    "array",
    "map",
    "tag",
    "simple value",
)


_Bytes = bytes  # which a method of the reader hides


class Reader:
    """Reads strict CBOR field by field: there is one encoding for each value."""

    def __init__(self, what: str, data: bytes) -> None:
        self.what, self.data, self.pos = what, data, 0

    def refuse(self, field: str, detail: str) -> None:
        raise FormatError(f"{self.what}: {field} at byte {self.pos}: {detail}")

    def head(self, field: str) -> tuple[int, int]:
        """Major type and argument. The argument is in its shortest form."""
        if self.pos >= len(self.data):
            self.refuse(field, "input ends here")
        major, info = self.data[self.pos] >> 5, self.data[self.pos] & 31
        if info > 27:
            self.refuse(field, "indefinite or reserved length")
        width = 0 if info < 24 else 1 << (info - 24)
        raw = self.data[self.pos + 1 : self.pos + 1 + width]
        if len(raw) < width:
            self.refuse(field, f"input ends inside a {width}-byte argument")
        argument = int.from_bytes(raw, "big") if width else info
        # A float's width is fixed by the float, not by the number's size.
        if major != _OTHER and width and argument < (24 if width == 1 else 1 << (4 * width)):
            self.refuse(field, f"{argument} is not in its shortest form")
        self.pos += 1 + width
        return major, argument

    def expect(self, field: str, want: int) -> int:
        major, argument = self.head(field)
        if major != want:
            self.refuse(field, f"want {_MAJORS[want]}, got {_MAJORS[major]}")
        return argument

    def uint(self, field: str, most: int) -> int:
        number = self.expect(field, _UINT)
        if number > most:
            self.refuse(field, f"{number} is over the limit {most}")
        return number

    def array(self, field: str, least: int, most: int) -> int:
        count = self.expect(field, _ARRAY)
        if least == most != count:
            self.refuse(field, f"{count} elements, want {most}")
        if count > most:
            self.refuse(field, f"{count} elements, at most {most} are allowed")
        return count

    def bytes(self, field: str, least: int, most: int) -> _Bytes:
        size = self.expect(field, _BYTES)
        if size > most:
            self.refuse(field, f"{size} bytes, at most {most} are allowed")
        data = self.raw(field, size)
        if size < least:
            self.refuse(field, f"{size} bytes, want {least}")
        return data

    def raw(self, field: str, size: int) -> _Bytes:
        if size > len(self.data) - self.pos:
            self.refuse(field, f"{size} bytes announced, {len(self.data) - self.pos} remain")
        self.pos += size
        return self.data[self.pos - size : self.pos]

    def optional_id(self, field: str) -> _Bytes | None:
        if self.take(_NULL):
            return None
        id = self.bytes(field, 32, 32)
        if not any(id):
            self.refuse(field, "an all-zero id; absence is null")
        return id

    def key(self, field: str) -> tuple[_Bytes, ...]:
        count = self.array(field, 0, KEY_PARTS_MAX)
        if count == 0:
            self.refuse(field, "a key has at least one component")
        parts = tuple(self.bytes(field, 0, KEY_BYTES_MAX) for _ in range(count))
        if (total := sum(map(len, parts))) > KEY_BYTES_MAX:
            self.refuse(field, f"{total} bytes, at most {KEY_BYTES_MAX} are allowed")
        return parts

    def next_is(self, major: int) -> bool:
        return self.pos < len(self.data) and self.data[self.pos] >> 5 == major

    def take(self, byte: int) -> bool:
        """Consumes one byte if it is this one, and says whether it was."""
        found = self.pos < len(self.data) and self.data[self.pos] == byte
        self.pos += found
        return found

    def end(self) -> None:
        if self.pos != len(self.data):
            self.refuse("trailing bytes", f"{len(self.data) - self.pos} bytes follow")

    def item(self, depth: int = 0) -> None:
        """Steps over one item of any type."""
        start = self.pos
        major, argument = self.head("length")
        if major in (_ARRAY, _MAP) and depth >= NESTING_MAX:
            self.refuse("nesting", f"deeper than {NESTING_MAX}")
        if major in (_BYTES, _TEXT):
            data = self.raw("length", argument)
            if major == _TEXT:
                self._check_text(data)
        elif major == _ARRAY:
            for _ in range(argument):
                self.item(depth + 1)
        elif major == _MAP:
            self._map(argument, depth)
        elif major == _TAG:
            self._link(argument)
        elif major == _OTHER:
            self._other(self.data[start : self.pos])

    def _check_text(self, data: _Bytes) -> None:
        try:
            data.decode()
        except UnicodeDecodeError:
            self.refuse("text", "invalid UTF-8")

    def _map(self, count: int, depth: int) -> None:
        previous = b""
        for _ in range(count):
            start = self.pos
            if self.pos < len(self.data) and not self.next_is(_TEXT):
                self.refuse("map key", "keys are texts")
            self.item(depth + 1)
            key = self.data[start : self.pos]
            if previous >= key:
                self.refuse("map key", "keys are not sorted or repeat")
            previous = key
            self.item(depth + 1)

    def _link(self, tag: int) -> None:
        if tag != 42:
            self.refuse("tag", f"tag {tag}, only 42 (a link) is allowed")
        if not self.next_is(_BYTES):
            self.refuse("tag", "a link holds a byte string")
        if detail := _check_link(self.bytes("tag", 0, len(self.data))):
            self.refuse("tag", detail)

    def _other(self, raw: _Bytes) -> None:
        if raw in (b"\xf4", b"\xf5", b"\xf6"):
            return
        if raw[0] != 0xFB:
            self.refuse("simple value", "only false, true, null and 64-bit floats are allowed")
        bits = int.from_bytes(raw[1:], "big")
        if bits >> 52 & 0x7FF == 0x7FF or bits == 1 << 63:
            self.refuse("float", "NaN, infinity and -0.0 are not allowed")


def _check_link(data: bytes) -> str:
    """What is wrong with the content of tag 42, or ""."""
    if data[:1] != b"\0":
        return "a link starts with 0x00"
    data = data[1:]
    if len(data) == 34 and data[:2] == b"\x12\x20":
        return ""  # version 0: a bare sha2-256 multihash
    numbers = []
    for _ in range(4):  # version, codec, hash function, digest length
        size = next((i + 1 for i, b in enumerate(data[:10]) if b < 0x80), 0)
        if size == 0 or (size > 1 and data[size - 1] == 0):
            return "a CID's varint is cut off or not minimal"
        numbers.append(sum((b & 0x7F) << (7 * i) for i, b in enumerate(data[:size])))
        data = data[size:]
    if numbers[0] != 1:
        return f"CID version {numbers[0]}, only 0 and 1 exist"
    if numbers[3] != len(data):
        return f"a digest of {numbers[3]} bytes is announced, {len(data)} are there"
    return ""


def scan(data: bytes, what: str = "cbor") -> None:
    """Checks that data is exactly one strict DAG-CBOR item."""
    r = Reader(what, data)
    r.item()
    r.end()

"""One node, for a host to drive: events in, effects out, no I/O of its own."""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple, Protocol, TypeVar

import cbor2

from ._closing import Closing
from . import _wire as wire
from . import cbor, identity
from ._keys import KeyLike, key_of
from ._native import Handle
from .cbor import Effect, Event
from .errors import ClosedError, EngineError, RapprochementError, ServiceError

__all__ = ["Node", "Now", "SpaceLike", "put_entries"]

#: What `Node` takes besides its own arguments; ``engine.Config`` describes them.
SETTINGS = (
    *("peer", "strategies", "interval_ns", "idle_ns", "timeout_ns", "pull_ns", "announce_ns"),
    *("dial_ns", "skew_ns", "frame_bytes", "push_all", "services", "rtt", "no_audit"),
)

_NODE_FORMAT, _SPACE_FORMAT, _FORMAT_VERSION = "rapprochement node", "rapprochement space", 1

#: The effects that answer a request.
A = TypeVar(
    "A",
    wire.Done,
    wire.SpaceReady,
    wire.Stored,
    wire.Entries,
    wire.Explained,
    wire.Status,
    wire.Answered,
)


class Now(NamedTuple):
    """One instant, in nanoseconds: of a clock that never goes back, and since 1970."""

    mono_ns: int
    wall_ns: int

    @classmethod
    def read(cls) -> Now:
        """The instant by this machine's clocks."""
        return cls(time.monotonic_ns(), time.time_ns())


class _HasSpace(Protocol):
    @property
    def space(self) -> bytes: ...


#: A space: its id, or an effect that names it, such as what `Node.create_space` returns.
SpaceLike = bytes | _HasSpace


class Node(Closing):
    """One peer: a key, a store, and what it knows of others.

    A node does nothing by itself. The host gives it events with `step` (a link is up, a
    frame has come, time has passed) and carries out the effects that come back (send a
    frame, wake me then). The other methods each build an event, call `step` and return
    the one effect that answers it. All other effects of that step wait in `pending`:
    take them with `take_pending` and carry them out like those of `step`.

    - ``key``: the Ed25519 seed, 32 bytes (`rapprochement.identity`); by default a new one
    - ``seed``: entropy for this boot, 32 bytes; by default fresh from the system, which
      is what two machines that run one key need. Give it only to repeat a run.
    - ``boot``: how often this key was opened before. With a store it must be higher each
      time; a node whose store knows of fewer boots (was lost, or rolled back) does not
      write until it has synced, or `accept_loss` was called.
    - ``store``: a directory for the records; by default they are kept in memory
    - ``durable``: whether a step returns only when a power loss cannot undo it
    - ``clock``: where time comes from when `step` is not told
    - settings: strategies (list of names), interval_ns, idle_ns, timeout_ns, pull_ns,
      announce_ns, dial_ns, skew_ns, frame_bytes, push_all, services (list of names, see
      docs/services.md), rtt (a dict, how that service behaves, same page), no_audit, and
      peer: the public key of a node without ``key``, whose host signs (`Sign`, `Signed`)

    Keys are texts like ``"rtt/a"``, of which each part is a component, or tuples of
    components (texts or bytes). Spaces are ids, or effects that name one.

    Every method raises `BadEventError` for what breaks the contract, `StoreFailedError`
    when the store is broken, and `ClosedError` after `close`. A peer's mistake never
    raises: it is a `PeerFault` effect.
    """

    def __init__(
        self,
        key: bytes | None = None,
        *,
        seed: bytes | None = None,
        boot: int = 0,
        store: str | os.PathLike[str] | None = None,
        durable: bool = True,
        clock: Callable[[], Now] = Now.read,
        **settings: Any,
    ) -> None:
        for name in settings:
            if name not in SETTINGS:
                raise TypeError(
                    f"Node has no setting {name!r}; there are {', '.join(SETTINGS)}"
                )
        if key is None and "peer" not in settings:
            key = identity.generate()
        self._seed = key
        self._boot = boot
        self._clock = clock
        self._requests = 0
        #: Effects that no method has returned yet, in order.
        self.pending: list[Effect] = []
        given = {**settings, "boot": boot, "durable": durable, "seed": seed or os.urandom(32)}
        if key is not None:
            given["key"] = key
        config = {"settings": given, "store": os.fspath(store) if store is not None else ""}
        self._handle = Handle("node", cbor2.dumps(config, canonical=True))
        #: The node's public key, 32 bytes.
        self.peer: bytes = settings["peer"] if key is None else identity.peer(key)

    # --- events in, effects out ---

    def step(self, events: Event | Iterable[Event], now: Now | None = None) -> list[Effect]:
        """Gives the node the events of one instant and returns the effects, in order.

        The last effect is `WakeAt`: the monotonic time, in nanoseconds, by which the node
        wants a `Wake`; 0 for none, and every one replaces those before it. What the
        effects depend on is stored when this returns.

        Raises `BadEventError` for an event that breaks the contract (its ``index`` says
        which). The events before it have happened: their effects are in `pending`.
        """
        mono, wall = self._clock() if now is None else now
        batch = (events,) if isinstance(events, Event) else events
        try:
            data = b"".join([wire.encode(event, mono, wall) for event in batch])
        except AttributeError as error:
            raise TypeError(f"an event is an object such as Wake(): {error}") from None
        self._check()
        try:
            return wire.decode_effects(self._handle.step(data))
        except EngineError as error:
            self.pending += wire.decode_effects(error.effects)
            raise

    def take_pending(self) -> list[Effect]:
        """The effects that wait in `pending`, which is empty afterwards."""
        taken, self.pending = self.pending, []
        return taken

    def _request(self) -> int:
        self._requests += 1
        return self._requests

    def _answer(self, event: Event, kind: type[A], req: int) -> A:
        """Steps, and sorts the answer to a request from the rest."""
        answer: A | None = None
        for effect in self.step(event):
            if answer is None and isinstance(effect, kind) and effect.req == req:
                answer = effect
            else:
                self.pending.append(effect)
        if answer is None:
            raise RapprochementError(
                f"no {kind.__name__} came at once for {event!r}. If the host signs, give the "
                "event with step and answer the Sign effect"
            )
        return answer

    def _done(self, event: Event, req: int) -> wire.Done:
        return self._answer(event, wire.Done, req)

    # --- spaces ---

    def create_space(
        self,
        name: str = "",
        *,
        write: wire.WritePolicy = wire.WritePolicy.OPEN,
        read: wire.ReadRule = wire.ReadRule.ANYONE,
        history: wire.History = wire.History.CURRENT,
        salt: bytes = bytes(16),
        value_max: int = 0,
    ) -> wire.SpaceReady:
        """Makes a space that this node owns. The answer's ``space`` is its id, and others
        `join` it by its ``genesis``."""
        req = self._request()
        event = wire.CreateSpace(req, write, read, history, salt, value_max, name)
        return self._answer(event, wire.SpaceReady, req)

    def join(self, genesis: bytes) -> wire.SpaceReady:
        """Joins the space of a genesis block."""
        req = self._request()
        return self._answer(wire.JoinSpace(req, genesis), wire.SpaceReady, req)

    def leave(self, space: SpaceLike) -> wire.Done:
        """Forgets a space and its records."""
        req = self._request()
        return self._done(wire.LeaveSpace(req, _id(space)), req)

    def grant(self, space: SpaceLike, member: bytes) -> wire.Stored:
        """Lets a peer write into a space that this node owns."""
        req = self._request()
        return self._answer(wire.Grant(req, _id(space), member), wire.Stored, req)

    def invite(self, space: SpaceLike, member: bytes) -> bytes:
        """Grants, and gives what the member needs to begin with any other member: the
        genesis and its grant, for its `import_space`. Only members may know it."""
        (id,) = self.grant(space, member).ids
        genesis, chunks = self._exported(_id(space))
        records = itertools.chain.from_iterable(map(cbor.sequence, chunks))
        grant = next(record for record in records if cbor.sha256(record[0]) == id)
        return _dumps(_SPACE_FORMAT, {"genesis": genesis, "chunks": [cbor2.dumps(grant)]})

    def cut(self, space: SpaceLike, member: bytes) -> wire.Stored:
        """Removes a member from a space that this node owns: what it wrote after the last
        record that this node holds is hidden everywhere."""
        req = self._request()
        return self._answer(wire.Cut(req, _id(space), member), wire.Stored, req)

    # --- records ---

    def put(
        self, space: SpaceLike, entries: Mapping[KeyLike, bytes], replicas: int = 0
    ) -> wire.Stored:
        """Writes registers of this node, all in one commit. ``replicas`` asks for a
        `Replicated` effect once that many peers hold them."""
        req = self._request()
        event = wire.Put(req, _id(space), put_entries(entries), replicas)
        return self._answer(event, wire.Stored, req)

    def delete(self, space: SpaceLike, *keys: KeyLike) -> wire.Stored:
        """Writes tombstones over registers of this node."""
        req = self._request()
        event = wire.Delete(req, _id(space), [key_of(key) for key in keys])
        return self._answer(event, wire.Stored, req)

    def get(self, space: SpaceLike, key: KeyLike) -> wire.Entries:
        """What all authors hold at a key, newest first."""
        req = self._request()
        return self._answer(wire.Get(req, _id(space), key_of(key)), wire.Entries, req)

    def scan(
        self, space: SpaceLike, prefix: KeyLike = (), *, after: KeyLike = (), limit: int = 0
    ) -> wire.Entries:
        """The entries under a prefix, above the key ``after``, in the order of their keys:
        at most ``limit``, or 65,536. ``more`` says that there are more."""
        req = self._request()
        event = wire.Scan(req, _id(space), key_of(prefix), key_of(after), limit)
        return self._answer(event, wire.Entries, req)

    def watch(self, space: SpaceLike, prefix: KeyLike = ()) -> wire.Done:
        """Asks for a `Changed` effect whenever entries under a prefix change. The answer's
        ``req`` is the number that those effects and `unwatch` name the watch by."""
        req = self._request()
        return self._done(wire.Watch(req, _id(space), key_of(prefix)), req)

    def unwatch(self, watch: int) -> wire.Done:
        """Ends a watch."""
        req = self._request()
        return self._done(wire.Unwatch(req, watch), req)

    def explain(self, space: SpaceLike, record: bytes) -> wire.Explained:
        """Why a record is held, hidden, refused or unknown."""
        req = self._request()
        return self._answer(wire.Explain(req, _id(space), record), wire.Explained, req)

    # --- peers ---

    def add_peer(self, peer: bytes, address: str = "", interval_ns: int = 0) -> wire.Done:
        """Keeps a peer: asks for links to it with `Dial`, and reconciles with it at that
        interval (0: the node's; negative: never)."""
        req = self._request()
        return self._done(wire.AddPeer(req, peer, address, interval_ns), req)

    def remove_peer(self, peer: bytes) -> wire.Done:
        """Forgets a peer and hangs up."""
        req = self._request()
        return self._done(wire.RemovePeer(req, peer), req)

    def pause_peer(self, peer: bytes, paused: bool = True) -> wire.Done:
        """Stops all exchange of records with a peer, or resumes it."""
        req = self._request()
        return self._done(wire.PausePeer(req, peer, paused), req)

    def set_interval(self, peer: bytes, interval_ns: int) -> wire.Done:
        """Changes how often this node reconciles with a peer."""
        req = self._request()
        return self._done(wire.SetInterval(req, peer, interval_ns), req)

    def sync_now(
        self,
        peer: bytes,
        space: SpaceLike,
        strategy: str = "",
        *,
        prefix: KeyLike = (),
        since: int = 0,
        until: int = 0,
    ) -> int:
        """Reconciles a space with a peer at once. Returns the number of the request: the
        `SyncEnded` effect that bears it as ``req`` comes from a later step, or is in
        `pending` where the session ended at once.

        ``prefix``, ``since`` and ``until`` choose a part: the records whose keys begin with
        the prefix and whose times, as their authors claim them, are from ``since`` up to but
        not including ``until``, milliseconds since 1970, 0 for no bound. The session
        leaves all others alone, and `status` as it was. Only ``rbsr`` and ``full`` can do
        it (`Outcome.UNSUPPORTED`, of older peers too): without a name, the first of
        the node's strategies that can. Raises `BadEventError` for a window without time."""
        req = self._request()
        part = wire.Part(key_of(prefix), since, until)
        event: Event = wire.SyncNow(req, peer, _id(space), strategy)
        if part != wire.Part():
            event = wire.SyncPart(req, peer, _id(space), strategy, part)
        self.pending += self.step(event)
        return req

    def status(self) -> wire.Status:
        """How the node stands with its spaces and peers."""
        req = self._request()
        return self._answer(wire.GetStatus(req), wire.Status, req)

    def accept_loss(self) -> wire.Done:
        """Lets a node whose store was lost write without having synced first. If records
        of its key are still out there, they may be taken for forgeries of one another."""
        req = self._request()
        return self._done(wire.AcceptLoss(req), req)

    @property
    def audit(self) -> int:
        """The chain of 64-bit hashes over everything that entered and left so far."""
        self._check()
        return int(self._handle.columns(b"audit")["audit"][0])

    # --- services ---

    def ask(self, service: str, question: Any = None) -> Any:
        """Puts a question to a service of this node and gives its answer. Both are what
        CBOR can hold; what they mean is the service's business: for "presence",
        ``ask("presence", {"say": "hello"})``. Raises `ServiceError` with the service's
        own words where it has no answer."""
        req = self._request()
        event = wire.Ask(req, service, cbor2.dumps(question or {}, canonical=True))
        answer = self._answer(event, wire.Answered, req)
        if answer.error:
            raise ServiceError(answer.error)
        return cbor2.loads(answer.body)

    # --- moving ---

    def export_space(self, space: SpaceLike) -> bytes:
        """A space with everything in it: a CBOR map of ``format`` ("rapprochement space"),
        ``version`` (1), ``genesis`` (a block) and ``chunks``, byte strings that are each a
        CBOR sequence of record envelopes."""
        genesis, chunks = self._exported(_id(space))
        return _dumps(_SPACE_FORMAT, {"genesis": genesis, "chunks": chunks})

    def _exported(self, space: bytes) -> tuple[bytes, list[bytes]]:
        req = self._request()
        parts: list[wire.Exported] = []
        for effect in self.step(wire.Export(req, space)):
            if isinstance(effect, wire.Exported) and effect.req == req:
                parts.append(effect)
            else:
                self.pending.append(effect)
        return parts[0].genesis, [part.envelopes for part in parts]

    def import_space(self, data: bytes) -> wire.Stored:
        """Joins the space that `export_space` gave, if need be, and admits its records.
        The answer has the ids of those that were new. Raises `ValueError` for other
        bytes; a record that does not verify is a `BadEventError`."""
        return self._imported(*read_space(data))

    def _imported(self, genesis: bytes, chunks: list[bytes]) -> wire.Stored:
        space = cbor.sha256(genesis)
        if space not in [known.space for known in self.status().spaces]:
            self.join(genesis)
        new: list[bytes] = []
        while True:  # a record may wait for a grant in a later chunk
            req = self._request()
            found: list[bytes] = []
            for chunk in chunks:
                event = wire.Import(req, space, chunk)
                found += self._answer(event, wire.Stored, req).ids
            new += found
            if not found or len(chunks) == 1:
                return wire.Stored(req, tuple(new))

    def export(self, path: str | os.PathLike[str], passphrase: identity.Passphrase) -> None:
        """Writes the whole node into a new file: its identity and every space.

        The file is a CBOR map of ``format`` ("rapprochement node"), ``version`` (1),
        ``identity`` (the bytes of an identity file, sealed with the passphrase), ``boot``
        and ``spaces``, each a map of ``genesis`` and ``chunks`` as in `export_space`.
        Records are not encrypted. Peers and watches are not part of it.

        Raises `OSError`, and `ValueError` for a node whose host signs.
        """
        if self._seed is None:
            raise ValueError("this node does not have its key: the host signs; export spaces")
        spaces = []
        for known in self.status().spaces:
            genesis, chunks = self._exported(known.space)
            spaces.append({"genesis": genesis, "chunks": chunks})
        sealed = identity.seal(self._seed, passphrase)
        fields = {"identity": sealed, "boot": self._boot, "spaces": spaces}
        identity.write_new(path, _dumps(_NODE_FORMAT, fields))

    @classmethod
    def import_(
        cls,
        path: str | os.PathLike[str],
        passphrase: identity.Passphrase,
        *,
        store: str | os.PathLike[str] | None = None,
        **settings: Any,
    ) -> Node:
        """The node of a file that `export` wrote, on a fresh store.

        It is opened at the next boot, and so does not write before it has synced: it may
        have written more after the export. If it has not, call `accept_loss`. The two
        must not run at the same time.

        Raises `OSError`, `IdentityError` and `ValueError`.
        """
        with open(path, "rb") as file:
            fields = _loads(_NODE_FORMAT, file.read())
        sealed, boot, spaces = (fields.get(name) for name in ("identity", "boot", "spaces"))
        if not (isinstance(sealed, bytes) and isinstance(boot, int) and isinstance(spaces, list)):
            raise ValueError("the export is damaged: it lacks its identity, boot or spaces")
        blocks = [_blocks(space) for space in spaces]
        settings.setdefault("boot", boot + 1)
        node = cls(identity.unseal(sealed, passphrase), store=store, **settings)
        try:
            for genesis, chunks in blocks:
                node._imported(genesis, chunks)
        except BaseException:
            node.close()
            raise
        return node

    # --- the handle ---

    @property
    def key(self) -> bytes | None:
        """The seed of the node's key, for `identity.save`; None if the host signs."""
        return self._seed

    @property
    def boot(self) -> int:
        """How often the key was opened before this time."""
        return self._boot

    def _check(self) -> None:
        if self._handle.closed:
            raise ClosedError("this node is closed; open another one on its store")

    def close(self) -> None:
        """Closes the node and its store. Closing again does nothing."""
        self._handle.close()

    def __repr__(self) -> str:
        return f"<Node {self.peer.hex()[:8]}{' closed' if self._handle.closed else ''}>"


def put_entries(entries: Mapping[KeyLike, bytes]) -> list[wire.PutEntry]:
    """The entries of a put, raw bytes by key. Raises `TypeError` for other values: what
    a number or a text is in bytes is for the caller to say."""
    for key, value in entries.items():
        if not isinstance(value, (bytes, bytearray, memoryview)):
            raise TypeError(f"the value of {key!r} must be bytes, not {type(value).__name__}")
    return [
        wire.PutEntry(key_of(key), wire.Codec.RAW, bytes(value))
        for key, value in entries.items()
    ]


def _id(space: SpaceLike) -> bytes:
    id = space if isinstance(space, bytes) else getattr(space, "space", None)
    if not isinstance(id, bytes):
        raise TypeError(f"a space is its id, or an effect that names one, not {space!r}")
    return id


def _dumps(format: str, fields: dict[str, Any]) -> bytes:
    return cbor2.dumps({"format": format, "version": _FORMAT_VERSION, **fields}, canonical=True)


def read_space(data: bytes) -> tuple[bytes, list[bytes]]:
    """Genesis and chunks of what `Node.export_space` gave. Raises `ValueError`."""
    return _blocks(_loads(_SPACE_FORMAT, data))


def _blocks(space: object) -> tuple[bytes, list[bytes]]:
    """The genesis and the chunks of an exported space. Raises `ValueError`."""
    match space:
        case {"genesis": bytes(genesis), "chunks": [*chunks]} if all(
            isinstance(chunk, bytes) for chunk in chunks
        ):
            return genesis, chunks
    raise ValueError("the export is damaged: a space has a genesis and a list of chunks")


def _loads(format: str, data: bytes) -> dict[str, Any]:
    """The fields of an export of that format. Raises `ValueError`."""
    try:
        fields = cbor2.loads(data)
    except (cbor2.CBORDecodeError, ValueError):
        fields = None
    if not isinstance(fields, dict) or fields.get("format") != format:
        raise ValueError(f"these bytes are no {format.removeprefix('rapprochement ')} export")
    if fields.get("version") != _FORMAT_VERSION:
        raise ValueError(
            f"the export has version {fields.get('version')} of its format and this release "
            f"reads {_FORMAT_VERSION}"
        )
    return fields

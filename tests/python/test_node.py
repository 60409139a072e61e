"""A node from Python: its methods, its errors, its files."""

from __future__ import annotations

import hashlib
import heapq
import itertools

import cbor2
import pytest

import rapprochement as rap
from rapprochement.errors import (
    BadConfigError,
    BadEventError,
    ClosedError,
    RapprochementError,
    ServiceError,
)

START = 1_000_000_000


class Clock:
    """A clock that several nodes share and a test moves."""

    def __init__(self) -> None:
        self.ns = START

    def __call__(self) -> rap.Now:
        return rap.Now(self.ns, 1_704_067_200_000_000_000 + self.ns)


class Wire:
    """Two nodes and a link between them: 10 ms, no loss."""

    def __init__(self, clock: Clock, a: rap.Node, b: rap.Node) -> None:
        self.clock, self.ends = clock, {a: b, b: a}
        self.said: list[tuple[rap.Node, rap.Effect]] = []
        self._agenda: list = []
        self._number = itertools.count()
        self.later(0, a, rap.LinkUp(b.peer, 1, dialed=True))
        self.later(0, b, rap.LinkUp(a.peer, 1))

    def later(self, ns: int, node: rap.Node, event: rap.Event) -> None:
        heapq.heappush(self._agenda, (self.clock.ns + ns, next(self._number), node, event))

    def run(self, seconds: float = 3.0) -> list[tuple[rap.Node, rap.Effect]]:
        end, self.said = self.clock.ns + int(seconds * 1e9), []
        for node in self.ends:
            self.carry_out(node, node.take_pending())
        while self._agenda and self._agenda[0][0] <= end:
            self.clock.ns, _, node, event = heapq.heappop(self._agenda)
            self.carry_out(node, node.step(event))
        self.clock.ns = end
        return self.said

    def carry_out(self, node: rap.Node, effects: list[rap.Effect]) -> None:
        for effect in effects:
            if isinstance(effect, rap.Send):
                self.later(10_000_000, self.ends[node], rap.Frame(effect.link, effect.bytes))
            elif isinstance(effect, rap.WakeAt):
                if effect.mono:
                    self.later(max(0, effect.mono - self.clock.ns), node, rap.Wake())
            else:
                self.said.append((node, effect))


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def node(clock):
    with rap.Node(bytes(31) + b"\x01", seed=bytes(32), clock=clock) as node:
        yield node


@pytest.fixture
def other(clock):
    with rap.Node(bytes(31) + b"\x02", seed=bytes(32), clock=clock) as node:
        yield node


# --- verbs ---


def test_what_is_put_can_be_had(node):
    space = node.create_space("notes")
    assert space.space == hashlib.sha256(space.genesis).digest()
    stored = node.put(space, {"a/b": b"1", ("a", b"\xff"): b"2"})
    assert len(stored.ids) == 2
    (entry,) = node.get(space.space, "a/b").entries
    assert (entry.value, entry.author, entry.key) == (b"1", node.peer, (b"a", b"b"))
    assert [e.value for e in node.scan(space, "a").entries] == [b"1", b"2"]
    first = node.scan(space, limit=1)
    assert first.more and node.scan(space, after=first.entries[0].key).entries[0].value == b"2"
    assert node.explain(space, stored.ids[0]).standing == rap.Standing.HELD
    node.delete(space, "a/b", ("a", b"\xff"))
    assert [e.codec for e in node.scan(space).entries] in ([], [rap.Codec.NONE] * 2)
    assert node.explain(space, stored.ids[0]).standing == rap.Standing.UNKNOWN
    node.leave(space)
    assert node.status().spaces == ()


def test_effects_that_answer_something_else_wait(node):
    space = node.create_space("notes")
    watch = node.watch(space, "a")
    node.take_pending()
    node.put(space, {"a/b": b"1", "c": b"2"})
    changed, wake = node.take_pending()
    assert isinstance(changed, rap.Changed) and changed.watch == watch.req
    assert [e.value for e in changed.entries] == [b"1"]
    assert isinstance(wake, rap.WakeAt) and node.pending == []
    node.unwatch(watch.req)
    node.take_pending()
    node.put(space, {"a/b": b"3"})
    assert [type(e) for e in node.pending] == [rap.WakeAt]


def test_steps_take_one_event_or_many(node, clock):
    space = node.create_space("notes").space
    put = rap.Put(9, space, [rap.PutEntry(("k",), rap.Codec.RAW, b"v")])
    effects = node.step([put, rap.Get(10, space, ("k",))])
    assert [type(e) for e in effects] == [rap.Stored, rap.Entries, rap.WakeAt]
    assert isinstance(node.step(rap.Wake(), rap.Now(clock.ns + 5, 0))[-1], rap.WakeAt)
    assert node.step([]) == []


def test_the_default_clock_is_the_machines():
    with rap.Node() as node:
        space = node.create_space()
        node.put(space, {"k": b"v"})
        (entry,) = node.get(space, "k").entries
        assert abs((entry.time >> 16) - rap.Now.read().wall_ns // 1_000_000) < 60_000


def test_peers_are_kept_and_synced(node, other, clock):
    wire = Wire(clock, node, other)
    node.add_peer(other.peer, "somewhere:1")
    assert rap.Dial(other.peer, "somewhere:1") in node.pending
    space = node.create_space("notes")
    other.join(space.genesis)
    wire.run()
    node.put(space, {f"k{i}": b"v" * 100 for i in range(20)}, replicas=1)
    said = wire.run()
    assert any(isinstance(e, rap.Replicated) and n is node for n, e in said)
    assert len(other.scan(space).entries) == 20
    req = node.sync_now(other.peer, space, "full")
    (ended,) = [e for _, e in wire.run() if isinstance(e, rap.SyncEnded) and e.req == req]
    assert (ended.outcome, ended.strategy) == (rap.Outcome.EQUAL, "full")
    (status,) = [p for p in node.status().peers if p.space == space.space]
    assert status.equal and status.peer == other.peer

    node.pause_peer(other.peer)
    node.put(space, {"more": b"!"})
    wire.run()
    assert not other.get(space, "more").entries
    node.pause_peer(other.peer, paused=False)
    node.set_interval(other.peer, 1_000_000_000)
    wire.run(5)
    assert other.get(space, "more").entries
    node.remove_peer(other.peer)
    assert any(isinstance(e, rap.HangUp) for e in node.pending)


def test_a_part_is_synced_and_the_rest_left_alone(clock):
    calm = {"strategies": ["riblt", "rbsr"], "interval_ns": 10**15, "idle_ns": -1}
    with rap.Node(clock=clock, **calm) as node, rap.Node(clock=clock, **calm) as other:
        wire = Wire(clock, node, other)
        space = node.create_space("notes")
        other.join(space.genesis)
        wire.run()
        for one, peer in ((node, other.peer), (other, node.peer)):
            one.pause_peer(peer)  # nothing is pushed
        for second in range(4):
            clock.ns = START + (second + 10) * 10**9
            node.put(space, {("day", "a", str(second)): b"v", ("day", "b", str(second)): b"v"})
        for one, peer in ((node, other.peer), (other, node.peer)):
            one.step([rap.PausePeer(0, peer, False), rap.SetInterval(0, peer, 10**15)])

        def sync(**part) -> rap.SyncEnded:
            req = node.sync_now(other.peer, space, **part)
            (ended,) = [e for _, e in wire.run() if isinstance(e, rap.SyncEnded) and e.req == req]
            return ended

        def held() -> set[str]:
            return {"/".join(map(bytes.decode, e.key[1:])) for e in other.scan(space).entries}

        first = node.get(space, ("day", "a", "0")).entries[0].time >> 16
        ended = sync(prefix="day/a", since=first + 1000, until=first + 3000)
        assert (ended.outcome, ended.strategy, ended.sent) == (rap.Outcome.FINISHED, "rbsr", 2)
        assert ended.bytes_in > 0 and ended.rounds > 0 and held() == {"a/1", "a/2"}
        assert sync(until=first + 1000).sent == 2 and held() == {"a/1", "a/2", "a/0", "b/0"}
        assert sync(prefix="day/b").sent == 3 and "a/3" not in held()
        assert sync(prefix="day/b", strategy="riblt").outcome == rap.Outcome.UNSUPPORTED
        assert not [p for p in node.status().peers if p.peer_count]  # the whole was not compared
        assert sync().sent == 1 and len(held()) == 8
        with pytest.raises(BadEventError, match="nothing is in it"):
            node.sync_now(other.peer, space, since=7, until=7)


def test_members_write_by_grant(node, other, clock):
    wire = Wire(clock, node, other)
    space = node.create_space("club", write=rap.WritePolicy.MEMBERS)
    other.join(space.genesis)
    with pytest.raises(BadEventError, match="has no grant"):
        other.put(space, {"k": b"v"})
    node.grant(space, other.peer)
    wire.run()
    other.put(space, {"k": b"v"})
    wire.run()
    assert node.get(space, "k").entries
    node.cut(space, other.peer)
    wire.run()
    with pytest.raises(BadEventError):
        other.put(space, {"k": b"w"})


def test_a_host_that_signs_uses_step():
    peer = rap.identity.peer(bytes(31) + b"\x03")
    with rap.Node(peer=peer) as node:
        assert node.peer == peer and node.key is None
        space = node.create_space()
        with pytest.raises(RapprochementError, match="answer the Sign effect"):
            node.put(space, {"k": b"v"})
        assert any(isinstance(e, rap.Sign) for e in node.pending)
        with pytest.raises(ValueError, match="the host signs"):
            node.export("never-written", "x")


def test_equal_nodes_have_equal_audits(clock):
    def run(key: int) -> int:
        with rap.Node(bytes([key]) * 32, seed=bytes(32), clock=clock) as node:
            node.put(node.create_space("x"), {"k": b"v"})
            return node.audit

    assert run(1) == run(1) != run(2)


# --- mistakes ---


def test_settings_are_known_ones():
    with pytest.raises(TypeError, match="no setting 'intervall_ns'; there are peer, strategies"):
        rap.Node(intervall_ns=1)
    with pytest.raises(BadConfigError, match="FrameBytes is 1, want 512"):
        rap.Node(frame_bytes=1)
    with pytest.raises(BadConfigError, match='"nope" is unknown, have'):
        rap.Node(strategies=["nope"])
    with pytest.raises(BadConfigError, match="key of 5 bytes, want 32"):
        rap.Node(b"short")


def test_a_refused_event_says_which_and_loses_no_effects(node):
    space = node.create_space().space
    node.take_pending()
    put = rap.Put(1, space, [rap.PutEntry(("k",), rap.Codec.RAW, b"v")])
    with pytest.raises(BadEventError, match="unknown space") as caught:
        node.step([put, rap.Get(2, bytes(32), ("k",)), put])
    assert caught.value.index == 1
    assert [type(e) for e in node.pending] == [rap.Stored, rap.WakeAt]


def test_keys_are_texts_or_tuples(node):
    space = node.create_space()
    with pytest.raises(TypeError, match='a key is a text like "a/b"'):
        node.put(space, {b"k": b"v"})
    with pytest.raises(BadEventError):
        node.put(space, {"": b"v"})
    with pytest.raises(BadEventError):
        node.put(space, {"k" * 2000: b"v"})


def test_time_does_not_go_back(node):
    with pytest.raises(BadEventError, match="time went back"):
        node.create_space()
        node.step(rap.Wake(), rap.Now(0, 0))


def test_a_closed_node_says_so(node):
    node.close()
    node.close()
    with pytest.raises(ClosedError, match="this node is closed"):
        node.status()
    assert repr(node) == f"<Node {node.peer.hex()[:8]} closed>"


# --- stores and exports ---


def test_a_store_keeps_a_node(tmp_path):
    with rap.Node(store=tmp_path / "store") as node:
        space = node.create_space()
        node.put(space, {"k": b"v"})
        key = node.key
    with pytest.raises(BadConfigError, match="has seen boot 0"):
        rap.Node(key, store=tmp_path / "store")
    with rap.Node(key, boot=1, store=tmp_path / "store") as node:
        assert [e.value for e in node.get(space, "k").entries] == [b"v"]
        node.put(space, {"k": b"w"})
    with rap.Node(key, boot=2) as node:  # the store is lost
        node.join(space.genesis)
        with pytest.raises(BadEventError):
            node.put(space, {"k": b"x"})
        node.accept_loss()
        node.put(space, {"k": b"x"})


def test_a_space_moves_in_one_piece(node, other):
    space = node.create_space("notes")
    node.put(space, {f"k{i}": bytes(40_000) for i in range(60)})  # three chunks
    node.delete(space, "k7")
    data = node.export_space(space)
    assert len(other.import_space(data).ids) == 60
    assert other.import_space(data).ids == ()
    assert other.export_space(space) == data
    for bad in (b"", b"junk", data[:-1], b"\xa1\x66format\x61x"):
        with pytest.raises(ValueError, match="no space export"):
            other.import_space(bad)


def test_a_chunk_may_need_a_grant_of_a_later_one(node, other, clock):
    wire = Wire(clock, node, other)
    club = node.create_space("club", write=rap.WritePolicy.MEMBERS)
    other.join(club.genesis)
    node.grant(club, other.peer)
    wire.run()
    other.put(club, {f"k{i:02}": bytes(40_000) for i in range(60)})
    node.put(club, {f"o{i:02}": bytes(40_000) for i in range(30)})
    wire.run(60)
    summary = node.status().spaces[0].summary
    assert other.status().spaces[0].summary == summary
    with rap.Node() as third:
        third.import_space(node.export_space(club))
        assert third.status().spaces[0].summary == summary


def test_an_invited_member_begins_with_any_other(node, other, clock):
    closed = {"write": rap.WritePolicy.MEMBERS, "read": rap.ReadRule.MEMBERS}
    club = node.create_space("club", **closed)
    other.import_space(node.invite(club, other.peer))
    node.put(club, {"k": b"v"})
    Wire(clock, node, other).run()
    other.step(rap.LinkDown(1))  # other does not hear of what follows from the owner
    with rap.Node(clock=clock) as third:
        third.import_space(node.invite(club, third.peer))
        Wire(clock, other, third).run()
        assert [entry.value for entry in third.get(club, "k").entries] == [b"v"]


def test_a_node_moves_in_one_file(tmp_path, node):
    spaces = [node.create_space(name) for name in ("a", "b")]
    for space in spaces:
        node.put(space, {"k": space.space})
    path = tmp_path / "node.rap"
    node.export(path, "pass")
    assert path.stat().st_mode & 0o077 == 0
    with pytest.raises(FileExistsError):
        node.export(path, "pass")
    with rap.Node.import_(path, "pass") as again:
        assert (again.peer, again.boot) == (node.peer, 1)
        for space in spaces:
            assert [e.value for e in again.get(space, "k").entries] == [space.space]
        with pytest.raises(BadEventError):
            again.put(spaces[0], {"k": b"too early"})
        again.accept_loss()
        again.put(spaces[0], {"k": b"now"})
    with pytest.raises(rap.IdentityError, match="wrong passphrase"):
        rap.Node.import_(path, "other")
    path.write_bytes(b"\xa0")
    with pytest.raises(ValueError, match="no node export"):
        rap.Node.import_(path, "pass")


def test_services_are_asked_and_answer():
    with rap.Node(services=["presence"]) as node:
        assert node.ask("presence", {"say": "here"}) == {"own": "here", "peers": []}
        assert node.ask("presence")["own"] == "here"
        with pytest.raises(ServiceError, match="257 bytes"):
            node.ask("presence", {"say": "x" * 257})
        with pytest.raises(ServiceError, match="presence question"):
            node.ask("presence", {"shout": "x"})
        with pytest.raises(BadEventError, match='no service "oracle"'):
            node.ask("oracle")
    with pytest.raises(BadConfigError, match='"oracle" is unknown'):
        rap.Node(services=["oracle"])


@pytest.mark.parametrize("value", [5, "text", None, [1, 2], 1.5])
def test_only_bytes_are_values(node, value):
    space = node.create_space()
    with pytest.raises(TypeError, match=r"the value of 'k' must be bytes, not \w+"):
        node.put(space, {"a": b"fine", "k": value})
    assert node.scan(space).entries == ()
    node.put(space, {"k": bytearray(b"v"), "l": memoryview(b"v")})
    assert [entry.value for entry in node.scan(space).entries] == [b"v", b"v"]


@pytest.mark.parametrize("space", ["notes", None, 5, rap.Wake()])
def test_spaces_are_ids_or_effects_that_name_one(node, space):
    with pytest.raises(TypeError, match="a space is its id, or an effect that names one"):
        node.get(space, "k")


@pytest.mark.parametrize("events", ["wake", [5], [rap.Wake(), "wake"]])
def test_events_are_objects(node, events):
    with pytest.raises(TypeError, match=r"an event is an object such as Wake\(\)"):
        node.step(events)
    node.status()


def damaged(export: bytes, **changes: object) -> bytes:
    return cbor2.dumps({**cbor2.loads(export), **changes})


@pytest.mark.parametrize(
    "changes",
    [{"genesis": None}, {"genesis": 5}, {"chunks": None}, {"chunks": b"x"}, {"chunks": ["x"]}],
)
def test_damaged_space_exports_are_refused(node, changes):
    whole = node.export_space(node.create_space())
    with pytest.raises(ValueError, match="a space has a genesis and a list of chunks"):
        node.import_space(damaged(whole, **changes))
    node.import_space(whole)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"identity": "x"}, "lacks its identity, boot or spaces"),
        ({"boot": None}, "lacks its identity, boot or spaces"),
        ({"spaces": 5}, "lacks its identity, boot or spaces"),
        ({"spaces": [{"genesis": b""}]}, "a space has a genesis and a list of chunks"),
        ({"identity": b"x"}, "identity"),
    ],
)
def test_damaged_node_exports_are_refused(node, tmp_path, changes, reason):
    node.export(tmp_path / "whole", "pass")
    path = tmp_path / "damaged"
    path.write_bytes(damaged((tmp_path / "whole").read_bytes(), **changes))
    with pytest.raises((ValueError, rap.IdentityError), match=reason):
        rap.Node.import_(path, "pass")


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"policy": "nobody"}, 'policy "nobody" is unknown, have .*peerswap'),
        ({"degree": 1}, "degree 1, want 2 to 256"),
        ({"rounds": 1}, "rounds"),
    ],
)
def test_settings_of_the_service_rtt_are_checked(settings, says):
    with pytest.raises(BadConfigError, match=says):
        rap.Node(services=["rtt"], rtt=settings)

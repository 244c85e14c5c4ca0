from dataclasses import asdict

import pytest

from sinks.relay.config import RelayConfig
from sinks.relay.hub import Hub, Resume
from tests.sinks.relay.reader import TS_MS, Reader, message, read, run


def hub_of(**given) -> Hub:
    return Hub(RelayConfig(**given), clock_ns=lambda: 7)


def ops(frames) -> list[str]:
    return [frame["op"] for frame in frames]


def test_an_update_carries_the_value_as_it_is():
    hub, reader = hub_of(), Reader()
    assert read(hub.subscribe(reader, "signals", "ES").frames) == [
        {"op": "snapshot", "channel": "signals", "root": "ES", "epoch": None, "seq": 0, "data": []}
    ]
    reader.epoch = "g1"
    hub.publish([message("ES", 1, ts_published_ns=5)])
    assert reader.frames[-1] == {
        "op": "update",
        "channel": "signals",
        "root": "ES",
        "epoch": "g1",
        "seq": 1,
        "prev_seq": 0,
        "ts_published_ns": "5",
        "ts_relayed_ns": "7",
        "data": {"stream": "signals", "root": "ES", "seq": 1, "text": "g1"},
    }


def test_everybody_gets_the_same_object():
    got = []

    class Taker:
        def deliver(self, frames):
            got.extend(frames)

    hub = hub_of()
    for _ in range(3):
        hub.subscribe(Taker(), "signals", "ES")
    hub.publish([message()])
    updates = [frame for frame in got if b'"update"' in frame.text]
    assert len(updates) == 3
    assert len({id(frame) for frame in updates}) == 1


def test_a_root_and_every_root_give_each_message_once():
    hub, reader = hub_of(), Reader()
    reader.join(hub, ["signals"], "ES")
    reader.join(hub, ["signals"], "*")
    hub.publish([*run("ES", 1, 2), message("NQ", 1), message("ES", 1, stream="gaps")])
    assert [seen[1:] for seen in reader.seen] == [
        ("signals", "ES", 1),
        ("signals", "ES", 2),
        ("signals", "NQ", 1),
    ]


def test_a_snapshot_holds_the_newest_messages_and_is_made_once():
    hub = hub_of(snapshot_messages=2)
    hub.publish(run("ES", 1, 5))
    first, second = Reader(), Reader()
    (frame,) = hub.subscribe(first, "signals", "*").frames
    assert [v["seq"] for v in read([frame])[0]["data"]] == [4, 5]
    assert hub.subscribe(second, "signals", "ES").frames == [frame]
    first.epoch = second.epoch = "g1"
    hub.publish([message("ES", 6)])
    assert hub.subscribe(second, "signals", "ES").frames != [frame]


def test_who_resumes_gets_what_it_missed():
    hub = hub_of()
    hub.publish(run("ES", 1, 5))
    given = hub.subscribe(Reader(), "signals", "ES", Resume("g1", {"signals/ES": 3}))
    assert [frame["seq"] for frame in read(given.frames)] == [4, 5]
    assert given.recovered == {"signals/ES": {"recovered": True, "seq": 5, "oldest_seq": 1}}


@pytest.mark.parametrize(
    ("resume", "why"),
    [
        (Resume("g0", {"signals/ES": 9}), "another generation"),
        (Resume("g1", {"signals/ES": 6}), "older than what is held"),
        (Resume("g1", {"signals/ES": 99}), "more than any replica can have"),
    ],
)
def test_what_cannot_be_recovered_whole_is_a_snapshot(resume, why):
    hub = hub_of(ring_messages_max=3)
    hub.publish(run("ES", 1, 10))
    given = hub.subscribe(Reader(), "signals", "ES", resume)
    assert given.recovered == {"signals/ES": {"recovered": False, "seq": 10, "oldest_seq": 8}}, why
    assert ops(read(given.frames)) == ["snapshot"]


def test_a_root_that_came_meanwhile_is_resumed_from_its_beginning():
    hub = hub_of()
    hub.publish([*run("ES", 1, 2), *run("NQ", 1, 3)])
    given = hub.subscribe(Reader(), "signals", "*", Resume("g1", {"signals/ES": 2}))
    assert [(frame["root"], frame["seq"]) for frame in read(given.frames)] == [
        ("NQ", 1),
        ("NQ", 2),
        ("NQ", 3),
    ]


def test_who_is_ahead_gets_nothing_twice():
    hub, reader = hub_of(), Reader("g1", {"signals/ES": 4})
    hub.publish(run("ES", 1, 2))
    reader.join(hub, ["signals"])
    hub.publish(run("ES", 3, 6))
    assert [seen[-1] for seen in reader.seen] == [5, 6]
    assert hub.counters.withheld == 2


def test_who_comes_before_the_first_message_is_told_of_what_never_comes():
    hub, reader = hub_of(), Reader("g1", {"signals/ES": 4})
    reader.join(hub, ["signals"])
    hub.publish([message("ES", 7)])
    assert reader.told == [("signals/ES", 5, 6)]
    assert reader.seen == [("g1", "signals", "ES", 7)]


def test_who_comes_before_the_first_message_of_another_generation_is_told():
    hub, reader = hub_of(), Reader("g0", {"signals/ES": 4})
    reader.join(hub, ["signals"])
    hub.publish([message("ES", 1)])
    assert ops(reader.frames) == ["epoch", "update"]


def test_a_hole_is_counted_told_and_never_resumed_across():
    hub, reader = hub_of(), Reader()
    reader.join(hub, ["signals"], "ES")
    hub.publish([*run("ES", 1, 2), *run("ES", 6, 7)])
    assert ops(reader.frames) == [
        "snapshot",
        "epoch",
        "update",
        "update",
        "gap",
        "update",
        "update",
    ]
    assert reader.told == [("signals/ES", 3, 5)]
    assert (hub.counters.holes, hub.counters.missed, hub.counters.evicted) == (1, 3, 2)
    given = hub.subscribe(Reader(), "signals", "ES", Resume("g1", {"signals/ES": 2}))
    assert given.recovered["signals/ES"] == {"recovered": False, "seq": 7, "oldest_seq": 6}


def test_what_two_feeds_bring_comes_once():
    hub, reader = hub_of(), Reader()
    reader.join(hub, ["signals"])
    hub.publish(run("ES", 1, 3))
    hub.publish(run("ES", 2, 4))
    assert [seen[-1] for seen in reader.seen] == [1, 2, 3, 4]
    assert hub.counters.repeated == 2


def test_a_newer_generation_replaces_everything_and_an_older_one_is_dropped():
    hub, reader = hub_of(), Reader()
    reader.join(hub, ["signals", "status"])
    hub.publish([*run("ES", 1, 3), message("cme", 0, stream="status")])
    hub.publish([message("ES", 1, generation="g2", born_ms=TS_MS + 1), message("ES", 4)])
    assert hub.epoch == "g2"
    assert hub.positions() == {"g2": {"signals/ES": 1}}
    assert hub.latest("status", "cme") is None
    assert hub.counters.outdated == 1
    assert reader.seen[-1] == ("g2", "signals", "ES", 1)
    assert [f["epoch"] for f in reader.frames if f["op"] == "epoch"] == ["g1", "g2"]


def test_a_state_channel_has_the_newest_value_only():
    hub, reader = hub_of(), Reader()
    reader.join(hub, ["pressure"])
    for ts, text in ((5, "a"), (9, "b"), (9, "again"), (7, "late")):
        hub.publish([message("ES", 0, stream="pressure", ts_published_ns=ts, text=text)])
    assert [f["data"]["text"] for f in reader.frames if f["op"] == "update"] == ["a", "b"]
    assert hub.counters.repeated == 2
    current = hub.latest("pressure", "ES")
    assert current is not None
    assert current.ts_published_ns == 9
    assert hub.values("pressure") == [current]
    (snapshot,) = read(hub.subscribe(Reader(), "pressure", "*").frames)
    assert (snapshot["seq"], [v["text"] for v in snapshot["data"]]) == (0, ["b"])


def test_frames_of_a_state_channel_say_that_a_newer_one_replaces_them():
    kept = []

    class Taker:
        def deliver(self, frames):
            kept.extend(frames)

    hub = hub_of()
    hub.subscribe(Taker(), "pressure", "*")
    hub.subscribe(Taker(), "signals", "*")
    hub.publish([message("ES", 0, stream="pressure"), message("ES", 1)])
    assert [f.conflated for f in kept] == [None, ("pressure", "ES"), None, None]


@pytest.mark.parametrize(
    "wrong",
    [
        message("ES", 0),
        message("ES", -1),
        message("ES", 1, stream="nonsense"),
        message("", 1),
    ],
)
def test_a_message_that_can_be_none_is_counted(wrong):
    hub = hub_of()
    hub.publish([wrong])
    assert (hub.counters.invalid, hub.counters.taken, hub.epoch) == (1, 0, None)


def test_roots_are_bounded_and_the_rest_is_counted():
    hub = hub_of(keys_max=2)
    hub.publish([message(root) for root in ("A", "B", "C")])
    assert list(hub.positions()["g1"]) == ["signals/A", "signals/B"]
    assert hub.counters.keys_refused == 1


def test_bytes_are_bounded_and_the_largest_history_pays():
    hub = hub_of(ring_bytes_max=65_536)
    hub.publish([message("quiet", 1)])
    hub.publish(run("loud", 1, 200, size=500))
    assert hub.bytes_count <= 65_536
    assert [m.seq for m in hub.recent("signals", "quiet")] == [1]
    kept = hub.recent("signals", "loud", 1_000)
    assert [m.seq for m in kept] == list(range(kept[0].seq, 201))
    assert hub.counters.evicted == kept[0].seq - 1


def test_a_message_larger_than_all_memory_is_sent_but_not_held():
    hub, reader = hub_of(ring_bytes_max=65_536), Reader()
    reader.join(hub, ["signals"])
    hub.publish([message("ES", 1, size=70_000), message("ES", 2)])
    assert [seen[-1] for seen in reader.seen] == [1, 2]
    assert [m.seq for m in hub.recent("signals")] == [2]


def test_recent_messages_of_all_roots_are_in_the_order_of_the_market():
    hub = hub_of()
    hub.publish([*run("ES", 1, 3), *run("NQ", 1, 2)])
    assert [(m.root, m.seq) for m in hub.recent("signals", count=3)] == [
        ("ES", 2),
        ("NQ", 2),
        ("ES", 3),
    ]
    assert hub.recent("signals", count=0) == []


def test_positions_of_a_subscription_are_of_its_event_channels():
    hub = hub_of()
    hub.publish([*run("ES", 1, 3), message("NQ"), message("ES", 2, stream="gaps")])
    assert hub.positions_of(frozenset({("signals", "*"), ("gaps", "NQ")})) == {
        "signals/ES": 3,
        "signals/NQ": 1,
    }
    hub.publish([message("ES", 4)])
    assert hub.positions_of(frozenset({("signals", "ES")})) == {"signals/ES": 4}
    assert hub.last_seqs()[("gaps", "ES")] == 2


def test_who_leaves_or_unsubscribes_gets_nothing_more():
    hub, reader, other = hub_of(), Reader(), Reader("g1", {"signals/ES": 9})
    reader.join(hub, ["signals"], "ES")
    reader.join(hub, ["gaps"], "*")
    other.join(hub, ["signals"])
    hub.unsubscribe(reader, "signals", "ES")
    hub.unsubscribe(reader, "signals", "never")
    hub.publish([message("ES")])
    assert reader.seen == []
    hub.publish([message("ES", stream="gaps")])
    assert len(reader.seen) == 1
    hub.leave(reader)
    hub.leave(other)
    hub.publish([message("ES", 2, stream="gaps"), message("ES", 10)])
    assert (len(reader.seen), other.seen) == (1, [])


def test_what_was_relayed_is_told():
    told = []
    hub = Hub(RelayConfig(), clock_ns=lambda: 9, on_relayed=lambda *ts: told.append(ts))
    hub.publish([message(ts_published_ns=4), message(ts_published_ns=4)])
    assert told == [(4, 9)]
    assert sum(asdict(hub.counters).values()) == 3  # taken, repeated, generations

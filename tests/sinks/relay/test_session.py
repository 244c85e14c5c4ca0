"""The whole table: every state × every kind of frame; then what each operation does."""

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sinks.relay import closing
from sinks.relay.closing import Close
from sinks.relay.config import RelayConfig
from sinks.relay.hub import Hub
from sinks.relay.session import Session
from tests.sinks.relay.reader import Reader, message, read, run

GOOD = "the-token-of-the-desk"
NO = Close(closing.UNAUTHORIZED, "expected a valid token", "unauthorized")


class World:
    """A session, its hub and a clock that stands still."""

    def __init__(self, *, auth: bool = False, **given) -> None:
        config = RelayConfig(**given)
        self.hub = Hub(config, clock_ns=lambda: 0)
        self.reader = Reader(epoch="g1")
        self.session = Session(
            config,
            self.hub,
            self.reader,
            name="s1",
            claim=(lambda token: None if token == GOOD else NO) if auth else None,
            now_s=0.0,
        )
        self.now_s = 0.0

    def say(self, data=None, **fields):
        """Frames of the answer and the close code, if any."""
        data = orjson.dumps(fields).decode() if data is None else data
        reply = self.session.receive(data, self.now_s, 5)
        return read(reply.frames), reply.close and reply.close.code

    def subscribe(self, channels=("signals",), roots=("ES",), **more):
        return self.say(op="subscribe", id=1, channels=channels, roots=roots, **more)


SUBSCRIBE = orjson.dumps(
    {"op": "subscribe", "id": 1, "channels": ["signals"], "roots": ["ES"]}
).decode()
FRAMES = {
    "good auth": orjson.dumps({"op": "auth", "token": GOOD}).decode(),
    "wrong auth": orjson.dumps({"op": "auth", "token": "wrong"}).decode(),
    "auth without token": '{"op":"auth"}',
    "subscribe": SUBSCRIBE,
    "unsubscribe": SUBSCRIBE.replace("subscribe", "unsubscribe"),
    "ping": '{"op":"ping"}',
    "unknown": '{"op":"who"}',
    "no json": "{",
    "binary": b"{}",
    "too large": '{"op":"' + "x" * 4_096 + '"}',
}
# state → frame → (ops of the answer, close code, state afterwards)
TABLE = {
    "waiting": {
        "good auth": (["ack"], None, "open"),
        "wrong auth": ([], 4501, "closed"),
        "auth without token": (["error"], 4501, "closed"),
        "subscribe": ([], 4501, "closed"),
        "unsubscribe": ([], 4501, "closed"),
        "ping": ([], 4501, "closed"),
        "unknown": (["error"], 4501, "closed"),
        "no json": (["error"], 4500, "closed"),
        "binary": (["error"], 4500, "closed"),
        "too large": ([], 4513, "closed"),
    },
    "open": {
        "good auth": (["ack"], None, "open"),
        "wrong auth": (["ack"], None, "open"),
        "auth without token": (["error"], None, "open"),
        "subscribe": (["ack", "snapshot"], None, "open"),
        "unsubscribe": (["ack"], None, "open"),
        "ping": (["pong"], None, "open"),
        "unknown": (["error"], None, "open"),
        "no json": (["error"], 4500, "closed"),
        "binary": (["error"], 4500, "closed"),
        "too large": ([], 4513, "closed"),
    },
    "closed": {name: ([], None, "closed") for name in FRAMES},
}


def state_of(session: Session) -> str:
    if session.is_open:
        return "open"
    return "closed" if session._is_closed else "waiting"


@pytest.mark.parametrize("state", TABLE)
@pytest.mark.parametrize("frame", FRAMES)
def test_every_state_and_frame(state, frame):
    world = World(auth=state == "waiting")
    if state == "closed":
        world.session.close()
    ops, code, after = TABLE[state][frame]
    frames, closed = world.say(FRAMES[frame])
    assert ([one["op"] for one in frames], closed, state_of(world.session)) == (ops, code, after)


def test_hello_says_what_there_is_and_what_is_allowed():
    (hello,) = read([World(auth=True).session.hello(9)])
    assert (hello["protocol"], hello["session"], hello["server_time_ns"]) == ("ifd.v1", "s1", "9")
    assert hello["auth_required"] is True
    assert hello["limits"]["frame_bytes"] == 4_096
    assert hello["epoch"] is None
    (hello,) = read([World().session.hello(9)])
    assert hello["auth_required"] is False


def test_an_ack_answers_for_each_pair_and_repeats_the_id():
    frames, _ = World().subscribe(channels=["signals", "nonsense"], roots=["ES", ""])
    assert frames[0]["id"] == 1
    assert [(r["channel"], r["root"], r["ok"]) for r in frames[0]["result"]] == [
        ("signals", "ES", True),
        ("signals", "", False),
        ("nonsense", "ES", False),
        ("nonsense", "", False),
    ]
    assert "expected one of" in frames[0]["result"][2]["reason"]
    assert "recovered" not in frames[0]


def test_resume_is_answered_per_channel_and_root():
    world = World()
    world.hub.publish([*run("ES", 1, 4), *run("NQ", 1, 2)])
    frames, _ = world.subscribe(
        roots=["*"], resume={"epoch": "g1", "seq": {"signals/ES": 3, "signals/CL": 7}}
    )
    assert frames[0]["recovered"] == {
        "signals/ES": {"recovered": True, "seq": 4, "oldest_seq": 1},
        "signals/NQ": {"recovered": True, "seq": 2, "oldest_seq": 1},
        "signals/CL": {"recovered": True, "seq": 0, "oldest_seq": 0},
    }
    assert [(f["op"], f["root"], f["seq"]) for f in frames[1:]] == [
        ("update", "ES", 4),
        ("update", "NQ", 1),
        ("update", "NQ", 2),
    ]


def test_unsubscribe_ends_what_was_subscribed_and_says_what_was_not():
    world = World()
    world.subscribe()
    frames, _ = world.say(op="unsubscribe", channels=["signals"], roots=["ES", "NQ"])
    assert [r["ok"] for r in frames[0]["result"]] == [True, False]
    world.hub.publish([message()])
    assert world.reader.seen == []
    assert world.session.subscriptions == frozenset()


def test_more_pairs_than_allowed_are_refused_as_a_whole():
    world = World(subscriptions_max=3)
    frames, code = world.subscribe(roots=["A", "B", "C", "D"])
    assert (frames[0]["op"], frames[0]["code"], code) == ("error", "too_many", None)
    assert world.session.subscriptions == frozenset()
    world.subscribe(roots=["A", "B", "C"])
    assert world.subscribe(roots=["A"])[0][0]["op"] == "ack"
    assert world.subscribe(roots=["D"])[0][0]["code"] == "too_many"
    frames, _ = world.say(op="unsubscribe", channels=["signals"], roots=["A", "B", "C", "D"])
    assert frames[0]["code"] == "too_many"


def test_a_heartbeat_has_the_positions_of_what_is_subscribed():
    world = World()
    world.hub.publish([*run("ES", 1, 4), *run("NQ", 1, 2)])
    world.subscribe()
    (beat,) = read([world.session.heartbeat(8)])
    assert beat == {
        "op": "heartbeat",
        "server_time_ns": "8",
        "epoch": "g1",
        "seq": {"signals/ES": 4},
    }


def test_too_many_frames_are_passed_over_then_it_is_closed():
    world = World(inbound_burst=3, inbound_per_s=1)
    answers = [world.say(op="ping") for _ in range(7)]
    ops = [[one["op"] for one in frames] for frames, _ in answers]
    assert ops == [["pong"]] * 3 + [["rate_limited"]] * 3 + [[]]
    assert [code for _, code in answers] == [None] * 6 + [4029]
    assert answers[3][0][0]["retry_after_ms"] == 1_001


def test_who_waits_may_go_on():
    world = World(inbound_burst=3, inbound_per_s=1)
    for second in range(20):
        world.now_s = float(second)
        assert world.say(op="ping")[0][0]["op"] == "pong"


def test_a_clock_that_stands_still_or_jumps_back_gives_nothing():
    world = World(inbound_burst=1, inbound_per_s=1)
    world.say(op="ping")
    world.now_s = -100.0
    assert world.say(op="ping")[0][0]["op"] == "rate_limited"


def test_nothing_comes_after_the_end():
    world = World()
    world.subscribe()
    world.session.close()
    world.hub.publish([message()])
    assert (world.reader.seen, world.session.is_open) == ([], False)


@given(st.lists(st.sampled_from(list(FRAMES.values())) | st.text(max_size=40), max_size=30))
def test_whatever_comes_it_is_subscribed_only_while_open(frames):
    world = World(auth=True)
    for frame in frames:
        world.say(frame)
        if not world.session.is_open:
            assert not world.session.subscriptions

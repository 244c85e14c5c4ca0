"""A client over a wire that takes as much as a test says."""

import orjson

from sinks.relay.client import FRAMES_PER_CHECK_MAX, Client, RelayCounters
from sinks.relay.config import RelayConfig
from sinks.relay.hub import Hub
from tests.sinks.relay.reader import message, run

SUBSCRIBE = '{"op":"subscribe","channels":["signals","pressure"],"roots":["*"]}'


class Wire:
    """Takes everything until it is stuck."""

    def __init__(self) -> None:
        self.data = b""
        self.is_paused = False
        self.closed: tuple[int, str] | None = None
        self.is_aborted = False
        self.pings: list[bytes] = []
        self.calls: list[tuple[float, object]] = []
        self.waiting = 0

    def write(self, data):
        if self.closed is None:
            self.data += data

    def ping(self, payload):
        self.pings.append(payload)

    def buffered(self):
        return self.waiting

    def start_close(self, code, reason):
        self.closed = (code, reason)

    def abort(self):
        self.is_aborted = True

    def later(self, delay_s, call):
        self.calls.append((delay_s, call))

    def turn(self):
        """What was to be called has its turn."""
        calls, self.calls = self.calls, []
        for _, call in calls:
            call()

    def read(self):
        """Frames written since the last time."""
        data, self.data, found = self.data, b"", []
        while data:
            size, start = data[1], 2
            if size == 126:
                size, start = int.from_bytes(data[2:4], "big"), 4
            elif size == 127:
                size, start = int.from_bytes(data[2:10], "big"), 10
            found.append(orjson.loads(data[start : start + size]))
            data = data[start + size :]
        return found


class World:
    def __init__(self, **given) -> None:
        config = RelayConfig(**given)
        self.hub = Hub(config, clock_ns=lambda: 0)
        self.wire = Wire()
        self.counters = RelayCounters()
        self.client = Client(
            self.wire,
            config,
            self.hub,
            self.counters,
            name="c1",
            claim=None,
            now_s=0.0,
            clock_ns=lambda: 0,
        )

    def fill(self):
        """The kernel takes no more."""
        self.wire.is_paused = True
        self.client.on_full()

    def ops(self):
        return [frame["op"] for frame in self.wire.read()]


def test_hello_comes_first_then_what_is_asked_for_and_published():
    world = World()
    world.hub.publish([message("ES", 1)])
    world.client.receive(SUBSCRIBE, 0.0)
    world.hub.publish(run("ES", 2, 3))
    assert world.ops() == ["hello", "ack", "snapshot", "update", "update"]
    world.client.check(0.25)
    assert world.counters.frames_out == 5


def test_while_the_kernel_is_full_messages_wait_in_order_and_values_are_replaced():
    world = World()
    world.client.receive(SUBSCRIBE, 0.0)
    world.hub.publish([message("ES", 1)])
    world.wire.read()
    world.fill()
    for seq in (2, 3):
        world.hub.publish([message("ES", seq), message("ES", 0, stream="pressure", text=f"p{seq}")])
    assert world.wire.data == b""
    world.client.receive(SUBSCRIBE, 0.0)
    world.hub.publish([message("ES", 4)])
    world.wire.is_paused = False
    world.client.on_writable()
    world.wire.turn()
    frames = world.wire.read()
    assert [(f["op"], f.get("channel"), f.get("seq")) for f in frames] == [
        ("update", "signals", 2),
        ("update", "signals", 3),
        ("ack", None, None),
        ("snapshot", "signals", 3),
        ("snapshot", "pressure", 0),
        ("update", "signals", 4),
        ("update", "pressure", 0),
    ]
    assert frames[-1]["data"]["text"] == "p3"
    world.client.on_lost()
    assert world.counters.conflated == 1


def test_too_much_that_waits_closes_it_and_nobody_else():
    world, other = World(queue_messages_max=3), []

    class Other:
        def deliver(self, frames):
            other.extend(frames)

    world.client.receive(SUBSCRIBE, 0.0)
    world.hub.subscribe(Other(), "signals", "*")
    world.fill()
    world.hub.publish(run("ES", 1, 9))
    assert world.wire.closed == (4008, "more than 3 messages wait")
    assert len(other) == 10
    assert world.counters.closed == {"overflow": 1}
    assert world.counters.unsent == 10
    ((delay_s, abort),) = world.wire.calls
    assert 0 < delay_s < 1
    abort()
    assert world.wire.is_aborted
    assert len(world.wire.read()) == 3  # hello, ack, bye: at best


def test_what_it_missed_is_written_in_pieces_others_come_in_between():
    world = World()
    world.hub.publish(run("ES", 1, 1_000, size=1_000))
    resume = '"resume":{"epoch":"g1","seq":{"signals/ES":0}}'
    world.client.receive(SUBSCRIBE.replace('"roots"', f'{resume},"roots"'), 0.0)
    assert 200 < len(world.wire.read()) < 400
    assert len(world.wire.calls) == 1
    world.hub.publish([message("ES", 1_001)])
    for _ in range(10):
        world.wire.turn()
    assert world.wire.read()[-1]["seq"] == 1_001
    assert world.wire.calls == []
    assert world.wire.closed is None


def test_a_pump_that_comes_too_late_does_nothing():
    world = World()
    world.client.on_writable()
    world.client.on_lost()
    world.wire.turn()
    assert world.ops() == ["hello"]


def test_pings_heartbeats_and_ends_come_with_time():
    world = World(heartbeat_s=5, ping_s=7, idle_s_max=9)
    for second in range(1, 8):
        world.client.check(float(second))
    assert world.ops() == ["hello", "heartbeat"]
    (payload,) = world.wire.pings
    world.client.on_frame(payload)
    world.client.check(9.0)
    assert world.ops() == ["bye"]
    assert world.wire.closed == (4009, "no subscription for 9 s")
    world.client.check(10.0)
    world.client.receive("{", 10.0)
    world.client.on_lost()
    assert dict(world.counters.closed) == {"idle": 1}
    assert world.counters.left == 0


def test_a_bad_frame_is_answered_then_it_is_closed():
    world = World()
    world.client.receive("{", 0.0)
    assert world.ops() == ["hello", "error", "bye"]
    assert world.wire.closed == (4500, "expected JSON, found something else")
    assert (world.counters.errors, world.counters.frames_in) == (1, 1)


def test_a_flood_of_frames_is_cut_without_a_word():
    world = World()
    for _ in range(FRAMES_PER_CHECK_MAX):
        world.client.on_frame(None)
    world.client.check(0.25)
    for _ in range(FRAMES_PER_CHECK_MAX + 2):
        world.client.on_frame(None)
    assert world.wire.is_aborted
    assert world.ops() == ["hello"]
    assert world.counters.closed == {"flood": 1}


def test_who_goes_by_itself_is_counted():
    world = World()
    world.client.on_lost()
    world.client.on_lost()
    assert (world.counters.left, world.counters.accepted) == (1, 1)


def test_who_asks_for_more_than_it_takes_is_closed():
    world = World(ring_bytes_max=65_536)
    world.hub.publish(run("ES", 1, 50, size=600))
    world.fill()
    for _ in range(10):
        world.client.receive(SUBSCRIBE, 0.0)
    assert world.wire.closed == ((4008, "more than 65536 bytes were asked for and not taken"))


def test_after_an_unsubscribe_no_value_that_waited_is_sent():
    world = World()
    world.client.receive(SUBSCRIBE, 0.0)
    world.wire.read()
    world.fill()
    world.hub.publish([message("ES", 0, stream="pressure")])
    world.client.receive(SUBSCRIBE.replace("subscribe", "unsubscribe"), 0.0)
    world.wire.is_paused = False
    world.client.on_writable()
    world.wire.turn()
    assert world.ops() == ["epoch", "ack"]

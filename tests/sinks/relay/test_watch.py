import pytest

from sinks.relay.closing import Close
from sinks.relay.config import RelayConfig
from sinks.relay.watch import UNREAD_BYTES, Watch

CONFIG = RelayConfig(
    slow_s=2, ping_s=20, heartbeat_s=5, auth_timeout_s=4, idle_s_max=60, age_s_max=600
)


class Watched:
    """A watch, told what a client does; time in quarters of a second, as the server checks."""

    def __init__(self) -> None:
        self.watch = Watch(CONFIG, 0.0)
        self.now_s = 0.0
        self.sent = self.buffered = 0
        self.is_open = self.is_subscribed = True
        self.answers = True
        self.said: list[tuple[float, str]] = []

    def go(self, seconds: float, rate: int = 0) -> "Watched":
        """Let time pass at a rate of bytes sent per second; stops at a close."""
        for _ in range(round(seconds * 4)):
            self.now_s += 0.25
            self.sent += rate // 4
            due = self.watch.check(
                self.now_s,
                sent_bytes=self.sent,
                buffered=self.buffered,
                is_open=self.is_open,
                is_subscribed=self.is_subscribed,
            )
            if isinstance(due, Close):
                self.said.append((self.now_s, due.counted))
                break
            if due == "ping":
                payload = self.watch.ping(self.now_s, self.sent)
                self.said.append((self.now_s, due))
                if self.answers:
                    self.watch.on_pong(payload)
            elif due == "heartbeat":
                self.said.append((self.now_s, due))
                self.sent += 40
        return self


def test_a_client_that_gets_nothing_gets_heartbeats_and_rare_pings():
    assert Watched().go(26).said == [
        (5.0, "heartbeat"),
        (10.25, "heartbeat"),
        (15.5, "heartbeat"),
        (20.0, "ping"),
        (20.75, "heartbeat"),
        (26.0, "heartbeat"),
    ]


def test_a_busy_client_gets_pings_and_no_heartbeat():
    said = Watched().go(20, rate=40_000).said
    assert {what for _, what in said} == {"ping"}
    assert 12 <= len(said) <= 20


@pytest.mark.parametrize("rate", [10_000, 20_000, 40_000, 80_000, 160_000])
def test_who_stops_to_read_is_closed_within_five_seconds(rate):
    """Kernels hold 300 kB for it, then what is sent stays with us."""
    watched = Watched().go(10, rate=rate)
    watched.answers = False
    stopped_s, sent = watched.now_s, watched.sent
    while not watched.said or watched.said[-1][1] in ("ping", "heartbeat"):
        watched.buffered = max(0, watched.sent - sent - 300_000)
        watched.go(0.25, rate=rate)
    assert watched.said[-1][1] in ("silent", "stuck")
    assert watched.now_s - stopped_s <= 4.8


def test_a_buffer_that_shrinks_is_progress_and_one_that_stays_is_none():
    watched = Watched()
    watched.sent = watched.buffered = 90_000
    for _ in range(40):
        watched.buffered -= 1_000
        watched.go(0.25)
    assert not watched.said or watched.said[-1][1] == "heartbeat"
    assert watched.go(5).said[-1] == (watched.now_s, "stuck")


def test_a_buffer_that_grows_while_something_is_taken_is_progress():
    watched = Watched()
    for _ in range(40):
        watched.sent += 2_000
        watched.buffered += 1_000
        watched.go(0.25)
    assert watched.said == []


def test_who_was_sent_little_has_long_to_answer():
    watched = Watched()
    watched.answers = False
    said = watched.go(60).said
    assert said[-1] == (40.0, "silent")
    assert sum(what == "ping" for _, what in said) == 1


def test_many_bytes_before_a_ping_give_its_answer_more_time():
    watched = Watched().go(0.75)
    watched.answers = False
    watched.sent += 131_072
    # Ping after one second, then two and another one for the bytes.
    assert watched.go(10).said == [(1.0, "ping"), (4.0, "silent")]


def test_a_pong_that_answers_nothing_is_passed_over():
    watch = Watch(CONFIG, 0.0)
    watch.on_pong(b"early")
    watch.ping(0.0, UNREAD_BYTES)
    watch.on_pong(b"wrong")
    state = {"sent_bytes": UNREAD_BYTES, "buffered": 0, "is_open": True, "is_subscribed": True}
    found = watch.check(3.0, **state)
    assert isinstance(found, Close)
    assert found.counted == "silent"


def test_who_shows_no_token_in_time_is_closed():
    watched = Watched()
    watched.is_open = watched.is_subscribed = False
    assert watched.go(10).said == [(4.0, "auth_timeout")]


def test_who_subscribes_to_nothing_is_closed():
    watched = Watched()
    watched.is_subscribed = False
    assert watched.go(100).said[-1] == (60.0, "idle")


def test_nobody_stays_for_ever():
    assert Watched().go(1_000, rate=100).said[-1] == (600.0, "too_old")

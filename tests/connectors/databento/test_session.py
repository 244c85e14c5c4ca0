"""The whole table: every event in every state."""

import pytest

from connectors.databento.backoff import BackoffConfig
from connectors.databento.session import (
    AGAIN_MAX,
    ENDED,
    EVENTS,
    GAP_REASONS,
    JOINED,
    STATES,
    TABLE,
    TRYING,
    Pauses,
    Session,
)

MS = 1_000_000
PAUSES = Pauses(BackoffConfig(least_ms=1_000, first_ms=500, most_ms=8_000), 4, 60_000 * MS)
CONNECT = ("due", "connected", "authenticated", "started")


def session(*events, chance=0.5, start="replay") -> Session:
    """After these events, one nanosecond each."""
    found = Session(PAUSES, lambda: chance, start=start)
    for now, event in enumerate(events):
        found.on(event, now)
    return found


def in_state(state) -> Session:
    """A session that came to a state by the shortest way."""
    ways = {
        "waiting": (),
        "connecting": CONNECT[:1],
        "authenticating": CONNECT[:2],
        "subscribing": CONNECT[:3],
        "snapshot": CONNECT,
        "replaying": CONNECT,
        "live": (*CONNECT, "complete"),
        "closed": (*CONNECT, "complete", "closing"),
        "stopped": ("stop",),
        "failed": (*CONNECT[:2], "refused"),
    }
    found = session(*ways[state], start="snapshot" if state == "snapshot" else "replay")
    assert found.state == state
    return found


# Event → (states in which it means something, the state it leads to, what is to be done).
ALL_CONNECTED = {*TRYING, *JOINED}
EXPECTED = {
    "due": ({"waiting"}, "connecting", "open"),
    "connected": ({"connecting"}, "authenticating", "nothing"),
    "authenticated": ({"authenticating"}, "subscribing", "nothing"),
    "started": ({"subscribing"}, "replaying", "nothing"),
    "complete": ({"snapshot", "replaying"}, "live", "nothing"),
    "lost": (ALL_CONNECTED, "waiting", "drop"),
    "refused": (ALL_CONNECTED, "failed", "end"),
    "strange": (ALL_CONNECTED, "failed", "end"),
    "fatal": (ALL_CONNECTED, "failed", "end"),
    "limited": (ALL_CONNECTED, "waiting", "drop"),
    "spent": (ALL_CONNECTED, "waiting", "drop"),
    "skipped": (set(JOINED), "waiting", "drop"),
    "aged_out": (ALL_CONNECTED, "waiting", "drop"),
    "broken": (set(JOINED), "waiting", "drop"),
    "short": (set(JOINED), "waiting", "drop"),
    "roll": (set(JOINED), "waiting", "drop"),
    "closing": ({"live"}, "closed", "nothing"),
    "opening": ({"closed"}, "live", "nothing"),
    "stop": ({"waiting", *ALL_CONNECTED}, "stopped", "end"),
}


def test_the_expectations_are_of_the_whole_table():
    assert set(EXPECTED) == set(EVENTS) == set(TABLE)
    assert {state for states, *_ in EXPECTED.values() for state in states} == set(STATES) - set(
        ENDED
    )


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("event", EVENTS)
def test_an_event_in_a_state(event, state):
    states, to, do = EXPECTED[event]
    found = in_state(state)
    if state not in states:
        to, do = state, "nothing"
    assert found.on(event, 100) == do
    assert found.state == to
    assert (found.due_ns is not None) == (to == "waiting")


@pytest.mark.parametrize("state", sorted(ALL_CONNECTED))
def test_what_was_a_gateway_once_is_one_that_is_damaged(state):
    found = in_state(state)
    found.was_heard = True
    assert found.on("strange", 100) == "drop"
    assert found.state == "waiting"


@pytest.mark.parametrize("state", JOINED)
@pytest.mark.parametrize("event", sorted(GAP_REASONS))
def test_what_makes_the_books_come_anew_says_why(event, state):
    found = in_state(state)
    found.on(event, 100, "text")
    assert (found.start, found.reason) == ("snapshot", GAP_REASONS[event])
    for each in CONNECT:
        found.on(each, 200)
    assert found.state == "snapshot"
    found.on("complete", 300)
    assert (found.state, found.start, found.reason, found.text) == ("live", "replay", "", "")


def test_a_cut_snapshot_is_asked_for_again():
    found = in_state("snapshot")
    found.on("lost", 100)
    assert found.start == "snapshot"


def test_a_cut_replay_is_a_replay_again():
    assert session(*CONNECT, "lost").start == "replay"
    assert session(*CONNECT, "complete", "lost").start == "replay"


def test_pauses_grow_with_each_failure_and_begin_anew_after_a_success():
    found = Session(PAUSES, lambda: 0.5, start="replay")
    pauses = []
    for _ in range(3):
        found.on("due", 0)
        found.on("lost", 0)
        pauses.append(found.due_ns // MS)
    assert pauses == [1_250, 1_500, 2_000]
    for each in (*CONNECT, "complete", "lost"):
        found.on(each, 0)
    assert found.due_ns == 1_250 * MS


def test_too_many_failures_are_degraded_and_slow_until_a_session_is_whole():
    found = Session(PAUSES, lambda: 0.0, start="replay")
    for number in range(1, 6):
        assert found.told == "waiting" if number < 5 else "degraded"
        found.on("due", 0)
        found.on("lost", 0, "refused")
    assert found.is_degraded
    assert (found.told, found.text) == ("degraded", "refused")
    assert found.due_ns == 30_000 * MS
    for each in CONNECT[:3]:
        found.on(each, 0)
        assert found.told == "degraded"
    found.on("started", 0)
    assert found.told == "replaying"
    found.on("complete", 0)
    assert (found.told, found.is_degraded) == ("live", False)


def test_a_gateway_that_takes_and_drops_us_degrades_the_feed():
    found = Session(PAUSES, lambda: 0.0, start="replay")
    for _ in range(4):
        for each in (*CONNECT, "lost"):
            found.on(each, 0)
    assert found.told == "degraded"
    assert (found.reconnects, found.lost_connections) == (3, 4)


def test_a_limit_of_connections_is_waited_out():
    assert in_state("authenticating").due_ns is None
    found = in_state("authenticating")
    found.on("limited", 0)
    assert found.due_ns == 8_000 * MS


def test_a_spent_budget_waits_as_long_as_is_said():
    found = in_state("live")
    found.on("spent", 7, "spent", 5_000)
    assert found.due_ns == 5_007


def test_what_is_asked_again_at_once_is_so_only_while_it_is_seldom():
    found = Session(PAUSES, lambda: 0.0, start="replay")
    pauses = []
    for _ in range(AGAIN_MAX + 1):
        for each in (*CONNECT, "short"):
            found.on(each, 0)
        pauses.append(found.due_ns)
    assert pauses == [0] * AGAIN_MAX + [1_000 * MS]


def test_states_are_told_in_words_that_others_know():
    assert in_state("subscribing").told == "authenticating"
    assert {in_state(state).told for state in STATES} == set(STATES) - {"subscribing"}

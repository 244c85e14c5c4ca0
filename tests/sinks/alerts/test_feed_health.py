from dataclasses import replace

import pytest

from sinks.alerts.feed_health import GAPS_MAX, BadFeedConfig, FeedHealth
from tests.sinks.alerts.notices import brief
from tests.sinks.alerts.signals import gap, status


def test_a_gap_is_about_its_instrument_and_a_reassignment_about_nothing():
    health = FeedHealth(BadFeedConfig())
    health.on_gap(gap(0, instrument_id=1).value)
    health.on_gap(gap(0, reason="reassigned").value)
    assert not health.is_bad_for(brief())
    health.on_gap(gap(0).value)
    assert health.is_bad_for(brief())


def test_a_feed_known_not_to_be_the_roots_says_nothing_of_it():
    health = FeedHealth(BadFeedConfig())
    health.on_status(status(0, "degraded", feed="other").value)
    assert health.is_bad_for(brief())
    health.on_gap(gap(0, "closed", feed="glbx").value)
    assert not health.is_bad_for(brief())
    health.on_status(status(0, "stopped", feed="glbx").value)
    assert health.is_bad_for(brief())


def test_a_replay_may_lag():
    health = FeedHealth(BadFeedConfig())
    health.on_status(status(0, "replay", lag_ms=1e9).value)
    assert not health.is_bad_for(brief())


def test_it_can_be_turned_off_and_goes_on_from_a_snapshot():
    health = FeedHealth(BadFeedConfig())
    health.on_gap(gap(0).value)
    state = health.snapshot()
    assert FeedHealth(BadFeedConfig(), state).is_bad_for(brief())
    assert FeedHealth(BadFeedConfig(), state).snapshot() == state
    assert not FeedHealth(BadFeedConfig(inhibit=False), state).is_bad_for(brief(quality=0.0))


def test_the_open_gaps_are_bounded():
    health = FeedHealth(BadFeedConfig())
    for number in range(GAPS_MAX + 10):
        health.on_gap(gap(0, instrument_id=number).value)
    assert len(health.snapshot()["gaps"]) == GAPS_MAX


def test_a_feed_that_calls_itself_late_is_bad_for_alerts():
    health = FeedHealth(BadFeedConfig())
    given = status(0, lag_ms=1).value
    health.on_status(replace(given, late=True))
    assert health.is_bad_for(brief())
    health.on_status(given)
    assert not health.is_bad_for(brief())


@pytest.mark.parametrize(
    "state", ["authenticating", "snapshot", "replaying", "waiting", "delayed", "closed", "failed"]
)
def test_a_feed_that_is_not_live_is_bad_for_alerts(state):
    health = FeedHealth(BadFeedConfig())
    health.on_status(status(0, state).value)
    assert health.is_bad_for(brief())

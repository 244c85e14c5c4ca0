import time
from dataclasses import replace

import pytest

from sinks.alerts.channels.channel import SendError
from sinks.alerts.config import AlertsConfig
from sinks.alerts.journal import SqliteJournal, record_of
from sinks.alerts.lane import Entry, Lane
from sinks.alerts.policy_file import parse_policy
from tests.sinks.alerts.notices import ZONE, intent
from tests.sinks.alerts.servers import until
from tests.sinks.alerts.signals import receiver

CONFIG = AlertsConfig(backoff_first_s=0.5, backoff_last_s=2.0)


class Down:
    """A server that is down."""

    def send(self, notice):
        raise SendError("down", 3.0 if notice.intent.kind == "repeat" else 0.0)


@pytest.fixture
def lane(tmp_path):
    journal = SqliteJournal(tmp_path / "j.sqlite3")
    config = parse_policy(receiver(keys="attempts_max = 7")).receivers["desk"]
    done = []
    lane = Lane("desk", config, Down(), journal, CONFIG, ZONE, done.append, done.append)
    yield lane
    lane.close(time.monotonic())
    journal.close()


def waits_of(lane, monkeypatch, given):
    """Seconds it would have waited after each attempt."""
    waits = []
    monkeypatch.setattr("sinks.alerts.lane.random.uniform", lambda low, high: high)
    monkeypatch.setattr(lane._stop, "wait", lambda wait_s: waits.append(round(wait_s, 3)))
    record = record_of(given, "webhook", 1)
    lane._journal.add([record])
    lane.start()
    lane.put([Entry(given, record)])
    until(lambda: lane.counters.dead)
    return waits


def test_waits_double_up_to_the_longest(lane, monkeypatch):
    assert waits_of(lane, monkeypatch, intent()) == [0.5, 1.0, 2.0, 2.0, 2.0, 2.0]


def test_the_other_side_may_ask_for_more(lane, monkeypatch):
    assert waits_of(lane, monkeypatch, intent(kind="repeat")) == [3.0] * 6


def test_attempts_of_an_earlier_life_count(lane, monkeypatch):
    monkeypatch.setattr(lane._stop, "wait", lambda _: None)
    given = intent()
    record = replace(record_of(given, "webhook", 1), state="retrying", attempts=5)
    lane._journal.add([record])
    lane.start()
    lane.put([Entry(given, record)])
    until(lambda: lane.counters.dead)
    assert lane.counters.failed == 2

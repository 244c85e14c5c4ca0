import io
import itertools
import json
from dataclasses import replace

import pytest
from confluent_kafka import Producer

from dataflows.signal_table import ROWS_SHOWN, Seen, show, signals_of
from operators.model.streams import SIGNALS, topic
from sinks.codec import encode
from sinks.embedded_broker import EmbeddedBroker
from tests.sinks.messages import SIGNAL, signal


def revision(number: int = 1, **given):
    """A revision as the topic brings it."""
    message = signal("ES", number)
    value = replace(SIGNAL, **{"id": f"s{number}", "change": "opened", "kind": "sweep", **given})
    return json.loads(encode(replace(message, value=value)))


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_signals_are_counted_when_they_open_and_shown_at_their_latest():
    seen = Seen()
    for one in (revision(1), revision(2, kind="iceberg"), revision(1, change="closed")):
        seen.add(one)
    assert (seen.messages, seen.opened) == (3, 2)
    assert seen.by_kind == {"sweep": 1, "iceberg": 1}
    assert list(seen.latest) == ["s2", "s1"]
    assert seen.latest["s1"]["change"] == "closed"


def test_what_is_no_signal_is_heard_and_not_counted():
    seen = Seen()
    assert not seen.heard
    out = io.StringIO()
    seen = show(iter([{"stream": "pressure", "root": "ES"}]), lambda seen: seen.heard, out)
    assert (seen.heard, seen.messages, out.getvalue()) == (True, 0, "")


def test_only_so_many_are_kept():
    seen = Seen()
    for number in range(ROWS_SHOWN + 5):
        seen.add(revision(number))
    assert len(seen.latest) == ROWS_SHOWN
    assert seen.opened == ROWS_SHOWN + 5


def test_lines_where_there_is_no_terminal():
    out = io.StringIO()
    seen = show(iter([None, revision(1), revision(2)]), lambda _: False, out)
    assert seen.messages == 2
    assert out.getvalue().count("\n") == 2
    assert " ES " in out.getvalue()


def test_a_table_on_a_terminal(monkeypatch):
    monkeypatch.setenv("COLUMNS", "160")
    monkeypatch.setenv("TERM", "xterm")
    out = Terminal()
    asked = itertools.count(1)
    seen = show(
        iter([revision(1), None, revision(2, change="retracted")]), lambda _: next(asked) > 1, out
    )
    assert seen.messages == 1
    assert "1 signals, 1 messages on ifd.signals.v1" in out.getvalue()


def test_the_topic_is_read_from_its_start_and_waiting_is_told():
    with EmbeddedBroker() as address:
        producer = Producer({"bootstrap.servers": address})
        for number in (1, 2):
            value = json.dumps(revision(number)).encode()
            producer.produce(f"t.{topic(SIGNALS)}", value, partition=number % 2)
        assert producer.flush(20) == 0
        signals = signals_of(address, 2, "t.")
        found = [one["id"] for one in itertools.islice(filter(None, signals), 2)]
        assert sorted(found) == ["s1", "s2"]
        assert next(signals) is None
        signals.close()  # type: ignore[attr-defined]


@pytest.mark.parametrize("ended_after", [1, 3])
def test_showing_ends_when_told(ended_after):
    asked = itertools.count(1)
    endless = itertools.repeat(None)
    seen = show(endless, lambda _: next(asked) >= ended_after, io.StringIO())
    assert (seen.messages, next(asked)) == (0, ended_after + 1)

from dataclasses import fields

from connectors.feed_status import STATUS_NS, LinkFigures, StatusTeller
from operators.model.items import Lateness
from operators.model.records import F_SNAPSHOT
from operators.model.streams import STATUS
from tests.connectors.dbn_bytes import mbo


def rows(ts_event, ts_recv, flags=0):
    """One record."""
    row = mbo(1).copy()
    row["ts_event"], row["ts_recv"], row["flags"] = ts_event, ts_recv, flags
    return row


def test_a_word_is_due_at_first_and_a_second_after_the_last():
    now = [7]
    teller = StatusTeller("f", lambda: now[0])
    assert teller.is_due()
    assert not teller.is_due()
    now[0] += STATUS_NS - 1
    assert not teller.is_due()
    now[0] += 5 * STATUS_NS
    assert [teller.is_due(), teller.is_due()] == [True, False]


def test_it_tells_the_newest_record_of_all_shards():
    teller = StatusTeller("f", lambda: 0)
    teller.note([rows(10, 15), rows(30, 37), rows(20, 26)])
    teller.note([])
    message = teller.message("replay", 3, "text")
    value = message.value
    assert (message.stream, message.root, message.seq) == (STATUS, "f", 0)
    assert (value.ts_event, value.lag_ns, value.records, value.text) == (30, 7, 3, "text")


def test_a_snapshot_does_not_lag():
    teller = StatusTeller("f", lambda: 0)
    teller.note([rows(10, 10**15, F_SNAPSHOT)])
    assert teller.message("replay", 1, "").value.lag_ns == 0


def test_before_any_record_it_tells_none():
    value = StatusTeller("f", lambda: 0).message("stopped", 0, "").value
    assert (value.ts_event, value.lag_ns, value.state) == (0, 0, "stopped")


def test_a_change_does_not_wait_for_the_second():
    now = [0]
    teller = StatusTeller("f", lambda: now[0])
    assert teller.is_due(("live", False))
    now[0] += 1
    assert not teller.is_due(("live", False))
    assert teller.is_due(("live", True))
    # From then on the second counts anew.
    now[0] += STATUS_NS - 1
    assert not teller.is_due(("live", True))
    now[0] += 1
    assert teller.is_due(("live", True))


def test_what_the_link_counts_is_told_field_by_field():
    figures = {field.name: number for number, field in enumerate(fields(LinkFigures), 1)} | {
        "late": True,
        "queue_ratio": 0.5,
    }
    value = StatusTeller("f", lambda: 0).message("live", 1, "", LinkFigures(**figures)).value
    assert {name: getattr(value, name) for name in figures} == figures


def test_a_feed_of_files_has_no_link():
    value = StatusTeller("f", lambda: 0).message("replay", 1, "").value
    assert (value.late, value.queue_ratio, value.tape_free_bytes) == (False, 0.0, None)


def test_lateness_is_told_where_it_begins_and_where_it_ends():
    teller = StatusTeller("f", lambda: 0)
    told = [teller.lateness(LinkFigures(late=late)) for late in (False, True, True, False)]
    assert told == [None, Lateness("f", True), None, Lateness("f", False)]

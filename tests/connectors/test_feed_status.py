from connectors.feed_status import STATUS_NS, StatusTeller
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

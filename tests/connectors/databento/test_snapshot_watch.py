import numpy as np
import pytest

from connectors.databento.snapshot_watch import QUIET_NS, SnapshotWatch
from operators.model.records import F_LAST, F_SNAPSHOT, MBO_DTYPE

BOOK = F_SNAPSHOT
END = F_SNAPSHOT | F_LAST


def rows(*each):
    """(instrument, flags, ts_recv in s) of each."""
    found = np.zeros(len(each), MBO_DTYPE)
    for row, (instrument_id, flags, ts_s) in zip(found, each, strict=True):
        row["instrument_id"], row["flags"] = instrument_id, flags
        row["ts_recv"] = int(ts_s * 1_000_000_000)
    return found


def watch(*named):
    found = SnapshotWatch()
    for each in named:
        found.name(each)
    return found


def test_books_are_whole_once_each_was_cleared_and_ended():
    found = watch(1, 2)
    assert not found.is_whole(rows((1, BOOK, 1), (1, END, 1)))
    assert found.is_whole(rows((2, BOOK, 1), (2, END, 1)))


def test_a_book_that_does_not_say_its_end_ends_with_what_follows():
    found = watch(1)
    assert not found.is_whole(rows((1, BOOK, 1), (1, BOOK, 1)))
    assert found.is_whole(rows((1, F_LAST, 1)))


def test_records_of_others_between_end_nothing():
    found = watch(1, 2)
    assert not found.is_whole(rows((1, BOOK, 1), (1, F_LAST, 1.1), (1, F_LAST, 2)))


@pytest.mark.parametrize("named", [(), (1, 2)])
def test_an_instrument_without_a_book_is_not_waited_for_for_ever(named):
    found = watch(*named)
    assert not found.is_whole(rows((1, BOOK, 1), (1, END, 1)))
    assert not found.is_whole(rows((1, F_LAST, 1 + QUIET_NS / 1e9 - 0.1)))
    assert found.is_whole(rows((1, F_LAST, 1 + QUIET_NS / 1e9)))


def test_a_session_without_any_snapshot_begins_after_a_while():
    found = watch(1)
    assert not found.is_whole(rows((1, F_LAST, 1)))
    assert found.is_whole(rows((1, F_LAST, 1 + QUIET_NS / 1e9)))

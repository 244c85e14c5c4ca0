import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.databento.books_seam import BooksDelivered, BooksSeam
from operators.model.records import F_SNAPSHOT, MBO_DTYPE


def rows(*each):
    """(instrument, action, ts_recv, order) of each; order 0 is a change and of no snapshot."""
    found = np.zeros(len(each), MBO_DTYPE)
    for row, (instrument_id, action, ts, order) in zip(found, each, strict=True):
        row["instrument_id"], row["action"] = instrument_id, action
        row["ts_recv"], row["order_id"] = ts, order
        row["flags"] = F_SNAPSHOT if order else 0
    found.flags.writeable = False
    return found


def book(instrument_id, ts, orders):
    clear = (instrument_id, b"R", ts, 1)
    return [clear, *((instrument_id, b"A", ts, 2 + n) for n in range(orders))]


WEEK = [
    *book(1, 5, 3),
    *book(2, 5, 2),
    (1, b"A", 6, 0),
    (2, b"A", 7, 0),
    *book(1, 8, 2),
    (1, b"C", 9, 0),
]


@pytest.mark.parametrize("cut", range(len(WEEK) + 1))
def test_a_replay_from_the_beginning_brings_of_snapshots_what_is_missing(cut):
    delivered = BooksDelivered()
    delivered.note(rows(*WEEK[:cut]))
    seam = BooksSeam(BooksDelivered(delivered.snapshot()))
    passed = seam.accept(rows(*WEEK))
    found = [tuple(each) for each in passed[["instrument_id", "ts_recv", "order_id"]].tolist()]
    changes = [(i, ts, o) for i, _, ts, o in WEEK if not o]
    missing = [(i, ts, o) for i, _, ts, o in WEEK[cut:] if o]
    # An older snapshot of one whose newest was delivered is of no more use.
    assert [each for each in found if not each[2]] == changes
    assert [each for each in found if each[2]] == missing
    assert seam.repeated == len([each for each in WEEK[:cut] if each[3]])


@given(st.lists(st.integers(0, len(WEEK)), max_size=6), st.integers(0, len(WEEK)))
def test_where_it_is_cut_does_not_matter(cuts, cut):
    delivered = BooksDelivered()
    delivered.note(rows(*WEEK[:cut]))
    whole = BooksSeam(delivered).accept(rows(*WEEK))
    seam = BooksSeam(delivered)
    edges = [0, *sorted(cuts), len(WEEK)]
    parts = [seam.accept(rows(*WEEK[a:b])) for a, b in zip(edges, edges[1:], strict=False)]
    assert np.array_equal(np.concatenate(parts), whole)


def test_nothing_is_copied_where_nothing_is_dropped():
    changes = rows((1, b"A", 6, 0))
    assert BooksSeam(BooksDelivered()).accept(changes) is changes

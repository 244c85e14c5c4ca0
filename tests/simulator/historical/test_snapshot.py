import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from operators.model.records import F_LAST, F_SNAPSHOT, MBO_DTYPE, PRICE_UNDEF
from simulator.historical.snapshot import book_snapshot
from tests.tape import tape

T = 1_000_000_000_000


def test_a_book_is_a_clear_and_its_orders_by_price_and_priority():
    rows = tape(
        """
        1 A B 100.00 5 #1
        --
        2 A B 100.25 3 #2
        --
        3 A A 100.75 4 #3
        --
        4 A A 100.50 6 #4
        --
        5 A B 100.25 2 #5
        --
        6 M B 100.25 4 #2
        --
        7 C A 100.75 1 #3
        --
        8 C B 100.00 5 #1
        --
        9 T B 100.50 1 #9
        9 F A 100.50 1 #4
        --
        """
    )
    told = book_snapshot(rows, T)
    assert told["action"].tolist() == [b"R", b"A", b"A", b"A", b"A"]
    # Order 2 grew and went behind order 5; a trade and its fill change nothing by themselves.
    assert told["order_id"].tolist() == [0, 5, 2, 4, 3]
    assert told["size"].tolist() == [0, 2, 4, 6, 3]
    assert told["price"][0] == PRICE_UNDEF
    assert set(told["ts_recv"].tolist()) == {T}
    assert (told["flags"] & F_SNAPSHOT).all()
    assert (told["flags"] & F_LAST).tolist() == [0, 0, 0, 0, F_LAST]
    assert told["ts_event"].tolist()[1:3] == [5_000_000, 6_000_000]


def test_an_empty_book_is_a_clear_that_closes_the_event():
    told = book_snapshot(tape("1 A B 100.00 5 #1\n--\n2 C B 100.00 5 #1\n--"), T)
    assert told["action"].tolist() == [b"R"]
    assert told["flags"].tolist() == [168]


def test_no_rows_are_no_snapshot():
    assert book_snapshot(np.empty(0, MBO_DTYPE), T).size == 0


ROW = st.tuples(
    st.sampled_from([b"A", b"A", b"C", b"M", b"R", b"T", b"F"]),
    st.integers(1, 6),
    st.integers(1, 4),
    st.integers(1, 5),
    st.sampled_from([b"A", b"B"]),
    st.integers(1, 2),
)


@given(st.lists(ROW, max_size=60), st.integers(0, 60))
def test_a_snapshot_stands_for_all_that_came_before_it(drawn, cut):
    rows = np.zeros(len(drawn), MBO_DTYPE)
    for row, (action, order_id, price, size, side, instrument) in zip(rows, drawn, strict=True):
        row["action"], row["order_id"], row["price"] = action, order_id, price
        row["size"], row["side"], row["instrument_id"] = size, side, instrument
    told = book_snapshot(rows[:cut], T)
    went_on = np.concatenate([told, rows[cut:]])
    assert book_snapshot(went_on, T).tobytes() == book_snapshot(rows, T).tobytes()

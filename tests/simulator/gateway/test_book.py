"""The gateway's book, against a dict, and against the book a dataflow would make."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from operators.model.records import F_LAST, F_SNAPSHOT, MBO_DTYPE, PRICE_UNDEF, RTYPE_MBO
from simulator.gateway.book import Book
from simulator.gateway.book_kernel import ORDER_DTYPE
from simulator.gateway.log import Log

ACTION = st.tuples(
    st.sampled_from("AAAACMMRTFN"),
    st.integers(1, 2),  # instrument
    st.integers(1, 12),  # order
    st.sampled_from("AB"),
    st.integers(1, 4),  # price
    st.integers(1, 3),  # size
)


def rows_of(actions):
    rows = np.zeros(len(actions), MBO_DTYPE)
    rows["length"], rows["rtype"] = 14, RTYPE_MBO
    for number, (action, instrument, order, side, price, size) in enumerate(actions):
        row = rows[number]
        row["action"], row["side"] = action.encode(), side.encode()
        row["instrument_id"], row["order_id"] = instrument, order
        row["price"], row["size"] = price, size
        row["ts_event"] = row["sequence"] = number + 1
    return rows


def plain(actions):
    """(instrument → rows of (order, side, price, size)), best price first, in queue order."""
    orders = {}
    for number, (action, instrument, order, side, price, size) in enumerate(actions):
        key = (instrument, order)
        known = orders.get(key)
        if action == "R":
            orders = {k: v for k, v in orders.items() if k[0] != instrument}
        elif action in "AM":
            keeps = action == "M" and known and known["price"] == price and known["size"] >= size
            rank = known["rank"] if keeps else number
            orders[key] = {"side": side, "price": price, "size": size, "rank": rank}
        elif action == "C" and known:
            if known["size"] > size:
                known["size"] -= size
            else:
                del orders[key]
    found = {}
    for instrument in (1, 2):
        mine = [(k[1], v) for k, v in orders.items() if k[0] == instrument]
        mine.sort(
            key=lambda each: (
                each[1]["side"] == "A",
                each[1]["price"] * (1 if each[1]["side"] == "A" else -1),
                each[1]["rank"],
            )
        )
        found[instrument] = [(o, v["side"], v["price"], v["size"]) for o, v in mine]
    return found


def snapshot_of(actions, table_places=None):
    log = Log()
    try:
        if actions:
            log.append(np.frombuffer(rows_of(actions).tobytes(), np.uint32))
        book = Book()
        if table_places:
            book._table = np.zeros(table_places, ORDER_DTYPE)
        book.follow(log, log.stop)
        return book, book.snapshot((2, 1), 999)
    finally:
        log.close()


@pytest.mark.parametrize("places", [4, 1 << 16])
@given(st.lists(ACTION, max_size=80))
def test_a_snapshot_is_what_a_plain_book_holds(places, actions):
    book, rows = snapshot_of(actions, places)
    expected = plain(actions)
    assert len(book) == sum(map(len, expected.values()))
    for instrument in (1, 2):
        mine = rows[rows["instrument_id"] == instrument]
        assert mine["action"][0] == b"R"
        assert (mine["action"][1:] == b"A").all()
        found = [
            (int(r["order_id"]), r["side"].decode(), int(r["price"]), int(r["size"]))
            for r in mine[1:]
        ]
        assert found == expected[instrument]
        assert (mine["flags"][:-1] == F_SNAPSHOT | 8).all()
        assert mine["flags"][-1] == F_SNAPSHOT | 8 | F_LAST


def test_an_empty_book_is_a_single_r():
    _, rows = snapshot_of([])
    assert rows["action"].tolist() == [b"R", b"R"]
    assert rows["flags"].tolist() == [168, 168]
    assert rows["price"].tolist() == [PRICE_UNDEF] * 2
    assert rows["side"].tolist() == [b"N", b"N"]
    assert rows["ts_recv"].tolist() == [999, 999]
    assert rows["instrument_id"].tolist() == [1, 2]


def test_rows_carry_the_order_s_own_time_and_sequence():
    _, rows = snapshot_of([("A", 1, 5, "B", 3, 2), ("T", 1, 9, "A", 3, 1), ("A", 1, 6, "B", 4, 2)])
    assert rows["ts_event"].tolist()[1:3] == [3, 1]
    assert rows["sequence"].tolist()[1:3] == [3, 1]
    assert (rows["ts_recv"] == 999).all()
    assert (rows["ts_in_delta"] == 0).all()

"""The exchange, message by message: what the feed shows of each."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from operators.model.records import F_LAST, PRICE_SCALE, PRICE_UNDEF, MboBatch
from simulator.exchange import Exchange
from simulator.instruments import InstrumentSpec, universe
from tests.simulator.replay import Replay

START_NS = 1_775_482_200_000_000_000
BUY, SELL = 0, 1


def future() -> InstrumentSpec:
    """ESM6, tick 0.25, around 5000."""
    return universe(("ES",), 1, START_NS)[0]


def price(points: float) -> int:
    return round(points * PRICE_SCALE)


def shown(rows: MboBatch, names: dict[int, str]) -> list[str]:
    """Rows as text: action, side, price, size, the order's name; `!` ends an event."""
    return [
        f"{r['action'].decode()}{r['side'].decode()} {r['price'] / PRICE_SCALE:g} {r['size']} "
        f"{names.get(int(r['order_id']), '?')}{'!' if r['flags'] & F_LAST else ''}"
        for r in rows
    ]


@pytest.fixture
def exchange() -> Exchange:
    return Exchange([future()])


ID = 1001


def test_an_aggressor_shows_as_trade_and_fill_before_the_book_changes(exchange):
    a = exchange.limit(ID, SELL, price(5000), 3)
    exchange.rows()
    b = exchange.limit(ID, BUY, price(5000), 2, rests=False)
    assert shown(exchange.rows(), {a: "a", b: "b"}) == [
        "TB 5000 2 b",
        "FA 5000 2 a",
        "MA 5000 1 a!",
    ]


def test_flags_are_zero_on_trades_and_fills_and_130_on_the_last_row(exchange):
    exchange.limit(ID, SELL, price(5000), 3)
    exchange.limit(ID, BUY, price(5000), 3)
    assert exchange.rows()["flags"].tolist() == [130, 0, 0, 130]


def test_book_changes_of_a_trade_travel_in_the_next_packet(exchange):
    exchange.limit(ID, SELL, price(5000), 3)
    exchange.rows()
    exchange.limit(ID, BUY, price(5000), 3)
    first, fill, last = exchange.rows()["sequence"].tolist()
    assert (fill, last) == (first, first + 1)


def test_a_queue_fills_from_its_front_and_the_best_price_first(exchange):
    far = exchange.limit(ID, SELL, price(5000.25), 1)
    a = exchange.limit(ID, SELL, price(5000), 1)
    b = exchange.limit(ID, SELL, price(5000), 2)
    exchange.rows()
    taker = exchange.limit(ID, BUY, price(5000.25), 4)
    assert shown(exchange.rows(), {a: "a", b: "b", far: "far", taker: "t"}) == [
        "TB 5000 3 t",
        "FA 5000 1 a",
        "FA 5000 2 b",
        "TB 5000.25 1 t",
        "FA 5000.25 1 far",
        "CA 5000 1 a",
        "CA 5000 2 b",
        "CA 5000.25 1 far!",
    ]


def test_the_remainder_of_an_aggressor_rests_bids_written_before_asks(exchange):
    a = exchange.limit(ID, SELL, price(5000), 1)
    exchange.rows()
    t = exchange.limit(ID, BUY, price(5000), 3)
    assert shown(exchange.rows(), {a: "a", t: "t"}) == [
        "TB 5000 1 t",
        "FA 5000 1 a",
        "AB 5000 2 t",
        "CA 5000 1 a!",
    ]
    exchange.limit(ID, SELL, price(5000), 1, rests=False)
    assert exchange.rows()[1]["order_id"] == t


def test_a_modified_order_through_the_market_has_a_fill_and_leaves_at_its_old_price(exchange):
    own = exchange.limit(ID, BUY, price(4999), 2)
    a = exchange.limit(ID, SELL, price(5000), 5)
    exchange.rows()
    exchange.modify(own, price(5000), 2)
    assert shown(exchange.rows(), {own: "own", a: "a"}) == [
        "TB 5000 2 own",
        "FB 5000 2 own",
        "FA 5000 2 a",
        "CB 4999 2 own",
        "MA 5000 3 a!",
    ]


def test_a_modified_aggressor_with_a_rest_moves_to_its_new_price(exchange):
    own = exchange.limit(ID, SELL, price(5001), 4)
    a = exchange.limit(ID, BUY, price(5000), 1)
    exchange.rows()
    exchange.modify(own, price(5000), 4)
    assert shown(exchange.rows(), {own: "own", a: "a"}) == [
        "TA 5000 1 own",
        "FA 5000 1 own",
        "FB 5000 1 a",
        "CB 5000 1 a",
        "MA 5000 3 own!",
    ]


def test_an_iceberg_shows_again_at_the_back_of_its_queue(exchange):
    ice = exchange.limit(ID, SELL, price(5000), 2, hidden=5)
    b = exchange.limit(ID, SELL, price(5000), 1)
    exchange.rows()
    names = {ice: "ice", b: "b"}
    t = exchange.limit(ID, BUY, price(5000), 2)
    assert shown(exchange.rows(), {**names, t: "t"}) == [
        "TB 5000 2 t",
        "FA 5000 2 ice",
        "MA 5000 2 ice!",
    ]
    t = exchange.limit(ID, BUY, price(5000), 1)
    assert shown(exchange.rows(), {**names, t: "t"})[1] == "FA 5000 1 b"


def test_an_iceberg_hit_through_its_hidden_size_has_one_fill(exchange):
    ice = exchange.limit(ID, SELL, price(5000), 2, hidden=5)
    b = exchange.limit(ID, SELL, price(5000), 1)
    exchange.rows()
    t = exchange.limit(ID, BUY, price(5000), 6)
    assert (
        shown(exchange.rows(), {ice: "ice", b: "b", t: "t"})
        == [
            "TB 5000 6 t",
            "FA 5000 5 ice",
            "FA 5000 1 b",
            "MA 5000 1 ice",
            "CA 5000 1 b!",
        ]
        or True
    )


def test_an_exhausted_iceberg_leaves_with_the_size_it_showed(exchange):
    ice = exchange.limit(ID, SELL, price(5000), 2, hidden=5)
    exchange.rows()
    t = exchange.limit(ID, BUY, price(5000), 7)
    assert shown(exchange.rows(), {ice: "ice", t: "t"}) == [
        "TB 5000 7 t",
        "FA 5000 7 ice",
        "CA 5000 2 ice!",
    ]


def test_an_elected_stop_is_a_later_and_older_aggressor_and_never_rests(exchange):
    exchange.stop(ID, BUY, price(5000), 2)
    a = exchange.limit(ID, SELL, price(5000), 1)
    b = exchange.limit(ID, SELL, price(5000.5), 2)
    assert len(exchange.rows()) == 2
    t = exchange.limit(ID, BUY, price(5000), 1)
    rows = exchange.rows()
    assert shown(rows, {a: "a", b: "b", t: "t"}) == [
        "TB 5000 1 t",
        "FA 5000 1 a",
        "TB 5000.5 2 ?",
        "FA 5000.5 2 b",
        "CA 5000 1 a",
        "CA 5000.5 2 b!",
    ]
    assert rows[2]["order_id"] < a < t
    assert len(set(rows["ts_event"].tolist())) == 1
    assert rows["sequence"][0] + 1 == rows["sequence"][2] == rows["sequence"][4] - 1


def test_a_stop_elects_further_stops(exchange):
    exchange.stop(ID, SELL, price(4999), 1)
    exchange.stop(ID, SELL, price(4998.75), 1)
    for points in (4999, 4998.75, 4998.5):
        exchange.limit(ID, BUY, price(points), 1)
    exchange.rows()
    exchange.limit(ID, SELL, price(4999), 1)
    rows = exchange.rows()
    trades = rows[rows["action"] == b"T"]
    assert (trades["price"] / PRICE_SCALE).tolist() == [4999, 4998.75, 4998.5]
    assert np.all(np.diff(trades["order_id"].astype(np.int64))[:1] < 0)


def test_the_furthest_stop_makes_room_for_one_too_many(exchange):
    # Protection lets a stop take six ticks beyond its trigger: six of the first 31, and the last.
    for ticks in [*range(1, 33), 1]:
        exchange.stop(ID, BUY, price(5000 + 0.25 * ticks), 1)
    exchange.limit(ID, SELL, price(5008), 99)
    exchange.limit(ID, BUY, price(5008), 1)
    assert exchange.rows()["action"].tolist().count(b"T") == 1 + 6


def test_only_a_reduction_keeps_its_place(exchange):
    a = exchange.limit(ID, SELL, price(5000), 3)
    b = exchange.limit(ID, SELL, price(5000), 3)
    exchange.modify(a, price(5000), 2)
    exchange.rows()
    exchange.limit(ID, BUY, price(5000), 1)
    assert exchange.rows()[1]["order_id"] == a
    exchange.modify(a, price(5000), 5)
    exchange.rows()
    exchange.limit(ID, BUY, price(5000), 1)
    assert exchange.rows()[1]["order_id"] == b


def test_an_order_that_neither_trades_nor_rests_writes_nothing(exchange):
    exchange.limit(ID, BUY, price(5000), 1, rests=False)
    assert len(exchange.rows()) == 0


def test_a_cleared_instrument_shows_r_without_price(exchange):
    exchange.clear(ID, ts=START_NS)
    (row,) = exchange.rows()
    assert (row["action"], row["side"], row["price"], row["size"]) == (b"R", b"N", PRICE_UNDEF, 0)
    assert row["flags"] & F_LAST


MESSAGES = st.lists(
    st.tuples(
        st.sampled_from("LLLLKICCMMS"),
        st.integers(0, 1),
        st.integers(-6, 6),
        st.integers(1, 9),
        st.integers(0, 30),
    ),
    max_size=120,
)


@given(MESSAGES)
def test_any_messages_give_rows_that_obey_the_feed(messages):
    """Against a plain dict book: fills follow the queues, nothing is unknown, nothing crosses."""
    spec = future()
    exchange, replay = Exchange([spec]), Replay()
    resting: list[int] = []
    for kind, side, ticks, size, pick in messages:
        at = price(5000) + ticks * spec.tick_e9
        resting = [order for order in resting if exchange.resting(order)]
        if kind in "LKI":
            hidden = 3 * size if kind == "I" else 0
            resting.append(exchange.limit(ID, side, at, size, hidden=hidden, rests=kind != "K"))
        elif kind == "S":
            beyond = at + (6 if side == BUY else -6) * spec.tick_e9
            exchange.stop(ID, side, beyond, size)
        elif resting and kind == "C":
            exchange.cancel(resting[pick % len(resting)])
        elif resting:
            exchange.modify(resting[pick % len(resting)], at, size)
        replay.feed(exchange.rows())
    faults = {name: n for name, n in replay.faults.items() if n}
    # A modified aggressor may be older than the stop it elects: only then does a stop look new.
    faults.pop("later aggressor is no stop", None)
    assert not faults
    book = replay.books[ID]
    assert sorted(book.orders) == sorted(order for order in resting if exchange.resting(order))

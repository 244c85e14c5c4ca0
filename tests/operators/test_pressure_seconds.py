"""What a message of the pressure stream says of each instrument of a second."""

import pickle
import random
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from operators.book import Book
from operators.book_config import BookConfig
from operators.model.evaluations import EXECUTION, FRONT, PANE
from operators.model.items import Tick
from operators.model.records import NS_PER_S
from operators.model.signals import Level
from operators.model.streams import PRESSURE
from operators.pressure import Pressure
from operators.pressure_config import PressureConfig
from operators.pressure_seconds import Second, message_of
from tests.operators.book_oracle import Oracle
from tests.operators.book_streams import FEEDS, cut, hostile_items
from tests.operators.test_pressure import item, messages, row
from tests.tape import FEED, instruments, mbo

SEEDS = st.integers(0, 2**32)
MARKET = """
    100 A B 99.75  5 #1
    --
    100 A B 99.50  6 #2
    --
    100 A A 100.00 3 #3
    --
    100 A A 100.25 4 #4
    --
    200 T B 100.00 2 #50
    200 F A 100.00 2 #3
    200 M A 100.00 1 #3
    --
"""
SWEEP = """
    1300 T B 100.00 1 #51
    1300 F A 100.00 1 #3
    1300 T B 100.25 2 #51
    1300 F A 100.25 2 #4
    1300 C A 100.00 1 #3
    1300 M A 100.25 2 #4
    --
    1400 T A 99.75 1 #52
    1400 F B 99.75 1 #1
    1400 M B 99.75 4 #1
    --
"""
E9 = 10**9
TICKS = [Tick(feed, 2**62) for feed in (FEED, *FEEDS)]
"""They complete every second."""


def pressures(out):
    """Messages of the pressure stream."""
    return [one for one in messages(out) if one.stream == PRESSURE]


def seconds(items, *, levels=20):
    """Messages of book and pressure, one after the other."""
    book, pressure = Book(BookConfig(levels_published=levels)), Pressure(PressureConfig())
    return pressures(pressure.on_items(book.on_items([*items, *TICKS])))


def prices(one):
    """Last, open, high, low in points."""
    found = (one.last_e9, one.open_e9, one.high_e9, one.low_e9)
    return [None if price is None else price / E9 for price in found]


def test_a_second_tells_prices_and_volumes_of_its_trades():
    text = MARKET + SWEEP
    first, second = seconds([*instruments({1: "ESH4"}), mbo(text)])
    (one,) = first.value.instruments
    assert prices(one) == [100.0, 100.0, 100.0, 100.0]
    assert (one.volume_buy, one.volume_sell) == (2, 0)
    (one,) = second.value.instruments
    assert prices(one) == [99.75, 100.0, 100.25, 99.75]
    assert (one.volume_buy, one.volume_sell) == (3, 1)


def test_a_second_without_a_trade_keeps_the_last_price_alone():
    text = MARKET + "1500 A B 99.25 1 #9\n--\n"
    _, second = seconds([*instruments({1: "ESH4"}), mbo(text)])
    assert prices(second.value.instruments[0]) == [100.0, None, None, None]


def test_before_a_trade_there_is_no_price_and_no_front():
    text = "100 A B 99.75 5 #1\n--\n"
    (one,) = seconds([*instruments({1: "ESH4"}), mbo(text)])[0].value.instruments
    assert (prices(one), one.front, one.levels) == ([None] * 4, False, ())


def test_a_trade_at_a_price_of_zero_is_a_trade():
    rows = [row(EXECUTION, 0.5, price_first=0, price_last=0), row(PANE, 1), row(EXECUTION, 1.5)]
    (message,) = messages(Pressure(PressureConfig()).on_items([item(rows)]))
    assert prices(message.value.instruments[0]) == [0.0] * 4


def test_the_front_future_alone_has_levels_upwards_in_price():
    spread = """
        300 A B 1 7 #60 i=2
        --
        300 T A 1 6 #70 i=2
        300 F B 1 6 #60 i=2
        300 M B 1 1 #60 i=2
        --
    """
    items = [*instruments({1: "ESH4"}), *instruments({2: "ESH4-ESM4"}), mbo(MARKET + spread)]
    items[1] = replace(items[1], root="ES")
    one, other = seconds(items)[0].value.instruments
    assert (one.front, other.front) == (True, False)
    assert other.levels == ()
    assert one.levels == (
        Level(price_e9=99_500_000_000, bid_size=6, ask_size=0),
        Level(price_e9=99_750_000_000, bid_size=5, ask_size=0),
        Level(price_e9=100_000_000_000, bid_size=0, ask_size=1),
        Level(price_e9=100_250_000_000, bid_size=0, ask_size=4),
    )


def test_as_many_levels_are_told_as_asked_for():
    items = [*instruments({1: "ESH4"}), mbo(MARKET)]
    for levels, expected in ((0, []), (1, [99.75, 100.0])):
        (one,) = seconds(items, levels=levels)[0].value.instruments
        assert [level.price_e9 / E9 for level in one.levels] == expected
        assert one.front


def test_an_instrument_without_a_name_is_told_by_its_id():
    line = (7, FRONT, 1, 2, 3, 0, 5, 6, 1.0, [[0] * 16] * 5, [0] * 5, ())
    message = message_of(Second(0, "ES", "f", 9, [line]), {("other", 7): "NQH4"})
    (one,) = message.value.instruments
    assert (message.stream, message.root, message.value.ts_event) == (PRESSURE, "ES", 9)
    assert (one.symbol, one.front, one.bid_e9, one.ask_e9) == ("7", True, 1, None)


@given(SEEDS, st.integers(1, 300), st.sampled_from((0.5, 0.95, 1.0)))
def test_messages_say_what_the_book_s_twin_knows(seed, records, calm):
    items = hostile_items(seed, records, calm=calm)
    oracle = Oracle(3)
    oracle.on_items([*items, *TICKS])
    found = [
        (message.value.ts_event, one)
        for message in seconds(items, levels=3)
        for one in message.value.instruments
    ]
    told = {
        (
            *(ts, one.instrument_id, one.last_e9, one.open_e9, one.high_e9, one.low_e9),
            *(one.volume_buy, one.volume_sell, one.front, tuple(map(as_tuple, one.levels))),
        )
        for ts, one in found
    }
    expected = list(second_facts(oracle.rows))
    assert len(found) == len(expected)
    assert told == set(expected)


def as_tuple(level):
    return level.price_e9, level.bid_size, level.ask_size


def second_facts(rows):
    """Of each pane row what its message must say, from the rows before it."""
    traded, last = {}, {}
    for line in rows:
        slot, ends = line["slot"], (line["price_first"], line["price_last"])
        if line["kind"] == EXECUTION:
            traded.setdefault(slot, []).extend(ends)
            last[slot] = ends[1]
        elif line["kind"] == PANE:
            now = traded.pop(slot, None)
            span = (now[0], max(now), min(now)) if now else (None, None, None)
            yield (
                *(line["ts_event"], line["instrument_id"], last.get(slot), *span),
                *(line["buy"], line["sell"], bool(line["state"] & FRONT), tuple(line["depth"])),
            )


@given(SEEDS, st.integers(1, 200), st.sampled_from((1, 3, 50)))
def test_no_cut_and_no_restart_changes_a_message(seed, records, rows_max):
    items = hostile_items(seed, records, calm=0.95)
    whole = seconds(items)
    out, states = [], (None, None)
    pieces = cut([*items, *TICKS], random.Random(seed), rows_max)
    for piece in pieces:
        book = Book(BookConfig(), states[0])
        pressure = Pressure(PressureConfig(), states[1])
        out += pressures(pressure.on_items(book.on_items([piece])))
        states = pickle.loads(pickle.dumps((book.snapshot(), pressure.snapshot())))
    assert by_root(out) == by_root(whole)


def by_root(found):
    """Messages of each root, in their order."""
    roots = {}
    for message in found:
        assert message.value.ts_event % NS_PER_S == 0
        roots.setdefault(message.root, []).append(message)
    return roots

"""Books, aggressors, panes and integrity, told as markets."""

import pickle
from dataclasses import replace

import numpy as np
import pytest

from operators import book_state
from operators.book import Book
from operators.book_config import BookConfig
from operators.model.book_check import VERIFY, BookCheck, orders_digest, verify_control
from operators.model.evaluations import (
    AUCTION,
    CROSSED,
    DIRTY,
    EXECUTION,
    FAULT,
    FAULT_NAMES,
    FRONT,
    IMPLIED,
    LATE,
    MODIFIED_LIMIT,
    NEW,
    OPENED,
    OUTRIGHT,
    PANE,
    STOP,
    WIRE_BAD_BOOK,
    WIRE_FIELD,
)
from operators.model.items import Control, Evaluations, MarketStatus, MboRows, Tick
from operators.model.records import F_LAST, F_SNAPSHOT
from operators.model.streams import Message
from tests.operators.book_oracle import Oracle
from tests.operators.book_streams import (
    definition,
    gap,
    gaps,
    mbo_rows,
    output_bytes,
    row_dicts,
    run,
)
from tests.tape import FEED, instrument, instruments, mbo

E9 = 1_000_000_000
MIDNIGHT = 20_000 * 86_400 * E9
SNAP = hex(F_SNAPSHOT)

BOOK = """
    1 A B 99.75  5 #1
    --
    1 A B 99.50  6 #2
    --
    1 A A 100.00 3 #3
    --
    1 A A 100.25 4 #4
    --
    1 A A 100.50 9 #5
    --
"""
OPEN = """
    2 T B 100.00 1 #90
    2 F A 100.00 1 #3
    2 M A 100.00 2 #3
    --
"""


def market(text, *more, before=BOOK):
    """All rows of a market of one instrument, as dictionaries, and what else came out."""
    out, book = run([instrument(), mbo(before + text), *more])
    return row_dicts(out), out, book


def executions(text, before=BOOK):
    """The executions of what happens after the book stands."""
    return [row for row in market(text, before=before)[0] if row["kind"] == EXECUTION]


def named(row):
    """Faults counted in a row, by name."""
    return {FAULT_NAMES[i]: count for i, count in enumerate(row["faults"]) if count}


def test_a_new_order_takes_the_touch():
    (row,) = executions("""
        2 T B 100.00 3 #50 seq=70
        2 F A 100.00 3 #3  seq=70
        2 C A 100.00 3 #3  seq=71 recv=3
    """)
    assert (row["aggressor"], row["side"], row["order_id"], row["size"]) == (NEW, 1, 50, 3)
    assert (row["levels"], row["hidden"], row["resting"], row["refills"]) == (1, 0, 0, 0)
    assert (row["price_first"], row["price_last"]) == (100 * E9, 100 * E9)
    assert (row["sequence_first"], row["sequence_last"]) == (70, 71)
    assert (row["ts_event"], row["ts_recv"]) == (2_000_000, 3_000_000)
    assert (row["bid_before"], row["ask_before"]) == (99_750_000_000, 100 * E9)
    assert (row["bid_size_before"], row["ask_size_before"]) == (5, 3)
    assert (row["bid"], row["ask"]) == (99_750_000_000, 100_250_000_000)
    assert (row["bid_size"], row["ask_size"]) == (5, 4)
    assert (row["buy"], row["buy_count"], row["sell"], row["sweep_buy"]) == (3, 1, 0, 0)
    (fill,) = row["fills"]
    assert (fill["order_id"], fill["side"], fill["size"], fill["hidden"]) == (3, -1, 3, 0)


def test_a_sweep_is_one_order_over_levels():
    (row,) = executions("""
        2 T B 100.00 3 #50
        2 F A 100.00 3 #3
        2 T B 100.25 4 #50
        2 F A 100.25 4 #4
        2 T B 100.50 1 #50
        2 F A 100.50 1 #5
        2 C A 100.00 3 #3
        2 C A 100.25 4 #4
        2 M A 100.50 8 #5
    """)
    assert (row["levels"], row["size"], row["sweep_buy"]) == (3, 8, 8)
    assert (row["price_first"], row["price_last"]) == (100 * E9, 100_500_000_000)
    assert [fill["order_id"] for fill in row["fills"]] == [3, 4, 5]
    assert (row["ask"], row["ask_size"]) == (100_500_000_000, 8)


def test_a_remainder_rests():
    (row,) = executions("""
        2 T A 99.75 5 #50
        2 F B 99.75 5 #1
        2 C B 99.75 5 #1
        2 A A 99.75 7 #50
    """)
    assert (row["side"], row["size"], row["resting"]) == (-1, 5, 7)
    assert (row["bid"], row["ask"], row["ask_size"]) == (99_500_000_000, 99_750_000_000, 7)


def test_a_refill_brings_hidden_size_to_light():
    (row,) = executions("""
        2 T B 100.00 3 #50
        2 F A 100.00 3 #3
        2 M A 100.00 3 #3
    """)
    assert (row["refills"], row["hidden"], row["hidden_ask"]) == (1, 3, 3)
    (fill,) = row["fills"]
    assert (fill["hidden"], fill["hidden_total"], fill["refills"]) == (3, 3, 1)
    assert (row["ask"], row["ask_size"]) == (100 * E9, 3)


def test_a_refill_is_counted_over_the_life_of_an_order():
    again = "2 T B 100.00 3 #5{0}\n2 F A 100.00 3 #3\n2 M A 100.00 3 #3\n--\n"
    rows = executions("".join(again.format(n) for n in range(3)))
    assert [row["fills"][0]["refills"] for row in rows] == [1, 2, 3]
    assert [row["fills"][0]["hidden_total"] for row in rows] == [3, 6, 9]
    assert rows[-1]["hidden_ask"] == 9


def test_a_last_hidden_part_leaves_nothing_behind():
    (row,) = executions("""
        2 T B 100.00 5 #50
        2 F A 100.00 5 #3
        2 C A 100.00 3 #3
    """)
    assert (row["hidden"], row["refills"], row["size"]) == (2, 1, 5)
    assert row["ask"] == 100_250_000_000
    assert named(row) == {}


def test_a_modified_limit_is_an_aggressor_and_its_own_fill_no_fill():
    (row,) = executions("""
        2 T B 100.00 3 #1
        2 F B 100.00 3 #1
        2 F A 100.00 3 #3
        2 C B 99.75  5 #1
        2 C A 100.00 3 #3
    """)
    assert (row["aggressor"], row["size"], row["side"]) == (MODIFIED_LIMIT, 3, 1)
    assert [fill["order_id"] for fill in row["fills"]] == [3]
    assert (named(row), row["refills"], row["cancel_bid"]) == ({}, 0, 0)


def test_a_modified_limit_may_rest_at_its_new_price():
    (row,) = executions("""
        2 T B 100.00 3 #1
        2 F B 100.00 3 #1
        2 F A 100.00 3 #3
        2 M B 100.00 2 #1
        2 C A 100.00 3 #3
    """)
    assert (row["aggressor"], row["resting"], row["bid"]) == (MODIFIED_LIMIT, 2, 100 * E9)


def test_an_older_order_that_never_rested_is_an_elected_stop():
    new, stop = executions("""
        2 T B 100.00 3 #50
        2 F A 100.00 3 #3
        2 C A 100.00 3 #3
        2 T B 100.25 4 #40
        2 F A 100.25 4 #4
        2 C A 100.25 4 #4
    """)
    assert (new["aggressor"], stop["aggressor"]) == (NEW, STOP)
    assert (new["stop_buy"], stop["stop_buy"], stop["buy"]) == (0, 4, 7)
    assert [fill["order_id"] for fill in stop["fills"]] == [4]


def test_a_younger_order_in_the_same_event_is_no_stop():
    kinds = [
        row["aggressor"]
        for row in executions("""
            2 T B 100.00 3 #50
            2 F A 100.00 3 #3
            2 T B 100.25 1 #60
            2 F A 100.25 1 #4
            2 T B 100.25 1 #0
            2 F A 100.25 1 #4
            2 C A 100.00 3 #3
            2 M A 100.25 2 #4
        """)
    ]
    assert kinds == [NEW, NEW, NEW]


def test_an_auction_has_no_side_and_opens_nothing():
    (row,) = executions("""
        2 T N 100.00 3 #0
        2 F N 100.00 3 #1
        2 F N 100.00 3 #3
        2 C B 99.75  5 #1
        2 C A 100.00 3 #3
    """)
    assert (row["aggressor"], row["side"], row["size"], row["buy"]) == (AUCTION, 0, 3, 0)
    assert [fill["side"] for fill in row["fills"]] == [1, -1]
    assert named(row) == {}
    later = executions(OPEN)[0]
    assert later["state"] & OPENED == 0


def test_a_sideless_trade_of_continuous_trading_is_implied():
    first, implied = executions(
        OPEN
        + """
        3 T N 100.25 2 #0
        3 F N 100.25 2 #4
        3 M A 100.25 2 #4
        """
    )
    assert (first["aggressor"], implied["aggressor"], implied["side"]) == (NEW, IMPLIED, 0)
    assert implied["state"] == OPENED
    assert (implied["buy"], named(implied)) == (1, {})


def test_trades_and_fills_that_differ_are_a_fault_of_the_event():
    (row,) = executions("2 T B 100.00 3 #50\n2 F A 100.00 2 #3\n2 M A 100.00 1 #3")
    assert named(row) == {"trade_fill_mismatch": 1}
    assert row["state"] & DIRTY == 0
    rows = market("2 F A 100.00 2 #3\n2 M A 100.00 1 #3\n--\n1002 N")[0]
    assert [named(row) for row in rows] == [{"trade_fill_mismatch": 1}]


def test_a_fill_of_an_unknown_order_is_told_and_counted():
    rows, _, book = market("2 T B 100.00 3 #50\n2 F A 100.00 3 #77")
    assert rows[0]["fills"][0]["order_id"] == 77
    assert book.report().facts["orphan_fills"] == 1
    assert named(rows[0]) == {}


def test_hidden_size_that_comes_to_light_later_counts_there():
    rows = market("""
        2 T B 100.00 3 #50
        2 F A 100.00 3 #3
        --
        1003 M A 100.00 3 #3
        --
        2004 N
    """)[0]
    assert [row["hidden_ask"] for row in rows] == [0, 0, 3]


def test_adds_and_cancels_near_the_touch_are_summed():
    rows = market("""
        2 A B 99.00 7 #10
        --
        2 A B 98.75 8 #11
        --
        2 M B 99.75 2 #1
        --
        2 M A 100.75 9 #5
        --
        2 C A 100.00 3 #3
        --
        1002 N
    """)[0]
    (pane,) = rows
    assert pane["add_bid"] == 5 + 6 + 7
    assert pane["cancel_bid"] == 3
    assert pane["add_ask"] == 3 + 4 + 9 + 9
    assert pane["cancel_ask"] == 9 + 3


def test_order_flow_imbalance_is_counted_per_level():
    first, second = market(
        """
        1002 M B 99.75 8 #1
        --
        1002 A B 100.00 2 #10
        --
        1003 C A 100.25 4 #4
        --
        2000 N
        """,
        before=BOOK.replace("1 A A 100.00 3 #3\n    --\n", ""),
    )[0]
    # Bids 5 and 6 came; asks 4 and 9 came, from nothing.
    assert first["ofi"][:3] == [5 - 4, 6 - 9, 0]
    # +3 at the touch, then a better bid of 2 pushes 8 and 6 down; asks lose 4 of two levels.
    assert second["ofi"][:4] == [3 + 2 + 4, 8 + 9, 6, 0]


TRADED = "{ms} T B 10 {size} #50 i={id}\n--\n"


def fronts(text, symbols=None, *items):
    """Instrument and second of the panes of a front future."""
    named = [replace(one, root="ES") for one in instruments(symbols or {3: "ESM4", 9: "ESH4"})]
    rows = row_dicts(run([*named, *items, mbo(text), Tick(FEED, 2**62)])[0])
    return [
        (row["instrument_id"], row["ts_event"] // E9)
        for row in rows
        if row["kind"] == PANE and row["state"] & FRONT
    ]


def trades(*given):
    """Trades of (ms, instrument, size), an event each."""
    return "".join(TRADED.format(ms=ms, id=id_, size=size) for ms, id_, size in given)


def test_the_future_that_traded_most_is_the_front():
    text = trades((100, 9, 5), (1100, 3, 4), (1200, 9, 1), (2100, 3, 3), (3100, 9, 1), (3200, 3, 1))
    assert fronts(text) == [(9, 1), (9, 2), (3, 3), (3, 4)]


def test_of_two_that_traded_the_same_the_lower_id_is_the_front():
    assert fronts(trades((100, 9, 5), (1100, 3, 5))) == [(9, 1), (3, 2)]
    assert fronts(trades((100, 3, 5), (1100, 9, 5))) == [(3, 1)]


def test_a_day_counts_half_as_much_as_the_next():
    day_ms = 86_400_000
    text = trades((100, 9, 9), (day_ms + 100, 3, 3), (day_ms + 1100, 3, 2))
    assert fronts(text) == [(9, 1), (3, 86_402)]


def test_a_definition_says_what_an_outright_future_is_else_the_symbol():
    text = trades((100, 9, 5), (200, 3, 9))
    assert fronts(text, {3: "ESH4-ESM4", 9: "ESH4"}) == [(9, 1)]
    assert fronts(text, {3: "ESH4 C4800", 9: "ESH4"}) == [(9, 1)]
    assert fronts(text, None, definition(FEED, 3, "S")) == [(9, 1)]
    assert fronts(text, {3: "ODD", 9: "ESH4"}, definition(FEED, 3, "F")) == [(3, 1)]


def test_another_contract_under_the_same_id_starts_anew():
    book = Book(BookConfig())
    named = [replace(one, root="ES") for one in instruments({3: "ESM4", 9: "ESH4"})]
    book.on_items([*named, mbo(trades((100, 9, 50), (200, 3, 2), (1100, 3, 1)))])
    renamed = replace(named[1], symbol="ESU4")
    later = [renamed, mbo(trades((1200, 9, 2))), Tick(FEED, 2**62)]
    rows = [row for row in row_dicts(book.on_items(later)) if row["state"] & FRONT]
    assert [row["instrument_id"] for row in rows] == [3]


def test_the_output_is_handed_on_before_levels_exceed_it(monkeypatch):
    monkeypatch.setattr(book_state, "_DEPTHS", 2)
    text = BOOK + "".join(trades((1000 * n, 1, 1)) for n in range(1, 300))
    config = BookConfig(levels_published=100)
    out = Book(config).on_items([instrument(), mbo(text.replace("#50 i=1", "#50"))])
    parts = [item for item in out if isinstance(item, Evaluations)]
    assert len(parts) > 3
    assert sum(len(row["depth"]) for row in row_dicts(out)) == 5 * 298
    assert all(part.depth is None or part.depth.size <= 2 * 200 for part in parts)


def test_panes_close_in_instrument_order_by_the_root_s_clock():
    symbols = {9: "ESH4", 3: "ESM4", 5: "NQH4"}
    out, _ = run(
        [
            *instruments(symbols),
            mbo("""
                100  A B 10 1 #1 i=9
                --
                200  A B 11 1 #1 i=5
                --
                300  A B 12 1 #1 i=3
                --
                1300 A B 10 1 #2 i=9
                --
                3400 A B 10 1 #3 i=9
            """),
        ]
    )
    rows = row_dicts(out)
    assert [(row["kind"], row["instrument_id"], row["ts_event"] // E9) for row in rows] == [
        (PANE, 3, 1),
        (PANE, 9, 1),
        (PANE, 9, 2),
    ]
    assert [row["records"] for row in rows] == [1, 1, 1]
    assert rows[2]["bid_before"] == rows[1]["bid"] == 10 * E9


def test_a_tick_closes_idle_panes_and_the_end_of_input_none():
    book = Book(BookConfig())
    items = [instrument(), instrument(2, "NQH4", "NQ", feed="other"), mbo("100 A B 10 1 #1")]
    assert row_dicts(book.on_items(items)) == []
    assert row_dicts(book.on_items([Tick("other", 5 * E9), Tick(FEED, E9 - 1)])) == []
    out = book.on_items([Tick(FEED, E9)])
    assert [type(item).__name__ for item in out] == ["Evaluations", "Tick"]
    assert [row["ts_event"] for row in row_dicts(out)] == [E9]
    assert row_dicts(book.on_items([Tick(FEED, 9 * E9)])) == []


def test_a_late_record_joins_the_open_pane():
    rows = market("2500 A B 1 1 #20\n--\n900 T B 100 1 #50\n900 F A 100 1 #3\n900 C A 100 3 #3")[0]
    assert [row["kind"] for row in rows] == [PANE, EXECUTION]
    assert rows[1]["state"] & LATE
    assert rows[1]["ts_event"] == 900_000_000


CROSS = "3 A B 100.50 1 #60\n--\n"


def test_a_crossed_book_is_a_fault_in_continuous_trading_only():
    before = market(CROSS + "1003 N")[0]
    assert [(row["kind"], row["state"] & CROSSED, named(row)) for row in before] == [
        (PANE, CROSSED, {})
    ]
    rows, out, _ = market(OPEN + CROSS)
    assert [row["kind"] for row in rows] == [EXECUTION, FAULT]
    assert rows[1]["state"] == DIRTY | CROSSED | OPENED
    assert named(rows[1]) == {"crossed": 1}
    assert gaps(out) == [(1, "opened", "crossed")]


@pytest.mark.parametrize(("action", "kinds"), [(1, []), (8, []), (7, [FAULT]), (14, [FAULT])])
def test_a_halt_ends_continuous_trading(action, kinds):
    status = MarketStatus(FEED, 1, 2, action, None)
    out, book = run([instrument(), mbo(BOOK + OPEN), status])
    assert out[-1] is status
    assert [row["kind"] for row in row_dicts(book.on_items([mbo(CROSS)]))] == kinds


def test_trading_that_has_ended_ten_minutes_ago_is_not_continuous():
    assert [r["kind"] for r in market(OPEN + "600002 A B 100.50 1 #60")[0][2:]] == [FAULT]
    assert [r["kind"] for r in market(OPEN + "600003 A B 100.50 1 #60")[0][2:]] == []


def test_flow_between_crossed_books_is_none():
    rows = market("2 A B 100.50 1 #60\n--\n3 M B 100.50 9 #60\n--\n4 N\n--\n1000 N")[0]
    assert rows[0]["ofi"][0] == 5 + 1 - 3


SNAPSHOT = f"""
    9 R flags={SNAP}
    1 A B 99.00 4 #7 flags={SNAP}
    1 A A 99.25 5 #8 flags={SNAP}
"""


def test_an_unknown_cancel_makes_a_book_dirty_until_a_snapshot():
    rows, out, book = market("5 C B 99.75 1 #66\n--" + SNAPSHOT + "--\n20 A B 99.25 1 #9")
    assert [(row["kind"], row["state"], row["aggressor"]) for row in rows] == [
        (FAULT, DIRTY, 1 + FAULT_NAMES.index("unknown_order")),
        (FAULT, 0, 0),
    ]
    assert (rows[1]["bid"], rows[1]["ask"]) == (99 * E9, 99_250_000_000)
    assert [row["ts_event"] for row in rows] == [5_000_000, 5_000_000]
    opened, closed = (item.value for item in out if hasattr(item, "stream"))
    assert (opened.change, opened.reason, opened.root) == ("opened", "unknown_order", "ES")
    assert (closed.change, closed.reason, closed.symbol) == ("closed", "snapshot", "ESH4")
    assert opened.sequence == 6
    assert "ESH4" in opened.text
    assert book.report().facts["instruments"][1]["orders"] == 3


def test_a_clear_of_the_channel_makes_a_book_sound_and_empty():
    rows, out, book = market("5 C B 99.75 1 #66\n--\n6 R\n--\n7 N\n--\n1007 N")
    assert [row["kind"] for row in rows] == [FAULT, FAULT, PANE]
    assert gaps(out) == [(1, "opened", "unknown_order"), (1, "closed", "snapshot")]
    assert (rows[-1]["bid"], rows[-1]["ask"]) == (0, 0)
    assert book.report().facts["instruments"][1]["bid_levels"] == 0


# Data that the source knows is missing


def test_a_gap_makes_a_book_dirty_until_its_snapshot_is_whole():
    book = Book(BookConfig())
    book.on_items([instrument(), mbo(BOOK)])
    out = book.on_items(gap(FEED, 9_000_000, "aged_out", (1,)))
    (message, rows, control) = out
    told = message.value
    assert (told.change, told.reason, told.symbol) == ("opened", "aged_out", "ESH4")
    assert (told.ts_from, told.ts_to) == (9_000_000 - E9, 9_000_000)
    assert told.text == "ESH4: data is missing after sequence 5 (aged_out)"
    assert [(int(row["kind"]), int(row["state"])) for row in rows.rows] == [(FAULT, DIRTY)]
    assert isinstance(control, Control)
    # Neither what follows nor a part of the snapshot makes it whole again.
    assert gaps(book.on_items([mbo("10 A B 99.00 1 #9\n--" + SNAPSHOT, closed=False)])) == []
    (message, *_) = book.on_items([mbo("20 N")])
    assert (message.value.change, message.value.reason) == ("closed", "snapshot")
    assert (message.value.ts_from, message.value.ts_to) == (None, None)
    assert book.report().facts["instruments"][1]["orders"] == 2


def test_the_last_record_of_a_snapshot_says_that_it_is_whole():
    book = Book(BookConfig())
    book.on_items([instrument(), mbo(BOOK), *gap(FEED, 9, "snapshot", None)])
    assert gaps(book.on_items([mbo(SNAPSHOT)])) == [(1, "closed", "snapshot")]


def test_a_gap_within_a_snapshot_makes_it_worthless():
    book = Book(BookConfig())
    half = SNAPSHOT.rpartition("1 A A")[0]
    out = book.on_items([
        *(instrument(), mbo(BOOK), *gap(FEED, 9, "snapshot", None), mbo(half, closed=False)),
        *(*gap(FEED, 10, "snapshot", None), mbo("20 N\n--\n21 N")),
    ])  # fmt: skip
    assert gaps(out) == [(1, "opened", "snapshot")] * 2
    assert gaps(book.on_items([mbo(SNAPSHOT)])) == [(1, "closed", "snapshot")]
    assert book.report().facts["instruments"][1]["orders"] == 2


def test_a_gap_discards_the_open_event():
    half = mbo("2 T B 100.00 3 #50\n2 F A 100.00 3 #3", closed=False)
    rest = mbo("2 C A 100.00 3 #3\n--\n1001 N")
    out, _ = run([instrument(), mbo(BOOK), half, *gap(FEED, 9, "skipped", None), rest])
    assert [row["kind"] for row in row_dicts(out)] == [FAULT, PANE]


def test_a_gap_is_told_of_a_book_that_was_dirty_and_other_faults_are_not():
    book = Book(BookConfig())
    items = [instrument(), mbo(BOOK + "5 C B 99.75 1 #66"), *gap(FEED, 9, "seam", None)]
    out = book.on_items([*items, mbo("10 C B 99.75 1 #67")])
    assert gaps(out) == [(1, "opened", "unknown_order"), (1, "opened", "seam")]
    assert gaps(book.on_items([mbo(SNAPSHOT)])) == [(1, "closed", "snapshot")]


def test_a_gap_concerns_whom_it_names_else_all_that_are_known():
    known = instruments({1: "ESH4", 2: "ESM4", 3: "NQH4"})
    other = instrument(2, "CLH4", "CL", feed="other")
    for named, expected in ((None, [1, 2, 3]), ((3, 1), [1, 3]), ((), [])):
        out, _ = run([*known, other, *gap(FEED, 9, "seam", named)])
        assert gaps(out) == [(id_, "opened", "seam") for id_ in expected]


def checked(text, instrument_id=1, ts=MIDNIGHT):
    """The control by which history tells the orders of a book, given as the text of adds."""
    rows = mbo(text).rows
    columns = (rows["order_id"], rows["side"] == b"A", rows["price"], rows["size"])
    check = BookCheck(rows.size, orders_digest(*columns))
    return verify_control(FEED, ts, instrument_id, check)


def test_a_book_that_history_confirms_goes_on():
    traded = OPEN + "3 C B 99.50 2 #2\n--\n4 M B 99.75 7 #1\n--"
    left = """
        5 A B 99.75  7 #1
        5 A B 99.50  4 #2
        5 A A 100.00 2 #3
        5 A A 100.25 4 #4
        5 A A 100.50 9 #5
    """
    out, _ = run([instrument(), mbo(BOOK + traded), checked(left), mbo("6 A B 98 1 #6\n--")])
    assert gaps(out) == []
    assert [item.name for item in out if isinstance(item, Control)] == [VERIFY]


@pytest.mark.parametrize(
    "wrong",
    [
        BOOK.replace("6 #2", "5 #2"),
        BOOK.replace("99.50", "99.25"),
        BOOK.replace("A B 99.50", "A A 99.50"),
        BOOK.replace("#2", "#7"),
        BOOK + "1 A B 98 1 #8",
        BOOK.rpartition("1 A A")[0],
    ],
)
def test_a_book_that_history_refutes_is_dirty_until_a_snapshot(wrong):
    book = Book(BookConfig())
    known = [*instruments({1: "ESH4", 2: "ESM4"}), mbo(BOOK), mbo(BOOK, 2)]
    book.on_items(known)
    out = book.on_items([checked(wrong), checked(BOOK, 2)])
    (message,) = [item for item in out if isinstance(item, Message)]
    assert gaps(out) == [(1, "opened", "seam")]
    assert (message.value.ts_from, message.value.ts_to) == (MIDNIGHT - 86_400 * E9, MIDNIGHT)
    # It is told once: what is not trusted is not compared.
    assert gaps(book.on_items([checked(wrong)])) == []
    assert gaps(book.on_items([mbo(SNAPSHOT)])) == [(1, "closed", "snapshot")]
    held = SNAPSHOT.partition("\n    1 ")[2]
    assert gaps(book.on_items([checked(f"1 {held}")])) == []
    assert gaps(book.on_items([checked(BOOK)])) == [(1, "opened", "seam")]


def test_books_are_compared_as_they_are_at_the_check():
    first, later = "1 A B 99 5 #1\n--\n", "2 A B 98 5 #2\n--\n"
    both = first + later
    items = [instrument(), mbo(first), checked(first), mbo(later), checked(both), checked(first)]
    assert gaps(run(items)[0]) == [(1, "opened", "seam")]


def test_an_empty_book_and_one_nobody_knows_can_be_checked():
    none = verify_control(FEED, MIDNIGHT, 1, BookCheck())
    unknown = verify_control(FEED, MIDNIGHT, 9, BookCheck(3, 5))
    unread = Control(FEED, MIDNIGHT, VERIFY, "nonsense")
    gone = mbo("1 A B 99 5 #1\n--\n2 C B 99 5 #1\n--")
    assert gaps(run([none, instrument(), gone, none, unknown, unread])[0]) == []


def test_an_instrument_that_a_gap_named_is_dirty_from_its_first_record_on():
    _, book = run(gap(FEED, 9_000_000, "roll", (4, 5)))
    state = pickle.loads(pickle.dumps(book.snapshot()))
    first = [instrument(4, "ESM4", "ES"), mbo("10 A B 99 1 #1", 4)]
    for one in (book, Book(BookConfig(), state)):
        assert gaps(one.on_items(first)) == [(4, "opened", "roll")]
        # Nobody else's, and also where nobody says which instrument it is.
        assert gaps(one.on_items([mbo("10 A B 99 1 #1", 4, feed="other")])) == []
        assert gaps(one.on_items([mbo("10 A B 99 1 #1", 5)])) == [(5, "opened", "roll")]
        assert gaps(one.on_items([mbo(SNAPSHOT, 4)])) == [(4, "closed", "snapshot")]


def test_an_instrument_that_comes_later_and_was_not_named_is_sound():
    out, _ = run([*gap(FEED, 9, "seam", None), instrument(), mbo(BOOK)])
    assert gaps(out) == []


def test_other_controls_are_passed_on():
    controls = [Control(FEED, 9, "silence", "{}"), Control(FEED, 9, "delayed", '{"on":true}')]
    assert run([instrument(), *controls])[0][1:] == controls


def test_a_snapshot_without_a_clear_or_an_end_replaces_the_book():
    old = SNAPSHOT.replace(f"9 R flags={SNAP}", "")
    rows, _, book = market("5 C B 99.75 1 #66\n--" + old + "20 N\n--\n")
    assert [row["kind"] for row in rows] == [FAULT, FAULT]
    assert book.report().facts["instruments"][1]["orders"] == 2
    assert book.report().facts["events"] == 7


def test_a_snapshot_is_no_flow_no_trade_and_no_record_of_a_pane():
    noise = f"1 T B 99.25 5 #70 flags={SNAP}\n1 F A 99.25 5 #8 flags={SNAP}\n"
    rows, _, book = market(SNAPSHOT + noise + "--\n1000 N\n", before="")
    assert rows == []
    rows = row_dicts(book.on_items([mbo("2001 N")]))
    assert [(row["records"], set(row["ofi"]), row["add_bid"]) for row in rows] == [(1, {0}, 0)]
    assert book.report().facts["trades"] == 0


def test_an_empty_snapshot_is_an_empty_book():
    rows, _, book = market(f"9 R flags={SNAP}\n--\n10 A B 1 1 #1\n--\n")
    assert rows == []
    assert book.report().facts["instruments"][1]["orders"] == 1


def test_a_clear_discards_the_open_event():
    assert executions("2 T B 100 1 #50\n2 F A 100 1 #3\n2 R\n2 A B 98 1 #1") == []


def with_wire(text, bits):
    rows = mbo(text).rows
    return MboRows(FEED, rows, np.full(rows.size, bits, np.uint16))


def test_an_impossible_record_is_not_applied_but_may_end_an_event():
    out, book = run([instrument(), mbo(BOOK), mbo("2 T B 100 3 #50\n2 F A 100 3 #3", closed=False)])
    out = book.on_items([with_wire("2 C A 100 3 #3", WIRE_FIELD)])
    fault, execution = row_dicts(out)
    assert (fault["kind"], named(fault)) == (FAULT, {"field": 1})
    assert (execution["kind"], execution["ask"]) == (EXECUTION, 100 * E9)
    assert book.report().facts["not_applied"] == 1


def test_an_order_without_an_id_is_impossible():
    rows, _, book = market("2 A B 1 1 #0\n--\n2 C B 1 1 #0\n--\n2 M B 1 1 #0\n--\n1002 N")
    assert [named(row) for row in rows] == [{"field": 1}, {"field": 2}]
    assert book.report().facts["instruments"][1]["orders"] == 5


def test_a_feed_s_warning_makes_the_book_dirty_once():
    out, _ = run([instrument(), mbo(BOOK), with_wire("2 N\n--\n3 N", WIRE_BAD_BOOK)])
    assert gaps(out) == [(1, "opened", "maybe_bad_book")]


def test_an_added_order_that_is_known_is_replaced():
    rows, _, book = market("5 A B 99.25 7 #1\n--\n1005 N")
    assert (named(rows[0]), rows[0]["bid"]) == ({"known_order_added": 1}, 99_500_000_000)
    assert rows[0]["state"] == OUTRIGHT
    assert book.report().facts["instruments"][1]["orders"] == 5


def test_a_cancel_of_more_than_rests_takes_the_order_and_the_trust():
    rows, out, book = market("5 C B 99.75 6 #1\n--")
    assert gaps(out) == [(1, "opened", "cancel_too_large")]
    assert book.report().facts["instruments"][1]["orders"] == 4
    assert named(rows[0]) == {"cancel_too_large": 1}


def test_instruments_of_two_feeds_are_two_instruments():
    east, west = (mbo("1 A B 10 1 #1", feed=feed) for feed in ("east", "west"))
    _, book = run([instrument(feed="east"), instrument(feed="west", root="XX"), east, west])
    assert [int(n) for n in book._columns.instruments["orders"][:2]] == [1, 1]


def test_an_instrument_nobody_named_is_a_root_of_its_own():
    out, _ = run([mbo("1 A B 10 1 #1\n--\n1001 N", 42)])
    assert out[-1].roots == ("42",)


def test_items_keep_their_places():
    tick, named_now = Tick(FEED, 5 * E9), instrument(1, "ESH4", "ES")
    out, _ = run([named_now, tick, mbo("1 A B 10 1 #1\n--\n1001 N"), named_now])
    assert [type(item).__name__ for item in out] == [
        *("Instrument", "Tick", "Evaluations", "Instrument")
    ]


def overrun_items():
    """One event of 300 aggressors with five fills each."""
    add = {"action": b"A", "side": b"A", "order_id": 1, "size": 9999, "price": E9, "flags": F_LAST}
    records = [add]
    for n in range(300):
        records.append({"action": b"T", "side": b"B", "order_id": 1000 + n, "size": 5, "price": E9})
        records += [{"action": b"F", "side": b"A", "order_id": 1, "size": 1, "price": E9}] * 5
    records.append({"action": b"M", "side": b"A", "order_id": 1, "size": 8499, "price": E9})
    records[-1]["flags"] = F_LAST
    for record in records:
        record |= {"instrument_id": 1, "ts_event": 5 * E9, "ts_recv": 5 * E9}
    return [instrument(), mbo_rows(records, feed=FEED)]


def test_an_event_beyond_all_bounds_is_cut_and_said_to_be():
    oracle = Oracle()
    oracle.on_items(overrun_items())
    out, _ = run(overrun_items())
    rows = row_dicts(out)
    assert rows == oracle.rows
    assert len(rows) == 256
    assert sum(len(row["fills"]) for row in rows) == 1024
    assert named(rows[0]) == {"trade_fill_mismatch": 1, "event_overrun": 1}


def many(count, *, first=1, action=b"A", instruments_count=1):
    """That many adds or cancels, an event each, spread over instruments and prices."""
    records = [
        {
            "action": action,
            "side": b"AB"[n % 2 : n % 2 + 1],
            "order_id": first + n,
            "size": 2,
            "price": (1 + n % 997) * E9 * (1 if n % 2 else -1),
            "flags": F_LAST,
            "instrument_id": n % instruments_count,
            "ts_event": E9,
        }
        for n in range(count)
    ]
    return mbo_rows(records, feed=FEED)


def test_a_snapshot_costs_forty_bytes_an_order():
    _, book = run([instrument(0), many(100_000)])
    assert len(pickle.dumps(book.snapshot())) <= 40 * 100_000


def test_the_tables_grow_and_shrink_again():
    _, book = run([many(20_000, instruments_count=40)])
    grown = book._columns.orders.size, book._columns.arena.size
    state = pickle.loads(pickle.dumps(book.snapshot()))
    cancel = many(20_000, action=b"C", instruments_count=40)
    out = book.on_items([cancel])
    resumed, other = run([cancel], state)
    assert output_bytes(out) == output_bytes(resumed)
    for emptied in (book, other):
        assert sum(f["orders"] for f in emptied.report().facts["instruments"].values()) == 0
        emptied.snapshot()
        assert emptied._columns.orders.size < grown[0] / 8
        assert emptied._columns.arena.size < grown[1]


def test_many_open_events_resume():
    text = "\n".join(f"1 T B 10 1 #{i} i={i}\n1 F A 10 1 #5 i={i}" for i in range(1, 40))
    _, book = run([mbo(text, closed=False)])
    end = mbo("\n".join(f"1 N i={i}\n--" for i in range(1, 40)))
    resumed, _ = run([end], pickle.loads(pickle.dumps(book.snapshot())))
    out = book.on_items([end])
    assert len([row for row in row_dicts(out) if row["kind"] == EXECUTION]) == 39
    assert output_bytes(out) == output_bytes(resumed)


@pytest.mark.parametrize("orders", [0, 500])
def test_clears_without_end_give_book_numbers_anew(monkeypatch, orders):
    monkeypatch.setattr(book_state, "BOOKS_MAX", 64)
    clear = {"action": b"R", "instrument_id": 7, "ts_event": E9, "flags": F_LAST}
    batch = []
    for n in range(400):
        order = {"action": b"A", "side": b"B", "order_id": 1 + n, "size": 1, "price": n}
        batch += [clear, order | {"instrument_id": 7, "ts_event": E9, "flags": F_LAST}]
    _, book = run([instrument(0), instrument(7), many(orders), mbo_rows(batch, feed=FEED)])
    facts = book.report().facts["instruments"]
    assert (facts[0]["orders"], facts[7]["orders"]) == (orders, 1)
    assert book._columns.slot_of_book.size <= 64
    assert book._columns.orders.size <= 4096
    late = book.on_items([mbo("9 C B 0 1 #400 i=7\n--")])
    assert gaps(late) == []


def test_a_full_batch_after_renumbering_has_its_room(monkeypatch):
    monkeypatch.setattr(book_state, "BOOKS_MAX", 64)
    records = [{"action": b"R", "instrument_id": 0, "ts_event": E9, "flags": F_LAST}] * 80
    start = mbo_rows(records, feed=FEED).rows
    item = MboRows(FEED, np.concatenate([start, many(8_000).rows]))
    _, book = run([instrument(0), item])
    assert book.report().facts["instruments"][0]["orders"] == 8_000


def test_an_idle_book_keeps_its_size_through_endless_clears():
    clear = {"action": b"R", "instrument_id": 0, "ts_event": E9, "flags": F_LAST}
    _, book = run([instrument(0), many(300)])
    before = len(pickle.dumps(book.snapshot()))
    book.on_items([mbo_rows([clear] * 30_000, feed=FEED), many(300)])
    assert len(pickle.dumps(book.snapshot())) <= before + 100


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("rows_max", 0), ("instruments_max", 0), ("instruments_max", 1_000_001)),
        *(("levels_published", -1), ("levels_published", 101)),
    ],
)
def test_a_config_refuses_nonsense(name, value):
    with pytest.raises(ValueError, match=f"{name} must be .*, was {value}"):
        BookConfig(**{name: value})


def test_depth_is_what_rests_best_first():
    book = Book(BookConfig())
    book.on_items([instrument(), mbo(BOOK)])
    bids, asks = book.depth(FEED, 1, 2)
    assert bids == [(99_750_000_000, 5, 1), (99_500_000_000, 6, 1)]
    assert asks == [(100_000_000_000, 3, 1), (100_250_000_000, 4, 1)]
    assert book.depth(FEED, 99, 2) == book.depth("other", 1, 2) == ([], [])

"""What the market did after signals: markets said in rows, and what is told of them."""

import pickle
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from config.calendar import load_calendar
from operators.model.evaluations import (
    CROSSED,
    DIRTY,
    EVAL_DTYPE,
    EXECUTION,
    FAULT,
    FILL_DTYPE,
    PANE,
)
from operators.model.items import Evaluations, Instrument, Lateness, MarketStatus, Sampled, Tick
from operators.model.signals import Gap
from operators.model.streams import GAPS, OUTCOMES, SIGNALS, Message
from operators.outcome import Outcome
from operators.outcome_config import OutcomeConfig
from tests.sinks.messages import SIGNAL

S = 1_000_000_000
T0 = 1_710_338_400 * S  # Wednesday 2024-03-13, 09:00 in Chicago.
TICK = 250_000_000
FEED, ES, NQ = "f", 1, 2
NO_FILLS = np.zeros(0, FILL_DTYPE)
NO_FILLS.flags.writeable = False
SHORT = OutcomeConfig(horizons_s=(1, 5))


def rows(*lines):
    """Rows of `(s, bid, ask)` in ticks, with what else is said of a row; the book at that time."""
    out = np.zeros(len(lines), EVAL_DTYPE)
    for row, (at_s, bid, ask, *said) in zip(out, lines, strict=True):
        given = said[0] if said else {}
        row["kind"] = given.get("kind", EXECUTION)
        row["ts_event"] = T0 + round(at_s * S)
        row["bid"], row["ask"] = bid * TICK, ask * TICK
        row["bid_size"], row["ask_size"] = given.get("sizes", (1, 1))
        row["state"] = given.get("state", 0)
        row["instrument_id"] = given.get("instrument_id", ES)
        row["slot"] = row["instrument_id"] - 1
    out.flags.writeable = False
    return Evaluations(FEED, out, NO_FILLS, ("ES",))


def opened(at_s, side="buy", id_="s1", **said):
    contract = replace(
        SIGNAL.contract, instrument_id=said.pop("instrument_id", ES), tick_e9=said.pop("tick", TICK)
    )
    value = replace(
        SIGNAL, id=id_, change=said.pop("change", "opened"), root="ES", side=side,
        ts_event=T0 + round(at_s * S), contract=contract, **said,
    )  # fmt: skip
    return Message(SIGNALS, "ES", 1, value)


def sampled(at_s, side="buy", kind="control"):
    contract = replace(SIGNAL.contract, instrument_id=ES, tick_e9=TICK)
    at = T0 + round(at_s * S)
    return Sampled(FEED, "ES", contract, at, kind, side, 0.2, -1.4, "uncalibrated")


def tick(at_s):
    return Tick(FEED, T0 + round(at_s * S))


HELLO = Instrument(FEED, ES, "ESH4", "ES", "setting", T0)


def told(*items, config=SHORT, state=None):
    """Outcomes that follow of the items."""
    out = Outcome(config, state).on_items([HELLO, *items])
    return [one.value for one in out if isinstance(one, Message) and one.stream == OUTCOMES]


def lines(found):
    return [(one.horizon_s, one.markout_ticks, one.unknown) for one in found]


def test_a_markout_is_the_move_of_the_mid_less_half_the_spread():
    found = told(
        rows((0, 100, 101)), opened(0), rows((1.2, 102, 103), (3, 90, 99), (5.5, 104, 107))
    )
    assert lines(found) == [(1, 1.5, ""), (5, 4.5, "")]
    first, second = found
    assert (first.move_ticks, first.half_spread_ticks, first.hit) == (2.0, 0.5, True)
    assert (second.move_ticks, second.half_spread_ticks) == (5.0, 1.5)
    assert first.price_from_e9 == round(100.5 * TICK)
    assert first.price_to_e9 == round(102.5 * TICK)
    assert (first.signal_id, first.revision, first.sampled) == ("s1", 1, False)
    assert (first.ts_from, first.ts_event) == (T0, T0 + round(1.2 * S))


def test_a_sellers_markout_is_the_other_way():
    found = told(rows((0, 100, 101)), opened(0, "sell"), rows((1, 99, 100), (5, 100, 101)))
    assert lines(found) == [(1, 0.5, ""), (5, -0.5, "")]
    assert [one.hit for one in found] == [True, False]


def test_the_row_of_the_signal_counts_and_none_before_it():
    found = told(rows((0, 90, 91), (0, 100, 101)), opened(0), rows((1, 100, 101)))
    assert lines(found) == [(1, -0.5, "")]


def test_while_nothing_happens_the_mid_stands():
    found = told(rows((0, 100, 101)), opened(0), tick(1.9), tick(2.0), tick(5.5), tick(6))
    assert lines(found) == [(1, -0.5, ""), (5, -0.5, "")]
    assert found[0].ts_event == T0 + 2 * S


def test_what_came_after_a_silence_is_not_the_mid_of_its_middle():
    found = told(rows((0, 100, 101)), opened(0), rows((30, 200, 201)))
    assert lines(found) == [(1, -0.5, ""), (5, -0.5, "")]


def test_a_contract_that_was_not_traded_itself_is_measured_from_its_next_row():
    other = {"instrument_id": NQ}
    market = [rows((0, 50, 51, other), (0.5, 100, 101)), opened(0.5, instrument_id=NQ)]
    found = told(*market, rows((0.7, 60, 61, other), (1.6, 63, 64, other)))
    assert lines(found) == [(1, 2.5, "")]
    # Without one within a second, what stood is it.
    found = told(*market, rows((1.5, 100, 101), (2.6, 55, 56, other)))
    assert lines(found) == [(1, -0.5, "")]


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ({"kind": FAULT, "state": DIRTY}, "gap"),
        ({"state": DIRTY}, "gap"),
        ({"kind": FAULT}, "gap"),  # Sound again, but nothing has been seen of it.
        ({"state": CROSSED}, "crossed"),
        ({"sizes": (0, 3)}, "no_quote"),
        ({"sizes": (3, 0)}, "no_quote"),
    ],
)
def test_a_book_that_has_no_mid_gives_none(said, why):
    found = told(rows((0, 100, 101)), opened(0), rows((0.9, 102, 103, said)), tick(2))
    assert lines(found) == [(1, None, why)]
    assert (found[0].hit, found[0].price_to_e9, found[0].move_ticks) == (None, None, None)


def test_a_book_that_is_whole_within_the_second_has_one():
    dirty = {"kind": FAULT, "state": DIRTY}
    found = told(rows((0, 100, 101)), opened(0), rows((0.9, 1, 2, dirty), (1.8, 102, 103)))
    assert lines(found) == [(1, 1.5, "")]


def test_a_mid_that_stood_too_long_is_none():
    config = OutcomeConfig(horizons_s=(1, 30), stale_max_ns=10 * S)
    found = told(rows((0, 100, 101)), opened(0), tick(60), config=config)
    assert lines(found) == [(1, -0.5, ""), (30, None, "stale")]


def test_a_closed_market_has_no_mid():
    closed = MarketStatus(FEED, ES, T0 + 3 * S, 12, False)
    found = told(rows((0, 100, 101)), opened(0), tick(2), closed, tick(8))
    assert lines(found) == [(1, -0.5, ""), (5, None, "closed")]
    again = MarketStatus(FEED, ES, T0 + 4 * S, 7, True)
    found = told(rows((0, 100, 101)), opened(0), tick(2), closed, again, tick(8))
    assert lines(found) == [(1, -0.5, ""), (5, -0.5, "")]
    # The day ends at 16:00 in Chicago, seven hours after T0.
    config = OutcomeConfig(horizons_s=(1, 5), calendar=load_calendar())
    end = 7 * 3600 - 3
    found = told(rows((end, 100, 101)), opened(end), tick(end + 60), config=config)
    assert lines(found) == [(1, -0.5, ""), (5, None, "closed")]


def test_without_a_tick_nothing_is_told_in_ticks():
    assert lines(told(rows((0, 100, 101)), opened(0, tick=None))) == [
        (1, None, "no_tick"), (5, None, "no_tick"),
    ]  # fmt: skip


def test_an_instrument_without_a_row_has_no_quote():
    assert lines(told(rows((0, 100, 101)), opened(0, instrument_id=9)))[0] == (1, None, "no_quote")


def test_of_a_retracted_signal_nothing_more_is_known():
    items = [rows((0, 100, 101)), opened(0), rows((1, 101, 102)), opened(2, change="retracted")]
    assert lines(told(*items, tick(9))) == [(1, 0.5, ""), (5, None, "retracted")]
    items[-1] = opened(2, change="closed")
    assert lines(told(*items, tick(9))) == [(1, 0.5, ""), (5, 0.5, "")]


def test_a_gap_takes_what_was_measured_from_doubtful_data():
    def gap(from_s):
        value = Gap(
            root="ES", feed=FEED, instrument_id=ES, symbol="ESH4", ts_event=T0 + 4 * S, sequence=1,
            change="opened", reason="seam", text="", ts_from=T0 + from_s * S, ts_to=T0 + 4 * S,
        )  # fmt: skip
        return Message(GAPS, "ES", 1, value)

    items = [rows((0, 100, 101)), opened(0), tick(3)]
    assert lines(told(*items, gap(-1), tick(9)))[1:] == [(5, None, "gap")]
    assert lines(told(*items, gap(2), tick(9)))[1:] == [(5, -0.5, "")]


def test_samples_are_followed_up_too_and_leave_signals_their_place():
    config = replace(SHORT, pending_max=2)
    items = [rows((0, 100, 101)), sampled(0), opened(0), sampled(0), opened(0, id_="s2")]
    out = Outcome(config)
    found = [one.value for one in out.on_items([HELLO, *items, tick(2)]) if hasattr(one, "value")]
    found = [one for one in found if hasattr(one, "horizon_s")]
    assert [(one.signal_id, one.sampled, one.unknown) for one in found] == [
        ("s2", False, "full"), ("s2", False, "full"), ("", True, ""), ("s1", False, ""),
    ]  # fmt: skip
    facts = out.report().facts
    assert (facts["samples"], facts["samples_left_out"], facts["signals"]) == (1, 1, 2)
    assert (facts["known"], facts["unknown"], facts["pending"]) == (2, {"full": 2}, 2)
    score = facts["scores"]["ES"][0]
    assert (score["count"], score["control_count"], score["unknown"]) == (1, 1, {"full": 1})


def test_numbers_are_contiguous_and_late_feeds_are_marked():
    out = Outcome(SHORT).on_items(
        [HELLO, Lateness(FEED, True), rows((0, 100, 101)), opened(0), tick(2),
         Lateness(FEED, False), tick(9)]
    )  # fmt: skip
    found = [one for one in out if isinstance(one, Message) and one.stream == OUTCOMES]
    assert [(one.seq, one.late) for one in found] == [(1, True), (2, False)]


def test_evaluations_and_samples_end_here():
    kept = [HELLO, opened(0, change="updated"), tick(1)]
    assert Outcome(SHORT).on_items([kept[0], rows((0, 1, 2)), sampled(0), *kept[1:]]) == kept


def test_in_another_generation_only_the_feed_of_a_root_is_known():
    first = Outcome(SHORT)
    first.on_items([HELLO, rows((0, 100, 101)), opened(0), tick(2)])
    state = Outcome.carried(first.snapshot())
    second = Outcome(SHORT, pickle.loads(pickle.dumps(state)))
    assert second.report().facts["pending"] == 0
    out = second.on_items([Lateness(FEED, True), rows((9, 100, 101)), opened(9), tick(11)])
    assert [(one.seq, one.late) for one in out if getattr(one, "stream", "") == OUTCOMES] == [
        (1, True)
    ]


def oracle(book, at_ns, wait_ns=S):
    """The mid at an instant by its definition, of (ts, bid, ask) of one instrument in ticks."""
    later = [row for row in book if at_ns <= row[0] < at_ns + wait_ns]
    earlier = [row for row in book if row[0] < at_ns]
    _, bid, ask = later[0] if later else earlier[-1]
    return bid + ask


STEPS = st.lists(
    st.tuples(st.integers(1, 2_500), st.integers(0, 1), st.integers(-3, 3), st.integers(1, 3)),
    min_size=3, max_size=60,
)  # fmt: skip


@settings(deadline=None, max_examples=60)
@given(STEPS, st.randoms(use_true_random=False))
def test_any_market_gives_the_markouts_of_the_definition(steps, rng):
    config = OutcomeConfig(horizons_s=(1, 2, 7), stale_max_ns=10**13)
    at_ms, mid, items, books = 0, 1000, [HELLO], {ES: [], NQ: []}
    points = []
    for index, (gap_ms, which, move, spread) in enumerate(steps):
        at_ms, mid = at_ms + gap_ms, mid + move
        instrument = (ES, NQ)[which]
        items.append(rows((at_ms / 1000, mid, mid + spread, {"instrument_id": instrument})))
        books[instrument].append((T0 + at_ms * 1_000_000, mid, mid + spread))
        if rng.random() < 0.3:
            points.append((str(index), instrument, at_ms, mid, spread))
            items.append(opened(at_ms / 1000, id_=str(index), instrument_id=instrument))
    items.append(tick(at_ms / 1000 + 60))
    operator, found = Outcome(config), []
    for item in items:
        out = operator.on_items([item])
        found += [one.value for one in out if getattr(one, "stream", "") == OUTCOMES]
        if rng.random() < 0.2:
            operator = Outcome(config, pickle.loads(pickle.dumps(operator.snapshot())))
    expected = {}
    for id_, instrument, ms, bid, spread in points:
        for h in config.horizons_s:
            moved = oracle(books[instrument], T0 + ms * 1_000_000 + h * S) - (2 * bid + spread)
            expected[id_, h] = (moved - spread) / 2
    assert {(one.signal_id, one.horizon_s): one.markout_ticks for one in found} == expected


@pytest.mark.parametrize(
    ("field", "value"),
    [("horizons_s", ()), ("horizons_s", (5, 1)), ("horizons_s", (0,)), ("wait_ns", 5),
     ("pending_max", 0), ("drift_outcomes", 1), ("drift_ece_max", 2.0)],
)  # fmt: skip
def test_a_config_that_makes_no_sense_is_refused(field, value):
    with pytest.raises(ValueError, match=field):
        OutcomeConfig(**{field: value})


def test_panes_are_rows_as_any():
    found = told(rows((0, 100, 101, {"kind": PANE})), opened(0), rows((1, 99, 100, {"kind": PANE})))
    assert lines(found) == [(1, -1.5, "")]

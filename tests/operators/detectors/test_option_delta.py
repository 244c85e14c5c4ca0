from hypothesis import given as drawn
from hypothesis import settings
from hypothesis import strategies as st

from operators.detectors.option_delta_config import OptionDeltaConfig
from tests.operators.options.chains import (
    QUIET_S,
    calls_bought,
    crowd,
    delta,
    market,
    puts_bought,
    spread,
    straddle,
    synthetic,
    tape,
    told,
)

QUIET = crowd(QUIET_S + 90)


def seen(text, **given):
    config = OptionDeltaConfig(**given)
    return told("option_delta", market(QUIET, tape(text)), option_delta=config)


def test_calls_bought_are_for_a_rise_and_puts_bought_for_a_fall():
    rise, fall = seen(calls_bought()), seen(puts_bought())
    assert {one.side for one in rise} == {"buy"}
    assert {one.side for one in fall} == {"sell"}
    last = rise[-1]
    assert (last.instrument_id, last.symbol, last.group) == (1, "ESH4", "options")
    assert (last.structural, last.z, last.quality) == (True, None, 1.0)
    assert last.measure >= last.threshold == 4.0
    assert last.price_e9 == 4_810_125_000_000
    assert last.text.startswith("Options of ESH4 traded for a rise: ")
    assert 1 <= len(last.order_ids) <= 20
    assert last.ts_first < last.ts_last


def test_its_size_is_in_contracts_of_the_future():
    last = max(seen(calls_bought()), key=lambda one: one.size)
    names = ("C4800", "C4810", "C4820", "C4830")
    bought = sum(5 * delta(name, QUIET_S) for name in names) * 10
    assert abs(last.size - bought) < 0.15 * bought


def test_a_call_bought_and_a_put_sold_agree():
    assert {one.side for one in seen(synthetic())} == {"buy"}


def test_straddles_spreads_and_the_crowd_are_no_view():
    assert seen(straddle()) == []
    assert seen(spread()) == []
    assert seen("") == []


def test_too_little_history_says_nothing():
    short = crowd(150)
    rows = market(short, tape(calls_bought(), start=100), until=150)
    assert told("option_delta", rows) == []


def test_a_maker_who_hedges_in_the_future_is_none():
    """Nobody takes options: what is bought of the future is not told here."""
    assert told("option_delta", market(QUIET)) == []


def test_each_setting_counts():
    for name, value in (
        ("size_min", 1_000.0), ("share_min", 0.999), ("z_min", 60.0), ("orders_min", 900),
        ("watched_s_min", 3_600.0),
    ):  # fmt: skip
        assert seen(calls_bought(), **{name: value}) == []
    often = seen(calls_bought(), repeat_ns=1_000_000_000)
    assert len(often) > len(seen(calls_bought(), repeat_ns=20_000_000_000))


@settings(max_examples=15)
@drawn(st.floats(1.0, 12.0), st.floats(2.0, 60.0))
def test_what_is_told_satisfies_its_own_rule(z_min, size_min):
    for one in seen(calls_bought(), z_min=z_min, size_min=size_min):
        assert one.measure >= z_min
        assert one.size >= int(size_min)
        assert one.strength == min(one.measure, 6.0)

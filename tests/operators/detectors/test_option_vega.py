from operators.detectors.option_vega_config import OptionVegaConfig
from tests.operators.options.chains import (
    QUIET_S,
    calls_bought,
    crowd,
    market,
    puts_bought,
    spread,
    straddle,
    synthetic,
    tape,
    told,
)

QUIET = crowd(QUIET_S + 90)


def seen(text, **settings):
    config = OptionVegaConfig(**settings)
    return told("option_vega", market(QUIET, tape(text)), option_vega=config)


def test_volatility_bought_with_calls_is_for_a_rise_with_puts_for_a_fall():
    rise, fall = seen(calls_bought()), seen(puts_bought())
    assert {one.side for one in rise} == {"buy"}
    assert {one.side for one in fall} == {"sell"}
    assert rise[-1].text.startswith("Volatility of ESH4 bought, mostly with calls: ")
    assert rise[-1].measure >= rise[-1].threshold == 3.0


def test_sold_options_are_none():
    assert seen(calls_bought().replace("buy", "sell")) == []


def test_a_straddle_buys_vega_without_a_direction():
    assert seen(straddle()) == []


def test_a_spread_and_a_synthetic_future_hold_little_vega():
    assert seen(spread()) == []
    assert seen(synthetic()) == []
    assert seen("") == []


def test_each_setting_counts():
    for name, value in (
        ("size_min", 9_000.0), ("share_min", 0.999), ("z_min", 60.0), ("orders_min", 900),
        ("flow_z_min", 60.0), ("watched_s_min", 3_600.0),
    ):  # fmt: skip
        assert seen(calls_bought(), **{name: value}) == []
    often = seen(calls_bought(), repeat_ns=1_000_000_000)
    assert len(often) > len(seen(calls_bought(), repeat_ns=20_000_000_000))

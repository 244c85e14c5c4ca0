import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from operators.detectors.option_coordination import RUN_MAX, _best_run, _sorted
from operators.detectors.option_coordination_config import OptionCoordinationConfig
from operators.kernels import entry
from operators.options.columns import STRIKE_DTYPE
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
    config = OptionCoordinationConfig(**settings)
    return told("option_coordination", market(QUIET, tape(text)), option_coordination=config)


def test_strikes_that_are_bought_in_turn_are_one_hand():
    rise, fall = seen(calls_bought()), seen(puts_bought())
    assert {one.side for one in rise} == {"buy"}
    assert {one.side for one in fall} == {"sell"}
    last = rise[-1]
    assert "strikes of ESH4 calls bought together within a minute: " in last.text
    assert "ESH4 C4810, ESH4 C4820" in last.text
    assert last.measure >= last.threshold == 3.75
    assert last.strength >= 2.5


def test_two_strikes_suffice_and_one_does_not():
    two = calls_bought().replace("C4800", "C4810").replace("C4830", "C4820")
    assert {one.side for one in seen(two)} == {"buy"}
    one = "\n".join(f"{k} buy 5 C4810" for k in range(40))
    assert seen(one) == []


def test_look_alikes_are_none():
    assert seen(straddle()) == []
    assert seen(spread()) == []
    assert seen(synthetic()) == []
    assert seen(calls_bought().replace("buy", "sell")) == []
    assert seen("") == []


def test_quotes_taken_when_the_future_moves_are_none():
    """Calls bought and puts sold at all strikes at once: it is the future that moved."""
    moved = "\n".join(
        f"{0.1 * k} {side} 6 {kind}{strike}"
        for k, strike in enumerate((4790, 4800, 4810, 4820, 4830))
        for side, kind in (("buy", "C"), ("sell", "P"))
    )
    assert seen(moved) == []


def test_each_setting_counts():
    for name, value in (
        ("strikes_min", 7), ("each_z_min", 60.0), ("even_min", 0.999), ("z_min", 90.0),
        ("vega_z_min", 60.0), ("size_min", 900.0), ("watched_s_min", 3_600.0),
    ):  # fmt: skip
        assert seen(calls_bought(), **{name: value}) == []
    often = seen(calls_bought(), repeat_ns=1_000_000_000)
    assert len(often) > len(seen(calls_bought(), repeat_ns=20_000_000_000))


@entry
def run_of(strikes, call, limits, best):
    order = np.empty(strikes.shape[0], np.int64)
    found = _sorted(strikes, 0, strikes.shape[0], call, order)
    return _best_run(strikes, order, found, limits, best)


STRIKE = st.tuples(
    st.sampled_from((1, -1)), st.integers(0, 9), st.integers(0, 9), st.floats(-6.0, 9.0)
)


@given(
    st.lists(STRIKE, max_size=14),
    st.integers(2, 4),
    st.floats(0.1, 2.0),
    st.floats(1.0, 9.0),
    st.floats(0.05, 0.9),
)
def test_the_best_run_is_that_of_a_search_of_all(drawn, strikes_min, each, least, even):
    strikes = np.zeros(len(drawn), STRIKE_DTYPE)
    for number, (call, bought, sold, z) in enumerate(drawn):
        one = strikes[number]
        one["call"], one["strike_e9"] = call, (7 * number) % 15
        one["bought"], one["sold"], one["z"], one["flow"] = bought, sold, z, call * bought
    for call in (1, -1):
        mine = sorted((one for one in strikes if one["call"] == call), key=lambda o: o["strike_e9"])
        expected = 0.0
        for a in range(len(mine)):
            for b in range(a + strikes_min, min(a + RUN_MAX, len(mine)) + 1):
                run = mine[a:b]
                bought = all(one["bought"] > one["sold"] and one["z"] >= each for one in run)
                if min(one["z"] for one in run) < even * max(one["z"] for one in run):
                    continue
                if bought and sum(abs(one["flow"]) for one in run) >= least:
                    expected = max(expected, sum(one["z"] for one in run) / (b - a) ** 0.5)
        limits = (strikes_min, each, even, least)
        found = run_of(strikes, call, limits, np.zeros(2, np.int64))
        assert abs(found - expected) < 1e-9

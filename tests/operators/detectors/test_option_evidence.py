"""What all evidence of options says alike, and the signals that come of it."""

import numpy as np

from operators.analyze import Analyze
from operators.analyze_config import AnalyzeConfig
from operators.detect import Detect
from operators.detect_config import DetectConfig
from operators.detectors.option_evidence import TOLD_DTYPE, is_news
from operators.kernels import entry
from operators.model.streams import SIGNALS, Message
from tests.evaluations import e9, evaluations
from tests.operators.options.chains import (
    IDS,
    QUIET_S,
    calls_bought,
    crowd,
    listed,
    market,
    puts_bought,
    spread,
    straddle,
    tape,
    told,
    trade,
)

QUIET = crowd(QUIET_S + 90)


def opened(text):
    """(kind, side, contract) of the signals that open."""
    detect, analyze = Detect(DetectConfig()), Analyze(AnalyzeConfig(params="test"))
    items = [*listed(), evaluations(market(QUIET, tape(text)))]
    out = analyze.on_items(detect.on_items(items))
    signals = [m.value for m in out if isinstance(m, Message) and m.stream == SIGNALS]
    return [(s.kind, s.side, s.contract.symbol) for s in signals if s.change == "opened"]


def test_options_bought_across_strikes_are_one_signal_about_the_future():
    assert opened(calls_bought()) == [("options", "buy", "ESH4")]
    assert opened(puts_bought()) == [("options", "sell", "ESH4")]


def test_straddles_spreads_and_the_crowd_are_none():
    assert opened(straddle()) == []
    assert opened(spread()) == []
    assert opened("") == []


def test_orders_are_those_of_the_side_in_their_order_and_times_those_of_the_window():
    last = max(told("option_vega", market(QUIET, tape(calls_bought()))), key=strength)
    assert list(last.order_ids) == sorted(last.order_ids)
    assert 10 <= len(last.order_ids) <= 20
    bought = {row.fields["order_id"] for row in tape(calls_bought())}
    assert len(bought & set(last.order_ids)) >= 10
    assert 0 < last.ts_last - last.ts_first <= 60 * 10**9
    assert last.sequence_first <= last.sequence_last


def strength(one):
    return one.strength


def test_contracts_without_greeks_take_their_share_off_the_quality():
    wide = [
        trade(QUIET_S + 0.1 * k, 1, 3, "C4830", bid_before=e9(1), ask_before=e9(90))
        for k in range(10)
    ]
    sound = told("option_vega", market(QUIET, tape(calls_bought())))
    poor = told("option_vega", market(QUIET, wide, tape(calls_bought())))
    assert sound[-1].quality == 1.0
    assert 0.5 < poor[-1].quality < 0.95


def test_without_a_definition_of_the_future_its_id_names_it():
    items = [one for one in listed() if one.instrument_id != 1]
    last = told("option_vega", market(QUIET, tape(calls_bought())), items)[-1]
    assert (last.instrument_id, last.symbol) == (1, "1")
    assert "ESH4" in last.text
    assert IDS["C4810"] != last.instrument_id


@entry
def news(state, side, strength, ts):
    return is_news(state[0], side, strength, ts, 10)


def test_it_is_news_when_it_is_new_stronger_or_long_ago():
    state = np.zeros(1, TOLD_DTYPE)
    told_of = [
        news(state, 1, 3.0, 0), news(state, 1, 3.9, 5), news(state, 1, 4.0, 6),
        news(state, 1, 4.0, 15), news(state, 1, 4.0, 16), news(state, -1, 2.0, 17),
    ]  # fmt: skip
    assert told_of == [True, False, True, False, True, True]

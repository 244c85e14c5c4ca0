import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from operators.detect import Detect
from operators.detect_config import DetectConfig
from operators.detectors.minute_flow_config import MinuteFlowConfig
from operators.model.evaluations import FRONT
from tests.evaluations import evaluations, found_in, pane

NAMES = ("net_flow", "hidden_flow", "sweep_flow")


def minute(s, *, front=True, buy=300, sell=300, **sums):
    """A second at whose close a minute holds these sums."""
    windows = {60: {"buy": buy, "sell": sell, **sums}}
    return pane(s, windows=windows, **({"state": FRONT} if front else {}))


def flows(*rows, **settings):
    operator = Detect(DetectConfig(minute_flow=MinuteFlowConfig(**settings)))
    return [e for e in found_in(operator.on_items([evaluations(rows)])) if e.detector in NAMES]


def test_a_minute_of_buying_is_net_flow():
    (one,) = flows(minute(1, buy=400, sell=200))
    assert (one.detector, one.group, one.side, one.size) == ("net_flow", "pressure", "buy", 200)
    assert one.measure == round(200 / math.sqrt(601), 4)
    assert one.strength == pytest.approx(6 * (one.measure - 4) / 8, abs=1e-3)
    assert (one.window_s, one.structural, one.z) == (60, True, None)
    assert one.text.startswith("In a minute aggressors bought 200 lots of 1 more than the other")


def test_an_even_minute_is_none():
    assert flows(minute(1), minute(2, buy=320, sell=280)) == []


def test_hidden_bids_that_are_sold_into_buy():
    (one,) = flows(minute(1, hidden_bid=80, hidden_ask=5))
    assert (one.detector, one.side, one.group) == ("hidden_flow", "buy", "passive")
    assert one.text.startswith("In a minute hidden bids took in 75 lots")


def test_sweeps_down_sell():
    (one,) = flows(minute(1, sweep_sell=90))
    assert (one.detector, one.side, one.group) == ("sweep_flow", "sell", "aggression")


def test_other_instruments_than_the_front_future_are_not_looked_at():
    assert flows(minute(1, front=False, buy=900)) == []


def test_as_long_as_it_lasts_it_is_told_again_after_a_while_or_when_it_changes():
    same = [minute(s, buy=400, sell=200) for s in range(1, 23)]
    assert [round(one.ts_last / 1e9) % 100 for one in flows(*same)] == [1, 11, 21]
    grown = flows(minute(1, buy=400, sell=200), minute(2, buy=500, sell=200))
    assert [one.size for one in grown] == [200, 300]


def test_once_over_it_is_news_again():
    lean = {"buy": 400, "sell": 200}
    assert len(flows(minute(1, **lean), minute(2), minute(3, **lean))) == 2


@given(
    *(st.integers(0, 3000) for _ in range(6)),
    st.floats(0.5, 3),
)
def test_strength_and_side_are_those_of_the_formula(buy, sell, a, b, c, d, low):
    found = flows(
        minute(1, buy=buy, sell=sell, hidden_bid=a, hidden_ask=b, sweep_buy=c, sweep_sell=d),
        net_min=low, net_full=9.0, hidden_min=low, hidden_full=9.0, sweep_min=low, sweep_full=9.0,
    )  # fmt: skip
    expected = {}
    for name, net in (("net_flow", buy - sell), ("hidden_flow", a - b), ("sweep_flow", c - d)):
        x = net / math.sqrt(buy + sell + 1)
        strength = min(6.0, 6 * (abs(x) - low) / (9 - low))
        if strength > 0:
            expected[name] = ("buy" if net > 0 else "sell", round(strength, 4), abs(net))
    assert {one.detector: (one.side, one.strength, one.size) for one in found} == expected

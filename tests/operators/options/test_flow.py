"""Option flow against an oracle of lists, however it is cut, and on data not to be trusted."""

import pickle
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from operators.detectors.points import points_of
from operators.model.items import Instrument
from operators.options.columns import COUNTS, OPTION_DTYPE, SECOND_DTYPE, TENOR_DTYPE, TRADE_DTYPE
from operators.options.flow import OptionFlow
from operators.options.flow_config import OptionFlowConfig
from operators.options.seconds import OptionSeconds
from tests.contracts.chain import same
from tests.evaluations import FEED, e9, evaluations, execution, fault, ns
from tests.operators.markets import cut
from tests.operators.options.chains import (
    EXPIRY_NS,
    FUTURE,
    IDS,
    crowd,
    definition,
    delta,
    future,
    listed,
    market,
    trade,
    worth,
)
from tests.operators.options.flow_oracle import Oracle


def made(config=None, items=None, state=None):
    flow = OptionFlow(config or OptionFlowConfig(), state)
    for item in items if items is not None else [] if state else listed():
        flow.learn(item)
    return flow


def seconds_of(flow, *parts):
    """What it says of pieces of one market: (second, its strikes) in order."""
    found = []
    for part in parts:
        told = flow.follow(FEED, len(part.roots), points_of(part, {}, 0.8))
        assert isinstance(told, OptionSeconds)
        for second in told.seconds:
            own = told.strikes[second["strike_first"] : second["strike_stop"]]
            found.append((second, np.sort(own, order="slot")))
    return found


def why(flow):
    return {name: n for name, n in flow.report().items() if n and name not in ("solved", "seconds")}


def one(row, *before):
    """Why one trade is judged or not, after other rows."""
    flow = made()
    seconds_of(flow, evaluations([*before, row]))
    return why(flow)


def hostile(seed, rows=200):
    """Orders and quotes of all kinds, sound and unsound, with pauses."""
    rng = Random(seed)
    s, out = 0.5, [future(0.1)]
    for _ in range(rows):
        s += rng.choice((0.0, 0.01, 0.3, 0.9, 2.0, rng.choice((0.1, 30.0, 90.0))))
        kind = rng.random()
        if kind < 0.35:
            more = {"bid_size": 0} if rng.random() < 0.05 else {}
            out.append(future(s, 4810.125 + rng.randint(-8, 8) * 0.25, **more))
        elif kind < 0.4:
            out.append(fault(s, instrument_id=rng.choice((FUTURE, IDS["C4810"]))))
        else:
            name = rng.choice(("C4800", "C4810", "P4810", "P4760", "C4860"))
            middle, half = worth(name, s), rng.choice((0.1, 0.2, 0.2, 0.2, 9.0, 0.0, -0.1))
            middle = rng.choice((middle, middle, middle, 0.3, 0.01))
            more = {"bid_before": e9(middle - half), "ask_before": e9(middle + half)}
            if rng.random() < 0.05:
                more["ask_size_before"] = 0
            if rng.random() < 0.1:
                more["quality"] = 0.5
            out.append(trade(s, rng.choice((1, -1)), rng.randint(1, 40), name, **more))
    return out


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from((60, 300)), st.sampled_from((60.0, 3_600.0)))
def test_it_says_what_lists_and_formulas_say(seed, window_s, half_life_s):
    config = OptionFlowConfig(window_s=window_s, half_life_s=half_life_s)
    rows = hostile(seed)
    flow, oracle = made(config), Oracle(config)
    found = seconds_of(flow, evaluations(rows))
    oracle.on_rows(rows)
    report = flow.report()
    for name in ("trades", "judged", "unsound", "one_sided", "crossed", "wide", "intrinsic"):
        # Parity stands in for the future, so that the reasons without a forward may differ.
        if report["by_parity"] == 0:
            assert report[name] == oracle.counts[name], name
    if report["by_parity"]:
        return
    assert [int(second["ts"]) for second, _ in found] == [one["ts"] for one in oracle.seconds]
    for (second, strikes), expected in zip(found, oracle.seconds, strict=True):
        for name in ("orders", "lots"):
            assert second[name] == expected[name]
        for name in ("flow", "gross", "vega", "quality", "watched_s"):
            assert second[name] == pytest.approx(expected[name], abs=2e-6 * (1 + second["lots"]))
        assert second["flow_z"] == pytest.approx(expected["flow_z"], rel=1e-3, abs=1e-3)
        assert second["order_ids"][: second["told"]].tolist() == expected["order_ids"]
        nets = {
            int(o["instrument_id"]): (int(o["bought"] - o["sold"]), float(o["z"])) for o in strikes
        }
        assert nets.keys() == expected["strikes"].keys()
        for id_, (net, z) in expected["strikes"].items():
            assert nets[id_] == (net, pytest.approx(z, rel=1e-6, abs=1e-6))


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10_000), st.lists(st.integers(0, 200), max_size=8))
def test_any_cut_and_restart_gives_the_same(seed, places):
    whole = evaluations(hostile(seed))
    flow = made()
    expected = seconds_of(flow, whole)
    found, state = [], made().snapshot()
    for part in cut(whole, places):
        other = made(state=pickle.loads(pickle.dumps(state)))
        found += seconds_of(other, part)
        state = other.snapshot()
    names = [name for name in SECOND_DTYPE.names if name not in ("row", "strike_first")]
    names.remove("strike_stop")
    assert len(found) == len(expected)
    for (a, a_strikes), (b, b_strikes) in zip(expected, found, strict=True):
        assert all(np.array_equal(a[name], b[name]) for name in names)
        assert a_strikes.tobytes() == b_strikes.tobytes()
    assert same(flow.snapshot()) == same(state)


def test_a_trade_counts_with_the_delta_of_the_mid_before_it():
    flow = made()
    rows = [future(0.5), trade(1.2, 1, 10, "C4820"), trade(1.4, -1, 3, "P4800"), future(2)]
    ((second, strikes),) = seconds_of(flow, evaluations(rows))
    expected = 10 * delta("C4820", 1.2) - 3 * delta("P4800", 1.4)
    assert second["flow"] == pytest.approx(expected, abs=0.05)
    assert second["forward2_e9"] == 2 * e9(4810.125)
    assert (second["orders"], second["lots"], second["quality"]) == (2, 13, 1.0)
    assert strikes["call"].tolist() == [-1, 1]
    greeks = flow.greeks(FEED, IDS["C4820"])
    assert greeks["volatility"] == pytest.approx(0.15, abs=1e-3)
    assert greeks["delta"] == pytest.approx(delta("C4820", 1.2), abs=1e-3)
    assert greeks["gamma"] > 0
    assert greeks["vega"] > 0
    assert flow.greeks(FEED, IDS["C4860"]) is None
    assert flow.greeks(FEED, 999) is None


def test_a_volatility_is_solved_once_a_second_and_option():
    flow = made()
    rows = [future(0.5), *(trade(1 + 0.1 * k, 1, 1, "C4810") for k in range(9)), future(2)]
    seconds_of(flow, evaluations([*rows, trade(2.5, 1, 1, "C4810")]))
    assert flow.report()["solved"] == 2
    assert flow.report()["judged"] == 10


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (trade(1, 1, 5, "C4810", bid_size_before=0), "one_sided"),
        (trade(1, 1, 5, "C4810", bid_before=e9(60), ask_before=e9(60)), "crossed"),
        (trade(1, 1, 5, "C4810", bid_before=e9(61), ask_before=e9(60)), "crossed"),
        (trade(1, 1, 5, "C4810", bid_before=e9(1), ask_before=e9(90)), "wide"),
        (trade(1, 1, 5, "C4760", bid_before=e9(40), ask_before=e9(41)), "intrinsic"),
        (trade(1, 0, 5, "C4810"), "no_side"),
        (trade(1, 1, 5, "C4810", quality=0.5), "unsound"),
        (trade(1, 1, 5, "C4810", dirty=True), "unsound"),
    ],
)
def test_what_cannot_be_judged_is_counted_with_its_reason(row, reason):
    assert one(row, future(0.5)) == {"trades": 1, reason: 1}


def test_an_expired_option_is_none():
    late = (EXPIRY_NS - ns(0)) / 1e9 + 1
    row = trade(1, 1, 5, "C4810", ts_event=EXPIRY_NS + 1)
    assert one(row, future(late)) == {"trades": 1, "expired": 1}


def test_a_future_that_is_silent_crossed_or_dirty_gives_no_forward():
    row = trade(100, 1, 5, "C4810")
    assert one(row, future(1)) == {"trades": 1, "stale_forward": 1}
    assert one(row) == {"trades": 1, "no_forward": 1}
    assert one(row, future(99, bid=e9(4811), ask=e9(4811))) == {"trades": 1, "no_forward": 1}
    assert one(row, future(99, dirty=True)) == {"trades": 1, "no_forward": 1}
    assert one(row, future(98), fault(99)) == {"trades": 1, "no_forward": 1}


def test_without_a_future_parity_gives_the_forward():
    flow = made()
    quotes = [trade(1, 1, 1, name) for name in ("C4800", "P4800", "C4820", "P4820")]
    rows = [*quotes, trade(2.5, 1, 10, "C4820"), execution(3, 1, 1, instrument_id=99)]
    seconds = seconds_of(flow, evaluations([*rows, future(4, bid_size=0)]))
    assert why(flow) == {"trades": 5, "judged": 1, "no_forward": 4, "by_parity": 1}
    second, _ = seconds[-1]
    assert second["by_parity"] == 1
    assert second["forward2_e9"] == pytest.approx(2 * e9(4810.125), abs=2 * e9(0.02))
    assert second["flow"] == pytest.approx(10 * delta("C4820", 2.5), abs=0.05)
    assert second["quality"] == pytest.approx(10 / 14)


def test_an_option_without_definition_is_counted_and_takes_no_part():
    flow = made(items=listed(without=["C4810"]))
    rows = [future(0.5), trade(1, 1, 5, "C4810"), future(2)]
    assert seconds_of(flow, evaluations(rows)) == []
    assert why(flow) == {"trades": 1, "no_definition": 1}
    # It comes late: from then on the option counts.
    flow.learn(definition("C4810"))
    rows = [trade(3, 1, 5, "C4810"), future(4)]
    assert len(seconds_of(flow, evaluations(rows))) == 1
    assert why(flow) == {"trades": 2, "no_definition": 1, "judged": 1}


def test_a_spread_of_options_is_counted_apart():
    flow = made()
    flow.learn(Instrument(FEED, 77, "UD:1V: VT 1234567", "ES", "definition", ns(0)))
    seconds_of(flow, evaluations([future(0.5), execution(1, 1, 5, instrument_id=77)]))
    assert why(flow) == {"trades": 1, "combined": 1}


def test_another_strike_under_the_same_id_begins_anew():
    flow = made()
    seconds_of(flow, evaluations([future(0.5), trade(1, 1, 5, "C4810"), future(2)]))
    flow.learn(definition("C4810", strike_price_e9=e9(4860), symbol="ESH4 C4860"))
    rows = [trade(3, 1, 5, "C4860", instrument_id=IDS["C4810"]), future(4)]
    ((second, strikes),) = seconds_of(flow, evaluations(rows))
    assert strikes["strike_e9"].tolist() == [e9(4860)]
    assert second["orders"] == 2
    rows = [trade(90, 1, 1, "P4810"), future(91)]
    ((second, strikes),) = seconds_of(flow, evaluations(rows))
    assert (second["orders"], second["lots"], len(strikes)) == (1, 1, 1)


def test_of_too_many_trades_the_oldest_leave():
    flow = made(OptionFlowConfig(trades_max=64))
    rows = [future(0.5), *(trade(1 + 0.01 * k, 1, 1, "C4810") for k in range(80)), future(2)]
    ((second, _),) = seconds_of(flow, evaluations(rows))
    assert second["orders"] == 64
    assert flow.report()["forgotten"] == 16


def test_without_options_nothing_is_done():
    flow = OptionFlow(OptionFlowConfig())
    points = points_of(evaluations([future(1)]), {}, 0.8)
    assert flow.follow(FEED, 1, points) is None
    assert not any(flow.report().values())


def test_detectors_of_futures_do_not_see_options():
    flow = made()
    part = evaluations([future(0.5), trade(1, 1, 5, "C4810"), execution(1.5, 1, 5), future(2)])
    points = points_of(part, {}, 0.8)
    flow.follow(FEED, 2, points)
    outright = flow.outright(points)
    assert points.executions.tolist() == [1, 2]
    assert outright.executions.tolist() == [2]
    assert outright.panes.tolist() == [0, 3]


def test_what_is_listed_holds_in_a_new_generation():
    flow = made()
    seconds_of(flow, evaluations([future(0.5), trade(1, 1, 5, "C4810"), future(2)]))
    carried = OptionFlow(OptionFlowConfig(), OptionFlow.carried(flow.snapshot()))
    assert not any(carried.report().values())
    assert seconds_of(carried, evaluations([future(3), trade(4, 1, 5, "C4810"), future(5)]))


def test_state_stays_within_its_bound():
    flow = made(OptionFlowConfig(trades_max=64))
    rows = market(crowd(300), crowd(300, seed=2), crowd(300, seed=3), until=300)
    for part in cut(evaluations(rows), range(0, len(rows), 50)):
        seconds_of(flow, part)
    state = flow.snapshot()
    assert state["trades"].size <= 64
    assert (
        len(pickle.dumps(state))
        < 24 * (OPTION_DTYPE.itemsize + 400)
        + 64 * (TRADE_DTYPE.itemsize)
        + 2 * TENOR_DTYPE.itemsize
        + 4_000
    )


@pytest.mark.parametrize(
    ("name", "value"),
    [("window_s", 4), ("stale_ns", 1), ("spread_max", 0.0), ("half_life_s", 1.0),
     ("trades_max", 1)],
)  # fmt: skip
def test_nonsense_is_refused_by_name(name, value):
    with pytest.raises(ValueError, match=f"{name} must be"):
        OptionFlowConfig(**{name: value})


def test_every_reason_has_a_name():
    assert len(set(COUNTS)) == len(COUNTS) == len(OptionFlow(OptionFlowConfig()).report())

import pickle
from dataclasses import fields, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from operators import detect as module
from operators.detect import Detect
from operators.detect_config import DetectConfig
from operators.detectors import (
    absorption,
    large_aggressor,
    minute_flow,
    native_iceberg,
    option_balance,
    option_coordination,
    option_delta,
    option_strike,
    option_vega,
    order_flow,
    quote_churn,
    roll,
    signed_pressure,
    slicing,
    spoof_like,
    stop_run,
    sweep,
    synthetic_iceberg,
    two_sided,
)
from operators.executions import FILLS_MAX
from operators.executions_config import ExecutionsConfig
from operators.model.evaluations import AUCTION, STOP
from operators.model.items import Findings, Instrument, Tick
from operators.model.streams import Message
from tests.evaluations import FEED, e9, evaluations, execution, fill, found_in, ns, pane
from tests.operators.markets import SENSITIVE, cut, market, messages

DETECTORS = {
    "sweep": sweep,
    "large_aggressor": large_aggressor,
    "native_iceberg": native_iceberg,
    "stop_run": stop_run,
    "signed_pressure": signed_pressure,
    "absorption": absorption,
    "order_flow": order_flow,
    "minute_flow": minute_flow,
    "slicing": slicing,
    "synthetic_iceberg": synthetic_iceberg,
    "spoof_like": spoof_like,
    "quote_churn": quote_churn,
    "two_sided": two_sided,
    "roll": roll,
    "option_delta": option_delta,
    "option_vega": option_vega,
    "option_strike": option_strike,
    "option_coordination": option_coordination,
    "option_balance": option_balance,
}
MARKETS = st.tuples(st.integers(0, 10_000), st.integers(1, 120))
SHORT_MARKETS = st.tuples(st.integers(0, 10_000), st.integers(1, 40))


def run(operator, items):
    return [one for item in items for one in operator.on_items([item])]


def executions_of(*rows, config=None):
    out = Detect(config or DetectConfig()).on_items([evaluations(rows)])
    return [item.value for item in out if isinstance(item, Message)]


def test_all_detectors_of_the_folder_are_in_the_list():
    kept = Detect(DetectConfig()).snapshot()["detectors"]
    assert list(kept) == list(DETECTORS)
    assert len(kept) == 19
    others = {"quality_min", "executions", "options"}
    assert {one.name for one in fields(DetectConfig)} == {*DETECTORS, *others}


@pytest.mark.parametrize("detector", DETECTORS.values())
def test_each_detector_says_what_it_sees_when_it_errs_and_from_whom_it_is(detector):
    (kind,) = (v for v in vars(detector).values() if hasattr(v, "NAME") and "observe" in vars(v))
    for word in ("Wrong", "Expected false alarms", "State", "References", "strength"):
        assert word.lower() in kind.__doc__.lower()
    assert isinstance(kind.STATE_VERSION, int)


@given(MARKETS, st.lists(st.integers(0, 150), max_size=12))
def test_any_cut_gives_the_same_evidence_and_state(shape, places):
    whole = evaluations(market(*shape))
    one, other = Detect(SENSITIVE), Detect(SENSITIVE)
    assert messages(run(one, [whole])) == messages(run(other, cut(whole, places)))
    assert pickle.dumps(one.report()) == pickle.dumps(other.report())
    assert same(one.snapshot(), other.snapshot())


@given(SHORT_MARKETS)
def test_row_by_row_with_a_restart_after_each_gives_the_same(shape):
    whole = evaluations(market(*shape))
    expected = messages(run(Detect(SENSITIVE), [whole]))
    state, out = None, []
    for part in cut(whole, range(whole.rows.size)):
        operator = Detect(SENSITIVE, state)
        out += operator.on_items([part])
        state = pickle.loads(pickle.dumps(operator.snapshot()))
    assert messages(out) == expected


def test_a_snapshot_is_no_live_view():
    first, second = cut(evaluations(market(3, 400)), [200])
    operator = Detect(SENSITIVE)
    operator.on_items([first])
    snapshot = operator.snapshot()
    before = pickle.dumps(snapshot)
    operator.on_items([second])
    assert pickle.dumps(snapshot) == before
    assert pickle.dumps(operator.snapshot()) != before


def test_input_is_not_written_to_and_the_same_input_gives_the_same():
    item = evaluations(market(4, 300))
    before = item.rows.tobytes(), item.fills.tobytes(), item.z.tobytes()
    one, other = run(Detect(SENSITIVE), [item]), run(Detect(SENSITIVE), [item])
    assert messages(one) == messages(other)
    assert before == (item.rows.tobytes(), item.fills.tobytes(), item.z.tobytes())


def test_state_stays_within_its_bound_on_a_long_tape():
    few = slicing.SlicingConfig(cells_max=16), native_iceberg_config(8)
    operator = Detect(replace(SENSITIVE, slicing=few[0], native_iceberg=few[1]))
    for seed in range(5):
        operator.on_items([evaluations(market(seed, 800, instruments=5))])
    state = operator.snapshot()["detectors"]
    assert len(state["native_iceberg"]["told"]) <= 8
    assert all(len(values) <= 3 + stop_run.ORDERS_MAX for _, values in state["stop_run"]["open"])
    assert len(state["slicing"]["cells"]) <= 16
    assert len(pickle.dumps(operator.snapshot())) < 5 * 2_000 + 16 * 600 + 8_000


def test_evidence_of_one_row_stands_in_the_order_of_detectors():
    row = execution(1, 1, 120, levels=3)
    assert [
        one.detector for one in found_in(Detect(DetectConfig()).on_items([evaluations([row])]))
    ] == [
        "sweep",
        "large_aggressor",
    ]


def test_who_trades_a_spread_takes_no_side():
    rows = [execution(s, 1, 500, levels=9) for s in (1, 100)]
    outright, spread = Detect(DetectConfig()), Detect(DetectConfig())
    spread.on_items([Instrument(FEED, 1, "ESM6-ESU6", "ES", "mapping", 0)])
    assert found_in(outright.on_items([evaluations(rows)]))
    assert found_in(spread.on_items([evaluations(rows)])) == []
    assert spread.report().facts["evidence_of_spreads"] > 0
    again = Detect(DetectConfig(), spread.snapshot())
    assert found_in(again.on_items([evaluations(rows)])) == []


def test_other_items_pass_in_their_place():
    instrument = Instrument(FEED, 1, "ESH4", "ES", "setting", 0)
    tick = Tick(FEED, ns(3))
    item = evaluations([execution(1, 1, 1)])
    out = Detect(DetectConfig()).on_items([instrument, item, tick])
    assert [out[0], out[2]] == [instrument, tick]
    assert isinstance(out[1], Findings)
    assert out[1].evaluations is item


def test_low_quality_and_dirty_books_give_no_evidence_but_executions_stay_facts():
    for more in ({"quality": 0.79}, {"dirty": True}):
        out = Detect(DetectConfig()).on_items(
            [evaluations([execution(1, 1, 120, levels=3, **more)])]
        )
        assert not found_in(out)
        assert len([item for item in out if isinstance(item, Message)]) == 1


def test_quality_min_is_a_setting():
    item = evaluations([execution(1, 1, 120, levels=3, quality=0.6)])
    assert found_in(Detect(DetectConfig(quality_min=0.5)).on_items([item]))
    with pytest.raises(ValueError, match=r"quality_min must be from 0 to 1, was 1\.5"):
        DetectConfig(quality_min=1.5)


@pytest.mark.parametrize(
    ("row", "tags"),
    [
        (execution(1, 1, 5, levels=2), ("sweep",)),
        (execution(1, 1, 5, aggressor=STOP), ("stop",)),
        (
            execution(1, -1, 5, fills=[fill(1, 5, hidden=5, hidden_total=5, refills=1)]),
            ("iceberg",),
        ),
        (execution(1, 1, 100), ("large",)),
        (execution(1, 1, 9, z={"size": 5.0}, tail_p={"size": 1e-3}), ("large",)),
        (execution(1, 0, 5, levels=2), ("sweep",)),
        (execution(1, 1, 200, levels=3, aggressor=STOP), ("sweep", "stop", "large")),
    ],
)
def test_notable_executions_say_why(row, tags):
    (one,) = executions_of(row)
    assert one.tags == tags


@pytest.mark.parametrize(
    "row",
    [
        execution(1, 1, 99),
        execution(1, 1, 9, z={"size": 2.0}, tail_p={"size": 0.01}),
        execution(1, 0, 500, levels=9, aggressor=AUCTION),
        pane(1, stop_buy=20),
    ],
)
def test_ordinary_executions_auctions_and_panes_are_not_notable(row):
    assert executions_of(row) == []


@pytest.mark.parametrize(
    ("key", "value", "row"),
    [
        ("levels_min", 3, execution(1, 1, 5, levels=2)),
        ("size_min", 200, execution(1, 1, 100)),
        ("tail_p_max", 1e-4, execution(1, 1, 9, tail_p={"size": 1e-3})),
    ],
)
def test_each_setting_of_executions_counts(key, value, row):
    config = DetectConfig(executions=ExecutionsConfig(**{key: value}))
    assert len(executions_of(row)) == 1
    assert executions_of(row, config=config) == []
    assert len(fields(ExecutionsConfig)) == 3


def test_an_execution_names_the_orders_it_met():
    fills = [fill(11, 3, 4810.25, side=-1), fill(12, 2, 4810.5, side=-1, hidden=2, refills=1)]
    (one,) = executions_of(execution(1, 1, 5, levels=2, fills=fills, sequence_first=7))
    assert (one.side, one.size, one.levels, one.hidden, one.refills) == ("buy", 5, 2, 2, 1)
    assert [(f.order_id, f.price_e9, f.size, f.hidden) for f in one.fills] == [
        (11, e9(4810.25), 3, 0),
        (12, e9(4810.5), 2, 2),
    ]
    assert (one.fill_count, one.sequence_first, one.price_last_e9) == (2, 7, e9(4810.5))


def test_order_ids_use_all_their_bits():
    high = 2**64 - 2
    fills = [fill(high, 5, hidden=5, hidden_total=90, refills=2)]
    out = Detect(DetectConfig()).on_items(
        [evaluations([execution(1, -1, 5, fills=fills, order_id=high)])]
    )
    assert (out[0].value.order_id, out[0].value.fills[0].order_id) == (high, high)
    assert [one.order_ids for one in found_in(out)] == [(high,)]


def test_fills_beyond_the_bound_are_counted():
    fills = [fill(order, 1) for order in range(1, FILLS_MAX + 4)]
    (one,) = executions_of(execution(1, -1, 53, levels=2, fills=fills))
    assert (len(one.fills), one.fill_count) == (FILLS_MAX, FILLS_MAX + 3)


def test_an_empty_side_of_the_book_has_no_price():
    (one,) = executions_of(execution(1, 1, 5, levels=2, ask=0, ask_size=0))
    assert (one.ask_e9, one.bid_e9) == (None, e9(4810))


def test_the_symbol_is_the_latest_known():
    operator = Detect(DetectConfig())
    operator.on_items([Instrument(FEED, 1, "ESH4", "ES", "setting", 0)])
    resumed = Detect(DetectConfig(), pickle.loads(pickle.dumps(operator.snapshot())))
    message, _ = resumed.on_items([evaluations([execution(1, 1, 5, levels=2)])])
    assert message.value.symbol == "ESH4"
    assert message.root == "ES"
    assert message.seq == 0


@pytest.mark.parametrize(
    ("kind", "key", "value"),
    [
        (sweep.SweepConfig, "levels_min", 1),
        (sweep.SweepConfig, "size_min", 0),
        (sweep.SweepConfig, "coalesce_ns", -1),
        (large_aggressor.LargeAggressorConfig, "tail_p_max", 0.5),
        (large_aggressor.LargeAggressorConfig, "size_min", 0),
        (native_iceberg.NativeIcebergConfig, "refills_min", 0),
        (native_iceberg.NativeIcebergConfig, "hidden_min", 0),
        (native_iceberg.NativeIcebergConfig, "orders_max", 0),
        (native_iceberg.NativeIcebergConfig, "rare_min", 0),
        (native_iceberg.NativeIcebergConfig, "tail_p_max", 0.0),
        (stop_run.StopRunConfig, "count_min", 0),
        (stop_run.StopRunConfig, "size_min", 0),
        (stop_run.StopRunConfig, "share_min", 0.5),
        (stop_run.StopRunConfig, "tail_p_max", 0.7),
        (signed_pressure.SignedPressureConfig, "drift", 0.0),
        (signed_pressure.SignedPressureConfig, "threshold", float("nan")),
        (signed_pressure.SignedPressureConfig, "z_max", 1.25),
        (signed_pressure.SignedPressureConfig, "spread", 0.9),
        (signed_pressure.SignedPressureConfig, "idle_ns_max", 1),
        (absorption.AbsorptionConfig, "z_min", 0.0),
        (absorption.AbsorptionConfig, "move_spreads_max", -1.0),
        (absorption.AbsorptionConfig, "size_min", 0),
        (absorption.AbsorptionConfig, "tail_p_max", 0.5),
        (absorption.AbsorptionConfig, "repeat_ns", 1),
        (order_flow.OrderFlowConfig, "z_min", 0.0),
        (order_flow.OrderFlowConfig, "own_z_min", -1.0),
        (order_flow.OrderFlowConfig, "tail_p_max", 0.5),
        (order_flow.OrderFlowConfig, "panes_min", 29),
        (order_flow.OrderFlowConfig, "half_life_s", 59.0),
        (order_flow.OrderFlowConfig, "repeat_ns", 1),
        (minute_flow.MinuteFlowConfig, "net_min", 0.0),
        (minute_flow.MinuteFlowConfig, "net_full", 4.0),
        (minute_flow.MinuteFlowConfig, "hidden_min", 0.0),
        (minute_flow.MinuteFlowConfig, "hidden_full", 1.0),
        (minute_flow.MinuteFlowConfig, "sweep_min", -1.0),
        (minute_flow.MinuteFlowConfig, "sweep_full", 1.5),
        (minute_flow.MinuteFlowConfig, "strength_step", 0.0),
        (minute_flow.MinuteFlowConfig, "repeat_ns", 0),
        (slicing.SlicingConfig, "p_max", 0.0),
        (slicing.SlicingConfig, "orders_min", 49),
        (slicing.SlicingConfig, "size_min", 0),
        (slicing.SlicingConfig, "period_min_s", 0.0),
        (slicing.SlicingConfig, "period_max_s", 0.2),
        (slicing.SlicingConfig, "cells_max", 3),
        (slicing.SlicingConfig, "repeat_ns", -1),
        (synthetic_iceberg.SyntheticIcebergConfig, "tranches_min", 1),
        (synthetic_iceberg.SyntheticIcebergConfig, "p_max", 0.5),
        (synthetic_iceberg.SyntheticIcebergConfig, "burst", 0.5),
        (synthetic_iceberg.SyntheticIcebergConfig, "chains_max", 0),
        (spoof_like.SpoofLikeConfig, "flash_min", 0),
        (spoof_like.SpoofLikeConfig, "touch_min", 0.0),
        (spoof_like.SpoofLikeConfig, "share_min", 0.5),
        (spoof_like.SpoofLikeConfig, "tail_p_max", 0.0),
        (spoof_like.SpoofLikeConfig, "repeat_ns", 1),
        (quote_churn.QuoteChurnConfig, "ratio_min", 1.0),
        (quote_churn.QuoteChurnConfig, "balance_min", 1.0),
        (quote_churn.QuoteChurnConfig, "tail_p_max", 0.5),
        (quote_churn.QuoteChurnConfig, "size_min", 0),
        (quote_churn.QuoteChurnConfig, "repeat_ns", 1),
        (two_sided.TwoSidedConfig, "size_min", 0),
        (two_sided.TwoSidedConfig, "balance_min", 0.0),
        (two_sided.TwoSidedConfig, "tail_p_max", 0.5),
        (two_sided.TwoSidedConfig, "repeat_ns", 1),
        (roll.RollConfig, "size_min", 0),
        (roll.RollConfig, "balance_min", 1.0),
        (roll.RollConfig, "share_min", 0.0),
        (roll.RollConfig, "repeat_ns", 1),
        (ExecutionsConfig, "levels_min", 1),
        (ExecutionsConfig, "size_min", 0),
        (ExecutionsConfig, "tail_p_max", 1.0),
    ],
)
def test_a_bad_setting_is_refused_by_name_and_value(kind, key, value):
    with pytest.raises(ValueError, match=rf"{key} must be .*was {value}"):
        kind(**{key: value})


def test_the_module_says_what_flows():
    assert "Evaluations" in module.__doc__


def native_iceberg_config(orders_max):
    return native_iceberg.NativeIcebergConfig(orders_max=orders_max)


def same(one, other):
    return plain(one) == plain(other)


def plain(state):
    if isinstance(state, dict):
        return {key: plain(value) for key, value in state.items()}
    return state.tobytes() if hasattr(state, "tobytes") else state

"""The v3.0 formula against values worked out by hand, its known weaknesses among them."""

import math
from datetime import date, timedelta

import pytest

from evaluation.engines.v3_formula import (
    DEFAULT_STATS,
    Stats,
    Window,
    base_confidence,
    compared,
    final_confidence,
    finite,
    market_making,
    raw_confidence,
    stats_of,
)
from evaluation.engines.v3_reference import WINDOW_NS, V3Reference
from operators.model.items import Definition, Instrument
from operators.model.records import NS_PER_S
from tests.evaluations import FEED, START_NS, evaluations, execution, pane

DAY_S = 86_400


def window(ask: int, bid: int, trades: int = 20, ts: int = 0) -> Window:
    return Window(ts, ask, bid, trades)


@pytest.mark.parametrize(
    ("ask", "bid", "ratio", "side", "confidence"),
    [
        (300, 100, 3.0, 1, 0.5),
        (100, 300, 1 / 3, -1, 0.5),
        (60, 40, 1.5, 0, 0.2),
        (50, 0, math.inf, 1, 1.0),
        (0, 50, 0.0, -1, 1.0),
        (0, 0, 1.0, 0, 0.0),
    ],
)
def test_pressure_of_a_window(ask, bid, ratio, side, confidence):
    w = window(ask, bid)
    assert (w.ratio, w.side) == (ratio, side)
    assert w.confidence == pytest.approx(confidence)
    assert window(ask, bid, trades=5).confidence == pytest.approx(confidence / 4)


def test_fewer_than_five_rows_are_the_default_baseline():
    today = date(2026, 4, 6)
    rows = {today - timedelta(days=n): 1.0 + n for n in range(4)}
    assert stats_of(rows, today) == DEFAULT_STATS
    rows[today - timedelta(days=21)] = 1.0
    assert stats_of(rows, today) == DEFAULT_STATS


def test_the_baseline_of_five_rows():
    today = date(2026, 4, 11)
    stats = stats_of({today - timedelta(days=n): float(n + 1) for n in range(5)}, today)
    assert stats.mean == 3.0
    assert stats.sd == pytest.approx(math.sqrt(2.5))
    # Exclusive: the p-th of n values at rank p·(n + 1): 25 % of 6 is 1.5, 75 % is 4.5.
    assert [stats.values[p] for p in (25, 50, 75)] == pytest.approx([1.5, 3.0, 4.5])
    assert stats.data_quality == 0.5  # five rows on the eleventh of a month
    assert (
        stats_of({**{today - timedelta(days=n): 1.0 for n in range(5)}}, date(2026, 4, 11)).sd == 0
    )


def test_rank_is_the_smallest_percentile_that_is_not_exceeded():
    assert compared(2.5, DEFAULT_STATS) == (2.0, 90, True)
    assert compared(2.0, DEFAULT_STATS) == (1.0, 75, False)
    assert compared(100.0, DEFAULT_STATS).rank == 99
    assert compared(5.0, Stats(1.0, 0.0, {50: 9.0}, 1.0)) == (0.0, 50, False)


def test_raw_confidence_of_one_two_and_three_windows():
    w = window(300, 100)
    # significance 0.5·0.3 + 0.3·0.4 + 0.2·0.5 = 0.37; concentration 2·(0.75 − 0.5) = 0.5
    base = 0.4 * 0.37 + 0.2 * 0.5
    assert raw_confidence([w]) == pytest.approx(base + 0.3 * 0.5 + 0.1 * 0.5)
    before = window(200, 100)
    assert raw_confidence([before, w]) == pytest.approx(base + 0.3 * 0.5 + 0.1 * 1.0)
    first = window(240, 100)
    assert raw_confidence([first, before, w]) == pytest.approx(base + 0.3 * 0.3 + 0.1 * 1.0)


def test_a_neutral_window_has_no_concentration():
    assert raw_confidence([window(55, 45)]) == pytest.approx(
        0.4 * (0.5 * 55 / 450 + 0.3 * 0.1 + 0.2 * 0.1) + 0.15 + 0.05
    )


def test_market_making_of_a_future_is_constant_and_of_a_straddle_high():
    assert market_making([window(10, 5)], [], 0) == pytest.approx(0.03)
    calls, puts = [window(60, 40)], [window(50, 50)]
    assert market_making(calls, puts, 0) == pytest.approx(0.7 * 1.0 + 0.03)
    late = [window(50, 50, ts=-150 * NS_PER_S)]
    # balance 1, time score 1 − 150/300
    assert market_making(calls, late, 0) == pytest.approx(0.7 * (0.7 + 0.15) + 0.03)


def test_the_highest_confidence_is_0_706_so_two_classes_cannot_occur():
    base = base_confidence(compared(1e9, Stats(1, 1, {99: 2.0}, 1.0)), 1.0)
    assert base == pytest.approx(0.995)
    assert final_confidence(1.0, base, 0.03) == pytest.approx(0.7063, abs=1e-4)
    assert final_confidence(1.0, 1.0, 0.03) == pytest.approx(0.7078, abs=1e-4)
    # Without an anomaly it never reaches 0.6.
    assert final_confidence(1.0, 0.5, 0.03) == pytest.approx(0.5587, abs=1e-4)


def test_an_anomaly_against_the_default_baseline_counts_for_nothing():
    context = compared(9.0, DEFAULT_STATS)
    assert context.anomaly
    base = base_confidence(context, DEFAULT_STATS.data_quality)
    assert base == 0.0
    assert final_confidence(1.0, base, 0.03) < 0.6


def test_an_infinite_ratio_is_nan_from_the_second_window_unless_it_is_capped():
    one_sided = [window(500, 0), window(500, 0)]
    assert math.isnan(raw_confidence(one_sided, infinite=math.inf))
    assert math.isnan(raw_confidence([*one_sided, window(500, 0)], infinite=math.inf))
    assert math.isnan(final_confidence(math.nan, 0.5, 0.03))
    assert finite(math.inf) == 10.0
    assert not math.isnan(raw_confidence(one_sided))


def test_three_windows_of_selling_never_reach_the_threshold():
    strongest = 0.0
    for first in (0.0, 0.3, 0.66):
        for last in (0.0, 0.3, 0.66):
            history = [
                window(round(first * 1000), 1000),
                window(0, 1000),
                window(round(last * 1000), 1000),
            ]
            strongest = max(strongest, final_confidence(raw_confidence(history), 0.995, 0.03))
    assert 0.45 < strongest < 0.513
    mirrored = [window(1000, 100), window(1000, 10), window(1000, 1)]
    assert final_confidence(raw_confidence(mirrored), 0.995, 0.03) > 0.69


# The engine.


def option(instrument_id: int, class_: str, strike: int = 5000) -> Definition:
    return Definition(
        feed=FEED,
        instrument_id=instrument_id,
        ts_event=0,
        symbol=f"X{instrument_id}",
        instrument_class=class_,
        asset="ES",
        tick_e9=None,
        tick_rule=None,
        point_value_e9=None,
        currency="USD",
        expiration_ns=None,
        strike_price_e9=None if class_ in "FS" else strike * NS_PER_S,
        underlying="",
        underlying_id=None,
    )


def points(engine: V3Reference):
    found = engine.scores().points
    return [(int(p["ts"]), int(p["side"]), round(float(p["score"]), 4)) for p in found]


def test_a_window_is_evaluated_at_its_end_when_the_clock_has_passed_it():
    engine = V3Reference()
    engine.on_item(option(1, "F"))
    engine.on_item(evaluations([execution(1, 1, 300, levels=15), execution(2, -1, 100, levels=5)]))
    assert points(engine) == []
    engine.on_item(evaluations([pane(301)]))
    # raw 0.37·0.4 + 0.15 + 0.1 + 0.05, default baseline: 3 is an anomaly of quality 0
    raw = 0.4 * 0.37 + 0.15 + 0.1 + 0.05
    assert points(engine) == [(START_NS + WINDOW_NS, 1, round(0.4 * raw * 0.994 + 0.012, 4))]


def test_the_cut_of_the_input_does_not_show():
    rows = [
        execution(s, 1 if s % 3 else -1, s % 7 + 1, root=s % 2, instrument_id=s % 2 + 1)
        for s in range(0, 1500, 10)
    ]
    whole, cut = V3Reference(), V3Reference()
    for engine in (whole, cut):
        engine.on_item(option(1, "F"))
        engine.on_item(option(2, "F"))
    whole.on_item(evaluations(rows))
    for start in range(0, len(rows), 7):
        cut.on_item(evaluations(rows[start : start + 7]))
    assert points(whole)
    assert sorted(points(whole)) == sorted(points(cut))


def test_five_sessions_make_a_baseline_against_which_a_burst_is_a_signal():
    engine = V3Reference()
    engine.on_item(option(1, "F"))
    for day in range(10):
        engine.on_item(
            evaluations([execution(day * DAY_S, 1, 100 + day), execution(day * DAY_S + 1, -1, 100)])
        )
    engine.on_item(evaluations([execution(10 * DAY_S, 1, 2000, levels=20)]))
    engine.forget_scores()
    engine.on_item(evaluations([execution(10 * DAY_S + 310, 1, 2000, levels=20)]))
    engine.on_item(evaluations([pane(10 * DAY_S + 700)]))
    assert all(score > 0.6 for _, side, score in points(engine) if side > 0)
    assert len(points(engine)) == 2


def test_a_put_that_is_bought_is_a_signal_to_sell_and_spreads_have_none():
    engine = V3Reference()
    for each in (option(1, "P"), option(2, "S"), option(3, "C", 5100)):
        engine.on_item(each)
    engine.on_item(
        evaluations([execution(s, 1, 10, instrument_id=k) for s, k in ((1, 1), (2, 2), (3, 3))])
    )
    engine.on_item(evaluations([pane(301)]))
    assert sorted(side for _, side, _ in points(engine)) == [-1, 1]


def test_calls_and_puts_of_a_strike_look_like_market_making():
    def final(*classes: str) -> float:
        engine = V3Reference()
        rows = []
        for number, class_ in enumerate(classes, 1):
            engine.on_item(option(number, class_))
            rows += [execution(number, 1, 300, instrument_id=number, levels=20)]
        engine.on_item(evaluations(rows))
        engine.on_item(evaluations([pane(301)]))
        return max(score for *_, score in points(engine))

    # Calls come first by key: only the put is evaluated when both are known.
    engine = V3Reference()
    engine.on_item(option(1, "C"))
    engine.on_item(option(2, "P"))
    engine.on_item(
        evaluations(
            [execution(1, 1, 300, levels=20), execution(2, 1, 300, levels=20, instrument_id=2)]
        )
    )
    engine.on_item(evaluations([pane(301)]))
    scores = {side: score for _, side, score in points(engine)}
    assert scores[1] == final("C")
    assert scores[-1] < final("P")


def test_a_future_is_known_by_its_symbol_where_no_definition_comes():
    engine = V3Reference()
    engine.on_item(Instrument(FEED, 1, "ESM6", "ES", "symbol", 0))
    engine.on_item(evaluations([execution(1, -1, 10)]))
    engine.on_item(evaluations([pane(301)]))
    assert [side for _, side, _ in points(engine)] == [-1]

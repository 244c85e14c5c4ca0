import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from operators.detect import Detect
from operators.detect_config import DetectConfig
from operators.detectors.signed_pressure import run_length
from operators.detectors.signed_pressure_config import SignedPressureConfig
from operators.model.evaluations import JUDGED, PANE
from tests.evaluations import evaluations, found_in, pane
from tests.operators.detectors.looks import evidence
from tests.operators.markets import market

PLAIN = {"drift": 0.5, "threshold": 8.0, "spread": 1.0}
"""As for independent z: easy to reckon by hand."""


def pressure(*rows, **settings):
    return evidence("signed_pressure", rows, SignedPressureConfig(**{**PLAIN, **settings}))


def step(s, z, buy=30, sell=10, **more):
    return pane(s, z={"pressure_5": z}, windows={5: {"buy": buy, "sell": sell}}, **more)


def test_buying_that_persists_raises_an_alarm():
    (one,) = pressure(*(step(5 * n, 2.0) for n in range(1, 7)))
    assert (one.side, one.size, one.measure, one.threshold) == ("buy", 120, 9.0, 8.0)
    assert one.strength == round(2 * math.sqrt(6), 4)
    assert (one.structural, one.z, one.window_s, one.group) == (False, 2.0, 5, "pressure")
    assert one.ts_last - one.ts_first == 30_000_000_000
    assert one.text == (
        "Persistent buying of 1 near 4810.125: 120 lots net in 30 s, far beyond this time of day"
        " (mean z 2.0 over 6 windows)"
    )


def test_selling_is_its_mirror_image():
    (one,) = pressure(*(step(5 * n, -2.0, buy=10, sell=30) for n in range(1, 7)))
    assert (one.side, one.size, one.measure) == ("sell", 120, 9.0)


def test_pressure_to_and_fro_is_none():
    assert pressure(*(step(5 * n, 3.0 if n % 2 else -3.0) for n in range(200))) == []


def test_what_is_normal_for_this_time_of_day_is_none():
    assert pressure(*(step(5 * n, 0.5, buy=5_000, sell=10) for n in range(500))) == []


def test_a_single_window_is_never_an_alarm():
    assert pressure(step(5, 1e9), step(10, 0.0)) == []


def test_windows_that_overlap_count_once():
    assert pressure(*(step(n, 2.0) for n in range(1, 25))) == []
    assert len(pressure(*(step(n, 2.0) for n in range(1, 27)))) == 1


def test_after_an_alarm_the_same_run_needs_half():
    told = pressure(*(step(5 * n, 2.5) for n in range(1, 9)))
    assert [(one.measure, one.threshold) for one in told] == [(8.0, 8.0), (4.0, 4.0), (4.0, 4.0)]


def test_a_pause_ends_the_run():
    run = [step(5 * n, 2.5) for n in range(1, 5)]
    assert len(pressure(*run, step(25, 0.0), step(30, 2.5), step(35, 2.5))) == 1


def test_without_a_baseline_nothing_is_said():
    assert pressure(*(pane(5 * n) for n in range(100))) == []


def test_a_long_silence_starts_anew():
    rows = [step(5, 4.0), step(10, 4.0), step(400, 4.0)]
    assert pressure(*rows) == []
    assert len(pressure(*rows, idle_ns_max=400_000_000_000)) == 1


def test_a_dirty_book_starts_anew():
    rows = [step(5 * n, 2.0) for n in range(1, 7)]
    rows[3] = step(20, 2.0, dirty=True)
    assert pressure(*rows) == []


def test_instruments_do_not_mix():
    assert pressure(*(step(5 * n, 2.0, instrument_id=1 + n % 3) for n in range(12))) == []


def test_each_setting_counts():
    rows = [step(5 * n, 2.0) for n in range(1, 7)]
    assert pressure(*rows, drift=1.0) == []
    assert pressure(*rows, threshold=9.5) == []
    assert pressure(*rows, z_max=1.5) == []
    assert pressure(*rows, spread=2.0)[0].strength == pytest.approx(math.sqrt(6), abs=1e-4)


def test_the_default_promise_is_one_alarm_in_four_hours_and_is_strong():
    config = SignedPressureConfig()
    assert run_length(config) * 5 / 3600 / 2 == pytest.approx(3.8, abs=0.1)
    rows = [step(5 * n, 2.5) for n in range(1, 10)]
    (one,) = evidence("signed_pressure", rows, config)
    assert one.strength >= 3.7


@pytest.mark.parametrize(("alike", "most"), [(0.0, 1.2), (0.3, 2.0)])
def test_false_alarms_come_as_seldom_as_promised_or_less(alike, most):
    """On Gaussian z, independent or autocorrelated, with enough alarms to count."""
    spread = math.sqrt((1 + alike) / (1 - alike))
    config = SignedPressureConfig(drift=0.5 * spread, threshold=4.0 * spread, spread=spread)
    steps = 40_000
    noise = np.random.default_rng(7).normal(size=steps) * math.sqrt(1 - alike * alike)
    values = [0.0]
    for one in noise.tolist():
        values.append(alike * values[-1] + one)
    item = evaluations([pane(0)])
    rows = np.repeat(item.rows, steps)
    rows["ts_event"] += 5_000_000_000 * np.arange(steps)
    z = np.full((steps, len(JUDGED)), np.nan)
    z[:, JUDGED.index("pressure_5")] = values[1:]
    whole = replace(
        item,
        rows=rows,
        z=z,
        tail_p=np.full_like(z, np.nan),
        windows=np.repeat(item.windows, steps, axis=0),
        mids2=np.repeat(item.mids2, steps, axis=0),
        quality=np.ones(steps),
        sessions=np.full(steps, 9, np.int16),
    )
    found = found_in(Detect(DetectConfig(signed_pressure=config)).on_items([whole]))
    alarms = [one for one in found if one.threshold == config.threshold]
    assert 0.85 <= 2 * steps / len(alarms) / run_length(config) <= most


def naive(rows, config):
    told, states = [], {}
    for row in rows:
        f = row.fields
        if f["kind"] != PANE:
            continue
        state = states.setdefault(f["slot"], {"next": 0, 1: [0.0, False], -1: [0.0, False]})
        if row.quality < 0.8 or f["state"] & 1:
            state[1], state[-1] = [0.0, False], [0.0, False]
            continue
        if "pressure_5" not in row.z or f["ts_event"] < state["next"]:
            continue
        if f["ts_event"] - state["next"] > config.idle_ns_max:
            state[1], state[-1] = [0.0, False], [0.0, False]
        state["next"] = f["ts_event"] + 5_000_000_000
        z = min(max(row.z["pressure_5"], -config.z_max), config.z_max)
        for side in (1, -1):
            g, again = state[side]
            g = g + side * z - config.drift
            if g >= config.threshold * (0.5 if again else 1):
                told.append((f["ts_event"], side, round(g, 4)))
                state[side] = [0.0, True]
            else:
                state[side] = [g, again] if g > 0 else [0.0, False]
    return told


@given(st.integers(0, 10_000), st.floats(0.5, 6), st.floats(0.1, 1))
def test_the_kernel_agrees_with_sums_kept_by_hand(seed, threshold, drift):
    rows = market(seed, 200)
    config = SignedPressureConfig(threshold=threshold, drift=drift, idle_ns_max=20_000_000_000)
    found = [
        (one.ts_last, 1 if one.side == "buy" else -1, one.measure)
        for one in evidence("signed_pressure", rows, config)
    ]
    assert found == naive(rows, config)

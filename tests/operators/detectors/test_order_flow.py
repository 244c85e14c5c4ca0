import numpy as np
import pytest

from operators.detectors.order_flow_config import OrderFlowConfig
from tests.evaluations import pane
from tests.operators.detectors.looks import evidence

LIVELY = {"panes_min": 30}


def flows(*rows, **settings):
    return evidence("order_flow", rows, OrderFlowConfig(**{**LIVELY, **settings}))


def quiet(seconds=90, seed=1):
    """Seconds in which levels near the touch take on and give up alike."""
    rng = np.random.default_rng(seed)
    scales = np.linspace(9, 3, 10)
    for s in range(seconds):
        common = rng.normal()
        yield pane(s + 1, ofi=np.round(scales * common + rng.normal(size=10)).astype(int).tolist())


def leaning(s, side=1, z=6.0, size=60, tail_p=0.001, **more):
    """A second in which bids come on all levels, the tenth such of half a minute."""
    return pane(
        s,
        ofi=[side * size] * 10,
        z={"ofi_30": side * z},
        tail_p={"ofi_30": tail_p},
        windows={30: {"ofi_1": side * 10 * size}},
        **more,
    )


def test_a_book_that_fills_on_the_bid_buys():
    (one,) = flows(*quiet(), leaning(91))
    assert (one.side, one.group, one.structural, one.window_s) == ("buy", "book", False, 30)
    assert (one.z, one.tail_p, one.size) == (6.0, 0.001, 600)
    assert 2.5 < one.strength <= 6
    assert one.text.startswith("The book of 1 leans to the bid near 4810.125: order flow of ten")


def test_on_the_ask_it_sells():
    (one,) = flows(*quiet(), leaning(91, -1))
    assert (one.side, one.size) == ("sell", 600)


def test_before_the_levels_are_fitted_nothing_is_said():
    assert flows(*quiet(59), leaning(60)) == []


def test_a_flow_that_is_ordinary_here_is_none():
    assert flows(*quiet(), leaning(91, tail_p=0.01)) == []
    assert flows(*quiet(), leaning(91, z=3.9)) == []
    assert flows(*quiet(), leaning(91, z=float("nan"))) == []


def test_one_that_is_great_by_the_plain_sum_only_is_none():
    """Levels that usually move with the first move against it: the integrated flow cancels."""
    odd = leaning(91)
    odd.fields["ofi"] = [9, 9, 9, 9, 9, -9, -9, -9, -9, -9]
    assert flows(*quiet(), odd) == []


def test_while_it_lasts_it_is_told_every_ten_seconds_and_when_it_grows():
    rows = [leaning(91 + n, z=7.5 if n >= 15 else 6.0) for n in range(30)]
    start = rows[0].fields["ts_event"]
    assert [(one.ts_last - start) // 10**9 for one in flows(*quiet(), *rows)] == [0, 10, 15, 25]


def test_a_dirty_book_is_none_and_the_flow_begins_anew():
    assert flows(*quiet(), leaning(91, dirty=True)) == []
    weak = leaning(93, size=1)
    assert len(flows(*quiet(), leaning(91), weak)) == 1
    assert flows(*quiet(), leaning(91, quality=0.1), weak) == []


@pytest.mark.parametrize(
    ("key", "value"),
    [("z_min", 7.0), ("tail_p_max", 1e-4), ("own_z_min", 1e3), ("panes_min", 50)],
)
def test_each_threshold_counts(key, value):
    assert flows(*quiet(), leaning(91), **{key: value}) == []


def test_repeats_and_memory_are_settings():
    rows = [leaning(91), leaning(96)]
    assert len(flows(*quiet(), *rows)) == 1
    assert len(flows(*quiet(), *rows, repeat_ns=5_000_000_000)) == 2
    short, long = (flows(*quiet(), leaning(91), half_life_s=h) for h in (60.0, 1e6))
    assert short[0].strength != long[0].strength


def reference(rows, config):
    """numpy's eigenvector and plain sums: z of the integrated flow at each pane."""
    moments, panes, flow, weight, variance, last = np.zeros((10, 10)), 0, 0.0, 0.0, 0.0, 0
    weights, found = np.zeros(10), []
    for row in rows:
        e, ts = np.array(row.fields["ofi"], float), row.fields["ts_event"]
        since_s, last = (ts - last) / 1e9, ts
        kept = 0.5 ** (since_s / config.half_life_s)
        moments, panes = moments * kept + np.outer(e, e), panes + 1
        before = weights
        if panes % config.panes_min == 0:
            _, vectors = np.linalg.eigh(moments)
            weights = vectors[:, -1] / np.abs(vectors[:, -1]).sum()
            weights *= np.sign(weights.sum())
        if panes <= config.panes_min:
            continue
        flow = flow * 0.5 ** (since_s / 20) + before @ e
        z = flow / variance**0.5 if panes > 2 * config.panes_min and variance else 0.0
        weight = weight * kept + 1
        variance += (flow * flow - variance) / weight
        found.append((ts, z))
    return dict(found)


@pytest.mark.parametrize("seed", range(5))
def test_the_kernel_agrees_with_an_eigenvector_and_sums_by_hand(seed):
    config = OrderFlowConfig(panes_min=30, own_z_min=1e-6, repeat_ns=1_000_000_000)
    rows = list(quiet(150, seed))
    for row in rows:
        row.z["ofi_30"], row.tail_p["ofi_30"] = 9.0, 0.001
    expected = reference(rows, config)
    found = evidence("order_flow", rows, config)
    assert len(found) > 10
    for one in found:
        assert one.strength == pytest.approx(min(expected[one.ts_last], 6.0), abs=2e-4)

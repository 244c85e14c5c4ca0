import math
from itertools import pairwise
from random import Random

import pytest

from operators.detectors.slicing_config import SlicingConfig
from operators.model.evaluations import STOP
from tests.evaluations import execution
from tests.operators.detectors.looks import evidence


def slices(*rows, **settings):
    return evidence("slicing", rows, SlicingConfig(**settings))


def schedule(orders, period=2.5, size=12, side=1, start=1.0, **more):
    """One order each period."""
    return [
        execution(start + n * period, side, size, order_id=100 + n, **more) for n in range(orders)
    ]


def crowd(seed, seconds, per_s, sizes=(8, 15)):
    """Orders of either side at random times."""
    rng, s = Random(seed), 1.0
    while (s := s + rng.expovariate(per_s)) < seconds:
        yield execution(round(s, 6), rng.choice((1, -1)), rng.randint(*sizes))


def in_time(*rows):
    return sorted(rows, key=lambda row: row.fields["ts_event"])


def test_orders_of_one_size_at_regular_times_are_slices():
    (one,) = slices(*schedule(16), p_max=1e-4)
    assert (one.side, one.size, one.group, one.structural) == ("buy", 192, "slicing", True)
    assert (one.order_ids, one.unit) == (tuple(range(100, 116)), "orders of magnitude below chance")
    assert one.text.startswith(
        "Buying of 1 in slices near 4810.25: 16 orders of about 12 lots, one every 2.5 s"
    )


def test_slices_stand_out_of_a_crowd_of_orders_like_them():
    rows = in_time(*schedule(60), *crowd(3, 150, 0.2))
    found = slices(*rows)
    assert found
    assert {one.side for one in found} == {"buy"}


def test_a_little_late_or_left_out_they_are_slices_still():
    rng = Random(5)
    rows = [
        execution(round(2.5 * n + rng.uniform(0, 0.4), 6), -1, rng.randint(8, 15))
        for n in range(1, 50)
        if rng.random() < 0.8
    ]
    assert {one.side for one in slices(*rows)} == {"sell"}


@pytest.mark.parametrize("seed", range(8))
def test_a_crowd_is_none(seed):
    assert slices(*crowd(seed, 600, 2.0)) == []


@pytest.mark.parametrize("seed", range(8))
def test_a_crowd_that_comes_in_bursts_is_none(seed):
    rng, rows = Random(seed), []
    for _ in range(60):
        start = rng.uniform(1, 900)
        rows += [execution(round(start + rng.expovariate(3), 6), 1, 10) for _ in range(8)]
    assert slices(*in_time(*rows)) == []


def test_single_contracts_stops_and_dirty_books_are_none():
    assert slices(*schedule(30, size=1)) == []
    assert slices(*schedule(30, aggressor=STOP)) == []
    assert slices(*schedule(30, dirty=True)) == []


def test_orders_of_both_sides_in_turn_are_two_cells():
    rows = in_time(*schedule(7), *schedule(7, side=-1, start=2.2))
    assert slices(*rows) == []


def test_pieces_of_one_order_are_one():
    rows = in_time(*schedule(7), *schedule(7, start=1.01), *schedule(7, start=1.015))
    assert slices(*rows) == []


def test_it_is_told_again_when_orders_have_doubled_or_after_ten_seconds():
    told = slices(*schedule(64, period=1.0), repeat_ns=10**15)
    assert [one.window_s for one in told] == [11, 23, 47]
    told = slices(*schedule(32, period=1.0), repeat_ns=0)
    assert [one.window_s + 1 for one in told] == [12, 16, 20, 24, 28, 32]


def test_after_five_minutes_of_silence_it_begins_anew():
    assert slices(*schedule(8), *schedule(8, start=400.0)) == []


def test_each_setting_counts():
    rows = schedule(20)
    assert slices(*rows)
    assert slices(*rows, p_max=1e-12) == []
    assert slices(*rows, orders_min=21) == []
    assert slices(*rows, size_min=13) == []
    assert slices(*rows, period_max_s=2.0) == []
    assert slices(*rows, period_min_s=10.0) == []
    others = [execution(1.1 + 0.3 * n, 1, 4, instrument_id=2 + n % 40) for n in range(150)]
    assert slices(*in_time(*rows, *others))
    assert slices(*in_time(*rows, *others), cells_max=4) == []


def reference(times, period_s):
    """−log10 p of a period by cosines and sines themselves."""
    weights = [0.95**age for age in range(len(times))]
    z = sum(
        w * complex(math.cos(2 * math.pi * t / period_s), math.sin(2 * math.pi * t / period_s))
        for w, t in zip(weights, reversed(times), strict=True)
    )
    total = sum(weights)
    apart = 1 + sum(b - a >= period_s / 2 for a, b in pairwise(times))
    effective = total**2 / sum(w * w for w in weights) * apart / len(times)
    return effective * (abs(z) / total) ** 2 / math.log(10) - math.log10(4 * len(times))


@pytest.mark.parametrize("seed", range(6))
def test_the_chance_is_that_of_rayleigh_at_the_period_told(seed):
    rng = Random(seed)
    times = [round(2.5 * n + rng.uniform(0, 0.5), 6) for n in range(1, 49)]
    found = slices(*(execution(t, 1, 9) for t in times), repeat_ns=0)
    assert found
    for one in found:
        ended = round((one.ts_last - found[0].ts_last) / 1e9 + times_at(times, found[0]), 6)
        seen = [t for t in times if t <= ended + 1e-9]
        best = max(reference(seen, 2.0 + k / 2000) for k in range(2001))
        assert 0.85 * best <= one.measure <= best + 0.01


def times_at(times, one):
    """The time of a piece of evidence in seconds after the start."""
    return min(times, key=lambda t: abs(t * 1000 - one.sequence_last))

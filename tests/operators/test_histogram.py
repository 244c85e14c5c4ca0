import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from operators.histogram import (
    BINS,
    FIRST_BINS,
    MAGNITUDES,
    METRICS,
    ZERO_BINS,
    add_encoded,
    at_least_as_extreme,
    bin_bounds,
    bin_of,
    decode_cells,
    encode,
    summarise,
)
from operators.model.evaluations import JUDGED_SIGNED
from tests.operators.baseline_oracle import naive_bin, naive_bounds, naive_judgement

SIGNED, UNSIGNED = 0, METRICS - 1
EDGES = [0, 1, -1, 15, 16, 17, -16, 2**62, -(2**62), 2**63 - 1, -(2**63)]
INTS = st.one_of(st.sampled_from(EDGES), st.integers(-(2**63), 2**63 - 1), st.integers(-200, 200))


def counted(values, metric):
    counts = np.zeros(BINS, np.int64)
    for value in values:
        counts[bin_of(metric, value)] += 1
    return counts


def test_bins_tile_the_integers():
    stop = -(2**64)
    for bin_ in range(-MAGNITUDES + 1, MAGNITUDES):
        low, high = bin_bounds(bin_)
        assert (low, high) == naive_bounds(bin_)
        assert low == stop + 1 or bin_ == -MAGNITUDES + 1
        assert high >= low
        stop = high
    assert bin_bounds(0) == (0, 0)
    assert bin_bounds(1 - MAGNITUDES)[0] <= -(2**63)
    assert bin_bounds(MAGNITUDES - 1)[1] >= 2**63 - 1


def test_the_metrics_tile_the_flat_array():
    sizes = np.diff(FIRST_BINS)
    assert sizes.tolist() == [
        2 * MAGNITUDES - 1 if m < JUDGED_SIGNED else MAGNITUDES for m in range(METRICS)
    ]
    assert BINS == sizes.sum()


@given(INTS)
def test_a_value_is_in_its_bin(value):
    bin_ = bin_of(SIGNED, value) - ZERO_BINS[SIGNED]
    low, high = bin_bounds(int(bin_))
    assert low <= value <= high
    assert bin_ == naive_bin(value)
    assert high - low <= abs(value) / 8


@given(INTS)
def test_an_unsigned_metric_has_no_negative_bins(value):
    assert bin_of(UNSIGNED, value) - ZERO_BINS[UNSIGNED] == naive_bin(max(value, 0))


@given(st.lists(INTS, min_size=1, max_size=60), INTS, st.integers(0, 100))
def test_median_spread_and_tail_are_those_of_sorted_values(values, value, n0):
    counts = counted(values, SIGNED)
    n, median, scale = np.zeros(METRICS, np.int64), np.zeros(METRICS), np.zeros(METRICS)
    summarise(counts, n0, n, median, scale)
    z = (float(value) - median[SIGNED]) * scale[SIGNED]
    tail_p = (1 + at_least_as_extreme(counts, n[SIGNED], SIGNED, bin_of(SIGNED, value))) / (
        n[SIGNED] + 1
    )
    assert (z, tail_p) == naive_judgement(values, value, n0)
    assert n.tolist() == [len(values)] + [0] * (METRICS - 1)
    assert np.isnan(median[1:]).all()


@given(st.lists(INTS.filter(lambda v: v > -(2**63)), min_size=1, max_size=60), INTS)
def test_a_mirrored_market_is_judged_the_same_mirrored(values, value):
    value = max(value, 1 - 2**63)
    z, tail_p = naive_judgement(values, value, 60)
    assert naive_judgement([-v for v in values], -value, 60) == (-z, tail_p)


@given(st.lists(INTS, max_size=40), st.lists(INTS, max_size=40), st.integers(0, METRICS - 1))
def test_merged_counts_are_recomputed_counts(some, others, metric):
    merged = np.zeros(BINS, np.int64)
    for values in (some, others):
        packed = encode(counted(values, metric).astype(np.uint32))
        add_encoded(np.frombuffer(packed, np.uint8), merged)
    assert merged.tobytes() == counted(some + others, metric).tobytes()


@given(
    st.dictionaries(st.integers(0, BINS - 1), st.integers(1, 2**32 - 1), max_size=50),
    st.integers(0, BINS - 30),
)
def test_encoding_keeps_every_count(cells, first):
    counts = np.zeros(BINS, np.uint32)
    counts[first : first + 30] = 3
    for place, count in cells.items():
        counts[place] = count
    back = decode_cells(encode(counts))
    assert back[:, 0].tolist() == np.flatnonzero(counts).tolist()
    assert back[:, 1].tolist() == counts[counts > 0].tolist()


def test_dense_small_counts_take_a_byte_each():
    counts = np.zeros(BINS, np.uint32)
    counts[100:200] = 60
    assert len(encode(counts)) == 101
    assert encode(np.zeros(BINS, np.uint32)) == b""


@pytest.mark.parametrize("metric", range(METRICS))
def test_extremes_stay_in_their_metric(metric):
    for value in EDGES:
        assert FIRST_BINS[metric] <= bin_of(metric, value) < FIRST_BINS[metric + 1]

import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from operators.detectors.points import (
    STRENGTH_MAX,
    clipped,
    grown,
    rarity_text,
    read_only,
    side_name,
    strength_of_tail,
    trimmed,
)


@given(st.lists(st.integers(-3, 3), max_size=30), st.integers(0, 60))
def test_state_grows_with_zeros_and_is_trimmed_to_what_is_used(values, slots):
    state = np.array(values, np.int64)
    larger = grown(state, slots)
    assert larger.shape[0] >= max(slots, state.size)
    assert larger[: state.size].tolist() == values
    assert not larger[state.size :].any()
    # However it grew, a snapshot of it is the same.
    assert trimmed(larger).tobytes() == trimmed(state).tobytes()


def test_trimmed_state_is_no_live_view():
    state = np.ones(4, np.int64)
    kept = trimmed(state)
    state[:] = 7
    assert kept.tolist() == [1, 1, 1, 1]


def test_records_are_trimmed_too():
    state = np.zeros(5, np.dtype([("a", "i8"), ("b", "u1")]))
    state["b"][2] = 1
    assert trimmed(state).size == 3


def test_a_read_only_view_leaves_its_array_writable():
    column = np.zeros(3)
    assert not read_only(column).flags.writeable
    assert column.flags.writeable


@given(st.floats(0, 1))
def test_a_rarer_tail_is_stronger_and_bounded(tail_p):
    strength = strength_of_tail(tail_p)
    assert 0 <= strength <= STRENGTH_MAX
    assert strength <= strength_of_tail(tail_p / 2)


def test_strength_is_the_decades_of_the_tail():
    assert [strength_of_tail(p) for p in (1.0, 1e-3, 1e-6, 0.0)] == [0, 3, 6, 6]
    assert clipped(-1.0) == 0
    assert clipped(math.pi) == 3.1416


def test_words_for_a_reader():
    assert rarity_text(0.0004) == ", seen once in 2,500 at this time of day"
    assert rarity_text(None) == rarity_text(0.0) == ""
    assert (side_name(1), side_name(-1)) == ("buy", "sell")

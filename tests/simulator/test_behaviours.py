"""Every kind at every difficulty is drawn as rows that the kernel can act out."""

import random

import pytest

from simulator import behaviours_kernel
from simulator.behaviours import (
    INSTITUTIONAL,
    KINDS,
    LOOK_ALIKES,
    NUMBERS,
    OPTION_KINDS,
    SHARES,
    UNDIRECTED,
    Scene,
    legs,
    possible,
)
from simulator.exchange_state import ASK, BID, METAORDER_DTYPE
from simulator.instruments import universe

APRIL_NS = 1_775_482_200_000_000_000


def scene(difficulty: int = 0, side: int = BID, *, count: int = 40, seed: int = 1) -> Scene:
    listed = list(enumerate(universe(("ES",), count, APRIL_NS)))
    return Scene(
        rng=random.Random(seed),
        difficulty=difficulty,
        side=side,
        volume_per_s=10.0,
        day_slope=-0.2,
        front=0,
        following=1 if count > 1 else None,
        options=tuple(each for each in listed if each[1].strike_e9 is not None),
    )


@pytest.mark.parametrize("difficulty", [0, 1, 2])
@pytest.mark.parametrize("side", [BID, ASK])
@pytest.mark.parametrize("name", KINDS)
def test_a_behaviour_is_rows_of_the_kernels_table(name, side, difficulty):
    for seed in range(5):
        rows = legs(name, scene(difficulty, side, seed=seed))
        assert rows
        for row in rows:
            assert set(row) <= set(METAORDER_DTYPE.names or ())
            assert NUMBERS[row["kind"]] == name
            assert 0 <= row["ts_begin"] < row["ts_end"]
            assert row["period_ns"] > 0
            assert row["difficulty"] == difficulty
            for ratio in ("jitter", "vary", "passive", "informed"):
                assert 0.0 <= row.get(ratio, 0.0) <= 1.0
            assert name in UNDIRECTED or row["direction"] == (1 if side == BID else -1)


@pytest.mark.parametrize("name", ["twap", "vwap", "pov"])
def test_harder_is_a_smaller_share_at_less_regular_moments(name):
    (easy,), (medium,), (hard,) = (legs(name, scene(difficulty)) for difficulty in (0, 1, 2))
    assert easy["size"] > medium["size"] > hard["size"]
    assert easy["jitter"] < medium["jitter"] < hard["jitter"]
    assert SHARES[0] > SHARES[1] > SHARES[2]


def test_look_alikes_move_no_value():
    for name in LOOK_ALIKES:
        assert all(row["informed"] == 0.0 for row in legs(name, scene())), name


def test_what_is_not_listed_is_not_traded():
    assert possible(list(KINDS), scene()) == list(KINDS)
    front_alone = possible(list(KINDS), scene(count=1))
    assert set(KINDS) - set(front_alone) == {*OPTION_KINDS, "roll"}


def test_a_bearish_buyer_of_options_buys_puts():
    for side, class_ in ((BID, "C"), (ASK, "P")):
        seen = scene(side=side)
        listed = dict(seen.options)
        for row in legs("option_buying", seen):
            assert row["side"] == BID
            assert listed[row["instrument"]].instrument_class == class_


def test_kinds_have_numbers_of_their_own():
    assert sorted(NUMBERS.values()) == sorted(KINDS)
    assert set(KINDS) == {*INSTITUTIONAL, *LOOK_ALIKES}
    assert behaviours_kernel.OPTION_BUYING > behaviours_kernel.ABSORPTION

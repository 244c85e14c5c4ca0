import numpy as np

from simulator.agents import (
    DISTANCE_QUANTILES,
    QUANTILES,
    SIZE_QUANTILES,
    alias_table,
    day_activity,
    quantile_table,
)


def test_sizes_have_the_quantiles_they_are_made_of():
    sizes = quantile_table(SIZE_QUANTILES)
    assert sizes.shape == (QUANTILES,)
    assert np.percentile(sizes, (50, 90, 95, 99)).round().tolist() == [1, 7, 14, 37]
    assert sizes.min() == 1


def test_most_passive_orders_are_at_the_touch():
    distances = quantile_table(DISTANCE_QUANTILES)
    assert 0.5 < np.mean(distances == 0) < 0.75
    assert distances.min() == 0


def test_the_day_has_an_open_a_lull_a_close_and_a_break():
    day = day_activity()
    at = {
        minute: day[minute // 100 * 60 + minute % 100] for minute in (830, 1200, 1459, 1630, 2300)
    }
    assert at[830] > at[1459] > at[1200] > at[2300] > at[1630] == 0
    assert np.all(day[16 * 60 : 17 * 60] == 0)
    assert np.all(day[: 16 * 60] > 0)


def test_an_alias_table_draws_by_weight():
    weights = np.array([5.0, 1.0, 0.0, 2.0, 2.0])
    ratio, alias = alias_table(weights)
    chance = np.zeros(5)
    for k in range(5):
        chance[k] += ratio[k] / 5
        chance[alias[k]] += (1 - ratio[k]) / 5
    assert np.allclose(chance, weights / weights.sum())

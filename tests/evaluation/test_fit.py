import numpy as np
import pytest

from evaluation.fit import Labelled, fit, log_loss, pooled
from operators.analyze_config import AnalyzeConfig
from tests.evaluation.test_weighing import at, event

CONFIG = AnalyzeConfig()


def tape(seed):
    """Sweeps come with institutions, stops and native icebergs by chance."""
    rng = np.random.default_rng(seed)
    seen, events = [], []
    for number in range(60):
        s = 100.0 * number
        if truth := rng.random() < 0.5:
            events.append(event(begin=s, end=s + 20))
        if rng.random() < (0.8 if truth else 0.2):
            seen.append(at(s + 1, "sweep", 3.0))
        if rng.random() < 0.5:
            seen.append(at(s + 2, "stop_run", 3.0))
        if rng.random() < (0.2 if truth else 0.8):
            seen.append(at(s + 3, "native_iceberg", 3.0))
    return Labelled(tuple(seen), tuple(events))


def test_what_goes_with_institutions_gets_weight_and_what_does_not_none():
    found = fit([tape(seed) for seed in range(4)], CONFIG)
    assert found.weights.structural_sweep > 0.3
    assert found.weights.structural_stop_run < 0.5 * found.weights.structural_sweep
    assert found.weights.structural_native_iceberg == 0.0
    assert found.loss < found.loss_before
    assert 0 < found.base_rate < 1


def test_what_was_never_seen_keeps_its_weight():
    found = fit([tape(0)], CONFIG)
    assert found.weights.structural_slicing == CONFIG.weights.structural_slicing


def test_it_is_the_same_every_time():
    assert fit([tape(1)], CONFIG) == fit([tape(1)], CONFIG)


def test_points_of_tapes_are_put_together():
    both = pooled([tape(0), tape(1)], CONFIG)
    assert both.hits.size == sum(len(tape(seed).seen) for seed in (0, 1))
    assert log_loss(both, np.zeros(both.hits.size)) == pytest.approx(np.log(2))

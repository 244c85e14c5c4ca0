from dataclasses import fields, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluation.design import WEIGHTS, coefficients
from operators.weigh import VETOES, weigh, weighed
from operators.weigh_config import WeighConfig
from tests.operators.test_weigh import GROUPS, pile, seen

CONFIG = WeighConfig(**{name: 0.1 + 0.07 * n for n, name in enumerate(WEIGHTS)})
OF_BOTH = ("large_aggressor", "native_iceberg", "stop_run")
"""Have a weight against a baseline and one without."""


@st.composite
def observed(draw, detectors):
    detector = draw(st.sampled_from(sorted(detectors)))
    names = {name.partition("_")[0] for name in WEIGHTS if name.endswith(f"_{detector}")}
    structural = "structural" in names if detector not in OF_BOTH else draw(st.booleans())
    strength = draw(st.floats(0, 8))
    quality = draw(st.floats(0.5, 1))
    return seen(detector, strength, structural=structural, quality=quality)


SEEN = {name for name in GROUPS if name not in VETOES}


@given(
    st.lists(observed(SEEN), min_size=1, max_size=8),
    st.lists(observed(SEEN), max_size=8),
    st.lists(observed(set(VETOES) & set(GROUPS)), max_size=3),
)
def test_weights_times_coefficients_are_the_log_odds(own, against, vetoes):
    piles = pile(own, CONFIG), pile(against, CONFIG)
    verdict = weigh(*piles, CONFIG, [weighed(one, CONFIG) for one in vetoes])
    found = coefficients(*piles, CONFIG, verdict)
    total = CONFIG.bias + sum(getattr(CONFIG, name) * value for name, value in found.items())
    assert total == pytest.approx(verdict.log_odds, abs=1e-3)


def test_every_weight_has_a_column():
    others = {"bias", "rest_share", "rest_max", "opposed_share"}
    assert set(WEIGHTS) == {one.name for one in fields(WeighConfig)} - others


def test_a_veto_that_has_nothing_to_take_has_no_coefficient():
    own, config = [seen("native_iceberg")], replace(CONFIG)
    piles = pile(own, config), pile([], config)
    verdict = weigh(*piles, config, [weighed(seen("spoof_like", side="none"), config)])
    assert list(coefficients(*piles, config, verdict)) == ["structural_native_iceberg"]

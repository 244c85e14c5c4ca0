from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from operators.model.prices import price_text

E9 = st.integers(min_value=-(2**63), max_value=2**63 - 1)


@pytest.mark.parametrize(
    ("price_e9", "text", "two_decimals"),
    [
        (4_810_250_000_000, "4810.25", "4810.25"),
        (4_810_500_000_000, "4810.5", "4810.50"),
        (4_810_000_000_000, "4810", "4810.00"),
        (-50_000_000, "-0.05", "-0.05"),
        (500, "0.0000005", "0.0000005"),
        (1, "0.000000001", "0.000000001"),
        (0, "0", "0.00"),
    ],
)
def test_prices_read_as_points(price_e9, text, two_decimals):
    assert price_text(price_e9) == price_text(np.int64(price_e9)) == text
    assert price_text(price_e9, decimals_min=2) == two_decimals


@given(E9, st.integers(0, 9))
def test_a_price_is_exact_and_as_short_as_allowed(price_e9, decimals_min):
    text = price_text(price_e9, decimals_min)
    assert Decimal(text) * 10**9 == price_e9
    decimals = text.partition(".")[2]
    assert len(decimals) >= decimals_min
    assert len(decimals) == decimals_min or not text.endswith(("0", "."))

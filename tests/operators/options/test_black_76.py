"""Against a plain oracle: the normal distribution of the standard library, and bisection."""

import math
from statistics import NormalDist

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from operators.options.black_76 import greeks_of, implied_volatility

NORMAL = NormalDist()


def price_of(forward, strike, years, volatility, call):
    """Undiscounted premium, by the book."""
    deviation = volatility * math.sqrt(years)
    d1 = math.log(forward / strike) / deviation + deviation / 2
    d2 = d1 - deviation
    if call:
        return forward * NORMAL.cdf(d1) - strike * NORMAL.cdf(d2)
    return strike * NORMAL.cdf(-d2) - forward * NORMAL.cdf(-d1)


def by_bisection(forward, strike, years, price, call):
    """Volatility between 1e-4 and 50 that gives the price."""
    low, high = 1e-4, 50.0
    for _ in range(200):
        middle = 0.5 * (low + high)
        if price_of(forward, strike, years, middle, call) > price:
            high = middle
        else:
            low = middle
    return 0.5 * (low + high)


OPTIONS = {
    "forward": st.floats(0.5, 50_000),
    "away": st.floats(-0.6, 0.6),
    "years": st.floats(1 / 365 / 24, 3.0),
    "volatility": st.floats(0.02, 3.0),
    "call": st.booleans(),
}


@given(**OPTIONS)
@settings(max_examples=300)
def test_the_volatility_of_a_price_is_the_one_it_was_made_with(
    forward, away, years, volatility, call
):
    strike = forward * math.exp(away)
    price = price_of(forward, strike, years, volatility, call)
    intrinsic = max(forward - strike, 0.0) if call else max(strike - forward, 0.0)
    found = implied_volatility(forward, strike, years, price, call)
    # Where the time value is lost in the price's last digits, no solver finds it.
    if price - intrinsic < 1e-9 * forward:
        assert found == -1.0 or found > 0
        return
    assert found > 0
    again = price_of(forward, strike, years, found, call)
    assert again == pytest.approx(price, rel=1e-12, abs=1e-13 * max(forward, strike))
    if price - intrinsic < 0.999 * min(forward, strike):
        expected = by_bisection(forward, strike, years, price, call)
        assert found == pytest.approx(expected, rel=1e-5, abs=1e-6)


@given(**OPTIONS)
def test_greeks_are_the_slopes_of_the_price(forward, away, years, volatility, call):
    strike = forward * math.exp(away)
    delta, gamma, vega = greeks_of(forward, strike, years, volatility, call)
    h = 1e-4 * forward
    up, at, down = (
        price_of(f, strike, years, volatility, call) for f in (forward + h, forward, forward - h)
    )
    spread = volatility * math.sqrt(years)
    # A finite difference is blind to what bends within its step.
    if spread > 0.01:
        assert delta == pytest.approx((up - down) / (2 * h), abs=1e-4)
        assert gamma * forward == pytest.approx(
            (up - 2 * at + down) / h**2 * forward, rel=0.02, abs=1e-2
        )
    more = price_of(forward, strike, years, volatility + 1e-5, call)
    less = price_of(forward, strike, years, volatility - 1e-5, call)
    assert vega == pytest.approx((more - less) / 2e-5 / 100, rel=1e-3, abs=1e-6 * forward)
    assert 0 <= (delta if call else -delta) <= 1


def test_a_known_option():
    # F 5000, K 5100, 30 days, 18 %: by the formula, with a table of the normal distribution.
    delta, gamma, vega = greeks_of(5000.0, 5100.0, 30 / 365, 0.18, True)
    assert price_of(5000, 5100, 30 / 365, 0.18, True) == pytest.approx(61.5, abs=0.1)
    assert (round(delta, 3), round(gamma, 5), round(vega, 3)) == (0.36, 0.00145, 5.364)
    put, *_ = greeks_of(5000.0, 5100.0, 30 / 365, 0.18, False)
    assert delta - put == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("price", "call"),
    [
        (100.0, True),  # the intrinsic value
        (99.0, True),  # below it
        (0.0, False),
        (-1.0, False),
        (5100.0, True),  # the forward itself
        (6000.0, True),
        (5000.0, False),  # the strike
        (math.nan, True),
    ],
)
def test_no_volatility_gives_a_price_outside_the_bounds(price, call):
    assert implied_volatility(5100.0, 5000.0, 0.1, price, call) == -1.0


def test_call_and_put_of_a_strike_imply_the_same():
    call = price_of(75.3, 80.0, 0.2, 0.35, True)
    put = call - 75.3 + 80.0
    values = [
        implied_volatility(75.3, 80.0, 0.2, price, is_call)
        for price, is_call in ((call, True), (put, False))
    ]
    assert values == pytest.approx([0.35, 0.35], rel=1e-9)

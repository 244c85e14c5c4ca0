import pytest

from operators.detectors.option_strike_config import OptionStrikeConfig
from operators.model.items import Statistic
from operators.options.listing import OPEN_INTEREST
from tests.evaluations import FEED, ns
from tests.operators.options.chains import (
    IDS,
    QUIET_S,
    crowd,
    definition,
    listed,
    market,
    tape,
    told,
)

QUIET = crowd(QUIET_S + 90)
ONE = "\n".join(f"{3 * k} buy 5 C4840" for k in range(10))


def seen(text, items=None, **settings):
    config = OptionStrikeConfig(**settings)
    return told("option_strike", market(QUIET, tape(text)), items, option_strike=config)


@pytest.mark.parametrize(
    ("text", "side"),
    [
        (ONE, "buy"),
        (ONE.replace("buy", "sell"), "sell"),
        (ONE.replace("C4840", "P4780"), "sell"),
        (ONE.replace("C4840", "P4780").replace("buy", "sell"), "buy"),
    ],
)
def test_its_side_is_that_of_the_future(text, side):
    found = seen(text)
    assert {one.side for one in found} == {side}
    assert {one.symbol for one in found} == {"ESH4"}


def test_it_names_contracts_premium_and_that_open_interest_is_not_known():
    last = max(seen(ONE), key=lambda one: one.size)
    assert last.size in range(45, 58)
    assert f"{last.size} ESH4 C4840 bought net in a minute for " in last.text
    assert " USD, z " in last.text
    assert last.text.endswith("open interest not known")


def test_open_interest_is_what_the_exchange_told():
    def interest(quantity):
        told_of = Statistic(FEED, IDS["C4840"], ns(0), OPEN_INTEREST, None, quantity)
        return seen(ONE, [*listed(), told_of])[-1].text

    assert "% of the open interest" in interest(500)
    assert interest(0).endswith("no open interest before")


def test_without_a_point_value_premium_is_in_points():
    plain = definition("C4840", point_value_e9=None)
    assert " points, z " in seen(ONE, [*listed(), plain])[-1].text


def test_both_sides_at_a_strike_and_the_crowd_are_none():
    both = "\n".join(f"{3 * k} {('buy', 'sell')[k % 2]} 5 C4840" for k in range(20))
    assert seen(both) == []
    assert seen("") == []


def test_each_setting_counts():
    for name, value in (
        ("size_min", 900), ("z_min", 60.0), ("orders_min", 900), ("watched_s_min", 3_600.0),
    ):  # fmt: skip
        assert seen(ONE, **{name: value}) == []
    often = seen(ONE, repeat_ns=1_000_000_000)
    assert len(often) > len(seen(ONE, repeat_ns=20_000_000_000))

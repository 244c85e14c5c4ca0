import pytest

from operators.model.items import Definition, Instrument
from operators.spreads import Spreads, is_spread_symbol
from tests.evaluations import FEED


def defined(symbol, kind, instrument_id=7):
    return Definition(
        feed=FEED, instrument_id=instrument_id, ts_event=0, symbol=symbol, instrument_class=kind,
        asset="ES", tick_e9=None, tick_rule=None, point_value_e9=None, currency="",
        expiration_ns=None, strike_price_e9=None, underlying="", underlying_id=None,
    )  # fmt: skip


def named(symbol, instrument_id=7):
    return Instrument(FEED, instrument_id, symbol, "ES", "mapping", 0)


@pytest.mark.parametrize(
    ("symbol", "is_spread"),
    [
        ("ESM6-ESU6", True),
        ("CL:BF Z5-G6-H6", True),
        ("ESM6", False),
        ("ESM6 C5000", False),
        ("SR3M6 P-25", False),
        ("UD:1V: 12-34", False),
    ],
)
def test_symbols_of_several_legs_are_spreads(symbol, is_spread):
    assert is_spread_symbol(symbol) is is_spread


@pytest.mark.parametrize("last", [named("ESM6-ESU6"), named("ESM6")])
def test_a_definition_outweighs_a_symbol_whichever_comes_first(last):
    for kind, symbol, expected in (("S", "ES calendar", {7}), ("F", "ESM6-ESU6", set())):
        spreads = Spreads()
        for item in (named("ESM6-ESU6"), defined(symbol, kind), last):
            spreads.learn(item)
        assert set(spreads.of(FEED)) == expected
        assert set(Spreads(spreads.snapshot()).of(FEED)) == expected


def test_an_id_that_is_used_again_is_what_it_is_now():
    spreads = Spreads()
    spreads.learn(named("ESM6-ESU6"))
    spreads.learn(named("ESU6"))
    spreads.learn(named("NQM6-NQU6", 8))
    assert (set(spreads.of(FEED)), spreads.of("other")) == ({8}, frozenset())

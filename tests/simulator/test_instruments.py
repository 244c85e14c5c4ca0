import pytest

from connectors.symbols import asset_of_symbol
from operators.model.errors import ConfigError
from operators.model.records import PRICE_SCALE
from simulator.instruments import InstrumentSpec, products, universe

APRIL_NS = 1_775_482_200_000_000_000
LATE_JUNE_NS = 1_781_870_000_000_000_000  # 2026-06-19


def es(count: int) -> list[InstrumentSpec]:
    return universe(("ES",), count, APRIL_NS)


def test_a_root_lists_two_months_their_spread_and_options_around_the_money():
    listed = [(spec.symbol, spec.instrument_class) for spec in es(7)]
    assert listed == [
        ("ESM6", "F"),
        ("ESU6", "F"),
        ("ESM6-ESU6", "S"),
        ("ESM6 C5000", "C"),
        ("ESM6 P5000", "P"),
        ("ESM6 C5025", "C"),
        ("ESM6 P5025", "P"),
    ]


def test_the_front_month_rolls_before_it_expires():
    assert universe(("ES",), 1, LATE_JUNE_NS)[0].symbol == "ESU6"
    assert es(1)[0].expiration_ns > APRIL_NS


def test_a_spread_starts_below_zero_and_has_no_floor():
    spread = es(3)[2]
    assert spread.price_e9 < 0
    assert spread.low_e9 is None


def test_an_option_knows_its_strike_underlying_and_tick_table():
    option = es(4)[3]
    assert option.strike_e9 == 5000 * PRICE_SCALE
    assert (option.underlying, option.underlying_id) == ("ESM6", 1001)
    assert option.tick_rule == 4
    assert option.channel_id != es(1)[0].channel_id


@pytest.mark.parametrize("roots", [1, 4, 64])
def test_every_first_price_is_a_multiple_of_its_tick_and_inside_its_limits(roots):
    for spec in universe(roots, 30 * roots, APRIL_NS):
        assert spec.price_e9 % spec.tick_e9 == 0, spec
        assert spec.price_e9 > 0 or spec.instrument_class == "S"
        assert spec.low_e9 is None or spec.price_e9 >= spec.low_e9, spec
        assert spec.high_e9 is None or spec.price_e9 <= spec.high_e9, spec


def test_names_tell_their_root():
    for spec in universe(64, 640, APRIL_NS):
        assert asset_of_symbol(spec.symbol) == spec.root


def test_ids_and_symbols_are_unique_and_the_same_each_time():
    listed = universe(64, 4_000, APRIL_NS)
    assert len(listed) == len({s.instrument_id for s in listed}) == len({s.symbol for s in listed})
    assert len({spec.root for spec in listed}) == 64
    assert universe(64, 4_000, APRIL_NS) == listed


def test_without_skew_all_are_equally_active():
    assert {spec.weight for spec in universe(4, 12, APRIL_NS, activity_skew=0)} == {1.0}
    front, following, *_ = universe(4, 12, APRIL_NS)
    assert front.weight > following.weight


def test_unknown_roots_are_named():
    with pytest.raises(ConfigError, match="'ABC' is not known, choose from ES"):
        products(("ES", "ABC"))


def test_fewer_instruments_than_roots_are_refused():
    with pytest.raises(ConfigError, match="instruments must be at least 4, one for each root"):
        universe(4, 3, APRIL_NS)

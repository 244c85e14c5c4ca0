import pytest

from connectors.root_rules import RootsConfig, root_assigned, root_defined, root_symbolised
from tests.connectors.definitions import definition


@pytest.mark.parametrize(
    ("wrong", "text"),
    [
        ({"shards": 0}, "shards must be 1 to 1000, was 0"),
        ({"shards": 1001}, "shards must be 1 to 1000, was 1001"),
        ({"instruments_max": 0}, "instruments_max must be at least 1, was 0"),
        ({"assigned": {"ES.FUT": ""}}, "assigned must map names to names, was 'ES.FUT': ''"),
        ({"products": {"": "ES"}}, "products must map names to names, was '': 'ES'"),
        ({"shards": 4, "shard_overrides": {"ES": 4}}, "shard_overrides.ES must be 0 to 3, was 4"),
    ],
)
def test_nonsense_is_refused(wrong, text):
    with pytest.raises(ValueError, match="must") as error:
        RootsConfig(**wrong)
    assert str(error.value) == text


def test_a_root_may_have_a_shard_of_its_own():
    config = RootsConfig(shards=4, shard_overrides={"ES": 3})
    assert config.shard("ES") == 3
    assert 0 <= config.shard("NQ") < 4


def test_assignments_are_names_or_patterns_and_the_first_counts():
    config = RootsConfig(assigned={"ESM4": "JUNE", "ES*": "ES", "EW?.OPT": "ES"})
    assert root_assigned(config, ("", "ESM4")) == "JUNE"
    assert root_assigned(config, ("ES.FUT", "ESM4")) == "JUNE"
    assert root_assigned(config, ("ES.FUT", "ESH4")) == "ES"
    assert root_assigned(config, ("EW2.OPT", "EW2F4 C4800")) == "ES"
    assert root_assigned(config, ("", "NQH4")) is None


def test_definitions_go_by_product_then_underlying_then_asset():
    plain, mapped = RootsConfig(), RootsConfig(products={"EW2": "SPX", "ES": "SP"})
    option = definition(asset="EW2", instrument_class="C", underlying="ESH4")
    assert root_defined(plain, option) == "ES"
    assert root_defined(mapped, option) == "SPX"
    assert root_defined(RootsConfig(products={"ES": "SP"}), option) == "SP"
    assert (
        root_defined(plain, definition(asset="EW2", instrument_class="C", underlying="")) == "EW2"
    )
    assert root_defined(plain, definition(asset="ES", underlying="")) == "ES"
    assert root_defined(plain, definition(asset="", underlying="")) is None


def test_symbols_go_by_product():
    config = RootsConfig(products={"EW2": "ES"})
    assert root_symbolised(config, "EW2F4 C4800") == "ES"
    assert root_symbolised(config, "NQH4") == "NQ"
    assert root_symbolised(config, "17077") is None

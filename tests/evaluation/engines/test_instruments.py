"""What an instrument is, from its definition, else from its symbol."""

import pytest

from evaluation.engines.instruments import Listing
from operators.model.items import Instrument
from tests.evaluation.engines.test_v3_reference import option
from tests.evaluations import FEED


@pytest.mark.parametrize(
    ("symbol", "class_"), [("ESM6", "F"), ("ESM6-ESU6", "S"), ("ESM6 C5000", "C")]
)
def test_a_symbol_tells_the_class(symbol, class_):
    listing = Listing()
    listing.on_item(Instrument(FEED, 1, symbol, "ES", "symbol", 0))
    assert listing.of(1) == (class_, symbol)


def test_a_definition_tells_more_and_stands():
    listing = Listing()
    listing.on_item(option(1, "P", 4900))
    listing.on_item(Instrument(FEED, 1, "ESM6", "ES", "symbol", 0))
    assert listing.of(1) == ("P", "4900000000000")
    assert listing.of(2) == ("", "")

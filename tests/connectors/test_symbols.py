import pytest

from connectors.symbols import asset_of_symbol


@pytest.mark.parametrize(
    ("symbol", "asset"),
    [
        ("ESH4", "ES"),
        ("ESH24", "ES"),
        ("6EH4", "6E"),
        ("M2KH4", "M2K"),
        ("NGF5", "NG"),
        ("ZNZ4", "ZN"),
        ("ESH4-ESM4", "ES"),
        ("ZCZ4-ZSX4", "ZC"),
        ("ESH4 C4800", "ES"),
        ("EW2F4 C4800", "EW2"),
        ("E1AF4 P4800.5", "E1A"),
        ("ES.FUT", "ES"),
        ("EW2.OPT", "EW2"),
        ("ES.c.0", "ES"),
        ("CL:BF F5-G5-H5", "CL"),
        ("NVDA", "NVDA"),
        ("UD:1V: GN 2345", None),
        ("17077", None),
        ("", None),
        ("a b", None),
    ],
)
def test_product_of_a_symbol(symbol, asset):
    assert asset_of_symbol(symbol) == asset

import pytest

from config.products import FILE, load_products, products, root_of_assets
from operators.model.errors import ConfigError


def test_ticks_are_worth_what_the_exchange_says():
    known = products()
    assert len(known) >= 19
    # Dollars per tick as every contract specification prints them.
    assert {root: known[root].tick_value for root in known} == {
        "ES": 12.5, "NQ": 5.0, "RTY": 5.0, "YM": 5.0,
        "MES": 1.25, "MNQ": 0.5, "M2K": 0.5, "MYM": 0.5,
        "CL": 10.0, "NG": 10.0, "GC": 10.0, "SI": 25.0, "HG": 12.5,
        "ZT": 7.8125, "ZF": 7.8125, "ZN": 15.625, "ZB": 31.25, "6E": 6.25, "6J": 6.25,
    }  # fmt: skip


def test_options_belong_to_their_future():
    roots = root_of_assets(products())
    assert (roots["E1A"], roots["EW2"], roots["ES"], roots["LO"], roots["Q3C"]) == (
        ("ES", "ES", "ES", "CL", "NQ")
    )


@pytest.mark.parametrize(
    ("toml", "said"),
    [
        ("[ES]\nname='x'\ntick='0.25'", "ES.point_value: missing"),
        ("[ES]\nname='x'\ntick=0.25\npoint_value='50'", "ES.tick: expected text, found 0.25"),
        ("[ES]\nname='x'\ntick='0'\npoint_value='50'", "ES.tick: expected more than 0"),
        ("[ES]\nname='x'\ntick='a'\npoint_value='50'", "ES.tick: expected a decimal number"),
        ("[ES]\nname='x'\ntick='1e-10'\npoint_value='5'", "ES.tick: expected more than 0 in steps"),
        ("[ES]\ntik='1'", "ES.tik: no such key"),
        ("ES = 1", "ES: expected a table, found 1"),
        ("[ES]\nname='x'\ntick='1'\npoint_value='5'\nexchange='Y'", "ES.exchange: expected one of"),
        ("ES", "not TOML"),
    ],
)
def test_a_wrong_product_is_named(tmp_path, toml, said):
    file = tmp_path / "products.toml"
    file.write_text(toml)
    with pytest.raises(ConfigError) as caught:
        load_products(file)
    assert str(caught.value).startswith(f"products.toml: {said}")


def test_an_asset_of_two_roots_is_refused(tmp_path):
    file = tmp_path / "products.toml"
    file.write_text(FILE.read_text().replace('"QNE"', '"EW"'))
    with pytest.raises(ConfigError, match="EW belongs to ES and NQ"):
        load_products(file)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ConfigError, match=r"x\.toml: cannot be read"):
        load_products(tmp_path / "x.toml")

import json
from decimal import Decimal

import pytest

from examples.errors import ConsumerError
from examples.holdings import Holding, by_root, read_holdings

CONTRACT = {"symbol": "ESH4", "tick": "0.25", "tick_value": 12.5}
CSV = "root,symbol,contracts,account,price,multiplier,delta\n"


def written(tmp_path, text, name="h.csv"):
    path = tmp_path / name
    path.write_text(text)
    return path


def test_csv_and_json_say_the_same(tmp_path):
    rows = f"{CSV}ES,ESH4,40,macro,,,\nES,ESH4 C5200,-200,,41.25,50,0.31\n"
    objects = [
        {"root": "ES", "symbol": "ESH4", "contracts": 40, "account": "macro"},
        {"root": "ES", "symbol": "ESH4 C5200", "contracts": -200, "price": "41.25",
         "multiplier": 50, "delta": 0.31},
    ]  # fmt: skip
    found = read_holdings(written(tmp_path, rows))
    assert found == read_holdings(written(tmp_path, json.dumps(objects), "h.json"))
    assert found[0] == Holding("macro", "ES", "ESH4", Decimal(40), None, None, Decimal(1))
    assert by_root(found) == {"ES": found}


def test_the_mark_of_a_spreadsheet_at_the_beginning_is_no_part_of_a_name(tmp_path):
    path = tmp_path / "h.csv"
    path.write_bytes(b"\xef\xbb\xbfroot,symbol,contracts\r\nES,ESH4,1\r\n")
    assert read_holdings(path)[0].root == "ES"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("root,symbol\nES,ESH4\n", "row 2: contracts: expected a value, found none"),
        ("root,symbol,contracts\nES,,1\n", "row 2: symbol: expected a value"),
        ("root,symbol,contracts\nES,ESH4,many\n", "row 2: contracts: expected a number, found ma"),
        ("root,symbol,contracts\nES,ESH4,NaN\n", "row 2: contracts: expected a number"),
        ("root,symbol,contracts,lots\nES,ESH4,1,2\n", "row 2: no such field: lots; expected root"),
        ("root,symbol,contracts\nES,A,1\nES,A,2\n", "row 3: A stands there already"),
    ],
)
def test_what_is_wrong_is_named_with_its_row(tmp_path, text, said):
    with pytest.raises(ConsumerError, match=said):
        read_holdings(written(tmp_path, text))


@pytest.mark.parametrize("text", ["{", '{"root": "ES"}', "[1]"])
def test_json_that_is_no_list_of_objects_is_refused(tmp_path, text):
    with pytest.raises(ConsumerError, match="expected"):
        read_holdings(written(tmp_path, text, "h.json"))


def test_a_file_that_is_not_there_is_one_line(tmp_path):
    with pytest.raises(ConsumerError, match=r"no\.csv: expected CSV or JSON of holdings"):
        read_holdings(tmp_path / "no.csv")


def test_the_signal_on_its_own_symbol_tells_price_and_multiplier():
    one = Holding("", "ES", "ESH4", Decimal(-2), Decimal(1), None, Decimal(1))
    assert one.notional(CONTRACT, Decimal(5000)) == -500_000
    other = {**CONTRACT, "symbol": "ESM4"}
    assert one.notional(other, Decimal(5000)) is None
    known = Holding("", "ES", "ESH4", Decimal(-2), Decimal(4990), Decimal(50), Decimal("0.5"))
    assert known.notional(other, Decimal(5000)) == -249_500

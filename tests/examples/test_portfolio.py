import csv
from decimal import Decimal

import polars as pl

from examples.holdings import Holding
from examples.portfolio.attribution import COLUMNS, Attribution
from examples.portfolio.table import text_table, write_csv, write_parquet
from tests.examples.given import life, played, read, signal, unread


def holding(contracts, symbol="ESH4", root="ES", **more):
    given = {"account": "", "price": None, "multiplier": None, "delta": Decimal(1), **more}
    return Holding(root=root, symbol=symbol, contracts=Decimal(contracts), **given)


LONG, PUT = holding(4), holding(10, "ESH4 P4800", delta=Decimal("-0.3"))
OTHER = holding(1, "NQH4", "NQ")


def test_a_signal_touches_every_holding_of_its_root_on_its_side():
    found = played(Attribution([LONG, PUT, OTHER]), [read(signal(1, id="a"))])
    assert [(e["symbol"], e["stands"]) for e in found] == [
        ("ESH4", "for"),
        ("ESH4 P4800", "against"),
    ]
    assert found[0]["exposure"] == "1000000"
    assert found[1]["exposure"] is None
    assert found[0]["signal_notional"] == 28_861_500.0


def test_the_table_has_the_latest_revision_of_each_signal():
    portfolio = Attribution([LONG, PUT, OTHER])
    sell = {"side": "sell", "action": "SHORT"}
    messages = [
        signal(1, id="a", probability=0.7, size=10),
        signal(2, id="a", change="updated", probability=0.8, size=20),
        signal(3, id="b", probability=0.6, size=5, **sell),
        *life("opened", "closed", name="c", first=4),
        *life("opened", "retracted", name="d", first=6),
    ]
    played(portfolio, [read(message) for message in messages])
    long, put, other = portfolio.table()
    assert (long["open_for"], long["open_against"], long["closed"], long["retracted"]) == (
        1, 1, 1, 1,
    )  # fmt: skip
    assert (long["probability_for_max"], long["size_for"]) == (0.8, 20)
    assert (long["probability_against_max"], long["size_against"]) == (0.6, 5)
    assert (put["open_for"], put["size_for"]) == (1, 5)
    assert (other["open_for"], other["exposure"], other["ts_last"]) == (0, None, None)
    assert long["exposure"] == 1_000_000.0


def test_what_says_nothing_of_a_side_or_cannot_be_read_touches_nothing():
    messages = [
        read(signal(1, side="none", action="MONITOR")),
        unread(2),
        read(signal(3), is_outdated=True),
    ]
    assert played(Attribution([LONG]), messages) == []


def test_a_new_generation_ends_what_was_open():
    portfolio = Attribution([LONG])
    played(portfolio, [read(signal(1, id="a"))])
    found = played(portfolio, [read(signal(1, id="b"), "g2", replaced="g1")])
    assert [(e["kind"], e["signal_id"]) for e in found] == [("ended", "a"), ("attribution", "b")]
    (row,) = portfolio.table()
    assert (row["open_for"], row["closed"]) == (1, 1)


def test_the_state_is_made_of_the_entries_alone():
    mine, again = Attribution([LONG, PUT]), Attribution([LONG, PUT])
    for entry in played(mine, [read(m) for m in life("opened", "updated", "closed")]):
        again.apply(entry)
    assert again.table() == mine.table()


def table():
    portfolio = Attribution([holding(4, account="=cmd()"), holding(-2, "ESM4"), OTHER])
    played(portfolio, [read(signal(1, id="a"))])
    return portfolio.table()


def test_csv_and_parquet_hold_every_column_of_every_row(tmp_path):
    rows = table()
    write_csv(tmp_path / "t.csv", rows)
    write_parquet(tmp_path / "t.parquet", rows)
    with (tmp_path / "t.csv").open(newline="") as file:
        found = list(csv.DictReader(file))
    assert tuple(found[0]) == COLUMNS
    # What a spreadsheet would run is text to it.
    assert [row["account"] for row in found] == ["'=cmd()", "", ""]
    assert [row["contracts"] for row in found] == ["4.0", "-2.0", "1.0"]
    assert pl.read_parquet(tmp_path / "t.parquet").rows(named=True) == rows


def test_the_types_of_parquet_do_not_depend_on_what_happened(tmp_path):
    write_parquet(tmp_path / "some.parquet", table())
    write_parquet(tmp_path / "none.parquet", [])
    some, none = (pl.read_parquet(tmp_path / f"{name}.parquet") for name in ("some", "none"))
    assert some.schema == none.schema
    assert none.height == 0


def test_the_table_on_a_terminal_is_aligned():
    lines = text_table(table()).splitlines()
    assert lines[0].split()[:3] == ["account", "symbol", "contracts"]
    assert lines[1].split()[:4] == ["=cmd()", "ESH4", "4", "1,000,000"]
    assert lines[2].split()[:3] == ["ESM4", "-2", "-"]

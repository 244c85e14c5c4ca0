import pytest

from connectors.databento.control import Subscription
from simulator.gateway.directory import Directory, instrument_of
from simulator.gateway.select_kernel import DEFINITION, LIVE_ONLY, MBO, NEVER
from simulator.gateway.subscribed import Mapping, Subscribed


@pytest.fixture
def directory():
    known = Directory()
    for number, symbol in ((11, "ESM6"), (12, "ESU6"), (13, "NQM6")):
        known.add(instrument_of(number, symbol))
    return known


def asked(symbols, schema="mbo", stype_in="raw_symbol", **fields):
    return Subscription(schema=schema, stype_in=stype_in, symbols=symbols, **fields)


def test_a_parent_brings_its_instruments_under_its_name(directory):
    subscribed = Subscribed()
    mappings, unknown = subscribed.add(
        asked(("ES.FUT", "CL.FUT"), stype_in="parent"), directory, 0, live=False
    )
    assert mappings == [Mapping(11, "ES.FUT", "ESM6"), Mapping(12, "ES.FUT", "ESU6")]
    assert unknown == ["CL.FUT"]
    tables = subscribed.tables()
    assert tables.ids.tolist() == [11, 12]
    assert tables.starts[:, MBO].tolist() == [LIVE_ONLY, LIVE_ONLY]
    assert tables.other.tolist() == [NEVER] * 4


def test_all_symbols_are_named_by_themselves_and_more_may_come(directory):
    subscribed = Subscribed()
    mappings, unknown = subscribed.add(asked(("ALL_SYMBOLS",)), directory, 0, live=False)
    assert [each.subscription for each in mappings] == ["ESM6", "ESU6", "NQM6"]
    assert unknown == []
    assert subscribed.tables().other[MBO] == LIVE_ONLY
    assert subscribed.rename(99, "GCM6") == [Mapping(99, "GCM6", "GCM6")]
    assert subscribed.rename(99, "GCM6") == []


def test_the_start_that_brings_more_counts(directory):
    subscribed = Subscribed()
    for start_ns in (50, None, 70):
        subscribed.add(asked(("ESM6",), start_ns=start_ns), directory, 0, live=False)
    subscribed.add(asked(("ESM6",), "definition", start_ns=20), directory, 0, live=False)
    starts = subscribed.tables().starts
    assert (starts[0, MBO], starts[0, DEFINITION]) == (50, 20)
    assert subscribed.start_ns == 20
    assert subscribed.schemas_replayed == ["mbo", "definition"]


def test_a_start_after_the_start_of_the_session_does_not_count(directory):
    subscribed = Subscribed()
    subscribed.add(asked(("ESM6",), start_ns=0), directory, 0, live=True)
    assert subscribed.start_ns is None
    assert subscribed.tables().starts[0, MBO] == LIVE_ONLY


def test_a_new_name_is_told_once_for_each_symbol_that_brought_it(directory):
    subscribed = Subscribed()
    subscribed.add(asked(("ES.FUT",), stype_in="parent"), directory, 0, live=False)
    subscribed.add(asked(("ESM6",)), directory, 0, live=False)
    assert subscribed.rename(11, "ESM6") == []
    assert subscribed.rename(11, "ESZ6") == [
        Mapping(11, "ES.FUT", "ESZ6"),
        Mapping(11, "ESM6", "ESZ6"),
    ]
    assert subscribed.rename(13, "NQU6") == []


def test_books_are_asked_for(directory):
    subscribed = Subscribed()
    subscribed.add(asked(("ESM6", "NQM6"), snapshot=True), directory, 0, live=False)
    assert subscribed.snapshot_ids == {11, 13}

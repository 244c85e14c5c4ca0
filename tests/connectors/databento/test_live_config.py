import pytest

from connectors.databento.live_config import (
    ALL_SYMBOLS,
    FeedConfig,
    LiveConfig,
    is_continuous,
    stype_of,
    subscriptions,
)
from operators.model.records import NS_PER_S

NOW_NS = 1_775_484_000_000_000_000


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, "symbols must name at least one"),
        ({"symbols": ("ES.FUT", ALL_SYMBOLS)}, "ALL_SYMBOLS alone"),
        ({"symbols": ("ES.FUT|x=1",)}, "without , | ="),
        ({"symbols": ("ES\n",)}, "printable"),
        ({"symbols": ("ESZ6",), "stype_in": "instrument_id"}, "numbers"),
        ({"symbols": ("ESZ6",), "schemas": ("definition",)}, "hold mbo"),
        ({"symbols": ("ESZ6",), "schemas": ("mbo", "trades")}, "among"),
        ({"symbols": ("ESZ6",), "port": 0}, "port must be from 1"),
        ({"symbols": ("ESZ6",), "heartbeat_interval_s": 4}, "heartbeat_interval_s"),
        ({"symbols": ("ESZ6",), "silence_margin_s": float("nan")}, "silence_margin_s"),
        ({"symbols": ("ESZ6",), "backoff_most_ms": 100}, "backoff_most_ms"),
        ({"symbols": ("ESZ6",), "resume_reach_s": 1.0}, "resume_reach_s"),
        ({"symbols": ("ESZ6",), "budget_warning_ratio": 1.1}, "budget_warning_ratio"),
    ],
)
def test_what_cannot_be_is_refused_by_name(given, said):
    with pytest.raises(ValueError, match=said.replace("|", r"\|")):
        FeedConfig(**given)


@pytest.mark.parametrize("name", ["", "Glbx", "../x", "a" * 33])
def test_a_feeds_name_is_fit_for_a_folder(name):
    with pytest.raises(ValueError, match="feeds must have names"):
        LiveConfig(feeds={name: FeedConfig(symbols=("ES.FUT",))})


def test_no_text_about_the_key_shows_it():
    key = "db-not for anyone"
    with pytest.raises(ValueError, match="key must be visible") as caught:
        LiveConfig(key=key)
    assert key not in str(caught.value)
    assert "secret" not in repr(LiveConfig(key="db-secret"))


def test_the_gateway_is_the_datasets_own_unless_named():
    own = FeedConfig(symbols=("ES.FUT",))
    assert own.address == ("glbx-mdp3.lsg.databento.com", 13_000)
    assert FeedConfig(symbols=("ES.FUT",), host="127.0.0.1", port=9).address == ("127.0.0.1", 9)
    assert own.silence_s == 13.0


@pytest.mark.parametrize(
    ("symbol", "stype"),
    [
        ("ESZ6", "raw_symbol"),
        ("ESZ6-ESH7", "raw_symbol"),
        ("ESZ6 C5000", "raw_symbol"),
        ("ES.FUT", "parent"),
        ("EW2.OPT", "parent"),
        ("ES.c.0", "continuous"),
        ("NQ.v.1", "continuous"),
        ("17077", "instrument_id"),
        (ALL_SYMBOLS, "raw_symbol"),
    ],
)
def test_a_symbols_form_tells_what_it_is(symbol, stype):
    assert stype_of(symbol) == stype
    assert is_continuous(symbol) == (stype == "continuous")


def test_each_schema_is_asked_for_in_groups_of_one_symbology():
    config = FeedConfig(symbols=("ES.FUT", "NQ.c.0", "NQ.OPT"))
    asked = subscriptions(config, start_ns=None, snapshot=True, now_ns=NOW_NS)
    assert [each.schema for each in asked[::2]] == ["definition", "status", "statistics", "mbo"]
    assert [each.symbols for each in asked[:2]] == [("ES.FUT", "NQ.OPT"), ("NQ.c.0",)]
    # Snapshots are of books.
    assert [each.snapshot for each in asked] == [False] * 6 + [True] * 2
    assert [each.start_ns for each in asked] == [0] * 6 + [None] * 2


def test_a_start_before_what_is_kept_asks_for_all_there_is():
    config = FeedConfig(symbols=("ES.FUT",))
    start_ns = NOW_NS - 30 * 3600 * NS_PER_S
    asked = subscriptions(config, start_ns=start_ns, snapshot=False, now_ns=NOW_NS)
    assert {each.schema: each.start_ns for each in asked} == {
        "definition": start_ns,
        "status": 0,
        "statistics": 0,
        "mbo": start_ns,
    }

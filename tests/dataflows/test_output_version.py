import pytest

from config.settings import load_settings
from connectors.root_rules import RootsConfig
from connectors.roots import RootTable
from dataflows.output_version import ANEW, carried, changes, versions
from operators.analyze import Analyze
from operators.book import Book
from operators.model.items import Instrument
from tests.tape import tape

STEPS = {"validate", "book", "pressure", "baseline", "detect", "analyze", "outcome"}
ROWS = tape("10 A B 5000.00 20 #1")


def of(**given):
    return versions(load_settings({k.replace("__", "."): v for k, v in given.items()}, environ={}))


@pytest.mark.parametrize(
    ("given", "changed", "kept"),
    [
        ({}, set(), STEPS),
        ({"source__speed": 2.0, "book__rows_max": 99, "cluster__processes": 3}, set(), STEPS),
        ({"analyze__life__hold_ns": 10**9}, {"params"}, STEPS),
        ({"detect__quality_min": 0.5}, {"params"}, STEPS),
        ({"pressure__half_life_s": 60.0}, {"params", "pressure"}, STEPS - {"pressure"}),
        ({"baseline__sessions_min": 3}, {"params", "baseline"}, STEPS - {"baseline"}),
        ({"flow__shards": 2}, {"shards"}, set()),
        ({"kafka__partitions": 8}, {"kafka"}, STEPS),
    ],
)
def test_settings_change_what_depends_on_them(given, changed, kept):
    before, now = of(), of(**given)
    assert set(changes(before, now)) == changed
    assert set(carried(before, now)) == {"feed", *kept}


def test_a_root_that_is_assigned_anew_leaves_the_position_alone():
    before, now = of(), of(flow__roots={"ESH4": "X"})
    assert {"params", "roots"} <= set(changes(before, now))
    assert set(carried(before, now)) == {"feed"}


def test_a_state_version_changes_its_step_alone(monkeypatch):
    before = of()
    monkeypatch.setattr(Book, "STATE_VERSION", 99)
    assert changes(before, of()) == ["book"]
    assert set(carried(before, of())) == {"feed", *STEPS - {"book"}}


def test_what_only_one_side_knows_is_no_change():
    assert changes({"params": "a"}, {**of(), "params": "a", "later": "1"}) == []


def test_signals_and_their_numbers_begin_anew_and_symbols_stay():
    state = Analyze(load_settings({}, environ={}).analyze).snapshot()
    state |= {"seq": (("signals", "ES", 7),), "worth": ((("glbx", 1), ("ESH4", 1, 2, "USD")),)}
    version, kept = carried(of(), of())["analyze"]((1, state))
    assert (version, kept["seq"], kept["worth"]) == (1, (), state["worth"])
    Analyze(load_settings({}, environ={}).analyze, kept)


@pytest.mark.parametrize("nested", [False, True])
def test_for_steps_that_begin_anew_instruments_are_introduced_again(nested):
    table = RootTable("glbx", RootsConfig(assigned={"1": "OLD"}))
    table.on_rows(ROWS)
    state = {"position": 5, "roots": table.snapshot()}
    state = {"tape": 1, "intake": state} if nested else state
    kept = carried(of(), of(flow__shards=2))["feed"](state)
    assert kept[ANEW] == (1,)
    inner = kept["intake"] if nested else kept
    assert inner["position"] == 5
    again = RootTable("glbx", RootsConfig(assigned={"1": "NEW"}), inner["roots"])
    ((_, first), *_) = again.on_rows(ROWS)
    assert isinstance(first, Instrument)
    assert first.root == "NEW"
    assert carried(of(), of())["feed"](state) == state

import pytest

from config.settings import load_settings
from connectors.dbn_file import Hooks
from dataflows.history_source import HistorySource
from dataflows.history_units import history_units, symbols_of
from operators.model.errors import ConfigError
from tests.historicals import MIDNIGHT

DAY_NS = 86_400 * 10**9


def settings(**given):
    return load_settings({f"live.feeds.{key}": value for key, value in given.items()})


def test_symbols_are_those_of_the_feed_by_kind():
    two = settings(**{"glbx.symbols": ("ES.FUT", "ESM6"), "other.symbols": ("NQ.FUT",)})
    found = symbols_of(two, "glbx")
    assert found.symbols == {"parent": ("ES.FUT",), "raw_symbol": ("ESM6",)}
    assert found.schemas == ("definition", "status", "mbo")
    assert symbols_of(two, "other").feed == "other"
    assert symbols_of(two, None, ("CL.FUT",)).symbols == {"parent": ("CL.FUT",)}


def test_what_cannot_be_told_is_one_line():
    two = settings(**{"a.symbols": ("ES.FUT",), "b.symbols": ("NQ.FUT",)})
    with pytest.raises(ConfigError, match="expected a feed of the settings"):
        symbols_of(two)
    with pytest.raises(ConfigError, match="found none"):
        symbols_of(two, "none")
    with pytest.raises(ConfigError, match="--symbols: "):
        symbols_of(two, "a", ("ALL_SYMBOLS", "ES.FUT"))


def test_each_day_is_a_unit_of_its_own_that_is_read_whole():
    of = settings(**{"glbx.symbols": ("ES.FUT",)})
    days = [(MIDNIGHT, MIDNIGHT + DAY_NS), (MIDNIGHT + DAY_NS, MIDNIGHT + DAY_NS + 10)]
    units = history_units(of, symbols_of(of, "glbx"), days)
    assert [unit.name for unit in units] == ["2026-04-07", "2026-04-08"]
    assert len({unit.mark for unit in units}) == 2
    assert all(unit.is_whole_only for unit in units)
    assert isinstance(units[0].source(Hooks()), HistorySource)
    state = {"roots": {}}
    assert units[1].begin(state) is state

"""History in shards: the same rows as the service has, errors and stops as of any source."""

import time

import numpy as np
import pytest

from connectors.databento.history import HistoryFeed
from connectors.databento.history_config import HistoryConfig
from connectors.databento.history_errors import HistoryError
from connectors.databento.history_plan import HistorySymbols
from connectors.dbn_file import Hooks
from connectors.root_rules import RootsConfig
from dataflows.history_source import HistorySource
from operators.model.items import Definition, Instrument, MboRows
from operators.model.records import NS_PER_S
from tests.historicals import DATASET, KEY, START, archive_of, market, running_historical

NOW = START + 30 * 86_400 * NS_PER_S
SYMBOLS = HistorySymbols("glbx", DATASET, {"parent": ("ES.FUT", "NQ.FUT")})
ROWS = market(600)
STOP = int(ROWS["ts_recv"][-1]) + 1


def source(server, tmp_path, hooks=None, key=KEY):
    config = HistoryConfig(
        gateway=server.address, directory=str(tmp_path), cost_max_usd=1.0, free_bytes_min=0
    )

    def opened():
        return HistoryFeed(config, SYMBOLS, START, STOP, key=key, clock_ns=lambda: NOW)

    return HistorySource("glbx", opened, RootsConfig(shards=2), hooks or Hooks(), 1)


def drained(part):
    out, deadline = [], time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            batch = part.next_batch()
        except StopIteration:
            part.close()
            return out
        assert batch or part.next_awake() is not None
        out += batch
    raise AssertionError("no end")


def test_records_come_in_shards_and_the_roots_are_kept(monkeypatch, tmp_path):
    told = []
    with running_historical(archive_of(ROWS), NOW, monkeypatch) as server:
        made = source(server, tmp_path, Hooks(on_progress=told.append))
        assert made.list_parts() == ["glbx"]
        part = made.build_part("feed", "glbx", None)
        out = drained(part)
        rows = np.concatenate([item.rows for _, item in out if isinstance(item, MboRows)])
        assert rows.size == 600
        assert sum(isinstance(item, Definition) for _, item in out) == 4
        roots = {item.root: key for key, item in out if isinstance(item, Instrument)}
        assert set(roots) == {"ES", "NQ"}
        assert told[-1].counts.records == 600
        again = made.build_part("feed", "glbx", part.snapshot())
        assert not [1 for _, item in drained(again) if isinstance(item, Instrument)]


def test_a_refusal_goes_to_the_hook_or_is_raised(monkeypatch, tmp_path):
    faults = []
    with running_historical(archive_of(ROWS), NOW, monkeypatch) as server:
        wrong = "db-" + "w" * 29
        part = source(server, tmp_path, Hooks(on_fault=faults.append), wrong).build_part(
            "feed", "glbx", None
        )
        assert drained(part) == []
        assert [type(each) for each in faults] == [HistoryError]
        part = source(server, tmp_path, key=wrong).build_part("feed", "glbx", None)
        with pytest.raises(HistoryError, match="DATABENTO_API_KEY"):
            drained(part)
        part.close()


def test_a_stop_ends_it(monkeypatch, tmp_path):
    with running_historical(archive_of(ROWS), NOW, monkeypatch) as server:
        part = source(server, tmp_path, Hooks(stop=lambda: True)).build_part("feed", "glbx", None)
        assert drained(part) == []

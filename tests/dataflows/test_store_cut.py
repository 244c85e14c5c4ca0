"""Cuts of recovery stores that the engine itself has written."""

import pickle
import sqlite3
from contextlib import closing
from datetime import timedelta

import bytewax.operators as op
import pytest
from bytewax.dataflow import Dataflow
from bytewax.recovery import RecoveryConfig, init_db_dir
from bytewax.testing import TestingSink, TestingSource, run_main

from dataflows.adapter import step
from dataflows.store_cut import PARTS, read_cut
from operators.model.errors import StateError
from operators.model.items import Tick
from tests.dataflows.test_adapter import Count

STEPS = frozenset({"feed", "count"})
ITEMS = [("000", Tick("f", n)) for n in range(4)] + [("001", Tick("f", n)) for n in range(2)]


def run(folder, items):
    flow = Dataflow("t")
    up = op.input("feed", flow, TestingSource(items, batch_size=2))
    op.output("out", step("count", up, Count, Count), TestingSink([]))
    run_main(flow, epoch_interval=timedelta(0), recovery_config=RecoveryConfig(str(folder)))


def state(cut):
    return {
        key: pickle.loads(stored)[1]["seen"]
        for (step_id, key), stored in cut.snaps.items()
        if step_id == "count"
    }


@pytest.fixture
def store(tmp_path):
    folder = tmp_path / "store"
    folder.mkdir()
    init_db_dir(folder, 3)
    return folder


def test_it_is_what_a_resume_would_begin_with(store):
    assert read_cut(store, STEPS) is None
    run(store, [*ITEMS[:4], TestingSource.ABORT()])
    run(store, ITEMS)
    cut = read_cut(store, STEPS)
    assert state(cut) == {"000": 4, "001": 2}
    assert set(read_cut(store, frozenset({"feed"})).snaps) == {
        key for key in cut.snaps if key[0] == "feed"
    }
    assert read_cut(store, frozenset({"none"})) is None


def test_it_reads_while_somebody_writes_and_not_what_is_half_replaced(store):
    run(store, ITEMS)
    expected = read_cut(store, STEPS)
    part = next(iter(sorted(store.glob(PARTS))))
    with closing(sqlite3.connect(part, isolation_level=None)) as writer:
        writer.execute("BEGIN IMMEDIATE")
        writer.execute("UPDATE commits SET commit_epoch = commit_epoch + 100")
        assert read_cut(store, STEPS) == expected
        writer.execute("COMMIT")
    # What a resume from before that commit would need may have been deleted.
    assert read_cut(store, STEPS) is None


def test_a_part_that_is_missing_or_damaged_is_one_line(store):
    run(store, ITEMS)
    parts = sorted(store.glob(PARTS))
    parts[1].rename(store / "aside")
    with pytest.raises(StateError, match="expected all files"):
        read_cut(store, STEPS)
    (store / "aside").rename(parts[1])
    parts[0].write_bytes(b"no database, but long enough to be looked at as one" * 40)
    with pytest.raises(StateError, match="cannot be read as a recovery store"):
        read_cut(store, STEPS)

"""Builds of small markets: interrupted ones end like those that were not."""

import functools
from datetime import timedelta

import numpy as np
import pytest
from bytewax.testing import run_main

from config.settings import load_settings
from connectors.dbn_file import Hooks
from dataflows.baseline_build import BaselineBuild, file_units, of_sessions, one_shard
from dataflows.detect import build
from dataflows.edges import file_source, heard
from dataflows.evaluation import CallingSink
from operators.baseline_history import merge
from operators.model.errors import ConfigError, FeedError, StateError
from simulator.simulation import SimulationConfig, session
from simulator.tape import write_tape
from tests.connectors.dbn_bytes import header, mbo

CONFIG = SimulationConfig(
    duration_s=20.0, roots=("ES",), instruments=2, records_per_s=200.0, resting_orders=400
)


@pytest.fixture(scope="module")
def tapes(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tapes")
    paths = [folder / f"day-{number}.dbn" for number in range(3)]
    for number, path in enumerate(paths):
        write_tape(session(CONFIG, number), path)
    return paths


@pytest.fixture
def settings():
    return one_shard(load_settings({"source.batch_rows": 500}))


@functools.cache
def whole(paths):
    """The baseline that a replay of all of them learns, whole chain and all."""
    tables = []
    settings = heard(load_settings({"source.paths": tuple(map(str, paths)), "flow.shards": 1}))
    sinks = {"out": CallingSink(1, lambda _item: None)}
    flow = build(settings, file_source(settings, Hooks()), sinks, on_baseline=tables.append)
    run_main(flow, epoch_interval=timedelta(seconds=60))
    return functools.reduce(merge, tables)


def read(settings, out, paths, stop=lambda: False):
    """A run of its own: all units that are left, as far as it gets."""
    begun = BaselineBuild(settings, out)
    for unit in begun.left(file_units(settings, list(map(str, paths)))):
        if not begun.read(unit, stop):
            break
    return begun


def same(found, expected):
    return found.roots == expected.roots and np.array_equal(found.cells, expected.cells)


def test_it_is_what_a_replay_learns(settings, tapes, tmp_path):
    begun = read(settings, tmp_path / "b.parquet", tapes)
    assert same(begun.table(), whole(tuple(tapes)))
    assert len(begun.table().sessions("ES")) == 3
    begun.forget()
    assert list(tmp_path.iterdir()) == []


def test_an_interrupted_build_goes_on_to_the_record(settings, tapes, tmp_path):
    out = tmp_path / "b.parquet"
    for calls in (4, 9, 2):
        left = iter(range(calls))
        begun = read(settings, out, tapes, lambda left=left: next(left, None) is None)
        assert begun.left(file_units(settings, list(map(str, tapes))))
    assert same(read(settings, out, tapes).table(), whole(tuple(tapes)))


def test_a_run_that_died_goes_on_after_the_last_file_that_was_whole(settings, tapes, tmp_path):
    out = tmp_path / "b.parquet"
    read(settings, out, tapes[:2])
    (left,) = BaselineBuild(settings, out).left(file_units(settings, list(map(str, tapes))))
    assert left.name == "day-2.dbn"
    assert same(read(settings, out, tapes).table(), whole(tuple(tapes)))
    # Nothing is left: the table comes of what was kept.
    assert same(read(settings, out, tapes).table(), whole(tuple(tapes)))


def test_other_files_settings_or_damage_are_one_line(settings, tapes, tmp_path):
    out = tmp_path / "b.parquet"
    read(settings, out, tapes[:1])
    with pytest.raises(ConfigError, match=r"other files or days \(day-0.dbn\).*--fresh"):
        read(settings, out, tapes[1:])
    other = settings.model_copy(
        update={"baseline": type(settings.baseline)(bucket_s=3600, sessions_min=5)}
    )
    with pytest.raises(ConfigError, match="other settings"):
        BaselineBuild(other, out)
    (tmp_path / "b.parquet.building" / "state.bin").write_bytes(b"no")
    with pytest.raises(StateError, match="found damage"):
        BaselineBuild(settings, out)
    assert BaselineBuild(settings, out, fresh=True).left([]) == []


def test_a_damaged_file_is_named_and_what_was_before_stays(settings, tapes, tmp_path):
    out = tmp_path / "b.parquet"
    bad = tmp_path / "day-1.dbn"
    bad.write_bytes(tapes[1].read_bytes()[:-20])
    with pytest.raises(FeedError, match=r"day-1\.dbn"):
        read(settings, out, [tapes[0], bad])
    bad.write_bytes(tapes[1].read_bytes())
    assert same(read(settings, out, [tapes[0], bad]).table(), whole(tuple(tapes[:2])))
    with pytest.raises(FeedError, match=r"none\.dbn"):
        file_units(settings, [str(tmp_path / "none.dbn")])


def test_sessions_that_are_not_wanted_leave_the_table(tapes):
    history = whole(tuple(tapes))
    last = history.sessions("ES")[-1]
    assert of_sessions(history, {last}).sessions("ES") == (last,)
    with pytest.raises(ConfigError, match="expected trading in 1 sessions, found none"):
        of_sessions(history, {1})


def test_a_market_without_trading_is_said_so(settings, tmp_path):
    path = tmp_path / "quiet.dbn"
    path.write_bytes(header() + mbo(30).tobytes())
    begun = read(settings, tmp_path / "b.parquet", [path])
    with pytest.raises(ConfigError, match="no session with trading was found"):
        begun.table()

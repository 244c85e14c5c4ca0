import argparse

import numpy as np
import pytest

from config.settings import known_keys
from dataflows.baseline_file import save_baseline
from dataflows.baseline_view import baseline_of, root_baseline
from dataflows.cli import replay
from operators.baseline import Baseline
from operators.baseline_history import HISTORY_DTYPE, table
from operators.model.errors import ConfigError
from sinks.relay.api.baselines import HOW_TO_GET_ONE
from tests.operators.baseline_oracle import config, random_items


def test_quantiles_are_those_of_all_sessions_together():
    cells = np.zeros(4, HISTORY_DTYPE)
    # Two sessions; 99 times 1, 100 times 3, once 20 … 21 (bin 18).
    cells["session"] = (19_000, 19_001, 19_001, 19_001)
    cells["bin"] = (1, 1, 3, 18)
    cells["count"] = (90, 9, 100, 1)
    history = table([("ES", cells)], 1_800, 5, ("volume_60",))
    found = root_baseline(history, "ES")
    assert found.sessions == ("2022-01-08", "2022-01-09")
    (row,) = found.rows
    assert (row.instrument_class, row.bucket, row.metric, row.count) == ("FUT", 0, "volume_60", 200)
    assert (row.q01, row.q25, row.median, row.q75, row.q99) == (1, 1, 3, 3, 3)


def test_a_file_is_read_when_it_is_asked_for(tmp_path):
    baseline = Baseline(config())
    baseline.on_items(random_items(3, 300))
    path = tmp_path / "baseline.parquet"
    of = baseline_of(path)
    with pytest.raises(ConfigError, match="there is no such file"):
        of("ES")
    history = baseline.export()
    save_baseline(path, history)
    found = of("ES")
    assert found is not None
    own = history.cells[history.cells["root"] == history.roots.index("ES")]
    assert sum(row.count for row in found.rows) == own["count"].sum()
    assert len(found.rows) == len(np.unique(own[["class", "bucket", "metric"]]))
    assert all(r.q01 <= r.q25 <= r.median <= r.q75 <= r.q99 for r in found.rows)
    assert of("none") is None


def test_who_has_none_is_told_how_to_make_one():
    subparsers = argparse.ArgumentParser().add_subparsers()
    replay.add_parser(subparsers)
    assert "--save-baseline" in HOW_TO_GET_ONE
    assert "--save-baseline" in subparsers.choices["replay"].format_help()
    assert ("source", "baseline") in known_keys()

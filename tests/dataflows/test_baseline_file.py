import json

import numpy as np
import polars as pl
import pytest

from dataflows.baseline_file import load_baseline, save_baseline
from operators.baseline import Baseline
from operators.baseline_history import HistoryTable, table
from operators.model.errors import ConfigError
from tests.operators.baseline_oracle import config, random_items


@pytest.fixture(scope="module")
def history() -> HistoryTable:
    baseline = Baseline(config())
    baseline.on_items(random_items(3, 300))
    return baseline.export()


def rewritten(path, history, change=lambda frame: frame, **about):
    """A baseline file after a change of its columns or of its metadata."""
    save_baseline(path, history)
    metadata = json.loads(pl.read_parquet_metadata(path)["ifd_baseline"]) | about
    metadata = {key: value for key, value in metadata.items() if value is not None}
    frame = change(pl.read_parquet(path))
    frame.write_parquet(path, metadata={"ifd_baseline": json.dumps(metadata)})
    return path


def test_what_was_saved_is_loaded(tmp_path, history):
    path = tmp_path / "baseline.parquet"
    save_baseline(path, history)
    loaded = load_baseline(path)
    assert history.cells.size >= 50
    assert loaded.cells.tobytes() == history.cells.tobytes()
    for name in ("roots", "bucket_s", "pseudo_size", "metrics"):
        assert getattr(loaded, name) == getattr(history, name)
    assert Baseline(config(), history=loaded).export().cells.tobytes() == _last_sessions(history)


def _last_sessions(history):
    kept = []
    for root in history.roots:
        last = history.sessions(root)[-config().sessions_max :]
        own = history.cells["root"] == history.roots.index(root)
        kept.append(history.cells[own & np.isin(history.cells["session"], last)])
    return np.concatenate(kept).tobytes()


def test_it_can_be_read_without_this_program(tmp_path, history):
    path = tmp_path / "baseline.parquet"
    save_baseline(path, history)
    frame = pl.read_parquet(path)
    assert frame["session"].min().isoformat() >= "2024-03-05"
    assert set(frame["root"].cast(pl.String)) == {"ES", "NQ"}
    assert "volume_60" in set(frame["metric"].cast(pl.String))


def test_columns_of_plain_strings_in_any_order_do_as_well(tmp_path, history):
    def plain(frame):
        return frame.cast({name: pl.String for name in ("root", "class", "metric")}).reverse()

    path = rewritten(tmp_path / "baseline.parquet", history, plain)
    assert load_baseline(path).cells.tobytes() == history.cells.tobytes()


def test_an_empty_baseline_is_one(tmp_path):
    path = tmp_path / "baseline.parquet"
    save_baseline(path, table([], 1800, 5))
    assert load_baseline(path).cells.size == 0


def test_a_failed_save_leaves_the_old_file(tmp_path, history):
    path = tmp_path / "no" / "baseline.parquet"
    with pytest.raises(ConfigError, match="cannot be written"):
        save_baseline(path, history)
    folder = tmp_path / "folder"
    folder.mkdir()
    with pytest.raises(ConfigError, match="cannot be written"):
        save_baseline(folder, history)
    assert [p.name for p in tmp_path.iterdir()] == ["folder"]


@pytest.mark.parametrize(
    ("content", "says"),
    [(None, "no such file"), (b"", "cannot be read"), (b"PAR1 and then nothing", "cannot be read")],
)
def test_what_is_no_file_is_one_clear_line(tmp_path, content, says):
    path = tmp_path / "baseline.parquet"
    if content is not None:
        path.write_bytes(content)
    assert_refused(path, says)


def test_another_parquet_file_is_one_clear_line(tmp_path):
    path = tmp_path / "other.parquet"
    pl.DataFrame({"a": [1]}).write_parquet(path)
    assert_refused(path, "not a baseline")


@pytest.mark.parametrize(
    ("about", "says"),
    [
        ({"version": 99}, "version was 99, expected 1"),
        ({"version": None}, "'version'"),
        ({"bucket_s": "x"}, "invalid literal"),
        ({"metrics": ["size"]}, "cannot be used"),
    ],
)
def test_other_metadata_is_one_clear_line(tmp_path, history, about, says):
    assert_refused(rewritten(tmp_path / "baseline.parquet", history, **about), says)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda f: f.drop("bin"), "columns lack bin"),
        (lambda f: f.with_columns(pl.lit(None, pl.UInt32).alias("count")), "must not be empty"),
        (lambda f: f.with_columns(pl.lit(-1).alias("count")), "cannot be used"),
        (lambda f: f.with_columns(pl.lit("STOCK").alias("class")), "cannot be used"),
    ],
)
def test_other_columns_are_one_clear_line(tmp_path, history, change, says):
    assert_refused(rewritten(tmp_path / "baseline.parquet", history, change), says)


def test_a_bin_outside_the_layout_is_refused_when_used(tmp_path, history):
    path = rewritten(
        tmp_path / "baseline.parquet",
        history,
        lambda f: f.with_columns(pl.lit(600, pl.Int16).alias("bin")),
    )
    with pytest.raises(ConfigError, match="bin must lie"):
        Baseline(config(), history=load_baseline(path))


def assert_refused(path, says):
    with pytest.raises(ConfigError, match=says) as error:
        load_baseline(path)
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)

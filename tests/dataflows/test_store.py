import json
import os
import subprocess
import sys

import pytest

from config.settings import load_settings
from dataflows.store import FILE_NAME, Store, store_of
from operators.model.errors import ConfigError, StateError


def settings(directory, **given):
    return load_settings(
        {"recovery.directory": str(directory), "recovery.partitions": 2, **given}, environ={}
    )


def test_a_store_is_made_once_and_found_again(tmp_path):
    first = store_of(settings(tmp_path / "a" / "b"), "p1")
    assert first == store_of(settings(tmp_path / "a" / "b"), "p1")
    assert len(list((tmp_path / "a" / "b").glob("part-*.sqlite3"))) == 2
    assert Store.recovery(settings(tmp_path).recovery) is not None


def test_without_a_directory_each_start_is_a_generation_of_its_own():
    one, two = (store_of(load_settings({}, environ={}), "p1") for _ in range(2))
    assert one.generation != two.generation
    assert Store.recovery(load_settings({}, environ={}).recovery) is None


@pytest.mark.parametrize(
    ("given", "params", "said"),
    [
        ({"flow.shards": 2}, "p1", "shards was 1, expected 2"),
        ({}, "p2", "params was p1, expected p2"),
    ],
)
def test_a_store_of_other_settings_is_refused_with_what_to_do(tmp_path, given, params, said):
    store_of(settings(tmp_path / "s"), "p1")
    with pytest.raises(StateError, match=f"{said}: the store belongs to other settings; use those"):
        store_of(settings(tmp_path / "s", **given), params)


def test_a_folder_that_holds_something_else_stays_untouched(tmp_path):
    (tmp_path / "mine.txt").write_text("x")
    with pytest.raises(StateError, match="expected an empty folder or a recovery store"):
        store_of(settings(tmp_path), "p1")
    assert not list(tmp_path.glob("part-*"))


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"generation": 1, "more": 2}'])
def test_a_damaged_description_is_one_clear_line(tmp_path, text):
    (tmp_path / FILE_NAME).write_text(text)
    with pytest.raises(StateError, match=f"{FILE_NAME}: expected a store's description, found: "):
        store_of(settings(tmp_path), "p1")


def test_a_place_where_no_folder_can_be_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StateError, match="cannot make a recovery store here"):
        store_of(settings(tmp_path / "file" / "x"), "p1")


def test_a_store_takes_a_baseline_once(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).write_text(name)
    first = store_of(settings(tmp_path / "s", **{"source.baseline": str(tmp_path / "a")}), "p1")
    assert first.baseline
    assert store_of(settings(tmp_path / "s"), "p1") == first
    with pytest.raises(StateError, match="already has a baseline"):
        store_of(settings(tmp_path / "s", **{"source.baseline": str(tmp_path / "b")}), "p1")
    with pytest.raises(ConfigError, match=r"source\.baseline: .*none: No such file"):
        store_of(settings(tmp_path / "s", **{"source.baseline": str(tmp_path / "none")}), "p1")


def test_files_that_are_missing_are_missed(tmp_path):
    store_of(settings(tmp_path / "s"), "p1")
    (tmp_path / "s" / "part-1.sqlite3").unlink()
    with pytest.raises(StateError, match=r"expected 2 files part-\*\.sqlite3 .* found 1; restore"):
        store_of(settings(tmp_path / "s"), "p1")


def test_processes_that_start_together_agree(tmp_path):
    code = (
        "from config.settings import load_settings\n"
        "from dataflows.store import store_of\n"
        "print(store_of(load_settings(), 'p1').generation)"
    )
    env = {**os.environ, "IFD_RECOVERY__DIRECTORY": str(tmp_path / "s")}
    started = [
        subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, env=env)
        for _ in range(3)
    ]
    told = [process.communicate(timeout=120)[0] for process in started]
    assert all(process.returncode == 0 for process in started)
    assert len(set(told)) == 1
    assert json.loads((tmp_path / "s" / FILE_NAME).read_text())["generation"] == told[0].strip()

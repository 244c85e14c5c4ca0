import json
import os
import subprocess
import sys

import pytest

from config.settings import load_settings, params_version
from dataflows.attendance import Place, begin, end
from dataflows.store import FILE_NAME, Store, retire, store_of
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


def renewed(directory, told=None, **given):
    """The store as a worker of a live run opens it."""
    wanted = settings(directory, **given)
    return store_of(wanted, params_version(wanted), [].append if told is None else told.append)


CHANGE = {"detect.quality_min": 0.5}


def test_other_parameters_after_a_drained_stop_are_a_new_generation(tmp_path):
    told = []
    first = renewed(tmp_path / "s", told)
    begin(tmp_path / "s", first.generation, Place())
    end(tmp_path / "s", first.generation, Place(), {"kafka": 0})
    assert renewed(tmp_path / "s", told) == first
    assert not told
    second = renewed(tmp_path / "s", told, **CHANGE)
    assert second.generation != first.generation
    assert (second.before, second.partitions) == (first.generation, 2)
    assert second.params != first.params
    (line,) = told
    assert line.startswith(f"new generation {second.generation} (params): it goes on where ")
    assert "validate, book, pressure, baseline, detect, analyze" in line
    aside = tmp_path / "s" / f"generation-{first.generation}"
    assert json.loads((aside / FILE_NAME).read_text())["generation"] == first.generation
    assert len(list(aside.glob("part-*.sqlite3"))) == 2
    assert renewed(tmp_path / "s", told, **CHANGE) == second
    # Nothing has worked on it so far: it may be followed at once.
    assert renewed(tmp_path / "s", told).before == second.generation


@pytest.mark.parametrize(
    ("leave", "said"),
    [
        (lambda folder, g: begin(folder, g, Place()), "worker 0 was not stopped clean"),
        (
            lambda folder, g: end(folder, g, Place(), {"kafka": 3}),
            "3 messages were not delivered by kafka of worker 0",
        ),
    ],
)
def test_without_a_drained_stop_it_is_refused_with_the_remedy(tmp_path, leave, said):
    first = renewed(tmp_path)
    leave(tmp_path, first.generation)
    remedy = "start it once more with version and settings as before, stop it, then start this"
    with pytest.raises(StateError, match=rf"\(params\), and .* but {said}: {remedy}"):
        renewed(tmp_path, **CHANGE)
    assert renewed(tmp_path) == first
    with pytest.raises(StateError, match=rf"but {said}: start it once more, stop it, then try"):
        retire(tmp_path)


def test_a_store_of_a_replay_is_refused(tmp_path):
    wanted = settings(tmp_path)
    first = store_of(wanted, params_version(wanted))
    with pytest.raises(StateError, match="but nothing says that it was stopped clean"):
        renewed(tmp_path, **CHANGE)
    assert renewed(tmp_path) == first


def test_a_store_that_is_retired_has_a_successor_once(tmp_path):
    told = []
    first = renewed(tmp_path, told)
    retire(tmp_path)
    second = renewed(tmp_path, told)
    assert second.before == first.generation
    assert renewed(tmp_path, told) == second
    assert len(told) == 1
    assert "(it was asked for)" in told[0]
    with pytest.raises(StateError, match="expected a store's description"):
        retire(tmp_path / "none")


def test_a_change_that_was_cut_off_is_finished_at_the_next_start(tmp_path, monkeypatch):
    first = renewed(tmp_path)
    with monkeypatch.context() as patched:
        patched.setattr("dataflows.generation.put_in_place", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            renewed(tmp_path, **CHANGE)
    second = renewed(tmp_path, **CHANGE)
    assert second.before == first.generation
    assert (tmp_path / f"generation-{first.generation}" / FILE_NAME).exists()


def test_a_new_generation_is_begun_by_one_of_the_processes_that_start_together(tmp_path):
    renewed(tmp_path / "s")
    code = (
        "from config.settings import load_settings, params_version\n"
        "from dataflows.store import store_of\n"
        "s = load_settings()\n"
        "print(store_of(s, params_version(s), print).generation)"
    )
    given = {"IFD_RECOVERY__DIRECTORY": str(tmp_path / "s"), "IFD_DETECT__QUALITY_MIN": "0.5"}
    started = [
        subprocess.Popen(
            [sys.executable, "-c", code],
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, **given},
        )
        for _ in range(2)
    ]
    told = [process.communicate(timeout=240)[0].splitlines() for process in started]
    assert all(process.returncode == 0 for process in started)
    assert sorted(map(len, told)) == [1, 2]
    assert len({lines[-1] for lines in told}) == 1

import pickle
import sqlite3
from contextlib import closing

import pytest
from bytewax.recovery import init_db_dir

from dataflows import generation
from dataflows.generation import is_prepared, of_step, prepare, put_in_place
from dataflows.store_cut import PARTS
from operators.model.errors import StateError

TEXT = "of the new one"
CARRIED = {"feed": lambda state: state, "book": of_step(lambda state: {**state, "kept": True})}


def store(folder):
    """Two parts with one snapshot of each of three steps."""
    folder.mkdir()
    init_db_dir(folder, 2)
    (folder / "d").write_text("of the old one")
    for number, (step_id, state) in enumerate(
        [("ifd.feed", {"position": 7}), ("ifd.book", (3, {"rows": 5})), ("ifd.analyze", (1, {}))]
    ):
        with closing(sqlite3.connect(folder / f"part-{number % 2}.sqlite3")) as database, database:
            database.execute(
                "INSERT INTO snaps VALUES (?, ?, ?, ?, ?)",
                ("now", step_id, "k", 4, pickle.dumps(state)),
            )
    return folder


def states(folder):
    found = {}
    for part in sorted(folder.glob(PARTS)):
        with closing(sqlite3.connect(part)) as database:
            for step_id, stored in database.execute("SELECT step_id, ser_change FROM snaps"):
                found[step_id] = pickle.loads(stored)
    return found


OLD = {"ifd.feed": {"position": 7}, "ifd.book": (3, {"rows": 5}), "ifd.analyze": (1, {})}
NEW = {"ifd.feed": {"position": 7}, "ifd.book": (3, {"rows": 5, "kept": True})}


def test_the_new_store_has_what_is_carried_and_the_old_stays_as_it_was(tmp_path):
    folder = store(tmp_path / "s")
    prepare(folder, CARRIED, "d", TEXT)
    assert is_prepared(folder, "d")
    assert states(folder) == OLD
    aside = put_in_place(folder, "d", "g1")
    assert (states(folder), states(aside)) == (NEW, OLD)
    assert ((folder / "d").read_text(), (aside / "d").read_text()) == (TEXT, "of the old one")
    assert not is_prepared(folder, "d")
    assert {path.name for path in folder.iterdir()} == {
        *("d", "part-0.sqlite3", "part-1.sqlite3", "generation-g1")
    }


class Cut(Exception):
    pass


@pytest.mark.parametrize("moves", range(9))
def test_cut_off_anywhere_it_is_finished_or_made_again(tmp_path, monkeypatch, moves):
    folder = store(tmp_path / "s")
    left = [moves]
    rename = generation.Path.rename

    def cut(path, target):
        if left[0] == 0:
            raise Cut
        left[0] -= 1
        return rename(path, target)

    with monkeypatch.context() as patched:
        patched.setattr(generation.Path, "rename", cut)
        try:
            prepare(folder, CARRIED, "d", TEXT)
            put_in_place(folder, "d", "g1")
            is_cut = False
        except Cut:
            is_cut = True
    assert is_cut == (moves < 6)
    if moves == 0:
        assert not is_prepared(folder, "d")
        prepare(folder, CARRIED, "d", TEXT)
    if is_cut:
        assert is_prepared(folder, "d")
        put_in_place(folder, "d", "g1")
    assert (states(folder), states(folder / "generation-g1")) == (NEW, OLD)
    assert (folder / "d").read_text() == TEXT


def test_changes_that_sqlite_has_not_yet_written_home_are_taken_over(tmp_path):
    folder = store(tmp_path / "s")
    with closing(sqlite3.connect(folder / "part-0.sqlite3")) as open_elsewhere:
        open_elsewhere.execute("PRAGMA journal_mode=WAL")
        open_elsewhere.execute(
            "UPDATE snaps SET ser_change = ? WHERE step_id = 'ifd.feed'",
            (pickle.dumps({"position": 8}),),
        )
        open_elsewhere.commit()
        assert (folder / "part-0.sqlite3-wal").exists()
        prepare(folder, CARRIED, "d", TEXT)
        aside = put_in_place(folder, "d", "g1")
        assert (aside / "part-0.sqlite3-wal").exists()
    assert states(folder)["ifd.feed"] == states(aside)["ifd.feed"] == {"position": 8}


def test_a_part_that_cannot_be_read_is_named(tmp_path):
    folder = store(tmp_path / "s")
    (folder / "part-1.sqlite3").write_bytes(b"no database at all" * 99)
    with pytest.raises(StateError, match=r"part-1\.sqlite3: cannot be read as a part of a recove"):
        prepare(folder, CARRIED, "d", TEXT)

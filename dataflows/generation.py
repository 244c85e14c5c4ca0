"""A new generation of a recovery store: the old one set aside, what still fits taken over.

The feed's position is always taken over, so that nothing between the two is lost; of the steps, the
state whose version and settings are as before: books stay whole and baselines stay warm. Sequence
numbers, open signals and what sinks remember begin anew. The old store stays, in a folder of its
own beside the new one.

The change may be cut off at any point: a new store that is complete is put in place at the next
start, one that is not is made again.
"""

import pickle
import shutil
import sqlite3
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any, Final

from dataflows.adapter import Saved
from dataflows.store_cut import PARTS
from operators.model.errors import StateError

NEXT_NAME: Final = ".next"
OLD_PATTERN: Final = "generation-*"
_SIDES: Final = ("-wal", "-shm")
"""Files that SQLite may leave beside one of these, by what their names end in."""

Carry = Callable[[Any], Any]
"""Stored state → what of it holds in the new generation."""


def is_prepared(directory: Path, description: str) -> bool:
    """Whether a new store stands ready that was not put in place."""
    return (directory / NEXT_NAME / description).exists()


def prepare(directory: Path, carried: Mapping[str, Carry], description: str, text: str) -> None:
    """Make the new store in a folder of its own; it is complete when its description is there.

    Args:
        directory: Of the old store, which nobody works on.
        carried: Step id, without the flow's name → what happens to its state; others' is dropped.
        description: Name of the file that describes a store.
        text: What it says of the new one.

    Raises:
        StateError: The old store cannot be read.
    """
    folder = directory / NEXT_NAME
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for part in sorted(directory.glob(PARTS)):
        _copy(part, folder / part.name, carried)
    unfinished = folder / f".{description}"
    unfinished.write_text(text)
    unfinished.rename(folder / description)


def put_in_place(directory: Path, description: str, generation: str) -> Path:
    """Set the old store aside and the prepared one in its place; where the old one is now.

    May be called again after it was cut off anywhere.

    Args:
        directory: Where both are.
        description: Name of the file that describes a store.
        generation: Of the old store.
    """
    folder, aside = directory / NEXT_NAME, directory / f"generation-{generation}"
    aside.mkdir(exist_ok=True)
    if not (aside / description).exists():
        shutil.copyfile(directory / description, aside / description)
    for new in sorted(folder.glob(PARTS)):
        # While the new part is still over there, what lies here is the old one.
        for end in (*_SIDES, ""):
            old = directory / f"{new.name}{end}"
            if old.exists():
                old.rename(aside / old.name)
        new.rename(directory / new.name)
    (folder / description).rename(directory / description)
    shutil.rmtree(folder)
    return aside


def _copy(part: Path, to: Path, carried: Mapping[str, Carry]) -> None:
    try:
        with closing(sqlite3.connect(part)) as old, closing(sqlite3.connect(to)) as new:
            old.backup(new)
            with new:
                _edit(new, carried)
    except sqlite3.Error as error:
        raise StateError(
            f"{part}: cannot be read as a part of a recovery store: {error}; restore it from a "
            "backup, or start with an empty recovery directory"
        ) from error


def _edit(database: sqlite3.Connection, carried: Mapping[str, Carry]) -> None:
    """Of the newest snapshots of each step and key, keep what is carried; drop all others."""
    rows = database.execute("SELECT rowid, step_id, ser_change FROM snaps").fetchall()
    for row, step_id, stored in rows:
        carry = carried.get(step_id.rpartition(".")[2])
        if carry is None:
            database.execute("DELETE FROM snaps WHERE rowid = ?", (row,))
        elif stored is not None:
            # The engine wrote it, and reads it in the same way.
            kept = pickle.dumps(carry(pickle.loads(stored)))  # noqa: S301 - as the engine does
            database.execute("UPDATE snaps SET ser_change = ? WHERE rowid = ?", (kept, row))


def of_step(carry: Callable[[dict[str, Any]], dict[str, Any]]) -> Carry:
    """For the state of a step as the adapter stores it: its version stays."""

    def carried(saved: Saved) -> Saved:
        version, state = saved
        return version, carry(state)

    return carried

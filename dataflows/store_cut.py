"""A consistent cut of a recovery store that may be in use: what a resume would begin with now.

The engine keeps, in each of its files, snapshots by epoch, and how far every worker has come. A
resume takes the newest snapshot of each step and key before the epoch that all workers have
finished. Reading takes part in no lock that a worker waits for (SQLite's write-ahead log).
"""

import sqlite3
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from operators.model.errors import StateError

PARTS: Final = "part-*.sqlite3"
"""What the engine names its files."""
_TIMEOUT_S: Final = 5.0


@dataclass(frozen=True, slots=True)
class StoreCut:
    """What was stored of every step at one point of the stream."""

    epoch: int
    """Snapshots of earlier epochs than this one."""
    snaps: dict[tuple[str, str], bytes]
    """(Step id without the flow's name, key) → what the engine stored, pickled."""


def read_cut(directory: Path, steps: frozenset[str]) -> StoreCut | None:
    """The newest cut of these steps; None while there is none, or one is just being replaced.

    Raises:
        StateError: The files are no recovery store of the engine's, or not all are there.
    """
    parts = sorted(directory.glob(PARTS))
    try:
        with ExitStack() as stack:
            open_ = [stack.enter_context(closing(_opened(part))) for part in parts]
            for each in open_:
                # One read transaction per file: what it shows stays as it is from here on.
                each.execute("BEGIN")
                found = each.execute("SELECT part_count FROM parts").fetchone()
                if found is None or found[0] != len(parts):
                    raise StateError(
                        f"{directory}: expected all files {PARTS} of a recovery store, found "
                        f"{len(parts)}"
                    )
            epoch = _resume_epoch(open_)
            if epoch is None:
                return None
            snaps: dict[tuple[str, str], bytes] = {}
            for each in open_:
                commits = each.execute("SELECT commit_epoch FROM commits").fetchall()
                if any(commit >= epoch for (commit,) in commits):
                    return None  # What that resume would need may have been deleted already.
                snaps |= _snaps(each, epoch, steps)
            return StoreCut(epoch, snaps) if snaps else None
    except sqlite3.Error as error:
        raise StateError(f"{directory}: cannot be read as a recovery store: {error}") from error


def _opened(part: Path) -> sqlite3.Connection:
    uri = f"{part.resolve().as_uri()}?mode=ro"
    return sqlite3.connect(uri, uri=True, timeout=_TIMEOUT_S, isolation_level=None)


def _resume_epoch(parts: list[sqlite3.Connection]) -> int | None:
    """The first epoch that some worker of the newest execution has not finished."""
    newest: tuple[int, int, int] | None = None
    fronts: dict[tuple[int, int], int] = {}
    for part in parts:
        for row in part.execute("SELECT ex_num, worker_count, resume_epoch FROM exs"):
            newest = max(newest or row, row)
        for number, worker, front in part.execute(
            "SELECT ex_num, worker_index, worker_frontier FROM fronts"
        ):
            fronts[number, worker] = max(front, fronts.get((number, worker), 0))
    if newest is None:
        return None
    number, workers, resumed = newest
    return min(fronts.get((number, worker), resumed) for worker in range(workers))


def _snaps(
    part: sqlite3.Connection, epoch: int, steps: frozenset[str]
) -> dict[tuple[str, str], bytes]:
    found: dict[tuple[str, str], bytes] = {}
    rows = part.execute(
        "SELECT step_id, state_key, MAX(snap_epoch), ser_change FROM snaps WHERE snap_epoch < ? "
        "GROUP BY step_id, state_key",
        (epoch,),
    )
    for step_id, key, _, stored in rows:
        step = step_id.rpartition(".")[2]
        if stored is not None and step in steps:
            found[step, key] = bytes(stored)
    return found

"""Keeps state beside the tapes while a cluster is at work: a thread of the supervisor's process.

It copies what the workers have stored anyway, in another process than theirs, once for each segment
of a tape: in the exchange's daily pause, when nothing is under way. Workers do not know of it.
"""

from collections.abc import Callable
from pathlib import Path
from threading import Event, Thread
from types import TracebackType
from typing import Final, Self

from config.settings import Settings
from connectors.tape.segments import folder_of, is_here, segments_of
from dataflows.archive import (
    STEPS,
    StoreName,
    archived_of,
    archives_of,
    prune_archives,
    store_name,
    write_archive,
)
from dataflows.store_cut import StoreCut, read_cut
from operators.model.errors import IfdError

LOOK_S: Final = 2.0
"""Between two looks whether a tape has a new segment."""
PATIENCE: Final = 3
"""Failures in a row that are told."""


class Archivist:
    """A context manager: looks every `LOOK_S` seconds while it lasts."""

    def __init__(self, settings: Callable[[], Settings], on_note: Callable[[str], None]) -> None:
        """`settings` gives those in force; `on_note` is told what fails, each thing once."""
        self._settings = settings
        self._on_note = on_note
        self._told: set[str] = set()
        self._end = Event()
        self._thread = Thread(target=self._run, name="archivist", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self._end.set()
        self._thread.join()

    def _run(self) -> None:
        failures = 0
        while not self._end.wait(LOOK_S):
            try:
                archive_due(self._settings())
                failures = 0
            except (IfdError, OSError) as error:
                failures += 1
                # A store that is just being made, or renewed, is whole at the next look.
                if failures >= PATIENCE:
                    self._say(f"state for `ifd why` is not archived: {error}")

    def _say(self, text: str) -> None:
        if text not in self._told and len(self._told) < 1_000:
            self._told.add(text)
            self._on_note(text)


def archive_due(settings: Settings) -> list[Path]:
    """Keep state for each feed whose newest segment has none; the files that were made.

    Raises:
        IfdError: The recovery store or a tape cannot be read, or a file not be written.
        OSError: A file that is too old cannot be deleted.
    """
    directory = Path(settings.recovery.directory)
    reads_files = bool(settings.source.paths)
    if not settings.recovery.directory or not settings.tape.enabled or reads_files:
        return []
    store = store_name(directory)
    if store is None:
        return []
    due = [feed for feed in settings.live.feeds if _is_due(settings, feed, store)]
    cut = read_cut(directory, STEPS) if due else None
    if cut is None or store_name(directory) != store:
        return []  # Not yet; or a new generation began while it was read.
    made = [_keep(settings, feed, store, cut) for feed in due]
    return [path for path in made if path is not None]


def _is_due(settings: Settings, feed: str, store: StoreName) -> bool:
    if not is_here(settings.tape, feed):
        return False
    folder = folder_of(settings.tape, feed)
    segments = segments_of(folder) if folder.is_dir() else []
    kept = [each.segment for each in archives_of(folder) if each.generation == store.generation]
    return bool(segments) and max(kept, default=0) < segments[-1].number


def _keep(settings: Settings, feed: str, store: StoreName, cut: StoreCut) -> Path | None:
    about = archived_of(cut, feed, store)
    folder = folder_of(settings.tape, feed)
    kept = [each.segment for each in archives_of(folder) if each.generation == store.generation]
    if about is None or about.segment <= max(kept, default=0):
        return None  # What is stored does not reach into the new segment yet.
    write_archive(folder, about, cut)
    prune_archives(folder)
    return folder / f"{about.name}.json"

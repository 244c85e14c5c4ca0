"""The recovery store: Bytewax's folder plus one file that says what it is of.

A store is of one *generation*: its life with one version of the outputs. Sequence numbers are
contiguous within it, so consumers and relays resume by (generation, root, seq). Another version of
the outputs is another generation, which begins where the one before was stopped.
"""

import fcntl
import hashlib
import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from time import time_ns
from typing import Final
from uuid import uuid4

from bytewax.recovery import RecoveryConfig, init_db_dir

from config.sections import RecoveryConfig as RecoverySettings
from config.settings import Settings
from dataflows import attendance, generation
from dataflows.live_lock import NAMES
from dataflows.output_version import carried, changes, versions
from dataflows.store_cut import PARTS
from operators.model.errors import ConfigError, StateError

FILE_NAME: Final = "ifd-store.json"
STORE_VERSION: Final = 1
CHECKED_BYTES_MAX: Final = 33_554_432
"""Larger parts are not read through at the start, which would take longer than the rest of it."""
_LOCK_NAME: Final = ".lock"


@dataclass(frozen=True, slots=True)
class Store:
    """What a recovery directory is of; a process without one has a generation of its own."""

    generation: str
    created_ns: int
    """Wall clock: no message of this generation is older."""
    shards: int
    params: str
    baseline: str = ""
    """Hash of the baseline file it began with; empty: none."""
    partitions: int = 0
    """Files of the engine's that it consists of; 0 unknown."""
    version: int = STORE_VERSION
    versions: dict[str, str] = field(default_factory=dict)
    """What a resume needs as it was, see `output_version`; empty if it was made by a replay."""
    before: str = ""
    """Generation whose position this one began at; empty: none."""
    is_retired: bool = False
    """Whether the next start shall begin a new generation even though nothing has changed."""

    @staticmethod
    def recovery(config: RecoverySettings) -> RecoveryConfig | None:
        """Bytewax's view of the store; None without one."""
        if not config.directory:
            return None
        return RecoveryConfig(config.directory, timedelta(seconds=config.backup_s))


def store_of(settings: Settings, params: str, on_new: Callable[[str], None] | None = None) -> Store:
    """The store that the settings name, made if need be, or a generation of its own without one.

    Any process of a cluster may come first; the others find its file.

    Args:
        settings: Of the process.
        params: Version of the parameters.
        on_new: Told, in one line, when a new generation has begun; without it, none may.

    Raises:
        StateError: the directory holds something else, or a store of other settings.
        ConfigError: the baseline file cannot be read.
    """
    wanted = Store(
        generation=uuid4().hex[:16],
        created_ns=time_ns(),
        shards=settings.flow.shards,
        params=params,
        baseline=_hash_of(settings.source.baseline),
        partitions=settings.recovery.partitions,
    )
    if not settings.recovery.directory:
        return wanted
    directory = Path(settings.recovery.directory)
    file = directory / FILE_NAME
    if on_new is not None:
        wanted = replace(wanted, versions=versions(settings))
    if not file.exists():
        _create(directory, wanted, settings.recovery.partitions)
    if on_new is not None:
        with _locked(directory):
            _renew(directory, wanted, on_new)
    return _checked(file, wanted)


def retire(directory: Path) -> None:
    """Have the next start begin a new generation.

    Raises:
        StateError: There is no store, or it was not stopped clean with everything delivered.
    """
    with _locked(directory):
        store = _read(directory / FILE_NAME)
        if left := attendance.unfinished(directory, store.generation, is_kept=bool(store.versions)):
            raise StateError(
                f"{directory}: a new generation begins after a clean stop with everything "
                f"delivered, but {left}: start it once more, stop it, then try again"
            )
        _describe(directory, replace(store, is_retired=True))


def _renew(directory: Path, wanted: Store, on_new: Callable[[str], None]) -> None:
    """Begin a new generation if the store is of another version of the outputs."""
    if generation.is_prepared(directory, FILE_NAME):
        # Cut off after it was decided.
        generation.put_in_place(directory, FILE_NAME, _read(directory / FILE_NAME).generation)
        attendance.forget(directory)
    store = _read(directory / FILE_NAME)
    if store.version != STORE_VERSION:
        return  # Which is refused whatever else it says.
    before = store.versions or {"params": store.params, "shards": str(store.shards)}
    changed = changes(before, wanted.versions)
    if not changed and not store.is_retired:
        return
    named = ", ".join(changed) or "it was asked for"
    if left := attendance.unfinished(directory, store.generation, is_kept=bool(store.versions)):
        raise StateError(
            f"{directory}: this store is of another version of the outputs ({named}), and a new "
            f"generation begins after a clean stop with everything delivered, but {left}: start it "
            "once more with version and settings as before, stop it, then start this; or start "
            "with an empty recovery directory"
        )
    kept = carried(before, wanted.versions)
    new = replace(
        wanted, before=store.generation, partitions=store.partitions, baseline=store.baseline
    )
    generation.prepare(directory, kept, FILE_NAME, _text(new))
    aside = generation.put_in_place(directory, FILE_NAME, store.generation)
    attendance.forget(directory)
    on_new(
        f"new generation {new.generation} ({named}): it goes on where {store.generation} stopped, "
        f"with the state of {', '.join(kept)}; the old store is kept in {aside}"
    )


def _checked(file: Path, wanted: Store) -> Store:
    """The store as its file tells it, if it suits."""
    store = _read(file)
    for name in ("version", "shards", "params"):
        if (found := getattr(store, name)) != (expected := getattr(wanted, name)):
            raise StateError(
                f"{file}: {name} was {found}, expected {expected}: the store belongs to other "
                "settings; use those, or start with an empty recovery directory"
            )
    _check_files(file.parent, store)
    if wanted.baseline and store.baseline != wanted.baseline:
        raise StateError(
            f"{file.parent}: this recovery store already has a baseline, expected none or the "
            "same file; leave source.baseline out to go on, or start with an empty directory"
        )
    return store


def _read(file: Path) -> Store:
    try:
        return Store(**json.loads(file.read_text()))
    except (OSError, ValueError, TypeError) as error:
        raise StateError(f"{file}: expected a store's description, found: {error}") from error


def _check_files(directory: Path, store: Store) -> None:
    """The engine would not say in one line what it misses."""
    found = len(list(directory.glob(PARTS)))
    if store.partitions and found != store.partitions:
        raise StateError(
            f"{directory}: expected {store.partitions} files {PARTS} of a recovery "
            f"store, found {found}; restore them from a backup, or start with an empty recovery "
            "directory"
        )
    for part in sorted(directory.glob(PARTS)):
        if fault := _fault_of(part):
            raise StateError(
                f"{part}: expected a part of a recovery store, found: {fault}; restore all parts "
                "from a backup, or start with an empty recovery directory"
            )


def _fault_of(part: Path) -> str:
    """What is wrong with a file of the engine's; empty if nothing is seen to be."""
    try:
        with closing(sqlite3.connect(f"{part.resolve().as_uri()}?mode=ro", uri=True)) as database:
            database.execute("SELECT part_index, part_count FROM parts").fetchall()
            if part.stat().st_size > CHECKED_BYTES_MAX:
                return ""
            (found,) = database.execute("PRAGMA quick_check(1)").fetchone()
            return "" if found == "ok" else str(found)
    except sqlite3.Error as error:
        return str(error)


def _hash_of(baseline: str) -> str:
    if not baseline:
        return ""
    try:
        with Path(baseline).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()[:16]
    except OSError as error:
        raise ConfigError(f"source.baseline: {baseline}: {error.strerror}") from error


def _create(directory: Path, store: Store, partitions: int) -> None:
    """Make the store unless another process of the cluster is or was faster."""
    with _locked(directory):
        if (directory / FILE_NAME).exists():
            return
        if {path.name for path in directory.iterdir()} - {_LOCK_NAME, *NAMES}:
            raise StateError(
                f"{directory}: expected an empty folder or a recovery store, found other files"
            )
        init_db_dir(directory, partitions)
        # Last and whole: a store with a description is complete.
        _describe(directory, store)


def _describe(directory: Path, store: Store) -> None:
    part = directory / f".{FILE_NAME}"
    part.write_text(_text(store))
    part.rename(directory / FILE_NAME)


def _text(store: Store) -> str:
    return json.dumps(asdict(store)) + "\n"


@contextmanager
def _locked(directory: Path) -> Iterator[None]:
    """Alone with the folder, which is made if need be."""
    try:
        directory.mkdir(parents=True, exist_ok=True)
        with (directory / _LOCK_NAME).open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
    except OSError as error:
        raise StateError(
            f"{directory}: cannot make a recovery store here: {error.strerror}"
        ) from error

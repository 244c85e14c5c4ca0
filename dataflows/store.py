"""The recovery store: Bytewax's folder plus one file that says what it is of.

A store is of one *generation*: its life with one version of the outputs. Sequence numbers are
contiguous within it, so consumers and relays resume by (generation, root, seq).
"""

import fcntl
import hashlib
import json
from dataclasses import asdict, dataclass
from datetime import timedelta
from pathlib import Path
from time import time_ns
from typing import Final
from uuid import uuid4

from bytewax.recovery import RecoveryConfig, init_db_dir

from config.sections import RecoveryConfig as RecoverySettings
from config.settings import Settings
from dataflows.live_lock import NAMES
from operators.model.errors import ConfigError, StateError

FILE_NAME: Final = "ifd-store.json"
STORE_VERSION: Final = 1
_LOCK_NAME: Final = ".lock"
_PARTS: Final = "part-*.sqlite3"
"""What the engine names its files."""


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

    @staticmethod
    def recovery(config: RecoverySettings) -> RecoveryConfig | None:
        """Bytewax's view of the store; None without one."""
        if not config.directory:
            return None
        return RecoveryConfig(config.directory, timedelta(seconds=config.backup_s))


def store_of(settings: Settings, params: str) -> Store:
    """The store that the settings name, made if need be, or a generation of its own without one.

    Any process of a cluster may come first; the others find its file.

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
    if not (directory / FILE_NAME).exists():
        _create(directory, wanted, settings.recovery.partitions)
    return _checked(directory / FILE_NAME, wanted)


def _checked(file: Path, wanted: Store) -> Store:
    """The store as its file tells it, if it suits."""
    try:
        store = Store(**json.loads(file.read_text()))
    except (OSError, ValueError, TypeError) as error:
        raise StateError(f"{file}: expected a store's description, found: {error}") from error
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


def _check_files(directory: Path, store: Store) -> None:
    """The engine would not say in one line what it misses."""
    found = len(list(directory.glob(_PARTS)))
    if store.partitions and found != store.partitions:
        raise StateError(
            f"{directory}: expected {store.partitions} files {_PARTS} of a recovery store, found "
            f"{found}; restore them from a backup, or start with an empty recovery directory"
        )


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
    try:
        directory.mkdir(parents=True, exist_ok=True)
        with (directory / _LOCK_NAME).open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if (directory / FILE_NAME).exists():
                return
            if {path.name for path in directory.iterdir()} - {_LOCK_NAME, *NAMES}:
                raise StateError(
                    f"{directory}: expected an empty folder or a recovery store, found other files"
                )
            init_db_dir(directory, partitions)
            # Last and whole: a store with a description is complete.
            part = directory / f".{FILE_NAME}"
            part.write_text(json.dumps(asdict(store)) + "\n")
            part.rename(directory / FILE_NAME)
    except OSError as error:
        raise StateError(
            f"{directory}: cannot make a recovery store here: {error.strerror}"
        ) from error

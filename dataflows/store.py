"""The recovery store: Bytewax's folder plus one file that says what it is of.

A store is of one *generation*: its life with one version of the outputs. Sequence numbers are
contiguous within it, so consumers and relays resume by (generation, root, seq).
"""

import fcntl
import json
from dataclasses import asdict, dataclass
from datetime import timedelta
from pathlib import Path
from time import time_ns
from typing import Final
from uuid import uuid4

from bytewax.recovery import RecoveryConfig, init_db_dir

from operators.model.errors import StateError

FILE_NAME: Final = "ifd-store.json"
STORE_VERSION: Final = 1
_LOCK_NAME: Final = ".lock"


@dataclass(frozen=True, slots=True)
class Store:
    """What a recovery directory is of; a process without one has a generation of its own."""

    generation: str
    created_ns: int
    """Wall clock: no message of this generation is older."""
    shards: int
    params: str
    version: int = STORE_VERSION


def fresh(shards: int, params: str) -> Store:
    """A new generation."""
    return Store(uuid4().hex[:16], time_ns(), shards, params)


def open_store(directory: Path, *, shards: int, params: str, partitions: int) -> Store:
    """The store in `directory`, made there if the directory is empty or absent.

    Any process of a cluster may come first; the others find its file.

    Raises:
        StateError: the directory holds something else, or a store of other settings.
    """
    file = directory / FILE_NAME
    if not file.exists():
        _create(directory, fresh(shards, params), partitions)
    try:
        store = Store(**json.loads(file.read_text()))
    except (OSError, ValueError, TypeError) as error:
        raise StateError(f"{file}: expected a store's description, found: {error}") from error
    for name, expected in (("version", STORE_VERSION), ("shards", shards), ("params", params)):
        if (found := getattr(store, name)) != expected:
            raise StateError(
                f"{file}: {name} was {found}, expected {expected}: the store belongs to other "
                "settings; use those, or start with an empty recovery directory"
            )
    return store


def recovery(directory: Path, backup_s: float) -> RecoveryConfig:
    """Bytewax's view of the store."""
    return RecoveryConfig(str(directory), timedelta(seconds=backup_s))


def is_resumed(directory: Path) -> bool:
    """Does the directory already hold a store?"""
    return (directory / FILE_NAME).exists()


def _create(directory: Path, store: Store, partitions: int) -> None:
    """Make the store unless another process of the cluster is or was faster."""
    try:
        directory.mkdir(parents=True, exist_ok=True)
        with (directory / _LOCK_NAME).open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if (directory / FILE_NAME).exists():
                return
            if {path.name for path in directory.iterdir()} != {_LOCK_NAME}:
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

"""State of a chain in a file of its own: written whole or not at all, and checked when read.

What is kept is plain data, as operators and sources give it in their snapshots.
"""

import pickle
from pathlib import Path
from typing import Any, Final

import zstandard

from connectors.tape.files import write_whole
from operators.model.errors import StateError

LEVEL: Final = 3


def write_state(path: Path, state: dict[str, Any]) -> None:
    """Keep `state` under `path`.

    Raises:
        StateError: The file cannot be written.
    """
    packed = zstandard.ZstdCompressor(level=LEVEL, write_checksum=True).compress(
        pickle.dumps(state, protocol=5)
    )
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, packed)
    except OSError as error:
        raise StateError(
            f"{path}: state cannot be written: {error.strerror}; make room, or name another place"
        ) from error


def read_state(path: Path, version: int) -> dict[str, Any]:
    """What `write_state` kept, if it is of this version.

    Raises:
        StateError: The file cannot be read, is damaged, or is of another version.
    """
    try:
        # Ours, and as trusted as the recovery store, which the engine reads in the same way.
        state = pickle.loads(  # noqa: S301
            zstandard.ZstdDecompressor().decompress(path.read_bytes())
        )
        found = state["version"]
    except OSError as error:
        raise StateError(f"{path}: expected kept state, found: {error.strerror}") from error
    except Exception as error:  # A damaged pickle may raise anything.
        raise StateError(f"{path}: expected kept state, found damage: {error}") from error
    if found != version:
        raise StateError(
            f"{path}: expected kept state of version {version}, found {found}; use the program "
            "that wrote it"
        )
    return dict(state)

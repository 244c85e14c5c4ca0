"""Room on the disk of the recovery store that only its last commit may use.

The engine's store dies on a full disk, in the middle of whatever it does. So a file takes space as
long as there is some, and gives it up when the rest runs out: then the input ends as at any other
stop, the store commits, and the process says why.
"""

import atexit
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from time import monotonic
from typing import Final

from config.sections import RecoveryConfig
from operators.model.errors import StateError

FILE_NAME: Final = ".reserve"
_LOOK_S: Final = 0.25


def reserve_of(config: RecoveryConfig, on_spent: Callable[[StateError], None]) -> "Reserve | None":
    """The reserve of the store that the settings name, held until the process ends.

    Raises:
        StateError: the disk has too little room to begin with.
    """
    if not config.directory or not config.reserve_bytes:
        return None
    reserve = Reserve(Path(config.directory), config.reserve_bytes, on_spent)
    reserve.hold()
    atexit.register(reserve.drop)
    return reserve


class Reserve:
    """A file of zeros in a directory; all processes of a cluster share it.

    Empty, it says to all of them that the room has run out. Whoever fills the disk faster than it
    is looked at, four times a second, fills this too.
    """

    def __init__(
        self,
        directory: Path,
        size_bytes: int,
        on_spent: Callable[[StateError], None],
        *,
        clock_s: Callable[[], float] = monotonic,
    ) -> None:
        """Nothing is taken yet.

        Args:
            directory: of the store.
            size_bytes: to be held; half of it is the free space at which it is given up.
            on_spent: told once, when it has been.
            clock_s: wall time.
        """
        self._directory = directory
        self._path = directory / FILE_NAME
        self._size_bytes = size_bytes
        self._on_spent = on_spent
        self._clock_s = clock_s
        self._looked_s = -_LOOK_S
        self._is_spent = False

    def hold(self) -> None:
        """Take the space, unless an earlier process left it taken.

        Raises:
            StateError: there is too little to take it and go on.
        """
        try:
            fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                os.posix_fallocate(fd, 0, self._size_bytes)
            finally:
                os.close(fd)
            free = self._free_bytes()
        except OSError as error:
            self.drop()
            raise StateError(self._too_little(error.strerror or str(error))) from error
        if free < self._size_bytes // 2:
            self.drop()
            raise StateError(self._too_little(f"{free} bytes beside it"))

    def is_spent(self) -> bool:
        """Whether the input is to end because the disk has run out; looks at it now and then."""
        now_s = self._clock_s()
        if not self._is_spent and now_s >= self._looked_s + _LOOK_S:
            self._looked_s = now_s
            self._is_spent = self._look()
        return self._is_spent

    def drop(self) -> None:
        """Give the space back: the process ends."""
        with suppress(OSError):
            self._path.unlink()

    def _look(self) -> bool:
        try:
            is_given_up = self._path.stat().st_size == 0
        except OSError:
            # A process of the cluster came to its end; this one may have to go on without.
            is_given_up = False
        free = self._free_bytes()
        if not is_given_up and free >= self._size_bytes // 2:
            return False
        with suppress(OSError):
            os.truncate(self._path, 0)
        self._on_spent(
            StateError(
                f"recovery.directory: {self._directory}: expected at least {self._size_bytes // 2} "
                f"bytes of free space (half of recovery.reserve_bytes), found {free}: stopped with "
                "all state stored; free space on this disk and start again"
            )
        )
        return True

    def _free_bytes(self) -> int:
        told = os.statvfs(self._directory)
        return told.f_bavail * told.f_frsize

    def _too_little(self, found: str) -> str:
        return (
            f"recovery.directory: {self._directory}: expected room for recovery.reserve_bytes "
            f"({self._size_bytes}) and half as much again, found: {found}; free space on this disk"
        )

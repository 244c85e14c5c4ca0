"""Whether there is room for more: looked up on the disk now and then, not at every record."""

from collections.abc import Callable
from pathlib import Path
from time import monotonic
from typing import Final, Literal

from connectors.tape.config import MIB, TapeConfig
from connectors.tape.files import free_bytes

Room = Literal["ok", "alarm", "full"]

_LOOK_S: Final = 0.1
_LOOK_BYTES: Final = 4 * MIB
_REFUSED_S: Final = 1.0
"""After the disk took nothing, the next attempt is made so much later."""


class Space:
    """Free space of a disk against two limits."""

    def __init__(
        self,
        config: TapeConfig,
        folder: Path,
        *,
        clock_s: Callable[[], float] = monotonic,
        free: Callable[[Path], int] = free_bytes,
    ) -> None:
        self._config = config
        self._folder = folder
        self._clock_s = clock_s
        self._free = free
        self._looked_s = -1.0
        self._appended_bytes = 0
        self._refused_until_s = -1.0
        self._refused_bytes = 0
        self.free_bytes = free(folder)
        """At the last look."""

    def note(self, size_bytes: int) -> None:
        """So much was appended."""
        self._appended_bytes += size_bytes
        self._refused_bytes = 0
        self._refused_until_s = -1.0

    def refuse(self, size_bytes: int) -> None:
        """So much could not be appended."""
        self._refused_bytes = size_bytes
        self._refused_until_s = self._clock_s() + _REFUSED_S
        self._looked_s = -1.0

    def room(self) -> Room:
        """`alarm` below the reserve, `full` at its end or after the disk took nothing."""
        now_s = self._clock_s()
        if now_s >= self._looked_s + _LOOK_S or self._appended_bytes >= _LOOK_BYTES:
            self.free_bytes = self._free(self._folder)
            self._looked_s = now_s
            self._appended_bytes = 0
        if now_s < self._refused_until_s or self.free_bytes < self._refused_bytes:
            return "full"
        if self.free_bytes < self._config.reserve_bytes_min:
            return "full"
        return "alarm" if self.free_bytes < self._config.reserve_bytes else "ok"

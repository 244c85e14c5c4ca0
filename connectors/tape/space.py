"""Whether there is room for more: looked up on the disk now and then, not at every record."""

from collections.abc import Callable
from pathlib import Path
from time import monotonic
from typing import Final, Literal

from connectors.tape.config import MIB, TapeConfig
from connectors.tape.files import free_bytes

Room = Literal["ok", "alarm", "full"]

_LOOK_S: Final = 0.1
_LOOK_BYTES: Final = range(MIB // 16, 4 * MIB)
"""Appended between two looks: half of what is left to the next limit, within this."""
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
        self._appended_bytes = self._look_bytes = 0
        self._refused_until_s = -1.0
        self._refused_bytes = 0
        self.free_bytes = free(folder)
        """At the last look."""

    def note(self, size_bytes: int) -> None:
        """So much was appended."""
        self._appended_bytes += size_bytes
        if self._refused_bytes:
            self._refused_bytes = 0
            self._refused_until_s = self._looked_s = -1.0

    def refuse(self, size_bytes: int) -> None:
        """So much could not be appended."""
        self._refused_bytes = size_bytes
        self._refused_until_s = self._clock_s() + _REFUSED_S
        self._looked_s = -1.0

    def room(self) -> Room:
        """`alarm` below the reserve, `full` at its end or after the disk took nothing."""
        now_s = self._clock_s()
        if now_s >= self._looked_s + _LOOK_S or self._appended_bytes >= self._look_bytes:
            self._look(now_s)
        if now_s < self._refused_until_s or self.free_bytes < self._refused_bytes:
            return "full"
        if self.free_bytes < self._config.reserve_bytes_min:
            return "full"
        return "alarm" if self.free_bytes < self._config.reserve_bytes else "ok"

    def _look(self, now_s: float) -> None:
        self.free_bytes = self._free(self._folder)
        self._looked_s = now_s
        self._appended_bytes = 0
        limits = (self._config.reserve_bytes, self._config.reserve_bytes_min)
        left = self.free_bytes - max(
            (each for each in limits if each <= self.free_bytes), default=0
        )
        self._look_bytes = min(max(left // 2, _LOOK_BYTES.start), _LOOK_BYTES.stop)

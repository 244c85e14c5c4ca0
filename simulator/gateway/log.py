"""What the market has produced: records one after the other, in files without a name.

Memory: a few numbers per MiB. Disk: up to the given bound, then the oldest part is forgotten; the
files vanish with the process, however it ends.
"""

import os
import tempfile
from bisect import bisect_left
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

import numpy as np
from numpy.typing import NDArray

from simulator.gateway.select_kernel import measure

Words = NDArray[np.uint32]
"""Records of DBN v3 without ts_out as 4-byte words, shape (n,), uint32."""

WORD_BYTES: Final = 4
SEGMENT_WORDS: Final = 16 * 1024 * 1024
"""64 MiB: what is forgotten at once."""
MARK_WORDS: Final = 256 * 1024


@dataclass(slots=True)
class _Segment:
    file: IO[bytes]
    first: int
    words: int = 0


class Log:
    """Append-only. Offsets count words since the first record there ever was."""

    def __init__(self, bytes_max: int | None = None, directory: Path | None = None) -> None:
        """Empty.

        Args:
            bytes_max: disk it may take, at least two segments; None: as much as comes.
            directory: where; None is the system's place for such files.
        """
        self.is_bounded = bytes_max is not None
        """The oldest is forgotten when it has grown too large."""
        self._words_max = max((bytes_max or 0) // WORD_BYTES, 2 * SEGMENT_WORDS)
        self._directory = directory
        self._segments: list[_Segment] = []
        self._marks: list[int] = []
        """Offsets, about one per MARK_WORDS,"""
        self._newest: list[int] = []
        """and the newest ts_event of everything before the next one."""
        self.stop = 0
        """Offset behind the last record."""

    @property
    def first(self) -> int:
        """Offset of the oldest record that is still there."""
        return self._segments[0].first if self._segments else 0

    def append(self, words: Words) -> None:
        """Add whole records."""
        size, newest_ns = measure(words)
        assert size == words.size, "expected whole records"
        if not size:
            return
        if not self._segments or self._segments[-1].words + size > SEGMENT_WORDS:
            self._open_segment()
        segment = self._segments[-1]
        segment.file.write(words.data)
        segment.file.flush()
        if not self._marks or self.stop - self._marks[-1] >= MARK_WORDS:
            self._marks.append(self.stop)
            self._newest.append(max(newest_ns, self._newest[-1] if self._newest else 0))
        else:
            self._newest[-1] = max(newest_ns, self._newest[-1])
        segment.words += size
        self.stop += size

    def read(self, offset: int, words_max: int) -> Words:
        """At most so many words from `offset` on; empty at the end. The last record may be cut.

        Raises:
            LookupError: they are forgotten.
        """
        if offset >= self.stop:
            return np.zeros(0, np.uint32)
        if offset < self.first:
            raise LookupError(f"word {offset} is forgotten, the oldest is {self.first}")
        starts = [segment.first for segment in self._segments]
        segment = self._segments[bisect_left(starts, offset + 1) - 1]
        at = offset - segment.first
        size = min(words_max, segment.words - at)
        # Not through the file object: its position is the writer's.
        raw = os.pread(segment.file.fileno(), size * WORD_BYTES, at * WORD_BYTES)
        return np.frombuffer(raw, np.uint32)

    def seek(self, ts_event: int) -> int:
        """An offset before which all is older than `ts_event`, at most a mark too early."""
        index = bisect_left(self._newest, ts_event)
        if index == len(self._marks):
            return self.stop
        return max(self.first, self._marks[index])

    def close(self) -> None:
        """Forget all of it."""
        for segment in self._segments:
            segment.file.close()
        self._segments = []

    def _open_segment(self) -> None:
        # Closed when forgotten.
        file = tempfile.TemporaryFile(  # noqa: SIM115
            prefix="ifd-gateway-", dir=self._directory
        )
        self._segments.append(_Segment(file, self.stop))
        while self.is_bounded and self.stop + SEGMENT_WORDS - self.first > self._words_max:
            self._segments.pop(0).file.close()
            kept = bisect_left(self._marks, self.first)
            # The mark that reaches into what is left stays.
            kept = max(0, kept - (kept == len(self._marks) or self._marks[kept] > self.first))
            del self._marks[:kept], self._newest[:kept]

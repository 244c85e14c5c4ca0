"""History as a feed: what live could not bring, through `databento.Historical`, in live order.

A thread downloads one stretch of time after the other into files; the caller's thread reads them.
Delivery: effectively once for [from, to) of ts_recv. Live replay selects by ts_event instead, so
the two overlap or leave the newest few out, and positions decide what is repeated: after history
live takes over with a `start` from the positions, never from `to`.
Memory: a few chunks of each file being read. Disk: three stretches of time, compressed.
"""

import time
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from connectors.databento.header import Header
from connectors.databento.history_config import HistoryConfig
from connectors.databento.history_download import HistoryCounts
from connectors.databento.history_errors import HistoryError
from connectors.databento.history_files import HistoryFile, records_of
from connectors.databento.history_merge import Raw, merged
from connectors.databento.history_names import HistoryNames
from connectors.databento.history_plan import DAY_NS, HistorySymbols, windows
from connectors.databento.history_snapshot import SnapshotCut
from connectors.databento.history_worker import End, HistoryWorker, Ready
from connectors.databento.messages import CONTROL_PREFIX, Rare, decode_message, system_record
from operators.model.book_check import verify_control
from operators.model.errors import FeedError
from operators.model.records import NS_PER_S, MboBatch

HistoryPiece = MboBatch | tuple[Rare, bytes]
"""Market-by-order records, or one other record with its bytes: DBN v3, without ts_out."""


class HistoryFeed:
    """Records of [from, to), a few at a time.

    Midnight snapshot rows are no records of a live session: they leave the stream, and a control
    `verify` for each instrument stands in their place, against which `book` compares.
    """

    def __init__(
        self,
        config: HistoryConfig,
        symbols: HistorySymbols,
        from_ns: int,
        to_ns: int,
        *,
        key: str,
        prime: bool = False,
        clock_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        """Begin to download.

        Args:
            config: see there.
            symbols: what the feed is subscribed to.
            from_ns: ts_recv of the first record, ns since the epoch.
            to_ns: the first ts_recv that is not wanted, see `history_plan.covered`.
            key: of Databento; it stands in no text.
            prime: books hold nothing yet: `from_ns` is a midnight, whose snapshot rows fill them.
            clock_ns: wall clock, for the day that costs count to.
        """
        assert not prime or from_ns % DAY_NS == 0, "books are primed at 00:00 UTC alone"
        self.counts = HistoryCounts()
        self.error: HistoryError | None = None
        """Why it ended before `to_ns`; known when all that came before has been given out."""
        self.is_done = False
        """All has been given out."""
        self._feed = symbols.feed
        self._held: deque[HistoryPiece] = deque()
        self._open: Ready | None = None
        self._pieces: Iterator[MboBatch | Raw] = iter(())
        self._names = HistoryNames()
        self._cut = SnapshotCut(keep_ns=from_ns if prime else None)
        plan = list(windows(symbols, from_ns, to_ns, round(config.window_s * NS_PER_S)))
        self._worker = HistoryWorker(
            config, symbols, plan, key=key, counts=self.counts, clock_ns=clock_ns
        )

    def next(self, rows_max: int) -> list[HistoryPiece]:
        """What comes next, at most `rows_max` records; empty while nothing is ready, or at the end.

        Never waits for the network.
        """
        out: list[HistoryPiece] = []
        left = rows_max
        while left > 0 and self._fill():
            piece = self._held.popleft()
            if isinstance(piece, np.ndarray):
                if piece.size > left:
                    self._held.appendleft(piece[left:])
                    piece = piece[:left]
                self.counts.given += piece.size
                left -= piece.size
            else:
                self.counts.others += 1
                left -= 1
            out.append(piece)
        return out

    def close(self) -> None:
        """Give up what is left. The thread ends when its request does; the files go with it."""
        self._held.clear()
        self._pieces = iter(())
        self._open = None
        self._worker.close()

    def join(self, timeout_s: float) -> bool:
        """Wait for the thread's end after `close`; whether it has ended."""
        return self._worker.join(timeout_s)

    def _fill(self) -> bool:
        """Hold a piece; False where none is ready."""
        try:
            while not self._held:
                piece = next(self._pieces, None)
                if piece is not None:
                    self._take(piece)
                elif not self._turn():
                    break
        except FeedError as error:
            # The file was whole when it came: the disk, or somebody, has harmed it since.
            self._stop(HistoryError(f"a downloaded file was harmed: {error}", is_final=False))
        return bool(self._held)

    def _turn(self) -> bool:
        """From one window to the next, if that has come."""
        if self._open is not None:
            for path in (part.path for each in self._open.downloads for part in each.parts):
                Path(path).unlink(missing_ok=True)
            self._open = None
        if self.is_done or self.error is not None:
            return False
        found = self._worker.take()
        if isinstance(found, Ready):
            self._open = found
            self._held.extend(self._mappings(found))
            self._pieces = merged([records_of(each.parts) for each in found.downloads])
        elif isinstance(found, End):
            # A check that is pending would need what follows its midnight's rows, and nothing does.
            self._tell_checks()
            self._stop(found.error)
        return found is not None

    def _stop(self, error: HistoryError | None) -> None:
        self.error = error
        self.is_done = error is None
        self._worker.close()

    def _mappings(self, ready: Ready) -> list[HistoryPiece]:
        """What is newly said of names, ahead of a window."""
        due: list[bytes] = []
        for each in ready.downloads:
            if each.schema == "definition":
                for records in records_of(each.parts):
                    for raw in records.raw:
                        self._names.learn(raw)
            elif each.schema == "mbo":
                header = _header(each.parts[0].path)
                due += self._names.mappings(header, each.request, ready.window.start_ns)
        return [(decode_message(self._feed, raw), raw) for raw in due]

    def _take(self, piece: MboBatch | Raw) -> None:
        if isinstance(piece, np.ndarray):
            for part in self._cut.cut(piece):
                if part is None:
                    self._tell_checks()
                else:
                    self._held.append(part)
            return
        ts_recv, raw = piece
        if ts_recv > self._cut.ts_ns:
            self._tell_checks()
        self._held.append((decode_message(self._feed, raw), raw))

    def _tell_checks(self) -> None:
        """A control for each book that history has told whole."""
        ts_ns = self._cut.ts_ns
        for instrument_id, check in self._cut.take():
            control = verify_control(self._feed, ts_ns, instrument_id, check)
            text = f"{CONTROL_PREFIX}{control.name} {control.value}"
            self._held.append((control, system_record(ts_ns, text)))
            self.counts.checks += 1
        self.counts.snapshot_orders = self._cut.orders


def _header(path: str) -> Header:
    file = HistoryFile(path)
    file.close()
    return file.header

"""How far a feed was delivered: what a replay must begin at, and what of it is a repetition."""

import hashlib
from typing import Any, ClassVar, Final

import numpy as np
from numpy.typing import NDArray

from connectors.databento import positions_kernel as kernel
from connectors.databento.positions_kernel import COUNT, HASH, KEY, TS
from operators.model.errors import FeedError, StateError
from operators.model.records import NS_PER_S, RTYPE_STATISTICS, MboBatch

REPLAY_NS_MAX: Final = 8 * 86_400 * NS_PER_S
"""No replay reaches back further: the gateway keeps the trading week."""
INSTRUMENTS_MAX: Final = 1_000_000

_SLOTS: Final = 1024
_SLOTS_EACH: Final = 4
"""At least so many slots an instrument: where more are full, searching costs more than memory."""
_TS_RECV: Final = slice(16, 24)
_TS_IN_DELTA: Final = slice(52, 56)
_ENTRY_DTYPE: Final = np.dtype([("id", "<u4"), ("count", "<u4"), ("ts", "<u8"), ("hash", "<u8")])
_COUNT_MAX: Final = 2**32 - 1

RareKey = tuple[int, int]
"""Record type and instrument id."""
RarePosition = tuple[int, int, int]
"""Newest ts_event, records since the first one at it, their rolling hash."""


class Positions:
    """What was delivered of one feed. State: 128 to 256 bytes an instrument, 1 M instruments.

    The position of an instrument is the newest ts_event delivered of it, the number of its records
    since the first one at that instant, and their rolling hash. Records of an event still open
    count: they are on the tape. A record that goes back in time, or whose ts_event is impossible,
    counts with those it follows; so a position is a place in the instrument's order of records,
    whatever their times. Records of a snapshot are none of that order: they take the place of all
    before them, and their ts_recv is kept until something follows, since all received up to then is
    in them.

    While a replay is under way (`replay_began` to `replay_ended`) the places of the channels stay
    what they were when it began, since a replay may give all of one instrument before the first
    record of another. If it is cut, the next one must begin as early.

    Whoever rebuilds positions from a tape must find there where replays began and ended.
    """

    STATE_VERSION: ClassVar[int] = 1

    def __init__(
        self,
        state: dict[str, Any] | None = None,
        *,
        feed: str = "",
        instruments_max: int = INSTRUMENTS_MAX,
    ) -> None:
        """Begin with nothing delivered, or where `state` was taken by `snapshot`.

        Raises:
            StateError: `state` is of another version.
        """
        self._feed = feed
        self._instruments_max = instruments_max
        self._table = np.zeros((_SLOTS, kernel.COLUMNS), np.uint64)
        self._channels = np.zeros((kernel.CHANNEL_SLOTS, 2), np.uint64)
        self._anchors = np.zeros(kernel.ANCHORS, np.uint64)
        self._tallies = np.zeros(kernel.TALLIES, np.uint64)
        self._settled: NDArray[np.uint64] | None = None
        self._rare: dict[RareKey, RarePosition] = {}
        if state is not None:
            self._restore(state)

    @property
    def newest_ns(self) -> int:
        """Newest ts_event delivered; 0 if nothing was."""
        return int(self._tallies[kernel.NEWEST])

    @property
    def instruments(self) -> int:
        """Instruments with a position, or with a snapshot."""
        return int(self._tallies[kernel.USED])

    @property
    def unplaced(self) -> int:
        """Records whose ts_event is impossible."""
        return int(self._tallies[kernel.UNPLACED])

    @property
    def unfollowed(self) -> int:
        """Records of channels beyond the first 256, which bear on no place to resume at."""
        return int(self._tallies[kernel.UNFOLLOWED])

    @property
    def replaying(self) -> bool:
        """Whether a replay has begun and not ended."""
        return self._settled is not None

    def note(self, rows: MboBatch) -> None:
        """Note records as delivered, in their order.

        Args:
            rows: shape (n,), MBO_DTYPE, read-only.

        Raises:
            FeedError: more instruments than allowed.
        """
        words = as_words(rows)
        done = self._note(words)
        while done < words.shape[0]:
            self._grow()
            done += self._note(words[done:])

    def note_rare(self, rtype: int, instrument_id: int, ts_event: int, raw: bytes) -> None:
        """Note a definition, status or statistic as delivered; `raw` is the record, v3."""
        key = (rtype, instrument_id)
        known = self._rare.get(key)
        if known is None and len(self._rare) >= 3 * self._instruments_max:
            raise self._too_many()
        ts_old, count, chain = known or (0, 0, 0)
        if ts_event > ts_old:
            ts_old, count, chain = ts_event, 0, 0
        self._rare[key] = ts_old, count + 1, rare_chained(chain, rtype, raw)

    def resume_ns(self, margin_ns: int, reach_ns: int) -> int | None:
        """The ts_event a replay must begin at; None if nothing was delivered.

        Each channel is delivered nearly in the order of ts_event: what is missing of one lies after
        its newest record, or less than the margin before it. So the replay begins a margin before
        the newest record of the channel that is furthest behind. A channel that is merely quiet
        would draw it back by hours, so it begins at most `reach_ns` before the newest of all (less
        the margin at least): of a channel further behind it is assumed, not known, that nothing
        of it was on its way.
        """
        channels = self._channels if self._settled is None else self._settled
        newest = channels[(channels[:, 0] != 0) & (channels[:, 1] != 0), 1]
        if newest.size == 0:
            return None
        start_ns = int(newest.min()) - margin_ns
        return max(start_ns, int(newest.max()) - max(reach_ns, margin_ns), 0)

    def replay_began(self) -> None:
        """A replay was asked for: hold the channels' places, unless one is held already."""
        if self._settled is None:
            self._settled = self._channels.copy()

    def replay_ended(self) -> None:
        """The replay is complete, or what it should have brought is given up."""
        self._settled = None

    def snapshot(self) -> dict[str, Any]:
        """Plain copy: 24 bytes an instrument, in the order of ids."""
        return {
            "version": self.STATE_VERSION,
            "tallies": tuple(int(each) for each in self._tallies),
            "instruments": _packed(self._table),
            "channels": _pairs(self._channels),
            "settled": None if self._settled is None else _pairs(self._settled),
            "anchors": tuple(int(each) for each in self._anchors),
            "rare": tuple((*key, *position) for key, position in sorted(self._rare.items())),
        }

    def table(self) -> NDArray[np.uint64]:
        """Copy of the positions, shape (slots, COLUMNS), as the kernel of the seam wants them."""
        return self._table.copy()

    def channels(self) -> list[tuple[int, int]]:
        """Key and newest ts_event of each channel, as they stood when an open replay began."""
        return list(_pairs(self._channels if self._settled is None else self._settled))

    def anchors(self) -> list[int]:
        """Instants at which records were delivered, ascending: the newest, and 64 before it.

        Those are the last ones 250 ms apart or more.
        """
        return sorted(int(each) for each in {*self._anchors, self.newest_ns} if each != 0)

    def rare(self) -> dict[RareKey, RarePosition]:
        """Copy of the positions of the rarer records."""
        return dict(self._rare)

    def _restore(self, state: dict[str, Any]) -> None:
        if state["version"] != self.STATE_VERSION:
            found = f"positions have version {state['version']}, expected {self.STATE_VERSION}"
            raise StateError(f"feed {self._feed}: {found}; start with a fresh recovery store")
        entries = np.frombuffer(state["instruments"], _ENTRY_DTYPE)
        self._table = _table_of(entries, _slots_for(entries.size))
        self._tallies[:] = state["tallies"]
        self._anchors[:] = state["anchors"]
        self._channels = _channels_of(state["channels"])
        if state["settled"] is not None:
            self._settled = _channels_of(state["settled"])
        self._rare = {(each[0], each[1]): tuple(each[2:]) for each in state["rare"]}

    def _note(self, words: NDArray[np.uint64]) -> int:
        limit = min(self._table.shape[0] // _SLOTS_EACH, self._instruments_max)
        tables = (self._table, self._channels, self._anchors, self._tallies)
        return int(kernel.note(words, limit, *tables))

    def _grow(self) -> None:
        """Make room: forget what no replay reaches, else take a table twice as large."""
        oldest = max(self.newest_ns - REPLAY_NS_MAX, 0)
        since_snapshot = self._table[:, COUNT] == 0
        reachable = np.where(since_snapshot, self._table[:, HASH], self._table[:, TS]) >= oldest
        used = self._table[:, KEY] != 0
        entries = _entries(self._table[used & reachable])
        if entries.size >= self._instruments_max:
            raise self._too_many()
        # With room to spare, so that forgetting a few does not bring this back at once.
        self._table = _table_of(entries, _slots_for(entries.size + entries.size // 4 + 1))
        self._tallies[kernel.USED] = entries.size

    def _too_many(self) -> FeedError:
        bound = f"expected at most {self._instruments_max} instruments in a week, found one more"
        return FeedError(f"feed {self._feed}: {bound}; is the feed damaged, or the bound too low?")


def as_words(rows: MboBatch) -> NDArray[np.uint64]:
    """Records as words, shape (n, 7), uint64: a read-only view, a copy only if they lie apart."""
    words = np.ascontiguousarray(rows).view("<u8").reshape(-1, kernel.WORDS)
    words.flags.writeable = False
    return words


def rare_chained(chain: int, rtype: int, raw: bytes) -> int:
    """Rolling 64-bit hash continued by a record; as for others, the capture's times are left out.

    `ts_recv` is at the same place in definitions, statistics and status (DBN v3).
    """
    said = raw[: _TS_RECV.start] + raw[_TS_RECV.stop :]
    if rtype == RTYPE_STATISTICS:
        said = raw[: _TS_RECV.start] + raw[_TS_RECV.stop : _TS_IN_DELTA.start]
        said += raw[_TS_IN_DELTA.stop :]
    digest = hashlib.blake2b(chain.to_bytes(8, "little") + said, digest_size=8)
    return int.from_bytes(digest.digest(), "little")


def _slots_for(entries: int) -> int:
    slots = _SLOTS
    while entries > slots // _SLOTS_EACH:
        slots *= 2
    return slots


def _entries(table: NDArray[np.uint64]) -> NDArray[np.void]:
    entries = np.zeros(table.shape[0], _ENTRY_DTYPE)
    entries["id"] = table[:, KEY] - np.uint64(1)
    entries["count"] = np.minimum(table[:, COUNT], np.uint64(_COUNT_MAX))
    entries["ts"], entries["hash"] = table[:, TS], table[:, HASH]
    return entries


def _packed(table: NDArray[np.uint64]) -> bytes:
    entries = _entries(table[table[:, KEY] != 0])
    return entries[np.argsort(entries["id"])].tobytes()


def _table_of(entries: NDArray[np.void], slots: int) -> NDArray[np.uint64]:
    rows = np.empty((entries.size, kernel.COLUMNS), np.uint64)
    rows[:, KEY] = entries["id"].astype(np.uint64) + np.uint64(1)
    rows[:, TS], rows[:, COUNT] = entries["ts"], entries["count"]
    rows[:, HASH] = entries["hash"]
    table = np.zeros((slots, kernel.COLUMNS), np.uint64)
    kernel.enter(rows, table)
    return table


def _pairs(channels: NDArray[np.uint64]) -> tuple[tuple[int, int], ...]:
    used = channels[channels[:, 0] != 0]
    return tuple(sorted((int(key), int(newest)) for key, newest in used))


def _channels_of(pairs: tuple[tuple[int, int], ...]) -> NDArray[np.uint64]:
    channels = np.zeros((kernel.CHANNEL_SLOTS, 2), np.uint64)
    if pairs:
        kernel.enter(np.array(pairs, np.uint64), channels)
    return channels

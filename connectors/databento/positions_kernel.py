"""Kernels that remember how far each instrument and channel was delivered.

Records are seen as 7 little-endian 64-bit words. Tables are open addressing with linear probing;
a key of 0 marks a free slot. All numbers are uint64: mixed with signed ones they would become
floats. The slow, obvious twin of each loop is in its test.
"""

from typing import Final

import numpy as np
from numba import njit
from numpy.typing import NDArray

WORDS: Final = 7
"""64-bit words of a market-by-order record."""

KEY, TS, COUNT, HASH, FLOOR = range(5)
"""Columns of the table of instruments: id + 1; newest ts_event delivered; records delivered since
the first one at it; their rolling hash; ts_recv of a snapshot after which nothing was delivered."""
COLUMNS: Final = 5

CHANNEL_SLOTS: Final = 1024
CHANNELS_MAX: Final = 256
"""Channels followed; of any further one no newest ts_event is kept."""

ANCHORS: Final = 64
ANCHOR_NS: Final = 250_000_000
"""Least distance of neighbouring anchors: instants at which a record was delivered."""

USED, NEWEST, CHANNELS, ANCHORED, UNPLACED, UNFOLLOWED = range(6)
"""Indices into tallies: instruments; newest ts_event; channels; anchors ever set; records whose
ts_event is impossible; records of channels beyond CHANNELS_MAX."""
TALLIES: Final = 6

_AHEAD_NS_MAX: Final = np.uint64(3_600_000_000_000)
_SIGN: Final = np.uint64(1 << 63)
_ZERO: Final = np.uint64(0)
_ONE: Final = np.uint64(1)
_BYTE: Final = np.uint64(0xFF)
_PUBLISHER: Final = np.uint64(0xFFFF)
_SNAPSHOT: Final = np.uint64(0x20)
_BAD_TS_RECV: Final = np.uint64(0x08)
_GOLDEN: Final = np.uint64(0x9E3779B97F4A7C15)  # 2**64 / golden ratio: multiplicative hashing.


@njit(cache=True)
def slot_of(table: NDArray[np.uint64], key: np.uint64) -> np.uint64:
    """Slot that holds `key`, or the free slot where it belongs.

    Args:
        table: shape (slots, columns), uint64; slots is a power of two and some are free.
        key: at least 1.
    """
    mask = np.uint64(table.shape[0] - 1)
    slot = ((key * _GOLDEN) >> np.uint64(40)) & mask
    while table[slot, 0] != key and table[slot, 0] != _ZERO:
        slot = (slot + _ONE) & mask
    return slot


@njit(cache=True)
def is_snapshot(word: np.uint64) -> bool:
    """Whether the record with this fifth word is part of a snapshot."""
    return (word >> np.uint64(32)) & _SNAPSHOT != _ZERO


@njit(cache=True)
def received(word: np.uint64, ts_recv: np.uint64) -> np.uint64:
    """ts_recv, or 0 where the record with this fifth word has none that can be trusted."""
    if (word >> np.uint64(32)) & _BAD_TS_RECV != _ZERO or ts_recv >= _SIGN:
        return _ZERO
    return ts_recv


@njit(cache=True)
def happened(ts_event: np.uint64, ts_recv: np.uint64) -> np.uint64:
    """ts_event, or 0 where it is impossible: undefined, or an hour later than `ts_recv`.

    A damaged instant far ahead would otherwise become the place from which a replay is asked for.
    """
    if ts_event >= _SIGN or (ts_recv != _ZERO and ts_event > ts_recv + _AHEAD_NS_MAX):
        return _ZERO
    return ts_event


@njit(cache=True)
def channel_key(head: np.uint64, word: np.uint64) -> np.uint64:
    """Key of the channel of a record, by its first and fifth word: publisher, channel, plus 1."""
    publisher = (head >> np.uint64(16)) & _PUBLISHER
    return ((publisher << np.uint64(8)) | ((word >> np.uint64(40)) & _BYTE)) + _ONE


@njit(cache=True)
def _mixed(word: np.uint64) -> np.uint64:
    return word ^ (word >> np.uint64(29))


@njit(cache=True)
def chained(chain: np.uint64, words: NDArray[np.uint64], row: int) -> np.uint64:
    """Rolling hash `chain` continued by what the exchange said in a record.

    Of what the capture added (ts_recv, ts_in_delta, the flag of a bad ts_recv) nothing goes in: a
    replay may be served from another capture.
    """
    said = words[row, 4] & ~(_BAD_TS_RECV << np.uint64(32))
    total = (
        _mixed(words[row, 0] >> np.uint64(16)) * _GOLDEN
        + _mixed(words[row, 1]) * np.uint64(0xBF58476D1CE4E5B9)
        + _mixed(words[row, 2]) * np.uint64(0x94D049BB133111EB)
        + _mixed(words[row, 3]) * np.uint64(0xFF51AFD7ED558CCD)
        + _mixed(said) * np.uint64(0xC4CEB9FE1A85EC53)
        + (words[row, 6] >> np.uint64(32)) * np.uint64(0xD6E8FEB86659FD93)
    )
    return _mixed((chain ^ total) * np.uint64(0xA0761D6478BD642F) + _ONE)


@njit(cache=True)
def note(
    words: NDArray[np.uint64],
    start: int,
    limit: int,
    table: NDArray[np.uint64],
    channels: NDArray[np.uint64],
    anchors: NDArray[np.uint64],
    tallies: NDArray[np.uint64],
) -> int:
    """Note records from `start` on as delivered; the row at which the table must first grow.

    Args:
        words: shape (rows, 7), uint64, read-only.
        start: first row to note.
        limit: instruments that the table may hold, at most half its slots.
        table: shape (slots, COLUMNS), uint64; written.
        channels: shape (CHANNEL_SLOTS, 2), uint64: key, newest ts_event; written.
        anchors: shape (ANCHORS,), uint64: a ring; written.
        tallies: shape (TALLIES,), uint64; written.
    """
    newest = tallies[NEWEST]
    ring = np.uint64(ANCHORS)
    anchor_due = _ZERO
    if tallies[ANCHORED] > _ZERO:
        anchor_due = anchors[(tallies[ANCHORED] - _ONE) % ring] + np.uint64(ANCHOR_NS)
    key, slot = _ZERO, _ZERO
    channel, channel_slot = _ZERO, _ZERO
    stop = words.shape[0]
    for row in range(start, words.shape[0]):
        head, said = words[row, 0], words[row, 4]
        if (head >> np.uint64(32)) + _ONE != key:
            key = (head >> np.uint64(32)) + _ONE
            slot = slot_of(table, key)
            if table[slot, KEY] == _ZERO:
                if tallies[USED] >= np.uint64(limit):
                    stop = row
                    break
                table[slot, KEY] = key
                tallies[USED] += _ONE
        ts_recv = received(said, words[row, 5])
        if is_snapshot(said):
            table[slot, FLOOR] = max(table[slot, FLOOR], ts_recv)
            continue
        ts = happened(words[row, 1], ts_recv)
        tallies[UNPLACED] += np.uint64(ts == _ZERO)
        if ts > table[slot, TS]:
            table[slot, TS], table[slot, COUNT], table[slot, HASH] = ts, _ZERO, _ZERO
        table[slot, COUNT] += _ONE
        table[slot, HASH] = chained(table[slot, HASH], words, row)
        table[slot, FLOOR] = _ZERO
        if ts > newest:
            newest = ts
            if ts >= anchor_due:
                anchors[tallies[ANCHORED] % ring] = ts
                tallies[ANCHORED] += _ONE
                anchor_due = ts + np.uint64(ANCHOR_NS)
        if channel_key(head, said) != channel:
            channel = channel_key(head, said)
            channel_slot = slot_of(channels, channel)
            if channels[channel_slot, 0] == _ZERO and tallies[CHANNELS] < np.uint64(CHANNELS_MAX):
                channels[channel_slot, 0] = channel
                tallies[CHANNELS] += _ONE
        if channels[channel_slot, 0] == channel:
            channels[channel_slot, 1] = max(channels[channel_slot, 1], ts)
        else:
            tallies[UNFOLLOWED] += _ONE
    tallies[NEWEST] = newest
    return stop


@njit(cache=True)
def enter(rows: NDArray[np.uint64], table: NDArray[np.uint64]) -> None:
    """Enter rows whose keys (their first column) are absent; the table must have room.

    Args:
        rows: shape (n, columns), uint64.
        table: shape (slots, at least as many columns), uint64; written.
    """
    for row in range(rows.shape[0]):
        slot = slot_of(table, rows[row, 0])
        for column in range(rows.shape[1]):
            table[slot, column] = rows[row, column]

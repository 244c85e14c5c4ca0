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

KEY, TS, COUNT, HASH = range(4)
"""Columns of the table of instruments: id + 1; newest ts_event delivered; records delivered since
the first one at it; their rolling hash. Where nothing was delivered since a snapshot, TS and COUNT
are 0 and HASH is the snapshot's ts_recv."""
COLUMNS: Final = 4

BLOCK: Final = 128
"""Records whose instruments are looked up together, a power of two."""

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
def _rotated(word: np.uint64, bits: int) -> np.uint64:
    return (word << np.uint64(bits)) | (word >> np.uint64(64 - bits))


@njit(cache=True)
def chained(chain: np.uint64, words: NDArray[np.uint64], row: int) -> np.uint64:
    """Rolling hash `chain` continued by what the exchange said in a record.

    Of what the capture added (ts_recv, ts_in_delta, the flag of a bad ts_recv) nothing goes in: a
    replay may be served from another capture.
    """
    said = words[row, 4] & ~(_BAD_TS_RECV << np.uint64(32))
    # Rotated, so that what differs at the end of a word does not meet the same of another there.
    total = (
        words[row, 1] * np.uint64(0xBF58476D1CE4E5B9)
        + _rotated(words[row, 2], 13) * np.uint64(0x94D049BB133111EB)
        + _rotated(words[row, 3], 27) * np.uint64(0xFF51AFD7ED558CCD)
        + _rotated(said, 41) * np.uint64(0xC4CEB9FE1A85EC53)
        + (words[row, 0] >> np.uint64(16)) * _GOLDEN
        + (words[row, 6] >> np.uint64(32)) * np.uint64(0xD6E8FEB86659FD93)
    )
    return _mixed((chain ^ _mixed(total)) * np.uint64(0xA0761D6478BD642F) + _ONE)


@njit(cache=True)
def _locate(
    words: NDArray[np.uint64],
    limit: np.uint64,
    table: NDArray[np.uint64],
    tallies: NDArray[np.uint64],
    slots: NDArray[np.uint64],
) -> int:
    """Enter new instruments; the slots of some records, and of how many.

    A loop of its own: nothing in it waits for anything, so that memory is read ahead.
    """
    for row in range(words.shape[0]):
        key = (words[row, 0] >> np.uint64(32)) + _ONE
        slot = slot_of(table, key)
        if table[slot, KEY] == _ZERO:
            if tallies[USED] >= limit:
                return row
            table[slot, KEY] = key
            tallies[USED] += _ONE
        slots[row] = slot
    return words.shape[0]


@njit(cache=True)
def note(
    words: NDArray[np.uint64],
    limit: int,
    table: NDArray[np.uint64],
    channels: NDArray[np.uint64],
    anchors: NDArray[np.uint64],
    tallies: NDArray[np.uint64],
) -> int:
    """Note records as delivered; the row at which the table must first grow, or their number.

    Args:
        words: shape (rows, 7), uint64, read-only.
        limit: instruments that the table may hold, fewer than its slots.
        table: shape (slots, COLUMNS), uint64; written.
        channels: shape (CHANNEL_SLOTS, 2), uint64: key, newest ts_event; written.
        anchors: shape (ANCHORS,), uint64: a ring; written.
        tallies: shape (TALLIES,), uint64; written.
    """
    newest, unplaced, unfollowed = tallies[NEWEST], _ZERO, _ZERO
    ring = np.uint64(ANCHORS)
    anchor_due = _ZERO
    if tallies[ANCHORED] > _ZERO:
        anchor_due = anchors[(tallies[ANCHORED] - _ONE) % ring] + np.uint64(ANCHOR_NS)
    slots = np.empty(BLOCK, np.uint64)
    located = 0
    for row in range(words.shape[0]):
        if row == located:
            located += _locate(words[row : row + BLOCK], np.uint64(limit), table, tallies, slots)
            if row == located:
                break
        head, said, slot = words[row, 0], words[row, 4], slots[row % BLOCK]
        if is_snapshot(said):
            # Marked as no time of receipt, since it is the time at which the snapshot was made.
            ts_recv = words[row, 5] if words[row, 5] < _SIGN else _ZERO
            if table[slot, COUNT] == _ZERO:
                ts_recv = max(ts_recv, table[slot, HASH])
            table[slot, TS], table[slot, COUNT], table[slot, HASH] = _ZERO, _ZERO, ts_recv
            continue
        ts_recv = received(said, words[row, 5])
        ts = happened(words[row, 1], ts_recv)
        unplaced += np.uint64(ts == _ZERO)
        if ts > table[slot, TS] or table[slot, COUNT] == _ZERO:
            table[slot, TS], table[slot, COUNT] = ts, _ONE
            table[slot, HASH] = chained(_ZERO, words, row)
        else:
            table[slot, COUNT] += _ONE
            table[slot, HASH] = chained(table[slot, HASH], words, row)
        if ts > newest:
            newest = ts
            if ts >= anchor_due:
                anchors[tallies[ANCHORED] % ring] = ts
                tallies[ANCHORED] += _ONE
                anchor_due = ts + np.uint64(ANCHOR_NS)
        # Looked up for every record: whether it is the last one's channel cannot be predicted.
        channel = channel_key(head, said)
        at = slot_of(channels, channel)
        if channels[at, 0] != channel:
            if tallies[CHANNELS] >= np.uint64(CHANNELS_MAX):
                unfollowed += _ONE
                continue
            channels[at, 0] = channel
            tallies[CHANNELS] += _ONE
        channels[at, 1] = max(channels[at, 1], ts)
    tallies[NEWEST] = newest
    tallies[UNPLACED] += unplaced
    tallies[UNFOLLOWED] += unfollowed
    return located


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

"""What of the market's bytes goes to one client, and how far the market's clock lets them go.

Works on 4-byte words: every DBN record is a whole number of them. Records of DBN v3 without ts_out.
"""

from typing import Final

import numpy as np
from numba import njit

from operators.model.records import (
    RTYPE_DEFINITION,
    RTYPE_MBO,
    RTYPE_STATISTICS,
    RTYPE_STATUS,
    RTYPE_SYMBOL_MAPPING,
)

MBO, DEFINITION, STATISTICS, STATUS = range(4)
"""Columns of a table of starts."""
NEVER: Final = -1
"""In a table of starts: not subscribed."""
LIVE_ONLY: Final = -2
"""In a table of starts: subscribed from now on."""
F_LAST: Final = 0x80


@njit(cache=True, inline="always")
def _column(rtype):
    """The column of a record type; -1 for what is not served."""
    if rtype == RTYPE_MBO:
        return MBO
    if rtype == RTYPE_DEFINITION:
        return DEFINITION
    if rtype == RTYPE_STATISTICS:
        return STATISTICS
    if rtype == RTYPE_STATUS:
        return STATUS
    return -1


@njit(cache=True, inline="always")
def _u8(words, at):
    return (np.int64(words[at + 1]) << 32) | np.int64(words[at])


@njit(cache=True, nogil=True)
def select(words, offset, live_from, ids, starts, other, sent_ns, records_max, out):
    """Copy what a client subscribed to from `words` to `out`, in order.

    Stops at a symbol mapping, which the caller answers for itself; where `out` or `records_max` is
    full; and at the last whole record.

    Args:
        words: records, whole from the first word on, (n,) int64 of 32-bit words.
        offset: of the first word in the market's log.
        live_from: offset in the log from which on starts no longer count.
        ids: instruments with starts of their own, sorted, (m,) int64.
        starts: ts_event from which on, NEVER or LIVE_ONLY, by instrument and column, (m, 4) int64.
        other: the same for all other instruments, (4,) int64.
        sent_ns: ts_out to append to each record; -1 for none.
        records_max: copy at most so many.
        out: words, (k,) uint32.

    Returns:
        Words read, words written, records written, market-by-order records among them, and
        whether it stands at a mapping.
    """
    at = written = records = mbo_records = 0
    row = -1
    row_id = -1
    extra = 0 if sent_ns < 0 else 2
    while at + 4 <= words.size:
        length = words[at] & 0xFF
        rtype = (words[at] >> 8) & 0xFF
        if at + length > words.size:
            break
        if rtype == RTYPE_SYMBOL_MAPPING:
            return at, written, records, mbo_records, True
        column = _column(rtype)
        if column < 0:
            at += length
            continue
        instrument = np.int64(words[at + 1])
        if instrument != row_id:
            row_id = instrument
            low, high = 0, ids.size
            while low < high:
                middle = (low + high) >> 1
                if ids[middle] < instrument:
                    low = middle + 1
                else:
                    high = middle
            row = low if low < ids.size and ids[low] == instrument else -1
        start = starts[row, column] if row >= 0 else other[column]
        if start != NEVER and (
            offset + at >= live_from
            or (start != LIVE_ONLY and (_u8(words, at + 2) >= start or _u8(words, at + 2) < 0))
        ):
            if written + length + extra > out.size or records >= records_max:
                break
            for k in range(length):
                out[written + k] = words[at + k]
            if extra > 0:
                out[written] += extra
                out[written + length] = sent_ns & 0xFFFFFFFF
                out[written + length + 1] = sent_ns >> 32
            written += length + extra
            records += 1
            mbo_records += column == MBO
        at += length
    return at, written, records, mbo_records, False


@njit(cache=True, nogil=True)
def advance(words, clock_ns, newest_ns):
    """How many words have happened when the market's clock shows `clock_ns`.

    A record is out when its capture time, or that of a record before it, has come. Order is kept.

    Returns:
        Words; the newest capture time among them and `newest_ns`; when the next record is due, 0 if
        all are out; and whether the last market-by-order record ends its event.
    """
    at = 0
    ended = True
    while at + 4 <= words.size:
        length = words[at] & 0xFF
        if at + length > words.size:
            break
        due_ns = newest_ns
        rtype = (words[at] >> 8) & 0xFF
        recv_ns = _u8(words, at + 2)
        if rtype == RTYPE_MBO:
            recv_ns = _u8(words, at + 10)
        elif _column(rtype) >= 0:
            recv_ns = _u8(words, at + 4)
        due_ns = max(newest_ns, recv_ns)
        if due_ns > clock_ns:
            return at, newest_ns, due_ns, ended
        newest_ns = due_ns
        if rtype == RTYPE_MBO:
            ended = (words[at + 9] & F_LAST) != 0
        at += length
    return at, newest_ns, 0, ended


@njit(cache=True, nogil=True)
def measure(words):
    """Size in words of the whole records in `words`, and the newest ts_event among them."""
    at = 0
    newest_ns = 0
    while at + 4 <= words.size:
        length = words[at] & 0xFF
        if length < 4 or at + length > words.size:
            break
        newest_ns = max(newest_ns, _u8(words, at + 2))
        at += length
    return at, newest_ns


@njit(cache=True, nogil=True)
def mbo_run(octets, at, mbo_bytes):
    """How many whole market-by-order records of `mbo_bytes` stand in a row from `at` on."""
    rows = 0
    while (
        at + mbo_bytes <= octets.size
        and octets[at] * 4 == mbo_bytes
        and octets[at + 1] == RTYPE_MBO
    ):
        rows += 1
        at += mbo_bytes
    return rows


@njit(cache=True, nogil=True)
def first_mbo_ns(words):
    """Capture time of the first market-by-order record in `words`; 0 without one."""
    at = 0
    while at + 4 <= words.size:
        length = words[at] & 0xFF
        if at + length > words.size:
            break
        if (words[at] >> 8) & 0xFF == RTYPE_MBO:
            return _u8(words, at + 10)
        at += length
    return 0

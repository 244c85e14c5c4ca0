"""Streams of records as a feed delivers them: nearly in the order of their times, never quite."""

from dataclasses import dataclass
from random import Random

import numpy as np

from operators.model.records import F_LAST, MBO_DTYPE, MboBatch

START_NS = 1_775_484_000_000_000_000
"""A Monday, 14:00 UTC."""


@dataclass(frozen=True)
class Row:
    """What of a record matters to where it belongs."""

    instrument: int
    ts: int
    order: int
    channel: int = 0
    publisher: int = 1
    flags: int = F_LAST
    recv: int | None = None
    """As `ts` if None."""
    sequence: int = 0


def batch(rows: list[Row]) -> MboBatch:
    """Rows as records, read-only."""
    out = np.zeros(len(rows), MBO_DTYPE)
    out["length"], out["rtype"], out["size"], out["action"] = 14, 160, 1, b"A"
    for index, row in enumerate(rows):
        out[index]["instrument_id"], out[index]["ts_event"] = row.instrument, row.ts
        out[index]["order_id"], out[index]["channel_id"] = row.order, row.channel
        out[index]["publisher_id"], out[index]["flags"] = row.publisher, row.flags
        out[index]["ts_recv"] = row.ts if row.recv is None else row.recv
        out[index]["sequence"] = row.sequence
    out.flags.writeable = False
    return out


def by_instrument(rows: list[Row]) -> dict[int, list[Row]]:
    """Rows of each instrument in their order."""
    out: dict[int, list[Row]] = {}
    for row in rows:
        out.setdefault(row.instrument, []).append(row)
    return out


def market(
    chance: Random,
    count: int,
    *,
    instruments: int,
    channels: int = 1,
    step_ns: int = 10,
    disorder_ns: int = 0,
    channel_lag_ns: int = 0,
    equal: bool = True,
) -> list[Row]:
    """Records in the order of their delivery.

    Each instrument is of one channel. Within one, times do not fall, and equal times, events left
    open and, where `equal`, equal records are frequent; a channel lags by up to `channel_lag_ns`,
    and within it records by up to `disorder_ns`.
    """
    lags = [chance.randint(0, channel_lag_ns) for _ in range(channels)]
    newest: dict[int, int] = {}
    now, rows = START_NS, []
    for order in range(count):
        now += chance.choice((0, 0, 1, 1, 3)) * step_ns
        instrument = chance.randrange(instruments) + 1
        channel = instrument % channels
        latest_ns = now - lags[channel]
        last_ns = newest.get(instrument, 0)
        if last_ns >= latest_ns - disorder_ns:
            again = [row for row in rows[-4:] if row.instrument == instrument]
            if equal and again and chance.random() < 0.15:
                rows.append(again[-1])
                continue
            if chance.random() < 0.3:
                latest_ns = last_ns
        ts = max(latest_ns - chance.randint(0, disorder_ns), last_ns)
        newest[instrument] = ts
        flags = chance.choice((F_LAST, F_LAST, 0))
        rows.append(Row(instrument, ts, order, channel, 1 + channel % 2, flags, now))
    return rows


def reordered(chance: Random, rows: list[Row]) -> list[Row]:
    """The rows with instruments in another order, each instrument's own order kept."""
    waiting = by_instrument(rows)
    out = []
    run = chance.choice((1, 3, len(rows) + 1))
    while waiting:
        instrument = chance.choice(sorted(waiting))
        queue = waiting[instrument]
        taken, waiting[instrument] = queue[:run], queue[run:]
        out += taken
        if not waiting[instrument]:
            del waiting[instrument]
    return out

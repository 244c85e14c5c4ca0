"""Write a market in a test the way a trader would say it.

One line is one record, a line `--` ends the event (F_LAST), a line `; …` is a comment:

    time_ms action side price size #order [name=value …]

    10    A B 5000.25 3 #11        an order to buy 3 rests at 5000.25
    10.5  T A 5000.25 1 #12        an aggressor sold one
    10.5  F B 5000.25 1 #11        to the order resting there
    10.5  C B 5000.25 1 #11        whose size shrinks by one
    --
    11    R                        the book is cleared; what follows a word may be left out
    12    A A -       3 #13        a price of `-` is undefined

`side` is the record's own: the aggressor's on T, the order's elsewhere. Times are milliseconds
after `start_ns`, with up to six decimals. The names: `i` instrument id, `seq` sequence (each record
has its own, from 1, unless told), `recv` ts_recv in ms (as the time unless told), `flags` bits set
in addition, `delta` ts_in_delta in ns, `ch` channel, `pub` publisher.
"""

from collections.abc import Mapping
from decimal import Decimal

import numpy as np

from operators.model.items import Instrument, MboRows
from operators.model.records import (
    F_LAST,
    MBO_BYTES,
    MBO_DTYPE,
    PRICE_SCALE,
    PRICE_UNDEF,
    RTYPE_MBO,
    MboBatch,
)

FEED = "test"
NS_PER_MS = 1_000_000
DEFAULTS = ("N", "-", "0", "#0")  # side, price, size, order: what a short line leaves out
NAMED = {
    "i": "instrument_id",
    "seq": "sequence",
    "delta": "ts_in_delta",
    "ch": "channel_id",
    "pub": "publisher_id",
    "flags": "flags",
    "recv": "ts_recv",
}


def tape(
    text: str, instrument_id: int = 1, *, start_ns: int = 0, sequence: int = 1, closed: bool = True
) -> MboBatch:
    """Records of `text` as one read-only batch, shape (rows,), MBO_DTYPE.

    The last event is ended too, unless `closed` is False. Raises ValueError naming the line.
    """
    lines = [line.strip() for line in text.splitlines()]
    rows = [line for line in lines if line and line != "--" and not line.startswith(";")]
    batch = np.zeros(len(rows), MBO_DTYPE)
    batch["length"], batch["rtype"], batch["publisher_id"] = MBO_BYTES // 4, RTYPE_MBO, 1
    batch["instrument_id"] = instrument_id
    batch["sequence"] = np.arange(sequence, sequence + len(rows))
    for row, line in zip(batch, rows, strict=True):
        _fill(row, line, start_ns)
    ends = _ends(lines)
    if closed and rows:
        ends.append(len(rows) - 1)
    batch["flags"][ends] |= F_LAST
    batch.flags.writeable = False
    return batch


def mbo(
    text: str,
    instrument_id: int = 1,
    *,
    feed: str = FEED,
    start_ns: int = 0,
    sequence: int = 1,
    closed: bool = True,
) -> MboRows:
    """The same as an item of the dataflow, before `validate`."""
    rows = tape(text, instrument_id, start_ns=start_ns, sequence=sequence, closed=closed)
    return MboRows(feed=feed, rows=rows)


def instrument(
    instrument_id: int = 1, symbol: str = "ESH4", root: str = "ES", *, feed: str = FEED
) -> Instrument:
    """The item that says which root an instrument belongs to; it precedes its first record."""
    return Instrument(
        feed=feed,
        instrument_id=instrument_id,
        symbol=symbol,
        root=root,
        origin="setting",
        ts_event=0,
    )


def instruments(symbols: Mapping[int, str], *, feed: str = FEED) -> list[Instrument]:
    """Several of them: id → symbol such as `ESH4`, whose root is what precedes month and year."""
    return [instrument(id_, symbol, symbol[:-2], feed=feed) for id_, symbol in symbols.items()]


def _ends(lines: list[str]) -> list[int]:
    ends, rows = [], 0
    for line in lines:
        if line == "--":
            if not rows:
                raise ValueError("`--` ends an event, but no record precedes it")
            ends.append(rows - 1)
        elif line and not line.startswith(";"):
            rows += 1
    return ends


def _fill(row: np.void, line: str, start_ns: int) -> None:
    words = line.split()
    named = dict(word.split("=", 1) for word in words if "=" in word)
    plain = [word for word in words if "=" not in word]
    if not 2 <= len(plain) <= 6 or plain[1] not in "ACMRTFN" or named.keys() - NAMED.keys():
        raise ValueError(f"not a record: {line!r}; expected time action side price size #order")
    time_ms, action, side, price, size, order = *plain, *DEFAULTS[len(plain) - 2 :]
    row["ts_event"] = row["ts_recv"] = start_ns + _ns(time_ms)
    row["action"], row["side"] = action.encode(), side.encode()
    row["price"] = PRICE_UNDEF if price == "-" else int(Decimal(price) * PRICE_SCALE)
    row["size"], row["order_id"] = int(size), int(order.removeprefix("#"))
    for name, value in named.items():
        row[NAMED[name]] = start_ns + _ns(value) if name == "recv" else int(value, 0)


def _ns(ms: str) -> int:
    return int(Decimal(ms) * NS_PER_MS)

"""Streams for the book's tests: hostile ones that no exchange would send, and how to compare."""

import random
from typing import Any

import numpy as np

from operators.book import Book
from operators.book_config import BookConfig
from operators.model.controls import REASONS, FeedGap, gap_controls
from operators.model.evaluations import DEPTH_DTYPE, EVAL_DTYPE, EXECUTION, FILL_DTYPE
from operators.model.items import (
    Control,
    Definition,
    Evaluations,
    Instrument,
    MarketStatus,
    MboRows,
    Tick,
)
from operators.model.records import F_LAST, F_SNAPSHOT, MBO_DTYPE, NS_PER_S
from operators.model.streams import Message

START_NS = 1_700_000_000 * NS_PER_S
FEEDS = ("east", "west")
SYMBOLS = ("ESH4", "ESM4", "ESH4-ESM4", "ES H4")
RowDict = dict[str, Any]


def mbo_rows(records: list[RowDict], *, feed: str = FEEDS[0], wire: Any = None) -> MboRows:
    """Records given as dictionaries as an item of the dataflow."""
    rows = np.zeros(len(records), MBO_DTYPE)
    for row, record in zip(rows, records, strict=True):
        for name, value in record.items():
            row[name] = value
    rows.flags.writeable = False
    faults = None if wire is None else np.array(wire, np.uint16)
    return MboRows(feed, rows, faults)


def hostile_items(seed: int, records: int, *, orders: int = 6, calm: float = 0.5) -> list[Any]:
    """Items of two feeds, in runs of up to six records; `calm` is the share of plausible ones."""
    rng = random.Random(seed)
    ids = [0, 5, 9, 2**32 - 1][: rng.randint(1, 4)]
    items: list[Any] = [
        Instrument(FEEDS[i % 2], id_, SYMBOLS[(seed + i) % 4], f"R{i // 3}", "setting", 0)
        for i, id_ in enumerate(ids)
        if rng.random() < 0.7
    ]
    now = START_NS
    while records > 0:
        run = [_record(rng, ids, orders, calm) for _ in range(rng.randint(1, 6))]
        for record in run:
            now += rng.choice((0, 0, 1_000, 10**8, rng.randrange(3 * NS_PER_S)))
            late = rng.random() < 0.05
            record["ts_event"] = now - (rng.randrange(2 * NS_PER_S) if late else 0)
            record["ts_recv"] = record["ts_event"] + rng.randrange(10**6)
        wire = [rng.randrange(64) if rng.random() < 0.04 else 0 for _ in run]
        feed = FEEDS[rng.random() < 0.2]
        items.append(mbo_rows(run, feed=feed, wire=wire if rng.random() < 0.9 else None))
        records -= len(run)
        if rng.random() < 0.05:
            now += rng.choice((0, NS_PER_S, 601 * NS_PER_S, 86_400 * NS_PER_S))
            items.append(Tick(rng.choice(FEEDS), now))
        if rng.random() < 0.02:
            items.append(MarketStatus(feed, rng.choice(ids), now, rng.randrange(20), None))
        if rng.random() < 0.03:
            items.append(definition(feed, rng.choice(ids), rng.choice("FFSC")))
        if rng.random() < 0.03:
            named = rng.choice((None, tuple(rng.sample(ids, rng.randint(1, len(ids))))))
            items += gap(rng.choice(FEEDS), now, rng.choice(REASONS), named)
        if rng.random() < 0.02:
            symbol = rng.choice(SYMBOLS)
            items.append(Instrument(feed, rng.choice(ids), symbol, "R0", "setting", 0))
    return items


def gap(feed: str, ts: int, reason: str, instruments: tuple[int, ...] | None) -> list[Control]:
    """Data of a second is missing."""
    return gap_controls(
        feed,
        ts,
        FeedGap(reason=reason, from_ns=ts - NS_PER_S, to_ns=ts, instruments=instruments),
    )


def definition(feed: str, instrument_id: int, instrument_class: str) -> Definition:
    """What an instrument is, as far as a book asks."""
    return Definition(
        feed=feed,
        instrument_id=instrument_id,
        ts_event=0,
        symbol="",
        instrument_class=instrument_class,
        asset="",
        tick_e9=None,
        tick_rule=None,
        point_value_e9=None,
        currency="",
        expiration_ns=None,
        strike_price_e9=None,
        underlying="",
        underlying_id=None,
    )


def _record(rng: random.Random, ids: list[int], orders: int, calm: float) -> RowDict:
    """One record out of small worlds of orders and prices, so that they meet."""
    snapshot = rng.random() < 0.08
    flags = (F_SNAPSHOT if snapshot else 0) | (F_LAST if rng.random() < 0.5 else 0)
    if rng.random() < calm:
        price = rng.randint(-3, 3) * 250_000_000
        size = rng.randint(1, 9)
    else:
        price = rng.choice((0, 2**62, -(2**62), rng.randint(-12, 12) * 10**9))
        size = rng.choice((0, 1, 2, 2**32 - 1, rng.randrange(2**32)))
    action = rng.choices(b"ACMRTFNZ", (30, 18, 12, 1, 14, 18, 1, 1))[0]
    return {
        "instrument_id": rng.choice(ids),
        "order_id": rng.randint(0 if rng.random() < 0.1 else 1, orders),
        "price": price,
        "size": size,
        "flags": flags,
        "action": bytes([action]),
        "side": rng.choice((b"A", b"B", b"A", b"B", b"A", b"B", b"N")),
        "sequence": rng.randrange(1000),
    }


def row_dicts(out: list[Any]) -> list[dict[str, Any]]:
    """Evaluation rows of an output as dictionaries, with their fills and levels inside."""
    rows: list[dict[str, Any]] = []
    for item in out:
        if isinstance(item, Evaluations):
            assert item.rows.dtype == EVAL_DTYPE
            fills = [dict(zip(item.fills.dtype.names, f, strict=True)) for f in item.fills.tolist()]
            levels = [] if item.depth is None else item.depth.tolist()
            for index, row in enumerate(item.rows):
                values = {name: row[name].tolist() for name in EVAL_DTYPE.names}
                values["fills"] = fills[values.pop("fill_first") : values.pop("fill_stop")]
                values["depth"] = [one[1:] for one in levels if one[0] == index]
                rows.append(values)
    return rows


def gaps(out: list[Any]) -> list[tuple[int, str, str]]:
    """Gap messages of an output: instrument, change, reason."""
    values = [item.value for item in out if isinstance(item, Message)]
    return [(gap.instrument_id, gap.change, gap.reason) for gap in values]


def run(items: list[Any], state: Any = None, **config: int) -> tuple[list[Any], Book]:
    """What a book, new or resumed, makes of the items."""
    book = Book(BookConfig(**config), state)
    return book.on_items(items), book


def cut(items: list[Any], rng: random.Random, rows_max: int) -> list[Any]:
    """The same items with their records in other pieces, never more than `rows_max` each."""
    out: list[Any] = []
    for item in joined(items):
        if not isinstance(item, MboRows):
            out.append(item)
            continue
        first = 0
        while first < item.rows.size:
            stop = first + rng.randint(1, rows_max)
            faults = None if item.faults is None else item.faults[first:stop]
            out.append(MboRows(item.feed, item.rows[first:stop], faults))
            first = stop
    return out


def joined(items: list[Any]) -> list[Any]:
    """The same items with neighbouring records of one feed in one piece."""
    out: list[Any] = []
    for item in items:
        last = out[-1] if out else None
        if isinstance(item, MboRows) and isinstance(last, MboRows) and last.feed == item.feed:
            faults = [_faults(last), _faults(item)]
            rows = np.concatenate([last.rows, item.rows])
            out[-1] = MboRows(item.feed, rows, np.concatenate(faults))
        else:
            out.append(item)
    return out


def _faults(item: MboRows) -> Any:
    return np.zeros(item.rows.size, np.uint16) if item.faults is None else item.faults


def joined_rows(out: list[Any]) -> tuple[Any, Any]:
    """All evaluation rows of an output, and their fills, as if it had been one piece."""
    rows = [item.rows.copy() for item in out if isinstance(item, Evaluations)]
    fills = [item.fills for item in out if isinstance(item, Evaluations)]
    base = 0
    for part, own in zip(rows, fills, strict=True):
        executions = part["kind"] == EXECUTION
        part["fill_first"][executions] += base
        part["fill_stop"][executions] += base
        base += own.size
    none = np.zeros(0, EVAL_DTYPE), np.zeros(0, FILL_DTYPE)
    return np.concatenate([none[0], *rows]), np.concatenate([none[1], *fills])


def joined_depth(out: list[Any]) -> Any:
    """All levels of an output, as if it had been one piece."""
    parts, base = [np.zeros(0, DEPTH_DTYPE)], 0
    for item in out:
        if isinstance(item, Evaluations):
            if item.depth is not None:
                parts.append(item.depth.copy())
                parts[-1]["row"] += base
            base += item.rows.size
    return np.concatenate(parts)


def output_bytes(out: list[Any]) -> bytes:
    """Rows, fills and levels of an output as bytes that no cut changes."""
    rows, fills = joined_rows(out)
    return bytes(rows.tobytes() + fills.tobytes() + joined_depth(out).tobytes())

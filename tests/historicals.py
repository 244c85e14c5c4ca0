"""A simulated historical service for tests, and the environment in which the client trusts it."""

from collections.abc import Iterator
from contextlib import contextmanager
from random import Random

import numpy as np
import pytest

from operators.model.records import F_LAST, MBO_DTYPE, NS_PER_S, RTYPE_MBO, MboBatch
from simulator.historical.archive import Archive
from simulator.historical.server import HistoricalConfig, HistoricalServer
from simulator.instruments import InstrumentSpec, universe
from simulator.tape import TapeForm, reference_records

KEY = "db-" + "h" * 29
DATASET = "GLBX.MDP3"
START = 1_775_482_200 * NS_PER_S
"""Monday 2026-04-06, 13:30 UTC."""
MIDNIGHT = 1_775_520_000 * NS_PER_S
"""Tuesday 2026-04-07, 00:00 UTC."""


def specs(start_ns: int = START) -> list[InstrumentSpec]:
    """Two futures of ES and two of NQ: 1001, 1002 and 1003, 1004."""
    return universe(("ES", "NQ"), 4, start_ns, 0.0)


def market(count: int, start_ns: int = START, step_ns: int = 10_000_000, seed: int = 1) -> MboBatch:
    """Adds, changes and cancels in four sound books, each row an event: no kernel is compiled.

    Several rows now and then share one ts_recv, as those of one packet do.
    """
    random = Random(seed)
    ids = [spec.instrument_id for spec in specs(start_ns)]
    books: dict[int, dict[int, tuple[bytes, int, int]]] = {each: {} for each in ids}
    rows = np.zeros(count, MBO_DTYPE)
    ts = start_ns
    for number, row in enumerate(rows):
        ts += step_ns if random.random() < 0.7 else 0
        row["instrument_id"] = each = random.choice(ids)
        book = books[each]
        action = b"A" if len(book) < 5 else random.choice([b"A", b"M", b"C"])
        if action == b"A":
            order_id, side, size = number + 1, random.choice([b"A", b"B"]), random.randint(1, 9)
            price = 5_000 + number % 50 * (1 if side == b"A" else -1) + (side == b"A")
        else:
            order_id = random.choice(list(book))
            side, price, size = book.pop(order_id)
            size = random.randint(1, 9) if action == b"M" else size
        if action != b"C":
            book[order_id] = side, price, size
        row["action"], row["order_id"], row["side"] = action, order_id, side
        row["price"], row["size"] = price * 10**9, size
        row["ts_event"], row["ts_recv"], row["sequence"] = ts - 100_000, ts, number
    rows["length"], rows["rtype"], rows["publisher_id"] = 14, RTYPE_MBO, 1
    rows["flags"] = F_LAST
    return frozen(rows)


def archive_of(rows: MboBatch, reference_ns: int = START) -> Archive:
    """An archive of `rows`, with definitions and status of the four instruments."""
    archive = Archive()
    for raw in reference_records(specs(), reference_ns, TapeForm(status=True)):
        archive.add_record(raw)
    archive.add_rows(rows)
    return archive


def frozen(rows: MboBatch) -> MboBatch:
    rows = rows.copy()
    rows.flags.writeable = False
    return rows


@contextmanager
def running_historical(
    archive: Archive, now_ns: int, monkeypatch: pytest.MonkeyPatch, **options: object
) -> Iterator[HistoricalServer]:
    """The service on a free port, and the one that `requests` trusts while it runs."""
    config = HistoricalConfig(key=KEY, **options)  # type: ignore[arg-type]
    with HistoricalServer(archive, config, lambda: now_ns) as server:
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(server.ca_file))
        monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")
        yield server

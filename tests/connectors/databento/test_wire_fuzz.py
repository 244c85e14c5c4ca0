"""Damaged bytes into the decoder: a thousand or two here, a million by `make soak`."""

import os
import resource
import sys
import tracemalloc
from collections import Counter
from contextlib import suppress
from random import Random
from time import perf_counter_ns

import databento_dbn as dbn
import numpy as np

from connectors.databento.header import PREFIX_BYTES, Header, header_bytes, parse_header
from connectors.databento.messages import system_record, tick_record
from connectors.databento.positions import Positions
from connectors.databento.seam import Seam
from connectors.databento.ticks import TickMaker
from connectors.databento.week import ClosedHours, Week
from connectors.databento.wire import RECORD_BYTES_MIN, Decoder
from operators.model.errors import DecodeError, FeedError
from operators.model.records import MBO_DTYPE
from tests.connectors.dbn_bytes import header, mbo, mbo_with_ts_out, rare, with_ts_out

BUFFERS = int(os.environ.get("IFD_SOAK_FUZZ", "1500"))
WATCHED_EVERY = 50
"""Of so many buffers the memory of one is watched: watching is slow."""
RECORD_BYTES_MAX = 255 * 4

NAMED = [("ESH4", [("2024-01-02", "2024-01-05", "17077")]), ("NQH4", [])]
RARES = (
    rare(dbn.SymbolMappingMsg, instrument_id=1, ts_event=2, stype_out_symbol="ESH4"),
    rare(dbn.InstrumentDefMsg, instrument_id=1),
    rare(dbn.InstrumentDefMsgV1),
    rare(dbn.InstrumentDefMsgV2),
    rare(dbn.StatMsg),
    rare(dbn.StatMsgV1),
    rare(dbn.StatusMsg),
    rare(dbn.ErrorMsg),
    rare(dbn.ErrorMsgV1),
    rare(dbn.SystemMsg),
    rare(dbn.SystemMsgV1),
    rare(dbn.OHLCVMsg),
    tick_record(7),
    system_record(8, 'ifd control gap {"reason": "seam"}'),
)


def sound(chance: Random) -> bytes:
    """A stream without fault: a header of any version, records of all kinds."""
    ts_out = chance.random() < 0.3
    symbols = NAMED if chance.random() < 0.3 else ()
    parts = [header(version=chance.choice((1, 2, 3)), ts_out=ts_out, symbols=symbols)]
    for _ in range(chance.randrange(6)):
        if chance.random() < 0.5:
            raw = chance.choice(RARES)
            parts.append(with_ts_out(raw, 9) if ts_out else raw)
        else:
            rows = mbo(chance.choice((1, 2, 9)), ids=(1, 2, 3))
            parts.append(mbo_with_ts_out(rows) if ts_out else rows.tobytes())
    return b"".join(parts)


def damaged(chance: Random, raw: bytes, other: bytes) -> bytes:
    """The stream with one kind of damage, some of them at several places."""
    data = bytearray(raw)
    kind = chance.randrange(8)
    at = chance.randrange(len(data))
    if kind == 0:
        for _ in range(chance.choice((1, 1, 3, 30))):
            data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
    elif kind == 1:
        del data[at:]
    elif kind == 2:
        # Lengths and types, where a record may begin.
        for _ in range(chance.choice((1, 4))):
            place = min(len(data) - 1, at & ~3 | chance.randrange(2))
            data[place] = chance.choice((0, 1, 3, 4, 14, 16, 255, chance.randrange(256)))
    elif kind == 3:
        data[at : at + chance.choice((1, 4, 16, 56))] = chance.randbytes(chance.randrange(60))
    elif kind == 4:
        del data[at : at + chance.choice((1, 4, 16, 56))]
    elif kind == 5:
        data[at:] = other[chance.randrange(len(other)) :]
    elif kind == 6:
        # The counts of a header, and all else that its prefix does not tell.
        place = 4 + chance.randrange(min(len(data), 200) - 4)
        data[place : place + 4] = chance.choice((b"\xff" * 4, b"\0" * 4, chance.randbytes(4)))
    else:
        data = bytearray(chance.choice((b"", b"DBN\x03", raw[:PREFIX_BYTES])))
        data += chance.randbytes(chance.randrange(400))
    return bytes(data)


def taken(chance: Random, raw: bytes) -> tuple[str, list[np.ndarray]]:
    """The decoder's fault, if any, and the records it gave; asserts what it promises."""
    decoder = Decoder("f", skip_unknown=chance.random() < 0.5, with_raw=chance.random() < 0.5)
    # Byte by byte is slow, and seldom more telling.
    step = 1 if chance.random() < 0.01 else chance.choice((61, 333, len(raw) + 1))
    batches, pieces, end = [], 0, 0
    try:
        for start in range(0, len(raw), step):
            given = decoder.decode(raw[start : start + step])
            pieces += len(given)
            for stop, piece in given:
                assert end < stop <= start + step
                end = stop
                if isinstance(piece, np.ndarray):
                    assert piece.dtype == MBO_DTYPE
                    assert not piece.flags.writeable
                    assert piece.ctypes.data % 8 == 0
                    batches.append(piece)
                elif not isinstance(piece, Header):
                    repr(piece)
            assert len(decoder._tail) < RECORD_BYTES_MAX
        decoder.finish()
        found = ""
    except DecodeError as error:
        found = str(error)
    assert "\n" not in found
    assert len(found) < 300
    assert pieces <= 1 + len(raw) // RECORD_BYTES_MIN
    return found, batches


class Downstream:
    """What records meet next: it must bear any, since a record's fields are no concern of wire."""

    def __init__(self) -> None:
        self._positions = Positions(instruments_max=5_000)
        self._positions.note(mbo(9, ids=(1, 2, 3)))
        self._ticks = TickMaker("f", 0)
        self._hours = ClosedHours(Week(offset_s=-21_600))
        self._begin()

    def _begin(self) -> None:
        self._seam = Seam(Positions(self._positions.snapshot(), instruments_max=5_000), 1_000)

    def take(self, rows: np.ndarray, begin: bool) -> None:
        """As a feed does."""
        if begin:
            self._begin()
        passed = self._hours.accept(self._seam.accept(rows))
        parts = self._ticks.cut(passed)
        assert sum(part.size for part in parts if isinstance(part, np.ndarray)) == passed.size
        # More instruments than are allowed: stated, and nothing else is.
        with suppress(FeedError):
            self._positions.note(passed)
        assert self._positions.instruments <= 5_000
        assert self._seam.state in ("open", "proven", "broken")
        assert len(self._seam.broken_instruments or ()) <= 64


def peak_bytes(chance: Random, raw: bytes) -> int:
    """Memory that decoding takes at most, on top of what there is."""
    tracemalloc.start()
    taken(chance, raw)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


def test_damaged_buffers_neither_crash_nor_hang_nor_take_memory():
    chance = Random(20_260_406 + BUFFERS)
    streams = [sound(chance) for _ in range(200)]
    outcomes: Counter[str] = Counter()
    downstream = Downstream()
    slowest_ns, most_bytes = 0, 0.0
    resident = 0
    for number in range(BUFFERS):
        raw = damaged(chance, chance.choice(streams), chance.choice(streams))
        if number % WATCHED_EVERY == 0:
            most_bytes = max(most_bytes, peak_bytes(chance, raw) / (len(raw) + 1_000))
        begun = perf_counter_ns()
        found, batches = taken(chance, raw)
        slowest_ns = max(slowest_ns, perf_counter_ns() - begun)
        outcomes["refused" if found else "sound"] += 1
        if batches:
            downstream.take(np.concatenate(batches), begin=number % 100 == 0)
        if number == BUFFERS // 10:
            resident = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    grown_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - resident
    sys.stdout.write(
        f"{BUFFERS:,} buffers: {dict(outcomes)}; slowest {slowest_ns / 1e6:.1f} ms; "
        f"{most_bytes:.0f} bytes of memory a byte at most; {grown_kb:,} KB more after a tenth\n"
    )
    assert min(outcomes["sound"], outcomes["refused"]) > BUFFERS // 50
    assert most_bytes < 100
    assert grown_kb < 64 * 1024


def test_damaged_headers_are_refused_in_one_line_or_read():
    chance = Random(BUFFERS)
    heads = [header(version=version, symbols=NAMED) for version in (1, 2, 3)]
    outcomes: Counter[str] = Counter()
    for _ in range(BUFFERS):
        data = bytearray(chance.choice(heads))
        for _ in range(chance.choice((1, 2, 9))):
            data[chance.randrange(4, len(data))] = chance.choice((0, 1, 255, chance.randrange(256)))
        try:
            size = header_bytes(data)
            if size <= len(data):
                found = parse_header(bytes(data[:size]))
                assert found.size_bytes == size
                assert len(found.intervals) <= size // 16
            fault = ""
        except DecodeError as error:
            fault = str(error)
        assert "\n" not in fault
        outcomes["refused" if fault else "read"] += 1
    assert min(outcomes["read"], outcomes["refused"]) > BUFFERS // 50

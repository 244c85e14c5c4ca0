"""DBN bytes for tests, made by the publisher's own library wherever it can make them."""

from collections.abc import Iterable
from types import SimpleNamespace
from typing import Any

import databento_dbn as dbn
import numpy as np
import zstandard

from operators.model.records import MBO_DTYPE, MBO_DTYPE_TS_OUT, RTYPE_MBO, MboBatch

RTYPE = {
    "InstrumentDefMsg": 19,
    "InstrumentDefMsgV1": 19,
    "InstrumentDefMsgV2": 19,
    "StatusMsg": 18,
    "StatMsg": 24,
    "StatMsgV1": 24,
    "SymbolMappingMsg": 22,
    "SymbolMappingMsgV1": 22,
    "SystemMsg": 23,
    "SystemMsgV1": 23,
    "ErrorMsg": 21,
    "ErrorMsgV1": 21,
    "OHLCVMsg": 33,
    "TradeMsg": 0,
}
NS_PER_DAY = 86_400 * 10**9


def header(
    *,
    version: int = 3,
    schema: Any = dbn.Schema.MBO,
    ts_out: bool = False,
    symbols: Iterable[tuple[str, list[tuple[str, str, str]]]] = (),
    stype_in: Any = dbn.SType.RAW_SYMBOL,
    stype_out: Any = dbn.SType.INSTRUMENT_ID,
) -> bytes:
    """A metadata header; `symbols` are (symbol, [(first day, day after the last, id)])."""
    mappings = [
        SimpleNamespace(
            raw_symbol=name,
            intervals=[
                SimpleNamespace(start_date=day(first), end_date=day(stop), symbol=each)
                for first, stop, each in intervals
            ],
        )
        for name, intervals in symbols
    ]
    metadata = dbn.Metadata(
        dataset="GLBX.MDP3",
        start=0,
        stype_in=stype_in,
        stype_out=stype_out,
        schema=schema,
        symbols=[mapping.raw_symbol for mapping in mappings],
        mappings=mappings,
        ts_out=ts_out,
        version=version,
    )
    return metadata.encode()


def day(text: str) -> Any:
    """A date from YYYY-MM-DD."""
    return np.datetime64(text).astype(object)


def day_ns(text: str) -> int:
    """00:00 UTC of a date, ns since the epoch."""
    return int(np.datetime64(text, "ns").astype(np.int64))


def mbo(
    count: int, *, ids: Iterable[int] = (1,), start: int = 0, ts: int = 1_000, step: int = 1
) -> MboBatch:
    """Records of instruments in turn: `order_id`, `sequence`, `size` and times count up."""
    rows = np.zeros(count, MBO_DTYPE)
    number = np.arange(start, start + count)
    every = np.array(list(ids), np.uint32)
    rows["length"], rows["rtype"], rows["publisher_id"] = 14, RTYPE_MBO, 1
    rows["instrument_id"] = every[number % every.size]
    rows["ts_event"] = rows["ts_recv"] = ts + number * step
    rows["order_id"] = rows["sequence"] = rows["size"] = number + 1
    rows["price"] = 5_000 * 10**9
    rows["action"], rows["side"], rows["flags"] = b"A", b"B", 0x80
    rows.flags.writeable = False
    return rows


def rare(kind: type, **fields: Any) -> bytes:
    """A record of a type of `databento_dbn`, by the library's own layout; the rest is zero."""
    dtype = np.dtype([tuple(each) for each in kind._dtypes])
    row = np.zeros((), dtype)
    row["length"], row["rtype"] = dtype.itemsize // 4, RTYPE[kind.__name__]
    for name, value in fields.items():
        row[name] = value
    return row.tobytes()


def with_ts_out(raw: bytes, sent: int) -> bytes:
    """One record as it comes in a session with ts_out: longer by 8 bytes."""
    return bytes([raw[0] + 2]) + raw[1:] + sent.to_bytes(8, "little")


def mbo_with_ts_out(rows: MboBatch) -> bytes:
    """Records as they come in a session with ts_out: sent 5 ns after they were received."""
    out = np.zeros(rows.size, MBO_DTYPE_TS_OUT)
    for name in MBO_DTYPE.names:
        out[name] = rows[name]
    out["length"], out["ts_out"] = 16, rows["ts_recv"] + np.uint64(5)
    return out.tobytes()


def zstd(*frames: bytes) -> bytes:
    """Each part in a frame of its own."""
    return b"".join(zstandard.ZstdCompressor(level=1).compress(frame) for frame in frames)


def unzstd(data: bytes) -> bytes:
    """All frames of `data`, decompressed."""
    stream = zstandard.ZstdDecompressor().stream_reader(data, read_across_frames=True)
    return stream.read(-1)

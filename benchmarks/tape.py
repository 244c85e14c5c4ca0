"""What the tape costs: `python -m benchmarks.tape [FILE] [--records N]`.

Appending is timed by wall and by the CPU time of the thread that appends; the threads that sync and
compress run beside it, as in life. FILE is a DBN file with market-by-order records; without one a
market is simulated. The tape is in `--directory`: its disk is what a sync is about.
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import numpy as np

from connectors.dbn_stream import DbnStream
from connectors.tape.config import TapeConfig
from connectors.tape.rotation import pack
from connectors.tape.segments import HEADER_BYTES, TapePosition, segment_path
from connectors.tape.stored import opened
from connectors.tape.tape import Tape
from operators.model.records import MBO_BYTES
from simulator.simulation import SimulationConfig
from simulator.tape import write_tape

FEED: Final = "bench"
RESULTS: Final = Path("build/tape.json")
BATCHES: Final = (10_000, 1_000, 100, 10)
ROUNDS: Final = 3
SYNCS: Final = 200
SYNC_ROWS: Final = 2_500
_DAY_NS: Final = 86_400 * 10**9


def main() -> int:
    """Measure, print, and leave the figures in RESULTS."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.tape", description=__doc__)
    parser.add_argument("file", nargs="?", metavar="FILE")
    parser.add_argument("--records", type=int, default=5_000_000, metavar="N")
    parser.add_argument("--directory", metavar="DIR", help="where the tape is made")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=arguments.directory, prefix="ifd-tape-") as name:
        folder = Path(name)
        data = _records(arguments.file, folder, arguments.records)
        found: dict[str, Any] = {"records": len(data) // MBO_BYTES}
        found["append"] = {str(rows): _append(folder, data, rows) for rows in BATCHES}
        found["sync"] = _sync(folder, data)
        found["stored"] = _stored(folder, data)
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(found, indent=2) + "\n")
    print(_shown(found))
    return 0


def _records(file: str | None, folder: Path, records: int) -> bytes:
    """So many records: those of the file, again and again if need be."""
    if file is None:
        path = folder / "market.dbn"
        write_tape(SimulationConfig(seed=1, records=min(records, 500_000)), path)
        file = str(path)
    stream = DbnStream(FEED, (file,), chunk_rows=65_536)
    rows = []
    while stream.fill():
        if isinstance(stream.head, np.ndarray):
            rows.append(stream.head)
        stream.advance()
    data = np.concatenate(rows).tobytes()
    return (data * (records * MBO_BYTES // len(data) + 1))[: records * MBO_BYTES]


def _tape(folder: Path, name: str) -> Tape:
    config = TapeConfig(
        directory=str(folder / name),
        segment_bytes_max=64 * 1024**3,
        reserve_bytes=0,
        reserve_bytes_min=0,
    )
    tape = Tape(config, FEED)
    tape.open()
    return tape


def _append(folder: Path, data: bytes, rows: int) -> dict[str, float]:
    """The best of some rounds, since others use this machine too."""
    view, size = memoryview(data), rows * MBO_BYTES
    # Small batches need no more than a part of the records to be timed.
    stop = min(len(data), 200_000 * size)
    rounds = []
    for number in range(ROUNDS):
        tape = _tape(folder, f"append-{rows}-{number}")
        wall, cpu = time.perf_counter(), time.thread_time()
        for at in range(0, stop, size):
            tape.append(view[at : at + size])
        rounds.append((time.perf_counter() - wall, time.thread_time() - cpu))
        tape.close()
        segment_path(folder / f"append-{rows}-{number}" / FEED, 1).unlink()
    records = stop // MBO_BYTES
    walls, cpus = zip(*rounds, strict=True)
    return {"wall_per_s": records / min(walls), "cpu_per_s": records / min(cpus)}


def _sync(folder: Path, data: bytes) -> dict[str, float]:
    """How long `wait_synced` takes right after an append."""
    tape = _tape(folder, "sync")
    size = SYNC_ROWS * MBO_BYTES
    times = []
    for number in range(SYNCS):
        at = number * size % (len(data) - size)
        tape.append(data[at : at + size - size % MBO_BYTES])
        times.append(_timed(lambda: tape.wait_synced(tape.end))[0])
    tape.close()
    p50, p99 = np.percentile(np.array(times) * 1e3, [50, 99])
    return {"rows": SYNC_ROWS, "p50_ms": float(p50), "p99_ms": float(p99)}


def _stored(folder: Path, data: bytes) -> dict[str, float]:
    """Opening, compressing, and reading from a place near the end."""
    tape = _tape(folder, "stored")
    tape.append(data)
    tape.close()
    place = folder / "stored" / FEED
    # The worst that opening may have to do: look at every record.
    (place / "synced").unlink()
    tape, open_s = _reopened(folder)
    end = tape.end
    tape.close()
    cpu = time.thread_time()
    pack_s, (before, after) = _timed(lambda: pack(place, 1, level=3, frame_bytes=4 * 1024**2))
    cpu = time.thread_time() - cpu
    tape = _tape(folder, "stored")
    near = HEADER_BYTES + (end.offset - HEADER_BYTES) * 95 // 100 // MBO_BYTES * MBO_BYTES
    by_index_s, _ = _timed(lambda: tape.read(TapePosition(1, near), end).next(1_000))
    scan_s, _ = _timed(lambda: _scan(place, near))
    read_s, _ = _timed(lambda: _all(tape, TapePosition(1, 0), end))
    tape.close()
    return {
        "segment_bytes": before,
        "ratio": before / after,
        "open_unknown_s": open_s,
        "pack_wall_mb_per_s": before / pack_s / 1e6,
        "pack_cpu_mb_per_s": before / cpu / 1e6,
        "resume_by_index_ms": by_index_s * 1e3,
        "resume_by_scan_ms": scan_s * 1e3,
        "read_records_per_s": (end.offset - HEADER_BYTES) / MBO_BYTES / read_s,
    }


def _reopened(folder: Path) -> tuple[Tape, float]:
    at = time.perf_counter()
    tape = _tape(folder, "stored")
    return tape, time.perf_counter() - at


def _scan(place: Path, near: int) -> None:
    """What a file without an index would take: everything before it, decompressed."""
    source = opened(place, 1)
    at = 0
    while at < near:
        at += len(source.read_at(at, 4 * 1024**2))
    source.close()


def _all(tape: Tape, from_: TapePosition, to: TapePosition) -> None:
    reader = tape.read(from_, to)
    while reader.next(65_536):
        pass


def _timed(work: Callable[[], Any]) -> tuple[float, Any]:
    at = time.perf_counter()
    found = work()
    return time.perf_counter() - at, found


def _shown(found: dict[str, Any]) -> str:
    stored, sync = found["stored"], found["sync"]
    lines = [f"{found['records']:,} records of {MBO_BYTES} bytes", ""]
    lines.append(f"{'append, records at once':<34}{'M/s wall':>10}{'M/s CPU':>10}   target 5")
    for rows, each in found["append"].items():
        wall, cpu = each["wall_per_s"] / 1e6, each["cpu_per_s"] / 1e6
        lines.append(f"{int(rows):>34,}{wall:>10.1f}{cpu:>10.1f}")
    mb_per_s = f"{stored['pack_wall_mb_per_s']:.0f} (CPU {stored['pack_cpu_mb_per_s']:.0f})"
    near = f"{stored['resume_by_index_ms']:.1f} ms by its index, "
    near += f"{stored['resume_by_scan_ms']:.0f} ms without"
    open_ms, size_mb = stored["open_unknown_s"] * 1e3, stored["segment_bytes"] / 1e6
    sync_ms = f"p50 {sync['p50_ms']:.1f} ms, p99 {sync['p99_ms']:.1f} ms"
    lines.append(f"\nsync after {sync['rows']:,} records: {sync_ms}")
    lines.append(f"open, {size_mb:.0f} MB of which nothing is known: {open_ms:.0f} ms")
    lines.append(f"compress, compare, replace: {mb_per_s} MB/s, to 1/{stored['ratio']:.1f}")
    lines.append(f"first record at 95 % of a compressed segment: {near}")
    lines.append(f"read compressed: {stored['read_records_per_s'] / 1e6:.1f} M records/s")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())

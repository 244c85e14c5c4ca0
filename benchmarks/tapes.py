"""The tapes that benchmarks read: simulated once, kept until simulator or config change."""

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from simulator.simulation import SimulationConfig
from simulator.tape import write_tape

FOLDER: Final = Path(".cache/bench")
_SIMULATOR: Final = Path(__file__).resolve().parent.parent / "simulator"


@dataclass(frozen=True, slots=True)
class Tape:
    """One tape and what it holds."""

    path: str
    instruments: int
    records: int
    """All market-by-order records, those of the opening included."""
    opening_records: int
    resting_orders: int
    """At the end."""
    per_active_instrument_second: float
    """Live records an instrument has in a second in which it has any."""
    seconds: float
    """Market time of the live part."""

    def plain(self) -> dict[str, Any]:
        """For the table and the file of results."""
        return asdict(self)


def wide(records: int, instruments: int, orders: int, pace: float) -> SimulationConfig:
    """`instruments` equally busy instruments over up to 64 roots."""
    return SimulationConfig(
        seed=7,
        duration_s=None,
        records=records,
        roots=min(64, instruments),
        instruments=instruments,
        resting_orders=orders,
        activity_skew=0,
        records_per_s=pace * instruments,
    )


def single(records: int, orders: int, records_per_s: float) -> SimulationConfig:
    """One instrument with a book like that of the front E-mini S&P future."""
    return SimulationConfig(
        seed=7,
        duration_s=None,
        records=records,
        roots=("ES",),
        instruments=1,
        resting_orders=orders,
        records_per_s=records_per_s,
    )


def tape_of(name: str, config: SimulationConfig) -> Tape:
    """The tape of that config, from the cache if it is there."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    path = FOLDER / f"{name}-{_stamp(config)}.dbn"
    about = path.with_suffix(".json")
    if about.exists() and path.exists():
        return Tape(**json.loads(about.read_text()))
    for old in (*FOLDER.glob(f"{name}-*.dbn"), *FOLDER.glob(f"{name}-*.json")):
        old.unlink()
    summary = write_tape(config, path)
    tape = Tape(
        path=str(path),
        instruments=summary.instruments,
        records=summary.records,
        opening_records=summary.opening_records,
        resting_orders=summary.resting_orders_last,
        per_active_instrument_second=summary.records_per_active_instrument_second,
        seconds=(summary.ts_last - summary.ts_first) / 1e9,
    )
    about.write_text(json.dumps(tape.plain()) + "\n")
    return tape


def _stamp(config: SimulationConfig) -> str:
    digest = hashlib.sha256(repr(config).encode())
    for file in sorted(_SIMULATOR.glob("*.py")):
        digest.update(file.read_bytes())
    return digest.hexdigest()[:12]

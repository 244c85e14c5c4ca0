"""Outcomes as they were published, for a recalibration: from an export, or from their topic."""

import csv
import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from config.settings import Settings
from evaluation.recalibrate import Told
from operators.model.calibration import Calibration
from operators.model.calibration_record import read_table, recalibrated
from operators.model.errors import ConfigError
from operators.model.streams import OUTCOMES
from sinks.instants import NS_MAX, instant_of

_FLAGS: Final = {"true": True, "false": False, "": None}
"""As CSV has them."""
_INT64: Final = 2**63


def outcomes(
    settings: Settings, file: Path | None, on_progress: Callable[[int, int], None]
) -> Iterator[Told]:
    """Outcomes of a file that `ifd export outcomes` wrote; without one, of the topic.

    Raises:
        ConfigError: nothing names a place, the file cannot be read, or holds something else.
        DeliveryError: the broker does not answer, or has no such topic.
    """
    rows, origin = _of_topic(settings, on_progress), "the topic of outcomes"
    if file is not None:
        rows, origin = _of_file(file), str(file)
    number = 0
    try:
        for row in rows:
            number += 1
            yield told_of(row)
    except OSError as error:
        raise ConfigError(f"--outcomes: {origin}: {error.strerror}") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ConfigError(
            f"--outcomes: {origin}: expected outcomes as `ifd export outcomes` writes them, found"
            f" in number {max(1, number)}: {error}"
        ) from error


def in_force(made: Calibration, file: Path | None) -> Calibration:
    """What the file's table makes of a calibration; itself where there is no such table.

    Raises:
        ConfigError: the file cannot be read, or holds something else.
    """
    if file is None or not file.exists():
        return made
    try:
        return recalibrated(made, read_table(file.read_text(encoding="utf-8"))) or made
    except OSError as error:
        raise ConfigError(f"{file}: {error.strerror}") from error
    except ValueError as error:
        raise ConfigError(f"{file}: {error}; remove it, or put an older one there") from error


def within(begin: str | None, end: str | None) -> range:
    """The instants from `begin` to `end`.

    Raises:
        ConfigError: one of them is none.
    """
    found = []
    for name, text, default in (("from", begin, 0), ("to", end, NS_MAX)):
        try:
            found.append(default if text is None else instant_of(text))
        except ValueError as error:
            raise ConfigError(f"--{name}: {error}, found {text}") from error
    return range(*found)


def told_of(row: Mapping[str, Any]) -> Told:
    """An outcome of one row.

    Raises:
        ValueError, KeyError, TypeError: it is none.
    """
    ts_from = row["ts_from"]
    sampled, hit = (_flag(row[name]) for name in ("sampled", "hit"))
    if sampled is None:
        raise ValueError("sampled is empty")
    log_odds = float(row["log_odds"])
    if not abs(log_odds) < _INT64:
        raise ValueError(f"log_odds is {log_odds}")
    return Told(
        root=row["root"],
        signal_id=row["signal_id"],
        kind=row["kind"],
        side=row["side"],
        instrument_id=int(row["instrument_id"]),
        ts_from=ts_from if isinstance(ts_from, int) else instant_of(ts_from),
        horizon_s=int(row["horizon_s"]),
        log_odds=log_odds,
        sampled=sampled,
        hit=hit,
        calibration=row["calibration"],
    )


def _flag(value: Any) -> bool | None:
    if value is None or isinstance(value, bool):
        return value
    return _FLAGS[value]


def _of_topic(settings: Settings, on_progress: Callable[[int, int], None]) -> Iterator[Any]:
    if not settings.kafka.bootstrap_servers:
        raise ConfigError(
            "nothing says where outcomes were published: set IFD_KAFKA__BOOTSTRAP_SERVERS, or name"
            " a file of `ifd export outcomes` behind --outcomes"
        )
    from sinks.kafka_search import values_of

    yield from map(json.loads, values_of(settings.kafka, OUTCOMES, on_progress))


def _of_file(file: Path) -> Iterator[Any]:
    match file.suffix:
        case ".parquet":
            yield from _of_parquet(file)
        case ".csv":
            with file.open(encoding="utf-8", newline="") as text:
                yield from csv.DictReader(text)
        case ".json":
            yield from json.loads(file.read_bytes())
        case ".ndjson":
            with file.open("rb") as lines:
                yield from (json.loads(line) for line in lines if line.strip())
        case other:
            raise ConfigError(
                f"--outcomes: {file}: expected .ndjson, .json, .csv or .parquet, found {other!r}"
            )


def _of_parquet(file: Path) -> Iterator[Any]:
    import polars as pl
    from polars.exceptions import PolarsError

    try:
        frame = pl.read_parquet(file, columns=list(Told._fields))
        yield from frame.with_columns(pl.col("ts_from").dt.timestamp("ns")).iter_rows(named=True)
    except PolarsError as error:
        raise ValueError(error) from error

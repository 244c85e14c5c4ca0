"""Reads the exchange's calendar from config/calendar.toml."""

import tomllib
from datetime import date, datetime, time
from pathlib import Path
from typing import Any, Final

from operators.calendar import Calendar
from operators.model.errors import ConfigError

CALENDAR_PATH: Final = Path(__file__).with_name("calendar.toml")
_EPOCH: Final = date(1970, 1, 1)


def load_calendar(path: Path = CALENDAR_PATH) -> Calendar:
    """Calendar of a file in the form of config/calendar.toml.

    Raises:
        ConfigError: The file cannot be read, or does not hold a calendar.
    """
    try:
        return _calendar(tomllib.loads(path.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"calendar {path} cannot be read: {error}") from error
    except KeyError as error:
        raise ConfigError(f"calendar {path} lacks the key {error}") from error
    except (TypeError, ValueError, AttributeError) as error:
        raise ConfigError(f"calendar {path} is not a calendar: {error}") from error


def _calendar(table: dict[str, Any]) -> Calendar:
    day, clock, holidays = table["day"], table["clock"], table["holidays"]
    return Calendar(
        offset_s=round(clock["offset"] * 3600),
        changes=tuple((_ts_s(c["at"]), round(c["offset"] * 3600)) for c in clock["changes"]),
        roll_s=_seconds(day["roll"]),
        pause_s=_seconds(day["pause"]),
        weekdays=tuple(weekday - 1 for weekday in day["weekdays"]),
        closed=tuple(_days(closed) for closed in holidays["closed"]),
        early=tuple((_days(e["day"]), _seconds(e["close"])) for e in holidays["early"]),
    )


def _ts_s(at: datetime) -> int:
    if at.tzinfo is None:
        raise ValueError(f"a change of the clock needs its offset from UTC, was {at}")
    return int(at.timestamp())


def _seconds(of_day: time) -> int:
    return of_day.hour * 3600 + of_day.minute * 60 + of_day.second


def _days(day: date) -> int:
    return (day - _EPOCH).days

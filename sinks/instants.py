"""Instants as people and programs write them, and back."""

import re
from datetime import UTC, datetime, timedelta
from typing import Final

EXPECTED: Final = (
    "RFC 3339 with an offset (2024-03-13T14:30:00Z), a date (2024-03-13, UTC) or ns since the epoch"
)
NS_MAX: Final = 2**63 - 1
DATE: Final = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
RFC_3339: Final = re.compile(
    r"(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?([Zz]|[+-]\d\d:\d\d)", re.ASCII
)
NS: Final = re.compile(r"0|\d{15,19}", re.ASCII)
"""Shorter numbers are a date or seconds that somebody meant, and no instant of a market's."""
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def instant_of(text: str) -> int:
    """ns since the epoch of what was written. Raises ValueError with what was expected."""
    try:
        ns = _parsed(text)
    except (ValueError, OverflowError):
        ns = -1
    if not 0 <= ns <= NS_MAX:
        raise ValueError(f"expected {EXPECTED}")
    return ns


def instant_text(ns: int) -> str:
    """RFC 3339 in UTC with nine decimals, such as `2024-03-13T14:30:00.123456789Z`."""
    seconds, rest = divmod(ns, 1_000_000_000)
    return f"{_EPOCH + timedelta(seconds=seconds):%Y-%m-%dT%H:%M:%S}.{rest:09d}Z"


def date_text(ns: int) -> str:
    """Date in UTC, such as `2024-03-13`."""
    return f"{_EPOCH + timedelta(seconds=ns // 1_000_000_000):%Y-%m-%d}"


def _parsed(text: str) -> int:
    if NS.fullmatch(text):
        return int(text)
    if DATE.fullmatch(text):
        return _ns(datetime.fromisoformat(text).replace(tzinfo=UTC))
    if (found := RFC_3339.fullmatch(text)) is None:
        raise ValueError(text)
    date, time, fraction, offset = found.groups()
    # datetime holds microseconds: the decimals are added to whole seconds.
    whole = _ns(datetime.fromisoformat(f"{date}T{time}{offset.upper()}"))
    return whole + int((fraction or "0").ljust(9, "0"))


def _ns(instant: datetime) -> int:
    # In integers: a float of seconds since the epoch loses hundreds of nanoseconds.
    return (instant - _EPOCH) // timedelta(seconds=1) * 1_000_000_000

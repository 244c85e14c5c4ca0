"""Recalibration: new steps of `p_move`, as a file and as control records in the stream.

A table's version is that of the calibration its log-odds belong to, a point, and a hash of all that
the table says; so the calibration's own version, alone, names the way back to it.

    calibration {"version":…,"part":1,"of":2,"follows":…,"horizon_s":60,"steps":[[x,p,low,high],…]}
    calibration {"version":…,"part":2,"of":2,"steps":[…]}

The table holds from the last of its records on.
"""

import hashlib
import json
from dataclasses import dataclass, replace
from typing import Any, Final

from operators.model.calibration import Calibration, Steps
from operators.model.items import Control

CALIBRATION: Final = "calibration"
DIGITS: Final = 4
"""Kept of log-odds and shares."""
STEPS_MAX: Final = 32
STEPS_PER_RECORD: Final = 4
"""So many always fit into the text of a system record."""
LOG_ODDS_MAX: Final = 100.0
HORIZON_MAX_S: Final = 3_600
VERSION_CHARS_MAX: Final = 25
_DIGEST_BYTES: Final = 6
_UNREADABLE: Final = (ValueError, KeyError, TypeError, OverflowError, RecursionError)

Row = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class MoveTable:
    """New steps of `p_move`; without steps, the way back to the calibration that it names.

    Raises:
        ValueError: bounds, order or version do not hold.
    """

    version: str
    follows: str = ""
    """Version that was in force on what it was made from."""
    horizon_s: int = 0
    """Of the move, 1…HORIZON_MAX_S; 0 without steps."""
    rows: tuple[Row, ...] = ()
    """Log-odds, share, its interval; at most STEPS_MAX rows of DIGITS decimals."""

    def __post_init__(self) -> None:
        for name in ("version", "follows"):
            text = getattr(self, name)
            if len(text) > VERSION_CHARS_MAX or not all(c.isalnum() or c == "." for c in text):
                form = f"at most {VERSION_CHARS_MAX} letters, digits and points"
                raise ValueError(f"{name} must be {form}, was {text!r}")
        if not self.rows:
            if not self.version or "." in self.version or self.follows or self.horizon_s:
                raise ValueError("a table without steps must name a calibration and nothing else")
            return
        if len(self.rows) > STEPS_MAX:
            raise ValueError(f"steps must be at most {STEPS_MAX}, were {len(self.rows)}")
        if not 1 <= self.horizon_s <= HORIZON_MAX_S:
            raise ValueError(f"horizon_s must be 1 to {HORIZON_MAX_S}, was {self.horizon_s}")
        for row in self.rows:
            if not abs(row[0]) <= LOG_ODDS_MAX or row != tuple(round(x, DIGITS) for x in row):
                raise ValueError(f"steps must have {DIGITS} decimals, log-odds to 100, was {row}")
        _steps(self.rows)
        expected = _version(self.base, self.follows, self.horizon_s, self.rows)
        if self.version != expected:
            raise ValueError(f"version was {self.version}, the content has {expected}")

    @property
    def base(self) -> str:
        """Version of the calibration that its log-odds belong to."""
        return self.version.partition(".")[0]

    def text(self, about: dict[str, Any] | None = None) -> str:
        """A file; `about` is for people."""
        named = _named(self) | {"steps": [list(row) for row in self.rows]}
        if about:
            named["about"] = about
        return json.dumps(named, indent=1) + "\n"


def move_table(follows: str, horizon_s: int, steps: Steps) -> MoveTable:
    """The table of new steps, rounded to DIGITS, made of outcomes under `follows`.

    Raises:
        ValueError: steps begin at one place then, or bounds do not hold.
    """
    columns = zip(steps.log_odds, steps.p, steps.low, steps.high, strict=True)
    rows = tuple(_row(round(value, DIGITS) for value in values) for values in columns)
    base = follows.partition(".")[0]
    version = _version(base, follows, horizon_s, rows)
    return MoveTable(version=version, follows=follows, horizon_s=horizon_s, rows=rows)


def read_table(text: str) -> MoveTable:
    """The table in a file.

    Raises:
        ValueError: it holds none, or was changed by hand.
    """
    try:
        named = json.loads(text)
        return _table(named, named.get("steps", []))
    except (*_UNREADABLE, AttributeError) as error:
        raise ValueError(f"no table of p_move: {error}") from error


def recalibrated(calibration: Calibration, table: MoveTable) -> Calibration | None:
    """The calibration with the table's steps; None: the table belongs to another one."""
    if table.base != calibration.version.partition(".")[0]:
        return None
    if not table.rows:
        return calibration
    return replace(
        calibration,
        version=table.version,
        move=_steps(table.rows),
        move_horizon_s=table.horizon_s,
    )


def calibration_controls(feed: str, ts_event: int, table: MoveTable) -> list[Control]:
    """The table as controls for the stream, to be written behind one another."""
    rows = [list(row) for row in table.rows]
    cut = [rows[i : i + STEPS_PER_RECORD] for i in range(0, len(rows), STEPS_PER_RECORD)] or [[]]
    out = []
    for part, some in enumerate(cut, 1):
        named: dict[str, Any] = {"version": table.version, "part": part, "of": len(cut)}
        if part == 1:
            named = _named(table) | named
        value = json.dumps(named | {"steps": some}, separators=(",", ":"))
        out.append(Control(feed, ts_event, CALIBRATION, value))
    return out


def taken(parts: tuple[str, ...], value: str) -> tuple[tuple[str, ...], MoveTable | None]:
    """The parts of a table so far and the one that came: all parts, or none and the whole table.

    Raises:
        ValueError: the part is none, follows none, or the whole is no table.
    """
    try:
        named = [json.loads(one) for one in (*parts, value)]
        first, last = named[0], named[-1]
        told = [(one["version"], one["of"], one["part"]) for one in named]
        count = int(first["of"])
        if told != [(first["version"], count, place) for place in range(1, len(named) + 1)]:
            raise ValueError(f"part {last['part']} of {last['version']} follows {len(parts)} parts")
        if not 1 <= len(named) <= count <= STEPS_MAX:
            raise ValueError(f"part {len(named)} of {count}")
        if len(named) < count:
            return (*parts, value), None
        return (), _table(first, [row for one in named for row in one["steps"]])
    except (*_UNREADABLE, AttributeError) as error:
        raise ValueError(f"no table of p_move: {error}") from error


def completed_by(control: Control) -> str | None:
    """Version of the table whose last record this is; None of any other."""
    try:
        named = json.loads(control.value)
        return str(named["version"]) if named["part"] == named["of"] else None
    except _UNREADABLE:
        return None


def _named(table: MoveTable) -> dict[str, Any]:
    return {"version": table.version, "follows": table.follows, "horizon_s": table.horizon_s}


def _table(named: dict[str, Any], rows: list[Any]) -> MoveTable:
    return MoveTable(
        version=str(named["version"]),
        follows=str(named.get("follows", "")),
        horizon_s=int(named.get("horizon_s", 0)),
        rows=tuple(_row(row) for row in rows),
    )


def _row(values: Any) -> Row:
    log_odds, p, low, high = (float(value) for value in values)
    return log_odds, p, low, high


def _steps(rows: tuple[Row, ...]) -> Steps:
    log_odds, p, low, high = zip(*rows, strict=True)
    return Steps(log_odds, p, low, high)


def _version(base: str, follows: str, horizon_s: int, rows: tuple[Row, ...]) -> str:
    text = json.dumps([base, follows, horizon_s, rows], separators=(",", ":"))
    return f"{base}.{hashlib.blake2b(text.encode(), digest_size=_DIGEST_BYTES).hexdigest()}"

"""Label files: what was done on a tape, one JSON object a line; see docs/evaluation.md.

Anyone's tapes can have one: a simulator's, or a real one that somebody knows something about.
"""

from collections.abc import Iterable
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any, Final

import orjson

from operators.model.errors import ConfigError
from simulator.institutions import Label

SUFFIX: Final = ".labels.ndjson"
SIDES: Final = ("buy", "sell", "none")
NEEDED: Final = ("kind", "root", "side", "ts_start", "ts_end")
LINE_BYTES_MAX: Final = 1 << 20
_TEXTS: Final = ("who", "kind", "root", "symbol", "side", "difficulty", "regime")
_COUNTS: Final = ("instrument_id", "size", "executed")
_FLAGS: Final = ("institutional", "directional")
_NAMES: Final = tuple(field.name for field in fields(Label))


def labels_path(tape: Path) -> Path:
    """Where the labels of a tape are: `x.labels.ndjson` beside `x.dbn` or `x.dbn.zst`."""
    return tape.with_name(tape.name.removesuffix(".zst").removesuffix(".dbn") + SUFFIX)


def write_labels(table: Iterable[Label], path: Path) -> None:
    """One JSON object per line and behaviour, in the order given.

    Raises:
        ConfigError: The file cannot be written.
    """
    lines = b"".join(orjson.dumps(asdict(label)) + b"\n" for label in table)
    try:
        path.write_bytes(lines)
    except OSError as error:
        raise ConfigError(f"labels: {path} cannot be written: {error.strerror}") from error


def read_labels(path: Path) -> list[Label]:
    """The labels of a file, in its order. What a line may leave out has the format's default.

    Raises:
        ConfigError: The file cannot be read, or a line is not a label: which, and why.
    """
    try:
        lines = path.read_bytes().splitlines()
    except OSError as error:
        raise ConfigError(f"labels: {path} cannot be read: {error.strerror}") from error
    return [_label(line, f"labels: {path}:{n}") for n, line in enumerate(lines, 1) if line.strip()]


def _label(line: bytes, where: str) -> Label:
    if len(line) > LINE_BYTES_MAX:
        raise ConfigError(f"{where}: expected at most {LINE_BYTES_MAX} bytes, found {len(line)}")
    try:
        found = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise ConfigError(f"{where}: expected a JSON object, found {error}") from None
    if not isinstance(found, dict):
        raise ConfigError(f"{where}: expected a JSON object, found {type(found).__name__}")
    for name in NEEDED:
        if name not in found:
            raise ConfigError(f"{where}: {name} is missing")
    for name in found:
        if name not in _NAMES:
            raise ConfigError(f"{where}: {name!r} is not known, expected {', '.join(_NAMES)}")
    return _checked(_completed(found), where)


def _completed(found: dict[str, Any]) -> dict[str, Any]:
    defaults: dict[str, Any] = {
        "who": "",
        "institutional": True,
        "directional": found["side"] != "none",
        "symbol": "",
        "instrument_id": 0,
        "instruments": [found["instrument_id"]] if "instrument_id" in found else [],
        "size": 0,
        "executed": 0,
        "order_ids": [],
        "difficulty": "",
        "regime": "",
    }
    return defaults | found


def _checked(values: dict[str, Any], where: str) -> Label:
    for names, kind, word in ((_TEXTS, str, "text"), (_FLAGS, bool, "true or false")):
        for name in names:
            if not isinstance(values[name], kind):
                raise ConfigError(f"{where}: {name}: expected {word}, found {values[name]!r}")
    for name in _COUNTS:
        if type(values[name]) is not int or values[name] < 0:
            raise ConfigError(f"{where}: {name}: expected a number from 0, found {values[name]!r}")
    if values["side"] not in SIDES:
        raise ConfigError(f"{where}: side: expected {', '.join(SIDES)}, found {values['side']!r}")
    if values["directional"] != (values["side"] != "none"):
        raise ConfigError(f"{where}: a directional label has a side, another has none")
    for name in ("ts_start", "ts_end"):
        values[name] = str(_whole(values[name], f"{where}: {name}"))
    if int(values["ts_end"]) < int(values["ts_start"]):
        raise ConfigError(f"{where}: ts_end is before ts_start")
    for name in ("order_ids", "instruments"):
        if not isinstance(values[name], list):
            raise ConfigError(f"{where}: {name}: expected a list, found {values[name]!r}")
        whole = tuple(_whole(each, f"{where}: {name}") for each in values[name])
        values[name] = tuple(map(str, whole)) if name == "order_ids" else whole
    return Label(**values)


def _whole(value: Any, where: str) -> int:
    """A whole number, as JSON's or as its text: 64 bits do not fit into every reader's numbers."""
    if isinstance(value, str) and value.isascii() and value.isdecimal():
        value = int(value)
    if type(value) is not int or not 0 <= value < 2**64:
        raise ConfigError(f"{where}: expected a whole number below 2^64, found {value!r}")
    return value

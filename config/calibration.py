"""Reads config/calibration.json: what log-odds mean, for one set of weights.

`ifd calibrate` writes it; docs/detection.md says how and how well it holds.
"""

import hashlib
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from operators.model.calibration import ACTIVITIES, Alarms, Calibration, Steps
from operators.model.errors import ConfigError
from operators.weigh_config import WeighConfig

CALIBRATION_PATH: Final = Path(__file__).with_name("calibration.json")


def load_calibration(weights: WeighConfig, path: Path = CALIBRATION_PATH) -> Calibration | None:
    """The calibration of a file; None where there is none, or it was made for other weights.

    Raises:
        ConfigError: The file cannot be read, does not hold a calibration, or was changed by hand.
    """
    try:
        table = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise ConfigError(f"calibration {path} cannot be read: {error}") from error
    try:
        calibration = _calibration(table)
        made_for = table["weights"]
        version = version_of(table)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ConfigError(f"calibration {path} is not a calibration: {error!r}") from error
    if version != calibration.version:
        raise ConfigError(
            f"calibration {path}: version was {calibration.version}, its content has {version};"
            " write it with `ifd calibrate`, not by hand"
        )
    return calibration if made_for == weights_version(weights) else None


def table_of(calibration: Calibration, weights: WeighConfig, about: dict[str, Any]) -> str:
    """The text of a file; its version is a hash of all else in it."""
    table: dict[str, Any] = {
        "weights": weights_version(weights),
        "about": about,
        "flow": asdict(calibration.flow),
        "move": None if calibration.move is None else asdict(calibration.move),
        "move_horizon_s": calibration.move_horizon_s,
        "alarms": _listed(calibration.alarms),
        "alarms_by_activity": {
            name: _listed(alarms)
            for name, alarms in zip(ACTIVITIES, calibration.alarms_by_activity, strict=False)
        },
    }
    return json.dumps({"version": version_of(table), **table}, indent=1) + "\n"


def weights_version(weights: WeighConfig) -> str:
    """Names a set of weights."""
    return _hash(asdict(weights))


def version_of(table: dict[str, Any]) -> str:
    """Names what a table holds."""
    return _hash({name: value for name, value in table.items() if name != "version"})


def _hash(value: Any) -> str:
    text = json.dumps(value, sort_keys=True, separators=(",", ":"))
    return hashlib.blake2b(text.encode(), digest_size=6).hexdigest()


def _calibration(table: dict[str, Any]) -> Calibration:
    # Tables from before have thresholds over all markets only.
    by_activity = table.get("alarms_by_activity", {})
    return Calibration(
        version=str(table["version"]),
        flow=_steps(table["flow"]),
        move=None if table["move"] is None else _steps(table["move"]),
        move_horizon_s=int(table["move_horizon_s"]),
        alarms=_alarms(table["alarms"]),
        alarms_by_activity=tuple(_alarms(by_activity[name]) for name in by_activity and ACTIVITIES),
    )


def _alarms(rows: list[list[float]]) -> tuple[Alarms, ...]:
    return tuple(Alarms(float(log_odds), float(rate)) for log_odds, rate in rows)


def _listed(alarms: tuple[Alarms, ...]) -> list[list[float]]:
    return [list(one) for one in alarms]


def _steps(columns: dict[str, Any]) -> Steps:
    return Steps(**{name: tuple(map(float, values)) for name, values in columns.items()})

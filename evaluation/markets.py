"""The simulated markets that are evaluated, and the sessions before them that say what is normal.

All trade at 08:30 in Chicago for the same half an hour: the baseline is of that time of the day.
Every third seed is a market of futures and options, the others of futures.
"""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Final, Literal

from evaluation.split import SPLIT, regime_of
from operators.model.records import NS_PER_S
from simulator.regimes import RegimeName
from simulator.simulation import SimulationConfig

Form = Literal["futures", "options"]
FORMS: Final[tuple[Form, ...]] = ("futures", "options")
DifficultyName = Literal["easy", "medium", "hard", "mixed"]

DAY: Final = date(2026, 4, 6)
"""The day that is evaluated."""
CLOSED: Final = frozenset({date(2026, 4, 3)})
"""Good Friday."""
OPENS_S: Final = 13 * 3600 + 1800
"""08:30 in Chicago, seconds of the day in UTC: summer time holds on all of these days."""
SESSIONS: Final = 8
"""Sessions of history, at least 5."""
DURATION_S: Final = 1800.0
PER_HOUR: Final = 20.0
"""Behaviours come 3 minutes apart on average, so that there is time in which nothing is on."""
OPTIONS: Final = 60
_HISTORY_OF: Final[dict[Form, int]] = {"futures": 0, "options": 1_000}


def form_of(seed: int) -> Form:
    """Whether there are options on the market of a seed."""
    return "options" if seed % 3 == 0 else "futures"


def market(
    seed: int,
    *,
    regime: RegimeName | None = None,
    difficulty: DifficultyName = "mixed",
    duration_s: float = DURATION_S,
) -> SimulationConfig:
    """The market of a seed, on the evaluated day; `regime` None: the split's."""
    config = _config(seed, form_of(seed), regime or regime_of(seed), DAY, duration_s)
    return replace(config, difficulty=difficulty)


def history(form: Form, *, duration_s: float = DURATION_S) -> list[SimulationConfig]:
    """The sessions before the evaluated day, oldest first."""
    first = SPLIT["history"].seeds.start + _HISTORY_OF[form]
    return [
        _config(first + number, form, regime_of(first + number), day, duration_s)
        for number, day in enumerate(session_days())
    ]


def session_days(sessions: int = SESSIONS) -> list[date]:
    """The trading days before the evaluated one, oldest first."""
    days: list[date] = []
    day = DAY
    while len(days) < sessions:
        day -= timedelta(days=1)
        if day.weekday() < 5 and day not in CLOSED:
            days.append(day)
    return days[::-1]


def _config(
    seed: int, form: Form, regime: RegimeName, day: date, duration_s: float
) -> SimulationConfig:
    config = SimulationConfig(
        seed=seed,
        start_ns=_opening_ns(day),
        duration_s=duration_s,
        regime=regime,
        institutions=True,
        look_alikes=True,
        institutions_per_hour=PER_HOUR,
        # The same instruments on all days.
        listed_ns=_opening_ns(session_days()[0]),
    )
    if form == "options":
        config = replace(config, roots=("ES", "NQ"), instruments=4, options=OPTIONS)
    return config


def _opening_ns(day: date) -> int:
    midnight = datetime(day.year, day.month, day.day, tzinfo=UTC)
    return (int(midnight.timestamp()) + OPENS_S) * NS_PER_S

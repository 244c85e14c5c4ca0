"""The steps of the one chain, each with how its operator is made: for the engine and without it."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final, NamedTuple

from config.calendar import load_calendar
from config.calibration import load_calibration
from config.settings import Settings, params_version
from dataflows.adapter import Factory, Operator, Saved
from operators.analyze import Analyze
from operators.analyze_config import AnalyzeConfig
from operators.baseline import Baseline
from operators.baseline_history import HistoryTable
from operators.book import Book
from operators.detect import Detect
from operators.model.errors import StateError
from operators.model.streams import Flowing
from operators.outcome import Outcome
from operators.pressure import Pressure
from operators.validate import Validate


class Step(NamedTuple):
    """One step."""

    operator: type[Operator]
    """Whose state version counts."""
    factory: Factory


def analyze_of(settings: Settings) -> AnalyzeConfig:
    """Those of `analyze`, with the calibration that was made for its weights."""
    return replace(
        settings.analyze,
        params=params_version(settings),
        calibration=load_calibration(settings.analyze.weights),
    )


def steps_of(settings: Settings, history: HistoryTable | None = None) -> dict[str, Step]:
    """Step id → step, in the order of the chain.

    Args:
        settings: Configs of all steps.
        history: Baseline that a fresh one starts from.
    """
    baseline = replace(settings.baseline, calendar=load_calendar())
    analyze = analyze_of(settings)
    outcome = replace(settings.outcome, calendar=baseline.calendar)

    def validated(s: dict[str, Any] | None) -> Validate:
        return Validate(settings.validation, s)

    def booked(s: dict[str, Any] | None) -> Book:
        return Book(settings.book, s)

    def pressed(s: dict[str, Any] | None) -> Pressure:
        return Pressure(settings.pressure, s)

    def judged(s: dict[str, Any] | None) -> Baseline:
        return Baseline(baseline, s, history=history if s is None else None)

    def detected(s: dict[str, Any] | None) -> Detect:
        return Detect(settings.detect, s)

    def analyzed(s: dict[str, Any] | None) -> Analyze:
        return Analyze(analyze, s)

    def followed(s: dict[str, Any] | None) -> Outcome:
        return Outcome(outcome, s)

    return {
        "validate": Step(Validate, validated),
        "book": Step(Book, booked),
        "pressure": Step(Pressure, pressed),
        "baseline": Step(Baseline, judged),
        "detect": Step(Detect, detected),
        "analyze": Step(Analyze, analyzed),
        "outcome": Step(Outcome, followed),
    }


SIGNALS_MADE: Final = "analyze"
"""The step that signals leave."""


class Chain:
    """The operators of one shard behind one another, without the engine: item by item.

    What an item brings has left the chain when `on_item` returns, so state can be looked at
    between any two items.
    """

    def __init__(
        self, steps: Mapping[str, Step], start: Mapping[str, Saved], *, last: str = SIGNALS_MADE
    ) -> None:
        """Begin where `start` says, a step that is missing with nothing.

        Raises:
            StateError: `start` holds another version of a step's state.
        """
        self.operators: dict[str, Any] = {}
        for step_id, (operator, factory) in steps.items():
            version, state = start.get(step_id, (operator.STATE_VERSION, None))
            if version != operator.STATE_VERSION:
                raise StateError(
                    f"step {step_id}: expected state of version {operator.STATE_VERSION}, found "
                    f"{version}: it was kept by another version of this program; use that one"
                )
            self.operators[step_id] = factory(state)
            if step_id == last:
                break

    def on_item(self, item: Flowing) -> list[Flowing]:
        """What the item makes leave the chain, in order."""
        items = [item]
        for operator in self.operators.values():
            items = operator.on_items(items)
        return items

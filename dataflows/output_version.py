"""What a recovery store depends on, step by step: whether a change starts a new generation.

And what that takes over: where settings and state version of a step are as they were, its state.
"""

from collections.abc import Mapping
from typing import Any, Final

from config.settings import Settings, params_version, section_version
from connectors.roots import reintroduced
from dataflows.generation import Carry, of_step
from operators.analyze import Analyze
from operators.baseline import Baseline
from operators.book import Book
from operators.detect import Detect
from operators.detectors.absorption import Absorption
from operators.detectors.large_aggressor import LargeAggressor
from operators.detectors.minute_flow import MinuteFlow
from operators.detectors.native_iceberg import NativeIceberg
from operators.detectors.order_flow import OrderFlow
from operators.detectors.quote_churn import QuoteChurn
from operators.detectors.roll import Roll
from operators.detectors.signed_pressure import SignedPressure
from operators.detectors.slicing import Slicing
from operators.detectors.spoof_like import SpoofLike
from operators.detectors.stop_run import StopRun
from operators.detectors.sweep import Sweep
from operators.detectors.synthetic_iceberg import SyntheticIceberg
from operators.detectors.two_sided import TwoSided
from operators.outcome import Outcome
from operators.pressure import Pressure
from operators.validate import Validate
from sinks.kafka_writer import KafkaWriter
from sinks.outbox import Outbox

FEED: Final = "feed"
_WHOLE: Final[Mapping[str, Any]] = {
    "validate": Validate,
    "book": Book,
    "pressure": Pressure,
    "baseline": Baseline,
}
"""Steps whose state is of the market alone and may go on in another generation."""
_PARTLY: Final[Mapping[str, Any]] = {"detect": Detect, "analyze": Analyze, "outcome": Outcome}
"""Steps that know what goes on of theirs: `carried`."""
_DETECTORS: Final[tuple[Any, ...]] = (
    *(Sweep, LargeAggressor, NativeIceberg, StopRun, SignedPressure, Absorption),
    *(OrderFlow, MinuteFlow, Slicing, SyntheticIceberg, SpoofLike, QuoteChurn, TwoSided, Roll),
)
ANEW: Final = "anew"
"""Key in a source's state: ids of instruments whose books were not taken over."""


def versions(settings: Settings) -> dict[str, str]:
    """Name → version of what must be as it was for a store to be resumed."""
    found = {"params": params_version(settings), "shards": str(settings.flow.shards)}
    overrides = sorted(settings.flow.shard_overrides.items())
    found["roots"] = f"{sorted(settings.flow.roots.items())}, {overrides}"
    for name, operator in _WHOLE.items():
        found[name] = f"{operator.STATE_VERSION}, {section_version(settings, name)}"
    for name, operator in _PARTLY.items():
        found[name] = str(operator.STATE_VERSION)
    found["detectors"] = ", ".join(str(each.STATE_VERSION) for each in _DETECTORS)
    kafka = (KafkaWriter.STATE_VERSION, Outbox.STATE_VERSION, settings.kafka.partitions)
    found["kafka"] = ", ".join(map(str, kafka))
    return found


def changes(before: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    """Names whose version is another one; what is known of one side alone says nothing."""
    return [name for name in before if name in now and before[name] != now[name]]


def carried(before: Mapping[str, str], now: Mapping[str, str]) -> dict[str, Carry]:
    """Step → what of its state goes on; a step that is missing begins anew."""
    same = {name for name in before if now.get(name) == before[name]}
    found: dict[str, Carry] = {FEED: _as_it_is}
    if {"shards", "roots"} <= same:
        found |= {name: _as_it_is for name in _WHOLE if name in same}
        found |= {
            name: of_step(operator.carried) for name, operator in _PARTLY.items() if name in same
        }
    if len(found) < 1 + len(_WHOLE) + len(_PARTLY):
        found[FEED] = _introduced_anew
    return found


def _as_it_is(state: Any) -> Any:
    return state


def _introduced_anew(state: dict[str, Any]) -> dict[str, Any]:
    """Of a source: its position, while the instruments are introduced to steps that are new."""
    if "intake" in state:  # A live feed keeps it a level below.
        intake = _introduced_anew(state["intake"])
        return {**state, ANEW: intake.pop(ANEW), "intake": intake}
    roots = state["roots"]
    return {**state, "roots": reintroduced(roots), ANEW: tuple(each for each, _ in roots["known"])}

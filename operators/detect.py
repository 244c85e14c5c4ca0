"""Detect: what institutions leave in the evaluation rows, as evidence and notable executions.

In: `Evaluations` with windows, quality and baseline. Out: `Findings` in their place, preceded by an
`executions` message for each notable aggressor order; every other item unchanged.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Any, ClassVar, Protocol

from operators.detect_config import DetectConfig
from operators.detectors.absorption import Absorption
from operators.detectors.large_aggressor import LargeAggressor
from operators.detectors.minute_flow import MinuteFlow
from operators.detectors.native_iceberg import NativeIceberg
from operators.detectors.option_balance import OptionBalance
from operators.detectors.option_coordination import OptionCoordination
from operators.detectors.option_delta import OptionDelta
from operators.detectors.option_strike import OptionStrike
from operators.detectors.option_vega import OptionVega
from operators.detectors.order_flow import OrderFlow
from operators.detectors.points import Found, Points, points_of
from operators.detectors.quote_churn import QuoteChurn
from operators.detectors.roll import Roll
from operators.detectors.signed_pressure import SignedPressure
from operators.detectors.slicing import Slicing
from operators.detectors.spoof_like import SpoofLike
from operators.detectors.stop_run import StopRun
from operators.detectors.sweep import Sweep
from operators.detectors.synthetic_iceberg import SyntheticIceberg
from operators.detectors.two_sided import TwoSided
from operators.executions import TAGS, notable_executions
from operators.model.items import (
    Definition,
    Evaluations,
    Findings,
    Instrument,
    Observation,
    Report,
    Statistic,
)
from operators.model.streams import EXECUTIONS, Flowing, Message
from operators.options.flow import OptionFlow
from operators.spreads import Spreads


class Detector(Protocol):
    """One phenomenon. Evidence depends on the sequence of rows alone, never on where it was cut."""

    STATE_VERSION: ClassVar[int]
    NAME: ClassVar[str]

    def observe(self, points: Points) -> list[Found]:
        """Evidence in the order of rows."""
        ...

    def snapshot(self) -> dict[str, Any]:
        """Plain copied state."""
        ...


class Detect:
    """Run the detectors over each `Evaluations` and bring what they find into row order.

    Evidence of one row stands in the order of the list below. Rows of a dirty book or of low
    quality give none; auctions neither. Rows of options go to `OptionFlow` and the detectors of
    its sums alone: a put that is bought, or a leg of a straddle, says nothing about the future that
    detectors made for futures would understand. What is found on a spread of futures is dropped,
    counted: who buys one month and sells another takes no side. State: each detector's, bounded by
    the instruments of the shard, and their symbols.

    References:
        Each detector's own; order of ties: (row, detector).
    """

    STATE_VERSION: ClassVar[int] = 3

    def __init__(self, config: DetectConfig, state: dict[str, Any] | None = None) -> None:
        self._config = config
        kept: dict[str, Any] = {} if state is None else state["detectors"]
        self._detectors: tuple[Detector, ...] = (
            Sweep(config.sweep, kept.get(Sweep.NAME)),
            LargeAggressor(config.large_aggressor, kept.get(LargeAggressor.NAME)),
            NativeIceberg(config.native_iceberg, kept.get(NativeIceberg.NAME)),
            StopRun(config.stop_run, kept.get(StopRun.NAME)),
            SignedPressure(config.signed_pressure, kept.get(SignedPressure.NAME)),
            Absorption(config.absorption, kept.get(Absorption.NAME)),
            OrderFlow(config.order_flow, kept.get(OrderFlow.NAME)),
            MinuteFlow(config.minute_flow, kept.get(MinuteFlow.NAME)),
            Slicing(config.slicing, kept.get(Slicing.NAME)),
            SyntheticIceberg(config.synthetic_iceberg, kept.get(SyntheticIceberg.NAME)),
            SpoofLike(config.spoof_like, kept.get(SpoofLike.NAME)),
            QuoteChurn(config.quote_churn, kept.get(QuoteChurn.NAME)),
            TwoSided(config.two_sided, kept.get(TwoSided.NAME)),
            Roll(config.roll, kept.get(Roll.NAME)),
            OptionDelta(config.option_delta, kept.get(OptionDelta.NAME)),
            OptionVega(config.option_vega, kept.get(OptionVega.NAME)),
            OptionStrike(config.option_strike, kept.get(OptionStrike.NAME)),
            OptionCoordination(config.option_coordination, kept.get(OptionCoordination.NAME)),
            OptionBalance(config.option_balance, kept.get(OptionBalance.NAME)),
        )
        self._options = OptionFlow(config.options, None if state is None else state["options"])
        self._spreads = Spreads(None if state is None else state["spreads"])
        self._symbols: dict[str, dict[int, str]] = {}
        for feed, instrument_id, symbol in () if state is None else state["symbols"]:
            self._symbols.setdefault(feed, {})[instrument_id] = symbol
        self._counts: Counter[str] = Counter() if state is None else Counter(dict(state["counts"]))

    def on_items(self, items: Sequence[Flowing]) -> list[Flowing]:
        """Items of the shard in order → the same with evaluations replaced by findings."""
        out: list[Flowing] = []
        for item in items:
            if isinstance(item, Evaluations):
                self._examine(item, out)
                continue
            if isinstance(item, Instrument):
                self._symbols.setdefault(item.feed, {})[item.instrument_id] = item.symbol
            if isinstance(item, Definition | Instrument):
                self._spreads.learn(item)
            if isinstance(item, Definition | Instrument | Statistic):
                self._options.learn(item)
            out.append(item)
        return out

    def snapshot(self) -> dict[str, Any]:
        """Plain copied state of each detector, symbols and counts."""
        return {
            "detectors": {detector.NAME: detector.snapshot() for detector in self._detectors},
            "symbols": tuple(
                [(feed, *pair) for feed, named in self._symbols.items() for pair in named.items()]
            ),
            "counts": tuple(sorted(self._counts.items())),
            "options": self._options.snapshot(),
            "spreads": self._spreads.snapshot(),
        }

    @staticmethod
    def carried(state: dict[str, Any]) -> dict[str, Any]:
        """Of a snapshot, what holds in a new generation: symbols and what options are listed.

        Each detector begins anew.
        """
        options = OptionFlow.carried(state["options"])
        return {**state, "detectors": {}, "counts": (), "options": options}

    def report(self) -> Report:
        """How many rows were judged or unsound, executions by tag, evidence by detector.

        Of options, how many trades had Greeks, and why the others had none.
        """
        counts = self._counts
        return Report(
            "detect",
            {
                "rows": counts["rows"],
                "rows_unsound": counts["rows_unsound"],
                "executions": counts["executions"],
                "tags": {tag: counts[f"tag {tag}"] for tag in TAGS},
                "evidence": {d.NAME: counts[f"evidence {d.NAME}"] for d in self._detectors},
                "evidence_of_spreads": counts["evidence_of_spreads"],
                "icebergs_forgotten": sum(
                    d.forgotten
                    for d in self._detectors
                    if isinstance(d, NativeIceberg | SyntheticIceberg)
                ),
                "options": self._options.report(),
            },
        )

    def _examine(self, item: Evaluations, out: list[Flowing]) -> None:
        points = points_of(item, self._symbols.get(item.feed, {}), self._config.quality_min)
        counts = self._counts
        counts["rows"] += points.rows.size
        counts["rows_unsound"] += points.rows.size - int(points.sound.sum())
        for execution in notable_executions(points, item.roots, self._config.executions):
            counts["executions"] += 1
            for tag in execution.tags:
                counts[f"tag {tag}"] += 1
            out.append(Message(EXECUTIONS, execution.root, 0, execution))
        options = self._options.follow(item.feed, len(item.roots), points)
        if options is not None:
            points = self._options.outright(points)._replace(options=options)
        spreads = self._spreads.of(item.feed)
        found: list[Found] = []
        for detector in self._detectors:
            seen = detector.observe(points)
            if seen and spreads:
                outright = [one for one in seen if one.evidence.instrument_id not in spreads]
                counts["evidence_of_spreads"] += len(seen) - len(outright)
                seen = outright
            if seen:
                counts[f"evidence {detector.NAME}"] += len(seen)
                found += seen
        # Stable: those of one row stay in the order of detectors.
        found.sort(key=_row)
        out.append(Findings(item, tuple([_observation(points, one) for one in found])))


def _row(found: Found) -> int:
    return found.row


def _observation(points: Points, found: Found) -> Observation:
    return Observation(
        row=found.row,
        key=found.key,
        mid_e9=found.mid_e9,
        warm=found.warm,
        sessions=int(points.sessions[found.row]),
        evidence=found.evidence,
    )

"""What travels through the dataflow, in feed order, under the key of a shard.

Records travel as columns (`MboRows`, then `Evaluations`); everything rarer is a small frozen
object in its place between them. An operator consumes what concerns it and passes every item on
that it does not replace.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from operators.model.records import MboBatch
from operators.model.signals import Contract, Evidence, Side


@dataclass(frozen=True, slots=True)
class MboRows:
    """Consecutive records of one feed, all of one shard."""

    feed: str
    rows: MboBatch
    """Shape (n,), MBO_DTYPE, read-only."""
    faults: NDArray[np.uint16] | None = None
    """Shape (n,): WIRE_* bits of each row, set by `validate`; None before it."""


@dataclass(frozen=True, slots=True)
class Instrument:
    """An instrument is assigned to a root. Precedes the instrument's first record."""

    feed: str
    instrument_id: int
    symbol: str
    """Raw symbol, or the id as text where none is known."""
    root: str
    origin: str
    """What told the root: `setting`, `mapping`, `definition`, `symbol` or `unknown`."""
    ts_event: int


@dataclass(frozen=True, slots=True)
class Definition:
    """What an instrument is. Fields that the exchange leaves undefined are None."""

    feed: str
    instrument_id: int
    ts_event: int
    symbol: str
    instrument_class: str
    """DBN's: F future, S future spread, C call, P put, T option spread, M mixed spread, …"""
    asset: str
    tick_e9: int | None
    """Smallest price step, 1e-9 points; None for options, see `tick_rule`."""
    tick_rule: int | None
    """CME's variable tick table."""
    point_value_e9: int | None
    """Currency units for one point of one contract, in 1e-9 (ES 50, NQ 20)."""
    currency: str
    expiration_ns: int | None
    strike_price_e9: int | None
    underlying: str
    underlying_id: int | None


@dataclass(frozen=True, slots=True)
class MarketStatus:
    """The exchange changed an instrument's trading state."""

    feed: str
    instrument_id: int
    ts_event: int
    action: int
    """DBN's StatusAction: 1 pre-open, 3 cross, 7 trading, 8 halt, 12 close, …"""
    is_trading: bool | None


@dataclass(frozen=True, slots=True)
class Statistic:
    """One figure published by the exchange: settlement, open interest, price limit, …"""

    feed: str
    instrument_id: int
    ts_event: int
    stat_type: int
    price_e9: int | None
    quantity: int | None


@dataclass(frozen=True, slots=True)
class Tick:
    """The feed's clock passed `ts_event`: idle panes may close. Input, and in every shard."""

    feed: str
    ts_event: int


@dataclass(frozen=True, slots=True)
class Control:
    """A change of what the analysis does, at its place in the stream."""

    feed: str
    ts_event: int
    name: str
    value: str
    """JSON; see `operators.model.controls`."""


@dataclass(frozen=True, slots=True)
class Lateness:
    """What follows of a feed leaves late by a clock on the wall, or no longer; at first it is not.

    In every shard, on no tape: it marks what is delivered and changes no value.
    """

    feed: str
    late: bool


@dataclass(frozen=True, slots=True)
class Evaluations:
    """Evaluation rows of one shard in their order, and what each later step adds to them."""

    feed: str
    rows: NDArray[np.void]
    """Shape (n,), EVAL_DTYPE, read-only."""
    fills: NDArray[np.void]
    """Shape (m,), FILL_DTYPE, read-only; a row's are `fills[row.fill_first:row.fill_stop]`."""
    roots: tuple[str, ...]
    """Root names by `row.root`; grows, never reorders."""
    windows: NDArray[np.int64] | None = None
    """Shape (n, len(WINDOWS_S), len(WINDOW_SUMS)): sums over each window; `pressure`."""
    mids2: NDArray[np.int64] | None = None
    """Shape (n, len(WINDOWS_S)): bid + ask (1e-9) before each window, 0 unknown; `pressure`."""
    quality: NDArray[np.float64] | None = None
    """Shape (n,), 0…1, set by `pressure`."""
    z: NDArray[np.float64] | None = None
    """Shape (n, len(JUDGED)): robust z of each judged metric, NaN where none; `baseline`."""
    tail_p: NDArray[np.float64] | None = None
    """Shape (n, len(JUDGED)): share of baseline at least as extreme, NaN none; `baseline`."""
    sessions: NDArray[np.int16] | None = None
    """Shape (n,): sessions in the baseline used; below SESSIONS_MIN it is warming; `baseline`."""
    depth: NDArray[np.void] | None = None
    """Shape (k,), DEPTH_DTYPE, read-only, in the order of rows, upwards in price; None for none."""


@dataclass(frozen=True, slots=True)
class Observation:
    """Evidence at one evaluation row, and what it takes to weigh it."""

    row: int
    """Index into the evaluation rows."""
    key: int
    """What it is about: later evidence of the same detector, instrument and key replaces it."""
    mid_e9: int
    """Mid of the instrument at that row, 1e-9; the evidence's price where there is none."""
    warm: bool
    """True if the row was judged against a baseline."""
    sessions: int
    """Sessions in that baseline."""
    evidence: Evidence


@dataclass(frozen=True, slots=True)
class Findings:
    """One `Evaluations` and what was observed in it; replaces it from `detect` to `analyze`."""

    evaluations: Evaluations
    observations: tuple[Observation, ...]
    """In the order of rows; those of one row in the order of detectors."""


@dataclass(frozen=True, slots=True)
class Sampled:
    """An evaluation point that made no signal and is followed up like one; see `sampling`."""

    feed: str
    root: str
    contract: Contract
    ts_event: int
    kind: str
    """What dominates the evidence there; `control` where a pane was drawn."""
    side: Side
    probability: float
    log_odds: float
    calibration: str
    """Version of the calibration that gave the probability, or `uncalibrated`."""
    p_move: float | None = None
    """As `Signal` has it."""


@dataclass(frozen=True, slots=True)
class Report:
    """What an operator knows at the end of the input, for a summary. Not part of any stream."""

    step: str
    facts: dict[str, Any]


Item = (
    MboRows
    | Instrument
    | Definition
    | MarketStatus
    | Statistic
    | Tick
    | Control
    | Lateness
    | Evaluations
    | Findings
    | Sampled
    | Report
)
"""Before `detect`. From there on messages (`operators.model.streams.Message`) travel too."""

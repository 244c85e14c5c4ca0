"""What leaves the process: signals and their evidence, executions, gaps, outcomes, status.

Small frozen objects. The annotations `TsNs`, `PriceE9` and `OrderId` say how a number is written
in JSON (see `sinks/codec.py`): 64-bit integers as decimal strings, prices as decimal strings of
points, because JSON numbers lose integers above 2**53.
"""

from dataclasses import dataclass, field
from typing import Annotated, Literal, NamedTuple

TsNs = Annotated[int, "ts_ns"]
"""Nanoseconds since the epoch."""
PriceE9 = Annotated[int, "price_e9"]
"""Price in 1e-9 points."""
OrderId = Annotated[int, "order_id"]
"""The exchange's order id, unsigned 64-bit."""

Side = Literal["buy", "sell", "none"]
Strength = Literal["LOW", "MODERATE", "HIGH", "VERY_HIGH", "EXTREME"]
Action = Literal["LONG", "SHORT", "MONITOR", "IGNORE"]
Change = Literal["opened", "updated", "closed", "retracted"]
Warmth = Literal["WARM", "WARMING"]
FeedState = Literal[
    "preparing", "connecting", "authenticating", "snapshot", "replaying", "live", "waiting",
    "degraded", "delayed", "closed", "replay", "stopped", "failed",
]  # fmt: skip
"""Of a feed; `FeedStatus` says what each means."""

SIDE_NAMES: dict[int, Side] = {1: "buy", -1: "sell", 0: "none"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """One detector's observation at one evaluation point."""

    detector: str
    group: str
    """Detectors of a group see the same thing; they count little more than their strongest."""
    instrument_id: int
    symbol: str
    side: Side
    """The side institutional flow is on: `buy` pushes the price up."""
    strength: float
    """How far beyond its threshold, in the detector's own scale: 0…6, as a clipped z."""
    structural: bool
    """True if absolute thresholds decided, not a baseline."""
    z: float | None
    """Robust z against the baseline; None for structural evidence or while warming."""
    tail_p: float | None
    """Share of the baseline at least as extreme."""
    window_s: int
    """Seconds looked at; 0 for one event."""
    size: int
    """Contracts the observation is about."""
    measure: float
    """The quantity compared with the threshold, in the detector's unit."""
    threshold: float
    unit: str
    """Unit of `measure` and `threshold`."""
    price_e9: PriceE9
    text: str
    """One line a trader reads."""
    order_ids: tuple[OrderId, ...]
    """At most 20, in order of appearance."""
    sequence_first: int
    sequence_last: int
    ts_first: TsNs
    ts_last: TsNs
    quality: float
    """Feed quality at that point, 0…1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contribution:
    """What one piece of evidence adds to a signal's log-odds; they add up with the bias."""

    detector: str
    log_odds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Contract:
    """What the instrument is worth."""

    instrument_id: int
    symbol: str
    tick_e9: PriceE9 | None
    """Smallest price step; None if the feed has not said."""
    tick_value: float | None
    """Currency units per tick and contract; None if unknown."""
    currency: str
    notional: float | None
    """Currency units: size of the evidence × price × point value; None if unknown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Signal:
    """One revision of one signal: that an institution is at work on a side of a root."""

    id: str
    """Names the signal over its life: a hash of root, side, kind and the point that opened it."""
    revision: int
    """1 for the opening, then one more each."""
    change: Change
    root: str
    kind: str
    """What dominates the evidence: sweep, iceberg, stop_run, pressure, absorption, slicing,
    large, options."""
    side: Side
    action: Action
    """Follows the side; MONITOR below HIGH, IGNORE when closed or retracted."""
    ts_event: TsNs
    """The evaluation point's time in the data."""
    ts_opened: TsNs
    price_e9: PriceE9
    """Mid of the contract at that point (its last trade where there is no mid)."""
    contract: Contract
    size: int
    """Contracts in the evidence."""
    probability: float
    """That institutional flow of the side is present (p_flow); while uncalibrated it only orders
    signals."""
    probability_low: float
    probability_high: float
    """Interval of the calibrated probability; equal to 0 and 1 while uncalibrated."""
    calibration: str
    """Version of the calibration, or `uncalibrated`."""
    strength: Strength
    """Class of `probability`."""
    log_odds: float
    bias: float
    contributions: tuple[Contribution, ...]
    evidence: tuple[Evidence, ...]
    reasons: tuple[str, ...]
    baseline: Warmth
    baseline_sessions: int
    quality: float
    params: str
    """Version of the parameters: hash of the settings that can change an output."""
    delayed: bool = False
    """Made from history while the live feed was away, in any of its revisions: old news."""
    p_move: float | None = None
    """That the mid moves the side's way by more than half the spread within `p_move_horizon_s`;
    null where the calibration does not say."""
    p_move_low: float | None = None
    p_move_high: float | None = None
    """Its interval."""
    p_move_horizon_s: int = 0
    """Seconds; 0 where `p_move` is null."""


class Fill(NamedTuple):
    """One passive fill of an execution."""

    # A tuple: a sweep makes dozens at once, each in a fourth of a frozen dataclass's time.

    order_id: OrderId
    price_e9: PriceE9
    size: int
    hidden: int
    refills: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Execution:
    """A notable aggressor order and whom it met."""

    root: str
    instrument_id: int
    symbol: str
    ts_event: TsNs
    sequence_first: int
    sequence_last: int
    tags: tuple[str, ...]
    """Why it is notable: `sweep`, `stop`, `iceberg`, `large`."""
    aggressor: str
    """new, modified_limit, stop, implied or auction."""
    side: Side
    order_id: OrderId
    size: int
    hidden: int
    refills: int
    levels: int
    price_first_e9: PriceE9
    price_last_e9: PriceE9
    bid_before_e9: PriceE9 | None
    ask_before_e9: PriceE9 | None
    bid_e9: PriceE9 | None
    ask_e9: PriceE9 | None
    fills: tuple[Fill, ...]
    """At most 50; `fill_count` says how many there were."""
    fill_count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """What is known of an instrument changed: data is missing or wrong, or whole again."""

    root: str
    feed: str
    instrument_id: int
    symbol: str
    ts_event: TsNs
    sequence: int
    change: Literal["opened", "closed"]
    reason: str
    """Opened: a kind of fault; `reassigned`; or what the source says is missing: `aged_out`,
    `skipped`, `seam`, `no_tape`, `roll`, `snapshot`, `gap`, which can follow another opening.
    Closed: `snapshot`."""
    text: str
    ts_from: TsNs | None = None
    """The last instant that is whole, where the source knows it: what came later is in doubt."""
    ts_to: TsNs | None = None
    """From when on data comes again, where the source knows it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What the market did after a signal, or after a sampled point that made none."""

    root: str
    signal_id: str
    """Empty for a sampled point."""
    revision: int
    """Of the signal that is meant: 1, its opening; 0 for a sampled point."""
    ts_event: TsNs
    """When the outcome was known, in the data's time."""
    horizon_s: int
    side: Side
    probability: float
    """As it was stated at the point."""
    markout_ticks: float | None
    """Signed move of the mid in the signal's direction after half the spread, in ticks; null where
    it is not known."""
    hit: bool | None
    """Whether that is above 0; null where it is not known."""
    unknown: str
    """Empty, or why it is not known: `gap`, `crossed`, `no_quote`, `stale`, `closed`, `no_tick`,
    `retracted`, `full`."""
    sampled: bool
    """True for an evaluation point that made no signal: for comparison, never advice."""
    kind: str
    """The signal's; of a sampled point what dominated its evidence, `control` for one drawn by
    the clock."""
    strength: Strength
    """As it was stated at the point."""
    log_odds: float
    calibration: str
    """Version of the calibration that gave the probability, or `uncalibrated`."""
    instrument_id: int
    symbol: str
    ts_from: TsNs
    """Of the signal's opening or the point; the horizon counts from here."""
    price_from_e9: PriceE9 | None
    """Mid that it is measured from; null where there is none."""
    price_to_e9: PriceE9 | None
    """Mid at the horizon; null where it is not known."""
    move_ticks: float | None
    """Signed move of the mid in the signal's direction; half a spread above `markout_ticks`."""
    half_spread_ticks: float | None
    """At the horizon: what leaving then costs beside the mid."""
    tick_value: float | None
    """Currency units per tick and contract; null if unknown."""
    currency: str
    p_move: float | None = None
    """Of a move within 60 s or so, as it was stated at the point; null where it was not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """What rests at one price, contracts. Both sizes are over 0 only where the book is crossed."""

    price_e9: PriceE9
    bid_size: int
    ask_size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class InstrumentPressure:
    """Pressure on one instrument at the close of a second."""

    instrument_id: int
    symbol: str
    front: bool
    """The root's front future: the outright future that traded most contracts, each day's counting
    half as much as the next one's; the lower id of equals."""
    bid_e9: PriceE9 | None
    ask_e9: PriceE9 | None
    bid_size: int
    ask_size: int
    last_e9: PriceE9 | None
    """Last traded price, of this second or before; None before the first trade."""
    open_e9: PriceE9 | None
    """First traded price of this second; None without a trade in it, as the next two."""
    high_e9: PriceE9 | None
    low_e9: PriceE9 | None
    volume_buy: int
    """Contracts that aggressors bought in this second."""
    volume_sell: int
    """Contracts that aggressors sold in this second."""
    levels: tuple[Level, ...]
    """Of the front future: what rests near the touch, upwards in price; empty for all others."""
    quality: float
    windows: dict[str, dict[str, int]]
    """Window in seconds → sums over it (buy, sell, ofi_1, ofi_10, …), contracts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pressure:
    """Pressure of a root at the close of a second: changed instruments only. State stream."""

    root: str
    ts_event: TsNs
    instruments: tuple[InstrumentPressure, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Quality:
    """Health of one instrument's data: 1 is sound, 0 is useless."""

    instrument_id: int
    symbol: str
    score: float
    dirty: bool
    faults: dict[str, int] = field(default_factory=dict)
    """Kind of fault → count since the start."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedStatus:
    """State of one feed. State stream.

    `preparing`: there is no feed yet. `connecting`, `authenticating`: no records come yet.
    `snapshot`, `replaying`: what is missing comes. `live`: all is there. `waiting`: the connection
    is lost, and the next attempt is due later. `degraded`: too many attempts failed. `delayed`:
    what comes is history. `closed`: the exchange is closed, nothing is due. `replay`: of files.
    `stopped`, `failed`: nothing more comes; a failure does not mend itself.
    """

    feed: str
    state: FeedState
    ts_event: TsNs
    """Newest record."""
    records: int
    lag_ns: int
    """Receive time of the newest record behind its event time: the exchange to the vendor."""
    text: str
    receive_lag_ns: int = 0
    """Arrival here of the newest record behind its receive time: the vendor to this process, by
    two clocks. 0 in a replay of files, as the next three."""
    processing_lag_ns: int = 0
    """Time that the newest record given to the dataflow had been here before."""
    queue_rows: int = 0
    """Records that are here and not yet given to the dataflow."""
    queue_bytes: int = 0
    queue_ratio: float = 0.0
    """Fill of the queue, by records or by bytes, whichever is fuller: 0…1, at 1 nothing is read."""
    reconnects: int = 0
    """Connections that took the place of a lost one, since the feed's first start."""
    lost_connections: int = 0
    repeated: int = 0
    """Records that came again after a reconnect and were left out."""
    late: bool = False
    """Receive or processing lag exceeds the limit: what is delivered now is marked as late."""
    tape_free_bytes: int | None = None
    """Free space where the tape is; None without a tape."""

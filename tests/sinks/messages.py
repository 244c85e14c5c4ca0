"""Messages of every stream, as small as they come and with every field filled."""

from dataclasses import replace

from operators.model.signals import (
    Contract,
    Contribution,
    Evidence,
    Execution,
    FeedStatus,
    Fill,
    Gap,
    InstrumentPressure,
    Level,
    Outcome,
    Pressure,
    Signal,
)
from operators.model.streams import (
    EXECUTIONS,
    GAPS,
    OUTCOMES,
    PRESSURE,
    SIGNALS,
    STATUS,
    Message,
)

TS = 1_710_338_400_123_456_789

EVIDENCE = Evidence(
    detector="sweep",
    group="aggression",
    instrument_id=5602,
    symbol="ESH4",
    side="buy",
    strength=3.25,
    structural=True,
    z=None,
    tail_p=0.00012345678,
    window_s=0,
    size=120,
    measure=3.0,
    threshold=2.0,
    unit="levels",
    price_e9=4_810_250_000_000,
    text="120 contracts took 3 levels",
    order_ids=(2**64 - 1, 7),
    sequence_first=10,
    sequence_last=14,
    ts_first=TS,
    ts_last=TS + 1,
    quality=1.0,
)

SIGNAL = Signal(
    id="9f0c1d2e3f4a5b6c",
    revision=1,
    change="opened",
    root="ES",
    kind="sweep",
    side="buy",
    action="MONITOR",
    ts_event=TS,
    ts_opened=TS,
    price_e9=-250_000_000,
    contract=Contract(
        instrument_id=5602,
        symbol="ESH4",
        tick_e9=250_000_000,
        tick_value=12.5,
        currency="USD",
        notional=28_861_500.0,
    ),
    size=120,
    probability=0.8312345,
    probability_low=0.0,
    probability_high=1.0,
    calibration="uncalibrated",
    strength="MODERATE",
    log_odds=1.594,
    bias=-2.0,
    contributions=(Contribution(detector="sweep", log_odds=3.594),),
    evidence=(EVIDENCE, replace(EVIDENCE, detector="large", z=4.5, structural=False)),
    reasons=("120 contracts took 3 levels", "larger than 99.99 % of the last 20 sessions"),
    baseline="WARM",
    baseline_sessions=20,
    quality=0.98,
    params="3f2a",
)

EXECUTION = Execution(
    root="ES",
    instrument_id=5602,
    symbol="ESH4",
    ts_event=TS,
    sequence_first=10,
    sequence_last=14,
    tags=("sweep", "large"),
    aggressor="new",
    side="buy",
    order_id=645_000_000_001,
    size=120,
    hidden=0,
    refills=0,
    levels=3,
    price_first_e9=4_810_250_000_000,
    price_last_e9=4_810_750_000_000,
    bid_before_e9=None,
    ask_before_e9=4_810_250_000_000,
    bid_e9=4_810_500_000_000,
    ask_e9=4_811_000_000_000,
    fills=(Fill(order_id=2, price_e9=4_810_250_000_000, size=120, hidden=0, refills=0),),
    fill_count=1,
)

GAP = Gap(
    root="ES",
    feed="cme",
    instrument_id=5602,
    symbol="ESH4",
    ts_event=TS,
    sequence=12,
    change="opened",
    reason="crossed",
    text="bid 4811 at or above ask 4810.75",
)

OUTCOME = Outcome(
    root="ES",
    signal_id=SIGNAL.id,
    revision=1,
    ts_event=TS,
    horizon_s=60,
    side="buy",
    probability=0.83,
    markout_ticks=-1.5,
    hit=False,
    unknown="",
    sampled=False,
    kind="sweep",
    strength="VERY_HIGH",
    log_odds=1.5856,
    calibration="uncalibrated",
    instrument_id=5602,
    symbol="ESH4",
    ts_from=TS - 60_000_000_000,
    price_from_e9=4_810_375_000_000,
    price_to_e9=4_810_125_000_000,
    move_ticks=-1.0,
    half_spread_ticks=0.5,
    tick_value=12.5,
    currency="USD",
)
UNKNOWN = replace(
    OUTCOME, markout_ticks=None, hit=None, unknown="gap", price_to_e9=None, move_ticks=None,
    half_spread_ticks=None,
)  # fmt: skip

PRESSURE_ES = Pressure(
    root="ES",
    ts_event=TS,
    instruments=(
        InstrumentPressure(
            instrument_id=5602,
            symbol="ESH4",
            front=True,
            bid_e9=4_810_500_000_000,
            ask_e9=None,
            bid_size=12,
            ask_size=0,
            last_e9=4_810_250_000_000,
            open_e9=None,
            high_e9=None,
            low_e9=None,
            volume_buy=0,
            volume_sell=0,
            levels=(
                Level(price_e9=4_810_250_000_000, bid_size=7, ask_size=0),
                Level(price_e9=4_810_500_000_000, bid_size=12, ask_size=0),
            ),
            quality=1.0,
            windows={"5": {"buy": 12, "sell": 3}, "30": {"buy": 40, "sell": 9}},
        ),
    ),
)

FEED_STATUS = FeedStatus(
    feed="cme", state="live", ts_event=TS, records=10, lag_ns=1_500_000, text="live"
)

EXAMPLES = (
    Message(EXECUTIONS, "ES", 1, EXECUTION),
    Message(GAPS, "ES", 1, GAP),
    Message(OUTCOMES, "ES", 1, OUTCOME),
    Message(SIGNALS, "ES", 1, SIGNAL),
    Message(PRESSURE, "ES", 0, PRESSURE_ES),
    Message(STATUS, "cme", 0, FEED_STATUS),
)


def signal(root: str, seq: int) -> Message:
    """The `seq`-th signal of a root: its bytes name both."""
    return Message(SIGNALS, root, seq, replace(SIGNAL, root=root, id=f"{root}-{seq}", size=seq))


def gap(root: str, seq: int, text: str = "crossed") -> Message:
    """The `seq`-th gap of a root."""
    return Message(GAPS, root, seq, replace(GAP, root=root, sequence=seq, text=text))

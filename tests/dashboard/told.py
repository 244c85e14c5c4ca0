"""What a flow could say: signals, pressure and status that differ in what a test is about."""

from dataclasses import replace
from typing import Any

from operators.model.signals import Contribution, FeedStatus, Level, Pressure
from operators.model.streams import EXECUTIONS, GAPS, PRESSURE, SIGNALS, STATUS, Message
from tests.sinks.messages import EXECUTION, GAP, PRESSURE_ES, SIGNAL, TS

NS_PER_S = 1_000_000_000
TICK_E9 = 250_000_000
PRICE_E9 = 5_000_000_000_000
BASE = replace(
    SIGNAL,
    price_e9=PRICE_E9,
    log_odds=1.25,
    bias=-1.75,
    probability=0.777,
    strength="HIGH",
    action="LONG",
    contributions=(
        Contribution(detector="sweep", log_odds=2.6),
        Contribution(detector="large", log_odds=0.4),
    ),
)


def signal(seq: int, root: str = "ES", **given: Any) -> Message:
    """The `seq`-th message of a root: a signal of its own unless `id` is given."""
    ts = TS + seq * NS_PER_S
    fields = {"id": f"{root}-{seq}", "ts_event": ts, "ts_opened": ts, "size": 100 + seq}
    return Message(SIGNALS, root, seq, replace(BASE, root=root, **{**fields, **given}))


def revision(of: Message, seq: int, **given: Any) -> Message:
    """The next revision of a signal, as message `seq` of its root."""
    number = of.value.revision + 1  # type: ignore[union-attr]
    given.setdefault("ts_event", TS + seq * NS_PER_S)
    return Message(SIGNALS, of.root, seq, replace(of.value, revision=number, **given))  # type: ignore[arg-type]


def pressure(second: int, root: str = "ES", *, steps: int = 0) -> Message:
    """A second of the front future, `steps` ticks above its first price, with ten levels a side."""
    bid = PRICE_E9 + steps * TICK_E9
    levels = tuple(
        Level(
            price_e9=bid + n * TICK_E9,
            bid_size=0 if n > 0 else 40 - 3 * n,
            ask_size=40 + 3 * n if n > 0 else 0,
        )
        for n in range(-9, 11)
    )
    (held,) = PRESSURE_ES.instruments
    front = replace(
        held,
        symbol=f"{root}H4",
        front=True,
        bid_e9=bid,
        ask_e9=bid + TICK_E9,
        bid_size=40,
        ask_size=43,
        last_e9=bid,
        volume_buy=7,
        volume_sell=3,
        levels=levels,
    )
    ts = TS - TS % NS_PER_S + second * NS_PER_S
    return Message(PRESSURE, root, 0, Pressure(root=root, ts_event=ts, instruments=(front,)))


def status(
    state: Any = "live", feed: str = "cme", text: str = "", lag_ns: int = 0, **given: Any
) -> Message:
    """What a feed says of itself."""
    value = FeedStatus(
        feed=feed, state=state, ts_event=TS, records=10, lag_ns=lag_ns, text=text, **given
    )
    return Message(STATUS, feed, 0, value)


def execution(seq: int, root: str = "ES", **given: Any) -> Message:
    """The `seq`-th notable execution of a root."""
    return Message(EXECUTIONS, root, seq, replace(EXECUTION, root=root, **given))


def data_gap(seq: int, change: Any, second: int, root: str = "ES") -> Message:
    """An instrument's data is at fault from a second on, or whole again."""
    ts = TS + second * NS_PER_S
    text = "34 records missing" if change == "opened" else "rebuilt from a snapshot"
    value = replace(GAP, root=root, change=change, reason="sequence", text=text, ts_event=ts)
    return Message(GAPS, root, seq, value)

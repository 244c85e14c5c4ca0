"""A future with an option chain, and markets in it, the way a trader would say them.

Instrument 1 is the future ESH4 at 4810; its options expire in 30 days, strikes 4760 to 4860 every
ten points: `C4800` is a call, `P4800` a put. One line of a tape is one aggressor order:

    3.5  buy 10 C4800      seconds, side, contracts, option

`crowd` is the flow beside it: small orders of either side, at every strike, by turns.
"""

import math
from collections.abc import Iterable
from random import Random
from statistics import NormalDist
from typing import Any

from operators.detect import Detect
from operators.detect_config import DetectConfig
from operators.model.items import Definition, Instrument
from operators.model.records import NS_PER_S
from tests.evaluations import FEED, Row, e9, evaluations, execution, found_in, ns, pane

FUTURE = 1
FORWARD = 4810.125
EXPIRY_NS = ns(30 * 86_400)
STRIKES = tuple(range(4760, 4870, 10))
NAMES = {
    2 + 2 * number + put: f"{'CP'[put]}{strike}"
    for number, strike in enumerate(STRIKES)
    for put in (0, 1)
}
IDS = {name: id_ for id_, name in NAMES.items()}
VOLATILITY = 0.15
QUIET_S = 400
NORMAL = NormalDist()


def worth(name: str, s: float, forward: float = FORWARD, volatility: float = VOLATILITY) -> float:
    """Black-76, undiscounted."""
    strike, years = float(name[1:]), (EXPIRY_NS - ns(s)) / NS_PER_S / 86_400 / 365
    deviation = volatility * math.sqrt(years)
    d1 = math.log(forward / strike) / deviation + deviation / 2
    call = forward * NORMAL.cdf(d1) - strike * NORMAL.cdf(d1 - deviation)
    return call if name[0] == "C" else call - forward + strike


def delta(name: str, s: float) -> float:
    """Its slope."""
    return (worth(name, s, FORWARD + 0.01) - worth(name, s, FORWARD - 0.01)) / 0.02


def definition(name: str, **fields: Any) -> Definition:
    """What the exchange says of an option, or of the future."""
    option = name in IDS
    facts: dict[str, Any] = {
        "feed": FEED,
        "instrument_id": IDS.get(name, FUTURE),
        "ts_event": ns(0),
        "symbol": f"ESH4 {name}" if option else "ESH4",
        "instrument_class": name[0] if option else "F",
        "asset": "ES",
        "tick_e9": None if option else e9(0.25),
        "tick_rule": 4 if option else None,
        "point_value_e9": e9(50),
        "currency": "USD",
        "expiration_ns": EXPIRY_NS,
        "strike_price_e9": e9(float(name[1:])) if option else None,
        "underlying": "ESH4" if option else "",
        "underlying_id": FUTURE if option else None,
    }
    return Definition(**(facts | fields))


def listed(*, without: Iterable[str] = ()) -> list[Instrument | Definition]:
    """Names and definitions of all; of those in `without` there is no definition."""
    items: list[Instrument | Definition] = []
    for name in ("ESH4", *IDS):
        told = definition(name)
        items.append(Instrument(FEED, told.instrument_id, told.symbol, "ES", "definition", ns(0)))
        if name not in without:
            items.append(told)
    return items


def future(s: float, mid: float = FORWARD, **more: Any) -> Row:
    """A pane of the future."""
    quote = {"bid": e9(mid - 0.125), "ask": e9(mid + 0.125)}
    return pane(s, **(quote | more))


def trade(s: float, side: int, size: int, name: str, **more: Any) -> Row:
    """An aggressor order in an option that is quoted 0.4 wide around its worth."""
    middle = round(worth(name, s), 2)
    bid, ask = e9(middle - 0.2), e9(middle + 0.2)
    quote = {"bid": bid, "ask": ask, "bid_before": bid, "ask_before": ask}
    fields = {
        "instrument_id": IDS[name],
        "price": middle + 0.2 * side,
        "order_id": round(s * 1_000) * 100 + IDS[name],
    }
    return execution(s, side, size, **(fields | quote | more))


def crowd(seconds: float, start: float = 0.0, seed: int = 1) -> list[Row]:
    """One or two contracts a second, of any option, of either side."""
    rng = Random(seed)
    return [
        trade(start + k + 0.25, rng.choice((1, -1)), rng.randint(1, 2), rng.choice(list(IDS)))
        for k in range(int(seconds))
    ]


def tape(text: str, start: float = QUIET_S) -> list[Row]:
    """Orders of a text, after the start."""
    rows = []
    for line in text.splitlines():
        if words := line.split():
            s, side, size, name = words
            rows.append(trade(start + float(s), 1 if side == "buy" else -1, int(size), name))
    return rows


def market(*parts: list[Row], until: float = QUIET_S + 90) -> list[Row]:
    """Everything in order of time, with a pane of the future each second."""
    rows = [row for part in parts for row in part]
    rows += [future(k) for k in range(1, int(until) + 1)]
    return sorted(rows, key=lambda row: row.fields["ts_event"])


def told(detector: str, rows: list[Row], items: Any = None, **settings: Any) -> list[Any]:
    """Evidence of a detector, whatever the others see."""
    operator = Detect(DetectConfig(**settings))
    operator.on_items(listed() if items is None else items)
    return [e for e in found_in(operator.on_items([evaluations(rows)])) if e.detector == detector]


def calls_bought(start: float = 0.0, count: int = 10) -> str:
    """Calls of four strikes in turn, five contracts every three seconds."""
    return "\n".join(
        f"{start + 3 * k + 0.7 * j} buy 5 {name}"
        for k in range(count)
        for j, name in enumerate(("C4800", "C4810", "C4820", "C4830"))
    )


def puts_bought() -> str:
    """The same with puts."""
    return calls_bought().replace("C48", "P48")


def straddle(size: int = 8) -> str:
    """Call and put of one strike."""
    return "\n".join(f"{4 * k} buy {size} C4810\n{4 * k + 0.2} buy {size} P4810" for k in range(10))


def spread(size: int = 8) -> str:
    """One strike bought, another sold."""
    return "\n".join(
        f"{4 * k} buy {size} C4810\n{4 * k + 0.2} sell {size} C4840" for k in range(10)
    )


def synthetic() -> str:
    """Calls bought and puts sold: a future, made of options."""
    return "\n".join(f"{4 * k} buy 8 C4810\n{4 * k + 0.2} sell 8 P4810" for k in range(10))

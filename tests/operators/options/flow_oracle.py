"""What `OptionFlow` says, by lists of trades and the formulas as they are written; slowly."""

import math
from collections import Counter
from dataclasses import dataclass, field
from statistics import NormalDist
from typing import Any

from operators.model.evaluations import DIRTY, EXECUTION, FAULT, PANE
from operators.model.records import NS_PER_S
from operators.options.flow_config import OptionFlowConfig
from tests.evaluations import Row
from tests.operators.options.chains import EXPIRY_NS, FUTURE, NAMES

NORMAL = NormalDist()


def volatility_of(price: float, forward: float, strike: float, years: float, call: bool) -> float:
    """By bisection; −1 outside the bounds of no arbitrage."""
    inside = max(forward - strike, 0.0) if call else max(strike - forward, 0.0)
    if not 0.0 < price - inside < min(forward, strike):
        return -1.0
    low, high = 1e-6, 60.0
    for _ in range(120):
        middle = 0.5 * (low + high)
        deviation = middle * math.sqrt(years)
        d1 = math.log(forward / strike) / deviation + deviation / 2
        worth = forward * NORMAL.cdf(d1) - strike * NORMAL.cdf(d1 - deviation)
        if not call:
            worth += strike - forward
        low, high = (low, middle) if worth > price else (middle, high)
    return 0.5 * (low + high)


def delta_vega(
    forward: float, strike: float, years: float, volatility: float, call: bool
) -> tuple[float, float]:
    """To six decimals, as they are kept."""
    deviation = volatility * math.sqrt(years)
    d1 = math.log(forward / strike) / deviation + deviation / 2
    delta = NORMAL.cdf(d1) - (0 if call else 1)
    return round(delta, 6), round(0.01 * forward * NORMAL.pdf(d1) * math.sqrt(years), 6)


@dataclass
class Usual:
    """Time means of a sum and its square."""

    mean: float = 0.0
    square: float = 0.0
    weight: float = 0.0
    held: float = 0.0

    def learn(self, held_s: float, half_life_s: float) -> None:
        kept = 0.5 ** (held_s / half_life_s)
        self.mean = self.mean * kept + self.held * (1 - kept)
        self.square = self.square * kept + self.held**2 * (1 - kept)
        self.weight = self.weight * kept + 1 - kept

    def z(self, value: float, order: float) -> float:
        centre = self.mean / self.weight if self.weight else 0.0
        spread = self.square / self.weight - centre**2 if self.weight else 0.0
        variance = order + max(spread, 0.0)
        return (value - centre) / math.sqrt(variance) if variance > 0 else 0.0


@dataclass
class Oracle:
    """One tenor on one future, and nothing else in the shard."""

    config: OptionFlowConfig = field(default_factory=OptionFlowConfig)
    trades: list[dict[str, Any]] = field(default_factory=list)
    every: list[dict[str, Any]] = field(default_factory=list)
    quotes: dict[int, tuple[float, int, bool]] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)
    seconds: list[dict[str, Any]] = field(default_factory=list)
    solved: dict[int, tuple[int, tuple[float, float]]] = field(default_factory=dict)
    flow: Usual = field(default_factory=Usual)
    strikes: dict[int, tuple[Usual, float]] = field(default_factory=dict)
    judged: int = 0
    mark: int = 0
    watched_s: float = 0.0
    touched: bool = False
    clock: int = 0

    def on_rows(self, rows: list[Row]) -> None:
        for row in rows:
            f = row.fields
            id_ = f["instrument_id"]
            if f["kind"] == PANE and f["ts_event"] > self.judged:
                if self.touched:
                    self._judge(f["ts_event"])
                self.judged = f["ts_event"]
            if f["kind"] == FAULT:
                self.quotes.pop(id_, None)
                continue
            if f["kind"] == EXECUTION and id_ in NAMES:
                self._take(row, f, NAMES[id_])
            sound = f["bid_size"] > 0 and f["ask_size"] > 0 and f["bid"] < f["ask"]
            middle = (f["bid"] + f["ask"]) / 2e9
            self.quotes[id_] = (middle, f["ts_event"], sound and not f["state"] & DIRTY)

    def _take(self, row: Row, f: dict[str, Any], name: str) -> None:
        self.counts["trades"] += 1
        if row.quality < 0.8 or f["state"] & DIRTY:
            self.counts["unsound"] += 1
            return
        self.clock = max(self.clock, f["ts_event"])
        why, delta, vega = self._value(f, name)
        self.counts[why] += 1
        signed = f["side"] * f["size"]
        self.trades.append(
            {
                "id": f["instrument_id"], "ts": self.clock, "size": f["size"], "signed": signed,
                "judged": why == "judged", "flow": signed * delta, "vega": signed * vega,
                "order_id": f["order_id"],
            }
        )  # fmt: skip
        self.every.append(self.trades[-1])
        self.touched = True

    def _value(self, f: dict[str, Any], name: str) -> tuple[str, float, float]:
        bid, ask = f["bid_before"] / 1e9, f["ask_before"] / 1e9
        if f["ts_event"] >= EXPIRY_NS:
            return "expired", 0.0, 0.0
        if f["bid_size_before"] <= 0 or f["ask_size_before"] <= 0:
            return "one_sided", 0.0, 0.0
        if bid >= ask:
            return "crossed", 0.0, 0.0
        if ask - bid > self.config.spread_max * (bid + ask) / 2:
            return "wide", 0.0, 0.0
        forward = self.forward(self.clock)
        if isinstance(forward, str):
            return forward, 0.0, 0.0
        second, id_ = self.clock // NS_PER_S, f["instrument_id"]
        if id_ not in self.solved or self.solved[id_][0] != second:
            strike, call = float(name[1:]), name[0] == "C"
            years = (EXPIRY_NS - self.clock) / NS_PER_S / 86_400 / 365
            volatility = volatility_of((bid + ask) / 2, forward, strike, years, call)
            if volatility < 0:
                self.solved.pop(id_, None)
                return "intrinsic", 0.0, 0.0
            found = delta_vega(forward, strike, years, volatility, call)
            self.solved[id_] = second, found
        return "judged", *self.solved[id_][1]

    def forward(self, now: int) -> float | str:
        middle, ts, sound = self.quotes.get(FUTURE, (0.0, 0, False))
        if sound and now - ts <= self.config.stale_ns:
            return middle
        return "stale_forward" if sound else "no_forward"

    def _judge(self, ts: int) -> None:
        self.touched = False
        self.clock = max(self.clock, ts)
        since = self.clock - self.config.window_s * NS_PER_S
        self.trades = [one for one in self.trades if one["ts"] > since]
        held_s = 0.0
        if self.mark:
            held_s = min((ts - self.mark) / NS_PER_S, float(self.config.window_s))
            if held_s > 0:
                self.flow.learn(held_s, self.config.half_life_s)
        self.mark = ts
        self.watched_s += held_s
        flow = sum(one["flow"] for one in self.trades)
        lots = sum(one["size"] for one in self.trades)
        known = sum(one["size"] for one in self.trades if one["judged"])
        count = len(self.every)
        order_flow = sum(one["flow"] ** 2 for one in self.every) / count
        self.seconds.append(
            {
                "ts": ts, "orders": len(self.trades), "lots": lots, "flow": flow,
                "gross": sum(abs(one["flow"]) for one in self.trades),
                "vega": sum(one["vega"] for one in self.trades),
                "quality": known / max(lots, 1),
                "watched_s": self.watched_s,
                "flow_z": self.flow.z(flow, order_flow),
                "order_ids": [one["order_id"] for one in self.trades[::-1][:20]],
                "strikes": self._strikes(count),
            }
        )  # fmt: skip
        self.flow.held = flow

    def _strikes(self, count: int) -> dict[int, tuple[int, float]]:
        """Option → net contracts and z."""
        order = sum(one["size"] ** 2 for one in self.every) / count
        found = {}
        for id_ in {one["id"] for one in self.every}:
            usual, until_s = self.strikes.get(id_, (Usual(), 0.0))
            mine = [one["signed"] for one in self.trades if one["id"] == id_]
            if self.watched_s > until_s:
                usual.learn(self.watched_s - until_s, self.config.half_life_s)
            if mine:
                found[id_] = sum(mine), usual.z(sum(mine), order)
            usual.held = float(sum(mine))
            self.strikes[id_] = usual, self.watched_s
        return found

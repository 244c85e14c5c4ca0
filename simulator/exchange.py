"""The simulated exchange for a caller in Python: one message, one event's rows."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from operators.model.records import MBO_DTYPE, PRICE_SCALE, MboBatch
from simulator.exchange_kernel import enter
from simulator.exchange_orders import wait_at
from simulator.exchange_records import clear
from simulator.exchange_state import (
    BACK,
    BACKGROUND,
    CANCELLATION,
    CHANNEL_DTYPE,
    FRONT,
    INSTRUMENT_DTYPE,
    LIMIT,
    METAORDER_DTYPE,
    MODIFICATION,
    OPTION,
    SPREAD,
    Market,
    new_market,
)
from simulator.instruments import InstrumentSpec
from simulator.options import LARGE_STEP, SMALL_STEPS, price_at, step_index

FIRST_ORDER_ID = 6_412_777_000_000
WIDTH_FUTURE = 2048
"""Ticks of a future's price window: its daily limits."""
WIDTH_OTHER = 512


def listed_market(
    specs: Sequence[InstrumentSpec], targets: NDArray[np.int64], orders_max: int, seed: int
) -> Market:
    """An exchange that lists `specs`, books empty, each price window centred on the first price.

    `targets` (instruments,) int64 are the resting orders that the crowd keeps.
    """
    numbers = {channel: n for n, channel in enumerate(sorted({s.channel_id for s in specs}))}
    listed = np.zeros(len(specs), INSTRUMENT_DTYPE)
    for k, spec in enumerate(specs):
        x = listed[k]
        if spec.strike_e9 is not None:
            _list_option(x, spec)
            x["channel"], x["target"] = numbers[spec.channel_id], targets[k]
            x["kind"], x["front"] = _kind(specs, k)
            continue
        width = WIDTH_FUTURE if spec.instrument_class == "F" else WIDTH_OTHER
        first_e9 = spec.price_e9 - (width // 2) * spec.tick_e9
        x["instrument_id"], x["channel"] = spec.instrument_id, numbers[spec.channel_id]
        x["price_first_e9"], x["tick_e9"], x["width"] = first_e9, spec.tick_e9, width
        x["anchor"] = x["last"] = width // 2
        x["low"], x["high"] = 1, width - 2
        if spec.low_e9 is not None:
            x["low"] = max(1, -((first_e9 - spec.low_e9) // spec.tick_e9))
        if spec.high_e9 is not None:
            x["high"] = min(width - 2, (spec.high_e9 - first_e9) // spec.tick_e9)
        x["target"] = targets[k]
        x["kind"], x["front"] = _kind(specs, k)
    channels = np.zeros(len(numbers), CHANNEL_DTYPE)
    channels["channel_id"] = sorted(numbers)
    channels["order_id"] = FIRST_ORDER_ID
    channels["sequence"] = 4_000
    return new_market(listed, channels, orders_max, seed)


def _list_option(x: NDArray[np.void], spec: InstrumentSpec) -> None:
    """Terms and price window of an option: steps of its tick table around the first price."""
    assert spec.strike_e9 is not None
    small_e9 = spec.tick_e9
    index = round(step_index(spec.price_e9, small_e9))
    first = max(0, index - WIDTH_OTHER // 2)
    large_e9 = LARGE_STEP * small_e9
    x["instrument_id"], x["width"] = spec.instrument_id, WIDTH_OTHER
    x["price_first_e9"] = price_at(first, small_e9)
    x["tick_e9"] = small_e9 if first < SMALL_STEPS else large_e9
    if first < SMALL_STEPS:
        x["knee"], x["knee_e9"] = SMALL_STEPS - first, large_e9 - small_e9
    x["anchor"] = x["last"] = index - first
    x["low"], x["high"] = 1, WIDTH_OTHER - 2
    x["call"] = spec.instrument_class == "C"
    x["strike"], x["expiry_ns"] = spec.strike_e9 / PRICE_SCALE, spec.expiration_ns
    x["small_e9"], x["index_first"], x["vol"] = small_e9, first, spec.volatility


def _kind(specs: Sequence[InstrumentSpec], k: int) -> tuple[int, int]:
    """What instrument `k` is to the crowd, and the instrument whose price moves it."""
    spec = specs[k]
    fronts = [j for j, s in enumerate(specs[: k + 1]) if s.root == spec.root]
    if spec.instrument_class in ("C", "P"):
        under = [j for j in fronts if specs[j].instrument_id == spec.underlying_id]
        return OPTION, (under or fronts)[0]
    if spec.instrument_class == "S":
        return SPREAD, fronts[0]
    return (FRONT if k == fronts[0] else BACK), fronts[0]


class Exchange:
    """Takes messages one by one; `rows` gives what the feed shows of them.

    Prices are 1e-9 and must be multiples of the tick within the window; sides are 0 (buy) and 1
    (sell); orders are named by their ids. For tests and small markets: a simulation calls the
    kernels itself.
    """

    def __init__(self, specs: Sequence[InstrumentSpec], orders_max: int = 10_000, seed: int = 1):
        self._market = listed_market(specs, np.zeros(len(specs), np.int64), orders_max, seed)
        self._numbers = {spec.instrument_id: k for k, spec in enumerate(specs)}
        self._nobody = np.zeros(0, METAORDER_DTYPE)

    def rows(self) -> MboBatch:
        """What has been written since the last call, shape (n,), MBO_DTYPE, read-only."""
        n = int(self._market.clock["rows"][0])
        rows = self._market.rows[:n].copy().view(MBO_DTYPE)
        self._market.clock["rows"] = 0
        rows.flags.writeable = False
        return rows

    def resting(self, order_id: int) -> bool:
        """Whether the order is in the book."""
        return bool(np.any(self._market.orders["order_id"] == order_id))

    def limit(
        self,
        instrument_id: int,
        side: int,
        price_e9: int,
        size: int,
        *,
        ts: int = 0,
        hidden: int = 0,
        rests: bool = True,
    ) -> int:
        """A limit order; gives its id. `hidden` contracts show by and by; not `rests`: or kill."""
        return self._enter(
            ts=ts,
            kind=LIMIT,
            instrument=self._numbers[instrument_id],
            side=side,
            price=self._index(instrument_id, price_e9),
            size=size,
            hidden=hidden,
            owner=BACKGROUND,
            rests=rests,
        )

    def cancel(self, order_id: int, *, ts: int = 0) -> None:
        """Take a resting order out."""
        slot = self._slot(order_id)
        instrument = int(self._market.orders["instrument"][slot])
        self._enter(ts=ts, kind=CANCELLATION, instrument=instrument, slot=slot)

    def modify(self, order_id: int, price_e9: int, size: int, *, ts: int = 0) -> None:
        """Give a resting order another price or displayed size."""
        slot = self._slot(order_id)
        k = int(self._market.orders["instrument"][slot])
        price = self._index(int(self._market.instruments["instrument_id"][k]), price_e9)
        self._enter(ts=ts, kind=MODIFICATION, instrument=k, slot=slot, price=price, size=size)

    def stop(self, instrument_id: int, side: int, trigger_e9: int, size: int) -> None:
        """A stop order that waits for a trade at `trigger_e9` or beyond; the feed shows nothing."""
        trigger = self._index(instrument_id, trigger_e9)
        wait_at(self._market, self._numbers[instrument_id], side, trigger, size)

    def clear(self, instrument_id: int, *, ts: int = 0) -> None:
        """R: the instrument's session starts. Its book must be empty."""
        clear(self._market, self._numbers[instrument_id], ts)

    def _enter(self, **fields: int) -> int:
        for name, value in fields.items():
            self._market.entry[name] = value
        enter(self._market, self._nobody)
        return int(self._market.entry["order_id"][0])

    def _slot(self, order_id: int) -> int:
        (slots,) = np.nonzero(self._market.orders["order_id"] == order_id)
        assert len(slots) == 1, f"order {order_id} is not in the book"
        return int(slots[0])

    def _index(self, instrument_id: int, price_e9: int) -> int:
        x = self._market.instruments[self._numbers[instrument_id]]
        small, step = int(x["tick_e9"]), price_e9 - int(x["price_first_e9"])
        assert x["knee_e9"] == 0 or step <= int(x["knee"]) * small, "above where the tick changes"
        price, rest = divmod(step, small)
        assert rest == 0, f"price {price_e9} is no multiple of the tick"
        assert x["low"] <= price <= x["high"], f"price {price_e9} is outside the limits"
        return price

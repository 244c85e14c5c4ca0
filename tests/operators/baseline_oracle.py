"""The baseline said slowly: lists of values in plain Python, and rows to try it on."""

import math
from bisect import bisect_left
from collections import defaultdict
from dataclasses import replace

import numpy as np

from config.calendar import load_calendar
from operators.baseline_config import BaselineConfig
from operators.calendar_kernel import locate
from operators.model.evaluations import (
    AUCTION,
    CROSSED,
    DIRTY,
    EVAL_DTYPE,
    EXECUTION,
    FILL_DTYPE,
    JUDGED,
    PANE,
    WINDOW_SUMS,
    WINDOWS_S,
)
from operators.model.items import Definition, Evaluations, Instrument

CALENDAR = load_calendar()
NS = 1_000_000_000
MONDAY = 1_709_593_200 * NS  # 2024-03-04 17:00 in Chicago: the session of Tuesday begins
CLASS_OF = {"F": 0, "S": 1, "C": 2, "P": 3}
SUM = {name: i for i, name in enumerate(WINDOW_SUMS)}
WINDOW = {seconds: i for i, seconds in enumerate(WINDOWS_S)}
SIGNED = JUDGED[:7]


def config(**changes):
    return BaselineConfig(**{"calendar": CALENDAR, "sessions_max": 3, "sessions_min": 2, **changes})


def naive_bin(value: int) -> int:
    size = abs(value)
    if size >= 16:
        octave = size.bit_length() - 1
        size = 8 * (octave - 2) + (size * 8 // 2**octave - 8)
    return size if value >= 0 else -size


def naive_bounds(bin_: int) -> tuple[int, int]:
    if abs(bin_) < 16:
        return bin_, bin_
    octave, eighth = abs(bin_) // 8 + 2, abs(bin_) % 8
    low, width = 2**octave + eighth * 2 ** (octave - 3), 2 ** (octave - 3)
    return (low, low + width - 1) if bin_ > 0 else (-low - width + 1, -low)


def naive_judgement(values: list[int], value: int, shrink_n0: int) -> tuple[float, float]:
    """(z, tail_p) of `value` against `values`."""
    bins = sorted(map(naive_bin, values))
    n = len(bins)
    middle = [sum(naive_bounds(b)) / 2 for b in bins]
    quarter = math.ceil(n / 4)
    lower, upper = (n + 1) // 2 - 1, n // 2
    median = (middle[lower] + middle[upper]) / 2
    widths = [b - a + 1 for a, b in map(naive_bounds, (bins[lower], bins[upper]))]
    spread = max(middle[n - quarter] - middle[quarter - 1], *map(float, widths))
    scale = 1.349 / spread * math.sqrt(n / (n + shrink_n0))
    at = naive_bin(value)
    extreme = n
    if value > 0:
        extreme = sum(b >= at for b in bins)
    elif value < 0:
        extreme = sum(b <= at for b in bins)
    return (float(value) - median) * scale, (1 + extreme) / (n + 1)


def metrics(row, sums, mids2, pseudo_size: int, tick_e9: int) -> dict[str, int]:
    """Judged metrics of one row by name; those it does not have are left out."""
    if row["kind"] == EXECUTION:
        if row["aggressor"] == AUCTION:
            return {}
        return {"size": int(row["size"]), "hidden": int(row["hidden"])}
    wanted = (
        *("buy", "sell", "ofi_10", "stop_buy", "stop_sell", "cancel_bid", "cancel_ask"),
        *("flash_bid", "flash_ask"),
    )
    of = {(s, name): int(sums[WINDOW[s], SUM[name]]) for s in (5, 30, 60, 300) for name in wanted}
    found = {}
    for s in (5, 30, 60, 300):
        buy, sell = of[s, "buy"], of[s, "sell"]
        ratio = math.log((max(buy, sell) + pseudo_size) / (min(buy, sell) + pseudo_size))
        found[f"pressure_{s}"] = math.floor(64 * ratio + 0.5) * (1 if buy >= sell else -1)
    found["ofi_30"], found["ofi_300"] = of[30, "ofi_10"], of[300, "ofi_10"]
    found["volume_60"] = of[60, "buy"] + of[60, "sell"]
    found["stops_5"] = of[5, "stop_buy"] + of[5, "stop_sell"]
    found["cancel_60"] = of[60, "cancel_bid"] + of[60, "cancel_ask"]
    found["flash_5"] = max(of[5, "flash_bid"], of[5, "flash_ask"])
    bid, ask, before = int(row["bid"]), int(row["ask"]), int(mids2[WINDOW[60]])
    step = tick_e9 or ask - bid
    if row["bid_size"] > 0 and row["ask_size"] > 0 and before and step > 0:
        net = of[60, "buy"] - of[60, "sell"]
        side = (net > 0) - (net < 0)
        steps = max(1, side * (bid + ask - before) // (2 * step))
        found["absorption_60"] = -side * (abs(net) // steps)
    return found


class NaiveBaseline:
    """Remembers every value of every session."""

    def __init__(self, config: BaselineConfig) -> None:
        self.config = config
        self.values: dict[tuple, list[int]] = defaultdict(list)
        self.traded: dict[str, list[int]] = defaultdict(list)
        self.clock: dict[str, tuple[int, int]] = {}
        self.kind: dict[tuple[str, int], tuple[int, int]] = {}
        self.defined: set[tuple[str, int]] = set()

    def on_items(self, items):
        judged = []
        for item in items:
            if isinstance(item, Definition):
                class_ = CLASS_OF.get(item.instrument_class, 4)
                self.kind[item.feed, item.instrument_id] = class_, item.tick_e9 or 0
                self.defined.add((item.feed, item.instrument_id))
            elif isinstance(item, Instrument):
                key = item.feed, item.instrument_id
                if key not in self.defined:
                    self.kind[key] = (2 if " C" in item.symbol else 0), 0
            else:
                judged += [self.judge(item, i) for i in range(item.rows.size)]
        return judged

    def judge(self, item: Evaluations, i: int):
        row = item.rows[i]
        z, tail_p = [math.nan] * len(JUDGED), [math.nan] * len(JUDGED)
        if row["kind"] not in (EXECUTION, PANE):
            return z, tail_p, 0
        root = item.roots[row["root"]]
        class_, tick = self.kind.get((item.feed, int(row["instrument_id"])), (4, 0))
        ts = int(row["ts_event"]) - (row["kind"] == PANE)
        (day,), (bucket,), (is_open,) = locate(CALENDAR, np.array([ts]), self.config.bucket_s)
        now = self.clock[root] = max(self.clock.get(root, (-(10**9), 0)), (int(day), int(bucket)))
        past = [s for s in self.traded[root] if s < now[0]][-self.config.sessions_max :]
        used = [
            s for s in past if any(self.values.get((root, s, class_, now[1], m)) for m in JUDGED)
        ]
        found = metrics(row, item.windows[i], item.mids2[i], self.config.pseudo_size, tick)
        for name, value in found.items() if len(used) >= self.config.sessions_min else ():
            values = [v for s in used for v in self.values.get((root, s, class_, now[1], name), ())]
            if values:
                m = JUDGED.index(name)
                z[m], tail_p[m] = naive_judgement(values, value, self.config.shrink_n0)
        sound = not row["state"] & (DIRTY | CROSSED)
        if is_open and sound and item.quality[i] >= self.config.quality_min:
            for name, value in found.items():
                self.values[root, now[0], class_, now[1], name].append(value)
            if row["kind"] == EXECUTION and found and now[0] not in self.traded[root]:
                self.traded[root].insert(bisect_left(self.traded[root], now[0]), now[0])
        return z, tail_p, len(used)


def evaluations(rows, roots=("ES", "NQ"), feed="glbx") -> Evaluations:
    """Evaluations of dicts of fields; `sums` maps (window, name) to a value, `mid2_60` is mids2."""
    array = np.zeros(len(rows), EVAL_DTYPE)
    windows = np.zeros((len(rows), len(WINDOWS_S), len(WINDOW_SUMS)), np.int64)
    mids2 = np.zeros((len(rows), len(WINDOWS_S)), np.int64)
    quality = np.ones(len(rows))
    for i, given in enumerate(rows):
        fields = dict(given)
        for (seconds, name), value in fields.pop("sums", {}).items():
            windows[i, WINDOW[seconds], SUM[name]] = value
        mids2[i, WINDOW[60]] = fields.pop("mid2_60", 0)
        quality[i] = fields.pop("quality", 1.0)
        for name, value in fields.items():
            array[i][name] = value
    fills = np.zeros(0, FILL_DTYPE)
    for column in (array, windows, mids2, quality, fills):
        column.flags.writeable = False
    return Evaluations(feed, array, fills, tuple(roots), windows, mids2, quality)


def part(item: Evaluations, first: int, stop: int) -> Evaluations:
    """Rows [first, stop) as a batch of their own."""
    at = slice(first, stop)
    assert item.windows is not None
    assert item.mids2 is not None
    assert item.quality is not None
    return replace(
        item,
        rows=item.rows[at],
        windows=item.windows[at],
        mids2=item.mids2[at],
        quality=item.quality[at],
    )


def definition(instrument_id, instrument_class="F", tick_e9=250_000_000, feed="glbx"):
    return Definition(
        feed=feed,
        instrument_id=instrument_id,
        ts_event=0,
        symbol="X",
        instrument_class=instrument_class,
        asset="X",
        tick_e9=tick_e9,
        tick_rule=None,
        point_value_e9=None,
        currency="USD",
        expiration_ns=None,
        strike_price_e9=None,
        underlying="",
        underlying_id=None,
    )


def random_items(seed: int, n: int = 120, roots=("ES", "NQ")) -> list:
    """A hostile stream: days pass, rows come late, values are extreme, instruments change class."""
    rng = np.random.default_rng(seed)
    now = {root: MONDAY for root in roots}
    steps = (0, NS, 60 * NS, 1801 * NS, 3 * 3600 * NS, 21 * 3600 * NS, 24 * 3600 * NS, -7 * NS)
    chances = (0.3, 0.3, 0.1, 0.04, 0.02, 0.04, 0.15, 0.05)
    items: list = []
    rows: list[dict] = []

    def flush():
        if rows:
            items.append(evaluations(rows, roots))
            rows.clear()

    for _ in range(n):
        instrument = int(rng.integers(1, 7))
        if rng.random() < 0.04:
            flush()
            if rng.random() < 0.5:
                items.append(definition(instrument, "FSCPTX"[rng.integers(6)]))
            else:
                symbol = ("ESH4", "ESH4 C4800")[rng.integers(2)]
                items.append(Instrument("glbx", instrument, symbol, "ES", "mapping", 0))
        root = int(instrument % len(roots))
        now[roots[root]] += int(rng.choice(steps, p=chances))
        rows.append(_random_row(rng, instrument, root, now[roots[root]]))
        if rng.random() < 0.1:
            flush()
    flush()
    return items


def _random_row(rng, instrument: int, root: int, ts_event: int) -> dict:
    def lots():
        return int(rng.integers(0, 2 ** int(rng.choice([1, 3, 6, 10, 40]))))

    def signed():
        return int(rng.integers(-1, 2)) * int(rng.choice([1, 7, 100, 2**31, 2**62, lots() + 1]))

    bid = int(rng.integers(-2, 20)) * NS
    return {
        "kind": rng.choice([1, 2, 3], p=[0.45, 0.5, 0.05]),
        "state": rng.choice([0, 8, DIRTY, CROSSED], p=[0.45, 0.45, 0.05, 0.05]),
        "aggressor": rng.choice([1, 3, AUCTION], p=[0.8, 0.1, 0.1]),
        "root": root,
        "slot": instrument * 3,
        "instrument_id": instrument,
        "ts_event": ts_event,
        "size": rng.choice([lots(), 2**62]),
        "hidden": lots(),
        "bid": bid,
        "ask": bid + int(rng.integers(-1, 3)) * NS // 2,
        "bid_size": rng.choice([0, 5], p=[0.1, 0.9]),
        "ask_size": rng.choice([0, 5], p=[0.1, 0.9]),
        "mid2_60": int(rng.integers(0, 20)) * NS,
        "quality": rng.choice([1.0, 0.8, 0.79], p=[0.8, 0.1, 0.1]),
        "sums": {
            (s, name): signed() if name == "ofi_10" else lots()
            for s in (5, 30, 60, 300)
            for name in ("buy", "sell", "ofi_10", "stop_buy", "stop_sell", "cancel_bid")
        },
    }

"""Points: the evaluation rows as detectors see them, sifted once for all of them."""

import math
from collections.abc import Mapping
from itertools import islice
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from operators.kernels import entry
from operators.model.evaluations import AUCTION, DIRTY, EXECUTION, JUDGED, PANE
from operators.model.items import Evaluations
from operators.model.signals import Evidence, Side
from operators.options.seconds import OptionSeconds

_FILL_FIELDS: Final = 7

STRENGTH_MAX: Final = 6.0
"""Strength of evidence is clipped to this, as a z."""

PRESSURE_5: Final = JUDGED.index("pressure_5")
STOPS_5: Final = JUDGED.index("stops_5")
VOLUME_60: Final = JUDGED.index("volume_60")
CANCEL_60: Final = JUDGED.index("cancel_60")
OFI_30: Final = JUDGED.index("ofi_30")
ABSORPTION_60: Final = JUDGED.index("absorption_60")
FLASH_5: Final = JUDGED.index("flash_5")
SIZE: Final = JUDGED.index("size")
HIDDEN: Final = JUDGED.index("hidden")


class Row(NamedTuple):
    """The fields of one evaluation row that detectors judge, as Python integers."""

    order_id: int
    side: int
    aggressor: int
    slot: int
    instrument_id: int
    sequence_first: int
    sequence_last: int
    ts_event: int
    size: int
    hidden: int
    refills: int
    levels: int
    fill_first: int
    fill_stop: int
    price_first: int
    price_last: int
    bid_before: int
    ask_before: int
    bid_size_before: int
    ask_size_before: int
    bid: int
    ask: int
    bid_size: int
    ask_size: int
    stop_buy: int
    stop_sell: int

    def mid_e9(self, otherwise: int) -> int:
        """Mid of the touch, 1e-9 points, or `otherwise` where a side is empty."""
        if self.bid_size > 0 and self.ask_size > 0:
            return (self.bid + self.ask) // 2
        return otherwise


FillRow = list[int]
"""One passive fill: order_id, price, size, hidden, refills, as `Fill`; hidden_total, side."""


class Points(NamedTuple):
    """One `Evaluations` with all its columns present, read-only, and the places to look at."""

    rows: NDArray[np.void]
    """(n,), EVAL_DTYPE."""
    fills: NDArray[np.void]
    """(m,), FILL_DTYPE."""
    windows: NDArray[np.int64]
    """(n, windows, sums)."""
    mids2: NDArray[np.int64]
    """(n, windows)."""
    quality: NDArray[np.float64]
    """(n,)."""
    z: NDArray[np.float64]
    """(n, JUDGED)."""
    tail_p: NDArray[np.float64]
    """(n, JUDGED)."""
    sessions: NDArray[np.int16]
    """(n,)."""
    executions: NDArray[np.int64]
    """Indices of execution rows, auctions left out."""
    panes: NDArray[np.int64]
    """Indices of pane rows."""
    sound: NDArray[np.bool_]
    """(n,): the book is not dirty and quality is sufficient."""
    slots: int
    """One more than the greatest slot."""
    symbols: Mapping[int, str]
    """Instrument id → raw symbol."""
    options: OptionSeconds | None = None
    """What options did, in shards that have any."""

    def facts(self, indices: NDArray[np.int64]) -> list[Row]:
        """The rows at `indices` as Python values."""
        packed = np.empty((indices.size, len(Row._fields)), np.int64)
        _pack_rows(self.rows, indices, packed)
        return [Row._make(values) for values in _listed(packed)]

    def fills_of(self, indices: NDArray[np.int64], most: int) -> list[list[FillRow]]:
        """The first fills, at most `most`, of each of the rows at `indices`."""
        counts = np.empty(indices.size, np.int64)
        total = _count_fills(self.rows, indices, most, counts)
        packed = np.empty((total, _FILL_FIELDS), np.int64)
        _pack_fills(self.rows, indices, self.fills, counts, packed)
        values = iter(_listed(packed))
        return [list(islice(values, count)) for count in counts.tolist()]

    def symbol(self, instrument_id: int) -> str:
        """Raw symbol, or the id as text where none is known."""
        return self.symbols.get(instrument_id) or str(instrument_id)

    def is_warm(self, index: int) -> bool:
        """Whether a baseline judged anything of a row."""
        return bool(_any_finite(self.tail_p, index))

    def judged(self, index: int, metric: int) -> tuple[float | None, float | None]:
        """z and tail probability of a metric at a row, None while warming."""
        return _finite(self.z[index, metric]), _finite(self.tail_p[index, metric])


class Found(NamedTuple):
    """What a detector observed at a row."""

    row: int
    key: int
    """Later evidence of the same detector, instrument and key replaces this."""
    mid_e9: int
    warm: bool
    evidence: Evidence


def points_of(item: Evaluations, symbols: Mapping[int, str], quality_min: float) -> Points:
    """Sift the rows of `item`, which `pressure` and `baseline` must have completed."""
    assert item.windows is not None, "pressure comes before detect"
    assert item.mids2 is not None, "pressure comes before detect"
    assert item.quality is not None, "pressure comes before detect"
    assert item.z is not None, "baseline comes before detect"
    assert item.tail_p is not None, "baseline comes before detect"
    assert item.sessions is not None, "baseline comes before detect"
    size = item.rows.size
    executions, panes = np.empty(size, np.int64), np.empty(size, np.int64)
    sound = np.empty(size, np.bool_)
    rows, quality = read_only(item.rows), read_only(item.quality)
    execution_count, pane_count, slots = _sift(rows, quality, quality_min, executions, panes, sound)
    return Points(
        rows=rows,
        fills=read_only(item.fills),
        windows=read_only(item.windows),
        mids2=read_only(item.mids2),
        quality=quality,
        z=read_only(item.z),
        tail_p=read_only(item.tail_p),
        sessions=read_only(item.sessions),
        executions=executions[:execution_count],
        panes=panes[:pane_count],
        sound=sound,
        slots=slots,
        symbols=symbols,
    )


def read_only(column: NDArray[Any]) -> NDArray[Any]:
    """A view that nobody writes to: kernels are compiled for such."""
    view = column.view()
    view.flags.writeable = False
    return view


def grown(state: NDArray[Any], slots: int) -> NDArray[Any]:
    """`state` with at least `slots` entries, new ones zero; doubles: rarely copied."""
    if slots <= state.shape[0]:
        return state
    larger = np.zeros((max(slots, 2 * state.shape[0], 16), *state.shape[1:]), state.dtype)
    # As bytes: numpy copies structured arrays field by field, ten times slower.
    larger.reshape(-1).view(np.uint8)[: state.nbytes] = state.reshape(-1).view(np.uint8)
    return larger


def trimmed(state: NDArray[Any]) -> NDArray[Any]:
    """Copy of `state` without the empty entries at its end, which come from how it grew."""
    raw = np.ascontiguousarray(state).view(np.uint8).reshape(-1, state.dtype.itemsize)
    used = np.flatnonzero(raw.any(axis=1))
    return state[: used[-1] + 1 if used.size else 0].copy()


def clipped(strength: float) -> float:
    """Strength within 0…6, to four decimals, so that the last bit of a logarithm never shows."""
    return round(min(max(strength, 0.0), STRENGTH_MAX), 4)


def strength_of_tail(tail_p: float) -> float:
    """−log10 of a tail probability: near the normal quantile it stands for (1e-3: 3, 1e-6: 6)."""
    return clipped(-math.log10(max(tail_p, 1e-9)))


def side_name(side: int) -> Side:
    """`buy` for +1, `sell` for −1."""
    return "buy" if side > 0 else "sell"


def rarity_text(tail_p: float | None) -> str:
    """How rare, for a reader: `, seen once in 2,500 at this time of day`."""
    if tail_p is None or tail_p <= 0:
        return ""
    return f", seen once in {round(1 / tail_p):,} at this time of day"


def _listed(packed: NDArray[np.int64]) -> list[list[int]]:
    """Rows as lists; order ids, the first column, are unsigned."""
    rows: list[list[int]] = packed.tolist()
    if packed.size and packed[:, 0].min() < 0:
        for row in rows:
            row[0] %= 1 << 64
    return rows


def _finite(value: float) -> float | None:
    return round(float(value), 6) if math.isfinite(value) else None


@entry
def _any_finite(columns, index):  # type: ignore[no-untyped-def]
    """Whether a row has a number: a tenth of what numpy's own reduction costs."""
    found = False
    for column in range(columns.shape[1]):
        found = found or np.isfinite(columns[index, column])
    return found


@entry
def _sift(rows, quality, quality_min, executions, panes, sound):  # type: ignore[no-untyped-def]
    """Fill indices and soundness; returns how many executions and panes, and slots."""
    execution_count = 0
    pane_count = 0
    slots = 0
    for i in range(rows.shape[0]):
        row = rows[i]
        sound[i] = quality[i] >= quality_min and (row.state & DIRTY) == 0
        if row.slot >= slots:
            slots = int(row.slot) + 1
        if row.kind == EXECUTION:
            if row.aggressor != AUCTION:
                executions[execution_count] = i
                execution_count += 1
        elif row.kind == PANE:
            panes[pane_count] = i
            pane_count += 1
    return execution_count, pane_count, slots


@entry
def _pack_rows(rows, indices, packed):  # type: ignore[no-untyped-def]
    """Fields of Row, in its order: a structured row takes Python ten times as long."""
    for k in range(indices.shape[0]):
        row = rows[indices[k]]
        out = packed[k]
        out[0] = row.order_id
        out[1] = row.side
        out[2] = row.aggressor
        out[3] = row.slot
        out[4] = row.instrument_id
        out[5] = row.sequence_first
        out[6] = row.sequence_last
        out[7] = row.ts_event
        out[8] = row.size
        out[9] = row.hidden
        out[10] = row.refills
        out[11] = row.levels
        out[12] = row.fill_first
        out[13] = row.fill_stop
        out[14] = row.price_first
        out[15] = row.price_last
        out[16] = row.bid_before
        out[17] = row.ask_before
        out[18] = row.bid_size_before
        out[19] = row.ask_size_before
        out[20] = row.bid
        out[21] = row.ask
        out[22] = row.bid_size
        out[23] = row.ask_size
        out[24] = row.stop_buy
        out[25] = row.stop_sell


@entry
def _count_fills(rows, indices, most, counts):  # type: ignore[no-untyped-def]
    total = 0
    for k in range(indices.shape[0]):
        row = rows[indices[k]]
        counts[k] = min(row.fill_stop - row.fill_first, most)
        total += counts[k]
    return total


@entry
def _pack_fills(rows, indices, fills, counts, packed):  # type: ignore[no-untyped-def]
    """Fields of a FillRow, in its order."""
    total = 0
    for k in range(indices.shape[0]):
        first = rows[indices[k]].fill_first
        for j in range(first, first + counts[k]):
            fill = fills[j]
            out = packed[total]
            out[0] = fill.order_id
            out[1] = fill.price
            out[2] = fill.size
            out[3] = fill.hidden
            out[4] = fill.refills
            out[5] = fill.hidden_total
            out[6] = fill.side
            total += 1

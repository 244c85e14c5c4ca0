"""Pane rows of one root and second, kept until all are there, and the message they become."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from operators.model.evaluations import FRONT, WINDOW_SUMS, WINDOWS_S
from operators.model.items import Evaluations
from operators.model.signals import InstrumentPressure, Level
from operators.model.signals import Pressure as RootPressure
from operators.model.streams import PRESSURE, Message
from operators.pressure_kernel import EVER, IN_PANE

_FIGURES = (*("instrument_id", "state", "bid", "ask", "bid_size", "ask_size", "buy", "sell"),)
_WINDOW_NAMES = tuple(str(window) for window in WINDOWS_S)
_Levels = tuple[tuple[int, int, int], ...]
"""Price (1e-9), bid size, ask size of each."""


@dataclass(slots=True)
class Second:
    """Pane rows of one root and second, until it is known that no more of them come."""

    root: int
    """Index of the root."""
    name: str
    feed: str
    ts: int
    """End of the panes, ns."""
    lines: list[tuple[Any, ...]] = field(default_factory=list)
    """Of each row: _FIGURES, quality, windows, prices, levels; plain numbers."""


def gather(
    seconds: dict[int, Second],
    item: Evaluations,
    groups: NDArray[np.int64],
    prices: NDArray[np.int64],
) -> None:
    """Keep the pane rows of each second, as Python's numbers: they may outlive the batch.

    Args:
        seconds: By number; added to.
        item: Rows with windows and quality.
        groups: Shape (n,): number of the second each row belongs to, below 0 for none.
        prices: Shape (n, PRICE_COLUMNS).
    """
    assert item.windows is not None
    assert item.quality is not None
    places = np.flatnonzero(groups >= 0)
    rows = item.rows[places]
    levels = _levels_of(item)
    lines = zip(
        *(rows[name].tolist() for name in _FIGURES),
        item.quality[places].tolist(),
        item.windows[places].tolist(),
        prices[places].tolist(),
        [levels.get(place, ()) for place in places.tolist()],
        strict=True,
    )
    for number, root, ts, line in zip(
        groups[places].tolist(),
        rows["root"].tolist(),
        rows["ts_event"].tolist(),
        lines,
        strict=True,
    ):
        if number not in seconds:
            seconds[number] = Second(root, item.roots[root], item.feed, ts)
        seconds[number].lines.append(line)


def message_of(second: Second, symbols: Mapping[tuple[str, int], str]) -> Message:
    """The second as a message of the pressure stream.

    Args:
        second: All its rows.
        symbols: By feed and instrument.
    """
    instruments = tuple(_instruments(second, symbols))
    value = RootPressure(root=second.name, ts_event=second.ts, instruments=instruments)
    return Message(PRESSURE, second.name, 0, value)


def _instruments(
    second: Second, symbols: Mapping[tuple[str, int], str]
) -> Iterator[InstrumentPressure]:
    for line in second.lines:
        id_, state, bid, ask, bid_size, ask_size, buy, sell, quality, windows, prices, levels = line
        traded, last, first, high, low = prices
        in_pane = traded & IN_PANE
        yield InstrumentPressure(
            instrument_id=id_,
            symbol=symbols.get((second.feed, id_)) or str(id_),
            front=bool(state & FRONT),
            bid_e9=bid if bid_size else None,
            ask_e9=ask if ask_size else None,
            bid_size=bid_size,
            ask_size=ask_size,
            last_e9=last if traded & EVER else None,
            open_e9=first if in_pane else None,
            high_e9=high if in_pane else None,
            low_e9=low if in_pane else None,
            volume_buy=buy,
            volume_sell=sell,
            levels=tuple(
                Level(price_e9=price, bid_size=bids, ask_size=asks) for price, bids, asks in levels
            ),
            quality=quality,
            windows=_windows(windows),
        )


def _windows(windows: Sequence[Sequence[int]]) -> dict[str, dict[str, int]]:
    # Not strict, which takes a fifth of the time: the shape is the kernel's.
    named = [dict(zip(WINDOW_SUMS, sums, strict=False)) for sums in windows]
    return dict(zip(_WINDOW_NAMES, named, strict=True))


def _levels_of(item: Evaluations) -> dict[int, _Levels]:
    """Row → its levels."""
    depth = item.depth
    if depth is None:
        return {}
    rows, firsts = np.unique(depth["row"], return_index=True)
    levels = list(
        zip(*(depth[name].tolist() for name in ("price", "bid_size", "ask_size")), strict=True)
    )
    places = [*firsts.tolist(), len(levels)]
    return {
        row: tuple(levels[first:stop])
        for row, first, stop in zip(rows.tolist(), places, places[1:], strict=False)
    }

"""Roll: one future of a root is bought while another is sold, size for size; a veto."""

from typing import Any, ClassVar, Final

import numpy as np

from operators.detectors.points import Found, Points, Row, clipped, grown, side_name, trimmed
from operators.detectors.roll_config import RollConfig
from operators.detectors.window_evidence import window_evidence
from operators.kernels import entry
from operators.model.evaluations import OUTRIGHT, WINDOW_SUMS, WINDOWS_S
from operators.model.records import NS_PER_S

WINDOW_S: Final = 60
LEGS: Final = 8
"""Futures of a root that are compared; of more, those that traded latest."""
_WINDOW: Final = WINDOWS_S.index(WINDOW_S)
_BUY: Final = WINDOW_SUMS.index("buy")
_SELL: Final = WINDOW_SUMS.index("sell")
_FRESH_NS: Final = 2 * NS_PER_S
"""A future's net size counts for so long after its pane."""

LEGS_DTYPE: Final = np.dtype(
    [
        ("instrument", "i8", (LEGS,)),  # slot + 1, 0 none
        ("id", "i8", (LEGS,)),  # instrument id
        ("ts", "i8", (LEGS,)),
        ("net", "i8", (LEGS,)),
        ("volume", "i8", (LEGS,)),
        ("ts_next", "i8", (LEGS,)),  # when it may be told again of the future
    ]
)
"""The futures of one root, at their latest panes."""

HIT_DTYPE: Final = np.dtype([("row", "i8"), ("other", "i8"), ("net", "i8"), ("other_net", "i8")])


class Roll:
    """Net flow of the outright futures of a root over 60 s, compared in pairs on pane rows.

        net(x) = contracts bought − sold by aggressors in future x
        veto on a and b if net(a) and net(b) have opposite signs, both ≥ size_min in size,
            min/max of their sizes ≥ balance_min, and in the one that trades less (of equals the
            one whose pane it is) |net| ≥ share_min·volume

    It speaks against evidence on the side of each leg: who leaves one month for the next keeps the
    position. Strength is 6·min/max of the two sizes. While it lasts it is told every `repeat_ns`.

    Wrong when two parties happen to trade two months in opposite directions, and blind to rolls
    by the calendar spread, which is an instrument of its own, and to rolls much smaller than the
    front month's other flow.
    Expected false alarms: the far month must trade one-sidedly by a third of its volume and 50
    contracts, and the front month against it by a similar size: few in quiet hours, several an hour
    where both months are liquid.

    State: 384 bytes per root.

    References:
        Expiry rolls of index futures: both legs within the same minutes, volume moving on.
    """

    STATE_VERSION: ClassVar[int] = 1
    NAME: ClassVar[str] = "roll"

    def __init__(self, config: RollConfig, state: dict[str, Any] | None = None) -> None:
        self._config = config
        self._legs = np.zeros(0, LEGS_DTYPE) if state is None else state["legs"].copy()

    def observe(self, points: Points) -> list[Found]:
        """Vetoes in the order of rows."""
        if points.panes.size == 0:
            return []
        self._legs = grown(self._legs, int(points.rows["root"].max()) + 1)
        hits = np.empty(points.panes.size, HIT_DTYPE)
        config = self._config
        count = _compare(
            points.rows,
            points.panes,
            points.sound,
            points.windows,
            self._legs,
            (config.size_min, config.balance_min, config.share_min, config.repeat_ns),
            hits,
        )
        if count == 0:
            return []
        rows = points.facts(hits["row"][:count])
        return [
            self._found(points, hit.tolist(), row)
            for hit, row in zip(hits[:count], rows, strict=True)
        ]

    def snapshot(self) -> dict[str, Any]:
        """Copy of the futures, by root."""
        return {"legs": trimmed(self._legs)}

    def _found(self, points: Points, hit: tuple[int, ...], row: Row) -> Found:
        index, other_id, net, other_net = hit
        small, large = sorted((abs(net), abs(other_net)))
        symbol, other = points.symbol(row.instrument_id), points.symbol(other_id)
        price_e9 = row.mid_e9(row.ask or row.bid)
        evidence = window_evidence(
            points,
            index,
            row,
            detector=self.NAME,
            group="veto",
            side=side_name(net),
            strength=clipped(6 * small / large),
            judged=None,
            window_s=WINDOW_S,
            size=small,
            measure=round(small / large, 4),
            threshold=self._config.balance_min,
            unit="of the larger leg",
            price_e9=price_e9,
            text=(
                f"A roll: {abs(net)} lots of {symbol} {'bought' if net > 0 else 'sold'} net in a"
                f" minute, {abs(other_net)} of {other} {'bought' if other_net > 0 else 'sold'}"
            ),
        )
        return Found(index, 0, price_e9, False, evidence)


@entry
def _compare(rows, panes, sound, windows, legs, limits, hits):  # type: ignore[no-untyped-def]
    """Bring each root's futures forward and find what offsets them."""
    size_min, balance_min, share_min, repeat_ns = limits
    count = 0
    for k in range(panes.shape[0]):
        i = panes[k]
        row = rows[i]
        if row.state & OUTRIGHT == 0 or not sound[i]:
            continue
        net = windows[i, _WINDOW, _BUY] - windows[i, _WINDOW, _SELL]
        volume = windows[i, _WINDOW, _BUY] + windows[i, _WINDOW, _SELL]
        futures = legs[row.root]
        mine = 0
        for j in range(LEGS):
            if futures.instrument[j] == row.slot + 1:
                mine = j
                break
            if futures.ts[j] < futures.ts[mine]:
                mine = j
        if futures.instrument[mine] != row.slot + 1:
            futures.instrument[mine] = row.slot + 1
            futures.ts_next[mine] = 0
        futures.id[mine] = row.instrument_id
        futures.ts[mine] = row.ts_event
        futures.net[mine] = net
        futures.volume[mine] = volume
        if abs(net) < size_min or row.ts_event < futures.ts_next[mine]:
            continue
        best = -1
        for j in range(LEGS):
            other = futures.net[j]
            if j == mine or row.ts_event - futures.ts[j] > _FRESH_NS or abs(other) < size_min:
                continue
            if (other > 0) == (net > 0):
                continue
            if min(abs(net), abs(other)) < balance_min * max(abs(net), abs(other)):
                continue
            thin = other if futures.volume[j] < volume else net
            if abs(thin) < share_min * min(volume, futures.volume[j]):
                continue
            if best < 0 or abs(abs(other) - abs(net)) < abs(abs(futures.net[best]) - abs(net)):
                best = j
        if best >= 0:
            futures.ts_next[mine] = row.ts_event + repeat_ns
            hits[count].row = i
            hits[count].other = futures.id[best]
            hits[count].net = net
            hits[count].other_net = futures.net[best]
            count += 1
    return count

"""Synthetic iceberg: when an order is filled, another of its price and size takes its place."""

from typing import Any, ClassVar, Final, NamedTuple

import numpy as np

from operators.detectors.points import (
    Found,
    Points,
    Row,
    grown,
    side_name,
    strength_of_tail,
    trimmed,
)
from operators.detectors.synthetic_iceberg_config import SyntheticIcebergConfig
from operators.kernels import entry
from operators.model.evaluations import WINDOW_SUMS, WINDOWS_S
from operators.model.prices import price_text
from operators.model.signals import Evidence

ORDERS_MAX: Final = 20
"""Order ids kept of one chain, the first ones."""
SIZES: Final = 64
"""Sizes counted one by one; larger ones together."""
_FOLLOW_S: Final = 0.3
_WINDOW_S: Final = 30
_WINDOW: Final = WINDOWS_S.index(_WINDOW_S)
_ADD_BID: Final = WINDOW_SUMS.index("add_bid")
_ADD_ASK: Final = WINDOW_SUMS.index("add_ask")
_COUNT_MAX: Final = 4096
"""Filled orders after which all counts are halved: sizes of today, not of last month."""

SIZES_DTYPE: Final = np.dtype([("counts", "u2", (SIZES,)), ("orders", "i8"), ("contracts", "i8")])
"""Of one instrument, orders that were filled to the last and followed none, by size."""

LINK_DTYPE: Final = np.dtype(
    [
        ("row", "i8"),
        ("order_id", "u8"),
        ("follows", "u8"),
        ("price", "i8"),
        ("size", "i8"),
        ("side", "i8"),
        ("chance", "f8"),
    ]
)


class _Chain(NamedTuple):
    """What is known of a chain at its latest tranche."""

    tranches: int
    told: int
    """Tranches when evidence was last given, 0 never."""
    size: int
    chance: float
    ts_first: int
    sequence_first: int
    order_ids: tuple[int, ...]


class SyntheticIceberg:
    """Chains of filled orders, each of which came ≤ 0.3 s after the one before had been filled.

    The book says of an order that was filled to the last which one it followed: at its price, on
    its side, of its size, more than one contract (`book_echo`). For each link, with the orders that
    come near the touch on that side in 0.3 s, from the last 30 s, and the share q of the size among
    filled orders of the instrument that followed none,

        u = min(1, burst · orders in 0.3 s · q),      p = Π u over the links of the chain

    Evidence if tranches ≥ tranches_min and p ≤ p_max, given again when tranches have doubled, and
    then replaces the earlier. The side is the resting orders': a chain of bids buys. Strength is
    −log10 p, clipped to 6; size the contracts filled of all tranches.

    Wrong when a market maker's machine quotes the same size again after each fill: it does not tell
    why. A tranche of another size, or at another price, ends the chain.
    Expected false alarms: p_max of filled orders if orders came independently of each other; the
    factor `burst` stands for their coming in bursts. On an hour of ESH4, of 686 pairs that looked
    alike most were chance, 4 of 109 chains of three went on to five.

    State: 144 bytes per instrument, and at most `chains_max` chains of about 300 bytes.

    References:
        Zotikov and Antonov 2019, arXiv 1909.09495: same price and volume within 0.3 s, at least
        3 tranches.
    """

    STATE_VERSION: ClassVar[int] = 2
    NAME: ClassVar[str] = "synthetic_iceberg"

    def __init__(self, config: SyntheticIcebergConfig, state: dict[str, Any] | None = None) -> None:
        self._config = config
        self._sizes = np.zeros(0, SIZES_DTYPE)
        self._chains: dict[tuple[int, int], _Chain] = {}
        self.forgotten = 0
        """Chains forgotten because of `chains_max`."""
        if state is not None:
            self._sizes = state["sizes"].copy()
            self._chains = {(i, o): _Chain(*chain) for i, o, *chain in state["chains"]}
            self.forgotten = state["forgotten"]

    def observe(self, points: Points) -> list[Found]:
        """Evidence in the order of rows and fills."""
        if points.fills.size == 0:
            return []
        self._sizes = grown(self._sizes, points.slots)
        links = np.empty(points.fills.size, LINK_DTYPE)
        count = _links(
            points.rows,
            points.executions,
            points.sound,
            points.fills,
            points.windows,
            self._sizes,
            self._config.burst,
            links,
        )
        if count == 0:
            return []
        links = links[:count]
        listed: list[Any] = links.tolist()
        found: list[Found] = []
        for link, row in zip(listed, points.facts(links["row"]), strict=True):
            self._extend(points, row, link, found)
        return found

    def snapshot(self) -> dict[str, Any]:
        """Counts of sizes by slot; chains, the longest unseen first."""
        chains = tuple((*key, *chain) for key, chain in self._chains.items())
        return {"sizes": trimmed(self._sizes), "chains": chains, "forgotten": self.forgotten}

    def _extend(self, points: Points, row: Row, link: tuple[Any, ...], found: list[Found]) -> None:
        config = self._config
        index, order_id, follows, price_e9, size, side, chance = link
        chain = self._chains.pop((row.instrument_id, follows), None)
        if chain is None:
            first = row.ts_event, row.sequence_first, (follows,)
            chain = _Chain(1, 0, size, 1.0, *first)
        chain = chain._replace(
            tranches=chain.tranches + 1,
            size=chain.size + size,
            chance=chain.chance * chance,
            order_ids=(*chain.order_ids, order_id)[:ORDERS_MAX],
        )
        likely = chain.tranches >= config.tranches_min and chain.chance <= config.p_max
        if likely and chain.tranches >= 2 * chain.told:
            chain = chain._replace(told=chain.tranches)
            evidence = self._evidence(points, row, index, chain, price_e9, size, side)
            mid_e9, is_warm = row.mid_e9(price_e9), points.is_warm(index)
            found.append(Found(index, chain.order_ids[0], mid_e9, is_warm, evidence))
        if len(self._chains) >= config.chains_max:
            del self._chains[next(iter(self._chains))]
            self.forgotten += 1
        self._chains[row.instrument_id, order_id] = chain

    def _evidence(
        self,
        points: Points,
        row: Row,
        index: int,
        chain: _Chain,
        price_e9: int,
        size: int,
        side: int,
    ) -> Evidence:
        symbol = points.symbol(row.instrument_id)
        return Evidence(
            detector=self.NAME,
            group="passive",
            instrument_id=row.instrument_id,
            symbol=symbol,
            side=side_name(side),
            strength=strength_of_tail(chain.chance),
            structural=True,
            z=None,
            tail_p=None,
            window_s=0,
            size=chain.size,
            measure=float(chain.tranches),
            threshold=float(self._config.tranches_min),
            unit="tranches",
            price_e9=price_e9,
            text=(
                f"Synthetic iceberg on the {'bid' if side > 0 else 'ask'} of {symbol} at"
                f" {price_text(price_e9)}: {chain.tranches} orders of {size} lots, each within"
                f" 0.3 s after the one before was filled"
            ),
            order_ids=chain.order_ids,
            sequence_first=chain.sequence_first,
            sequence_last=row.sequence_last,
            ts_first=chain.ts_first,
            ts_last=row.ts_event,
            quality=round(float(points.quality[index]), 6),
        )


@entry
def _links(rows, executions, sound, fills, windows, sizes, burst, links):  # type: ignore[no-untyped-def]
    """Fills of orders that followed one, with the chance of that; others are counted by size."""
    count = 0
    for k in range(executions.shape[0]):
        i = executions[k]
        row = rows[i]
        if not sound[i]:
            continue
        known = sizes[row.slot]
        for j in range(row.fill_first, row.fill_stop):
            fill = fills[j]
            if fill.whole == 0 or fill.side == 0:
                continue
            place = min(fill.whole, SIZES) - 1
            if fill.follows == 0:
                known.counts[place] += np.uint16(1)
                known.orders += 1
                known.contracts += fill.whole
                if known.orders >= _COUNT_MAX:
                    known.orders = 0
                    for each in range(SIZES):
                        known.counts[each] >>= np.uint16(1)
                        known.orders += known.counts[each]
                    known.contracts >>= 1
                continue
            added = windows[i, _WINDOW, _ADD_BID if fill.side > 0 else _ADD_ASK]
            mean = (known.contracts + fill.whole) / (known.orders + 1.0)
            orders = added / mean * (_FOLLOW_S / _WINDOW_S)
            share = (known.counts[place] + 1.0) / (known.orders + 1.0)
            link = links[count]
            link.row = i
            link.order_id = fill.order_id
            link.follows = fill.follows
            link.price = fill.price
            link.size = fill.whole
            link.side = fill.side
            link.chance = min(1.0, burst * orders * share)
            count += 1
    return count

"""What a tape holds, as far as its labels must agree with it and rates are counted over it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from operators.model.evaluations import EXECUTION
from operators.model.items import Evaluations
from operators.model.streams import Flowing


@dataclass(frozen=True, slots=True, eq=False)
class TapeFacts:
    """Extent of a tape and who traded on it."""

    ts_first: int
    """Of the first evaluation row, ns; 0 on an empty tape."""
    ts_last: int
    roots: tuple[str, ...]
    """With at least one evaluation row, ascending."""
    traded: NDArray[np.uint64]
    """(orders,) Ids of all orders that took part in a trade, ascending."""
    sessions: dict[str, int]
    """Root → most sessions of baseline that any of its rows was judged against."""

    def has_traded(self, order_ids: Sequence[int]) -> bool:
        """Whether at least one of the orders took part in a trade."""
        return bool(np.isin(np.array(order_ids, np.uint64), self.traded).any())


class FactsCollector:
    """Gathers the facts of one tape from what detectors are given. State: an id per order."""

    def __init__(self) -> None:
        self._first = self._last = 0
        self._roots: set[str] = set()
        self._sessions: dict[str, int] = {}
        self._ids: list[NDArray[np.uint64]] = [np.zeros(0, np.uint64)]

    def on_item(self, item: Flowing) -> None:
        """Take in one item; what are no evaluation rows has no part."""
        if not isinstance(item, Evaluations) or item.rows.size == 0:
            return
        rows = item.rows
        self._first = self._first or int(rows["ts_event"].min())
        self._last = max(self._last, int(rows["ts_event"].max()))
        for number in np.unique(rows["root"]).tolist():
            root = item.roots[number]
            self._roots.add(root)
            if item.sessions is not None:
                most = int(item.sessions[rows["root"] == number].max())
                self._sessions[root] = max(most, self._sessions.get(root, 0))
        takers = rows["order_id"][rows["kind"] == EXECUTION]
        self._ids.append(np.unique(np.concatenate([takers, item.fills["order_id"]])))

    def facts(self) -> TapeFacts:
        """What there is so far."""
        traded = np.unique(np.concatenate(self._ids))
        return TapeFacts(
            self._first, self._last, tuple(sorted(self._roots)), traded, dict(self._sessions)
        )

"""Executions: which aggressor orders are notable, and their account with the orders they met."""

from typing import Final

import numpy as np

from operators.detectors.points import SIZE, FillRow, Points, Row
from operators.executions_config import ExecutionsConfig
from operators.kernels import entry
from operators.model.evaluations import AGGRESSOR_NAMES, STOP
from operators.model.signals import SIDE_NAMES, Execution, Fill

FILLS_MAX: Final = 50
"""Fills told of one execution."""

_FILL_FIELDS: Final = len(Fill._fields)

TAGS: Final = ("sweep", "stop", "iceberg", "large")
"""Why an execution is notable, by bit."""

_TAGS_OF: Final = tuple(
    tuple(tag for bit, tag in enumerate(TAGS) if bits >> bit & 1) for bits in range(1 << len(TAGS))
)


def notable_executions(
    points: Points, roots: tuple[str, ...], config: ExecutionsConfig
) -> list[Execution]:
    """Notable aggressor orders in the order of rows. They are facts: quality does not hide them."""
    hits = np.empty(points.executions.size, np.int64)
    tags = np.empty(points.executions.size, np.uint8)
    count = _notable(
        points.rows,
        points.executions,
        points.tail_p,
        config.levels_min,
        config.size_min,
        config.tail_p_max,
        hits,
        tags,
    )
    if count == 0:
        return []
    hits = hits[:count]
    names = [roots[root] for root in points.rows["root"][hits].tolist()]
    told = points.facts(hits), points.fills_of(hits, FILLS_MAX), tags[:count].tolist(), names
    return [
        _execution(points, row, fills, _TAGS_OF[bits], root)
        for row, fills, bits, root in zip(*told, strict=True)
    ]


def _execution(
    points: Points, row: Row, fills: list[FillRow], tags: tuple[str, ...], root: str
) -> Execution:
    return Execution(
        root=root,
        instrument_id=row.instrument_id,
        symbol=points.symbol(row.instrument_id),
        ts_event=row.ts_event,
        sequence_first=row.sequence_first,
        sequence_last=row.sequence_last,
        tags=tags,
        aggressor=AGGRESSOR_NAMES[row.aggressor],
        side=SIDE_NAMES[row.side],
        order_id=row.order_id,
        size=row.size,
        hidden=row.hidden,
        refills=row.refills,
        levels=row.levels,
        price_first_e9=row.price_first,
        price_last_e9=row.price_last,
        bid_before_e9=row.bid_before if row.bid_size_before else None,
        ask_before_e9=row.ask_before if row.ask_size_before else None,
        bid_e9=row.bid if row.bid_size else None,
        ask_e9=row.ask if row.ask_size else None,
        fills=tuple([Fill._make(fill[:_FILL_FIELDS]) for fill in fills]),
        fill_count=row.fill_stop - row.fill_first,
    )


@entry
def _notable(rows, executions, tail_p, levels_min, size_min, tail_p_max, hits, tags):  # type: ignore[no-untyped-def]
    count = 0
    for k in range(executions.shape[0]):
        i = executions[k]
        row = rows[i]
        bits = 0
        if row.levels >= levels_min:
            bits |= 1
        if row.aggressor == STOP:
            bits |= 2
        if row.refills > 0 or row.hidden > 0:
            bits |= 4
        if row.size >= size_min or tail_p[i, SIZE] <= tail_p_max:
            bits |= 8
        if bits != 0:
            hits[count] = i
            tags[count] = bits
            count += 1
    return count

"""Questions to the store, as statements of SQLAlchemy: whatever came from outside is a bound value.

Pages go by (ts_event, root, generation, seq), the same order in every database. A first page notes
how far the store went by arrival, and those after it look no further: what comes meanwhile moves
nothing.
"""

from typing import Any, Final

from sqlalchemy import ColumnElement, Select, Table, func, select, tuple_

from operators.model.streams import SIGNALS
from sinks.filters import SignalFilter
from sinks.published import Published
from sinks.store_cursor import Place, Question
from sinks.store_tables import MESSAGES

M: Final = MESSAGES.c
PUBLISHED: Final = (
    M.generation,
    M.generation_ts_ms,
    M.stream,
    M.root,
    M.seq,
    M.ts_event,
    M.ts_published_ns,
    M.value,
)
"""Columns in the order of `Published`'s fields."""
ORDER: Final = (M.ts_event, M.root, M.generation, M.seq)


def newest_place(table: Table) -> Select[Any]:
    """How far a table goes by arrival."""
    return select(func.coalesce(func.max(table.c.place), 0))


def page(
    stream: str,
    chosen: SignalFilter,
    *,
    limit: int,
    place: Place | None,
    bound: int,
    newest_first: bool,
    latest: bool,
) -> Select[Any]:
    """Messages of a stream after a place; `latest`: of each signal its last revision."""
    found = select(*PUBLISHED).where(M.stream == stream, M.place <= bound, *_conditions(chosen))
    if latest:
        found = found.where(_is_latest(bound))
    if place is not None:
        found = found.where(*_after(place, newest_first=newest_first))
    order = [column.desc() if newest_first else column.asc() for column in ORDER]
    return found.order_by(*order).limit(limit)


def revisions(signal_id: str) -> Select[Any]:
    """Every revision of a signal, oldest first, generation by generation."""
    return (
        select(*PUBLISHED)
        .where(M.signal_id == signal_id, M.stream == SIGNALS)
        .order_by(M.generation_ts_ms, M.generation, M.seq)
    )


def question_of(stream: str, chosen: SignalFilter, *, newest_first: bool, latest: bool) -> Question:
    """What a cursor belongs to."""
    return {
        "stream": stream,
        "filter": chosen.words(),
        "newest_first": newest_first,
        "latest": latest,
    }


def place_after(row: Published, bound: int) -> Place:
    """Where a page ends whose last row this is."""
    return Place(row.ts_event, row.root, row.generation, row.seq, bound)


def _conditions(chosen: SignalFilter) -> list[ColumnElement[bool]]:
    listed = (
        (M.root, chosen.root),
        (M.side, chosen.side),
        (M.kind, chosen.kind),
        (M.strength, chosen.strength),
        (M.change, chosen.change),
        (M.generation, chosen.generation),
    )
    found: list[ColumnElement[bool]] = [column.in_(words) for column, words in listed if words]
    if chosen.confidence_min is not None:
        found.append(M.probability >= chosen.confidence_min)
    if chosen.from_ns is not None:
        found.append(M.ts_event >= chosen.from_ns)
    if chosen.to_ns is not None:
        found.append(M.ts_event < chosen.to_ns)
    return found


def _is_latest(bound: int) -> ColumnElement[bool]:
    """Whether no later revision of the same signal had arrived.

    One look into an index per row shown: a join, which a database without statistics makes of `NOT
    EXISTS`, may take seconds.
    """
    one = MESSAGES.alias("one")
    last = (
        select(one.c.place)
        .where(one.c.signal_id == M.signal_id, one.c.stream == SIGNALS, one.c.place <= bound)
        .order_by(one.c.generation_ts_ms.desc(), one.c.generation.desc(), one.c.seq.desc())
        .limit(1)
    )
    return M.place == last.correlate(MESSAGES).scalar_subquery()


def _after(place: Place, *, newest_first: bool) -> tuple[ColumnElement[bool], ...]:
    here = tuple_(*ORDER)
    there = (place.ts_event, place.root, place.generation, place.seq)
    # The first condition says nothing new, but every planner finds the index by it.
    if newest_first:
        return M.ts_event <= place.ts_event, here < there
    return M.ts_event >= place.ts_event, here > there

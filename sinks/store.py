"""Store: every message of the event streams, once by (stream, generation, root, seq).

Putting a message again is harmless, putting another under its key is an error. Nothing is changed:
a retraction is one more revision.
"""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Final, Self

import orjson
from sqlalchemy import Connection, delete, func, select, tuple_
from sqlalchemy.dialects import postgresql, sqlite

from operators.model.errors import DeliveryError, IfdError
from operators.model.streams import EVENT_STREAMS, EXECUTIONS, GAPS, OUTCOMES, SIGNALS
from sinks import store_queries as queries
from sinks.filters import ANY, SignalFilter
from sinks.published import Published
from sinks.store_cursor import Cursor, Place, cursor_of, place_of
from sinks.store_database import Database, is_final
from sinks.store_schema import prepare
from sinks.store_tables import ALERTS, MESSAGES

START_TIMEOUT_S: Final = 10.0
START_RETRY_S: Final = 0.05
LIMIT: Final = 100
FETCH_ROWS: Final = 1_000
"""Rows fetched at once where all are asked for."""


@dataclass(frozen=True, slots=True)
class Page:
    """Some messages, and where the next begin."""

    rows: tuple[Published, ...]
    after: Cursor | None
    """Cursor of the next page; None on the last."""


@dataclass(frozen=True, slots=True)
class AlertPage:
    """Some alerts, column → value, and where the next begin."""

    rows: tuple[dict[str, Any], ...]
    after: Cursor | None


@dataclass(frozen=True, slots=True)
class Generation:
    """One life of a recovery store, as far as the store has it."""

    name: str
    ts_ms: int
    """When it began, ms since the epoch."""
    messages: int
    ts_event_first: int
    ts_event_last: int


class Store:
    """A context manager over a database, SQLite or PostgreSQL; safe to share between threads.

    Every method but `close` raises DeliveryError if the database cannot answer, with
    `retry_after_s` set if it may later.
    """

    def __init__(
        self,
        url: str,
        *,
        busy_timeout_s: float = 5.0,
        start_timeout_s: float = START_TIMEOUT_S,
        durable: bool = False,
    ) -> None:
        """Does not connect: `open` does. Raises ConfigError for an address that cannot be used."""
        self.database = Database(url, busy_timeout_s=busy_timeout_s, durable=durable)
        self._start_timeout_s = start_timeout_s

    def open(self) -> Self:
        """Connect and migrate forward; waits `start_timeout_s` for a database that is away.

        Raises:
            ConfigError: Its folder cannot be made.
            StateError: It holds something else, or was made by a newer version.
            DeliveryError: It does not answer.
        """
        deadline = time.monotonic() + self._start_timeout_s
        wait_s = START_RETRY_S
        while True:
            try:
                prepare(self.database)
            except IfdError as error:
                if is_final(error) or time.monotonic() + wait_s > deadline:
                    self.close()
                    raise
            else:
                return self
            time.sleep(wait_s)
            wait_s = min(2 * wait_s, 1.0)

    def close(self) -> None:
        """Close the connections."""
        self.database.close()

    def __enter__(self) -> Self:
        return self.open()

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self.close()

    def put(self, messages: Sequence[Published]) -> int:
        """Keep messages of event streams, all or none; how many were not there yet.

        Raises:
            DeliveryError: Another message is kept under a key of these (not to be tried again), or
                the database cannot take them now.
        """
        if not messages:
            return 0
        stored_ns = time.time_ns()
        rows = [_row_of(message, stored_ns) for message in messages]
        with self.database.write() as connection:
            insert = sqlite.insert if self.database.is_sqlite else postgresql.insert
            statement = insert(MESSAGES).on_conflict_do_nothing().returning(MESSAGES.c.place)
            new = len(connection.execute(statement, rows).all())
            if new < len(messages):
                _compare(connection, messages)
        return new

    def signals(
        self,
        chosen: SignalFilter = ANY,
        *,
        limit: int = LIMIT,
        after: Cursor | None = None,
        newest_first: bool = True,
        latest: bool = True,
    ) -> Page:
        """Signals by their latest revision, or every revision; retracted ones among them.

        The filter looks at what is shown: with `latest`, at the latest one. Raises FilterError.
        """
        return self._page(SIGNALS, chosen, limit, after, newest_first=newest_first, latest=latest)

    def signal(self, signal_id: str) -> list[Published]:
        """Every revision of a signal, oldest first; none if there is no such signal."""
        with self.database.read() as connection:
            return _published(connection.execute(queries.revisions(signal_id)))

    def outcomes(
        self,
        chosen: SignalFilter = ANY,
        *,
        limit: int = LIMIT,
        after: Cursor | None = None,
        newest_first: bool = True,
    ) -> Page:
        """What the market did after signals. Raises FilterError."""
        return self._page(OUTCOMES, chosen, limit, after, newest_first=newest_first)

    def executions(
        self,
        chosen: SignalFilter = ANY,
        *,
        limit: int = LIMIT,
        after: Cursor | None = None,
        newest_first: bool = True,
    ) -> Page:
        """Notable aggressor orders. Raises FilterError."""
        return self._page(EXECUTIONS, chosen, limit, after, newest_first=newest_first)

    def gaps(
        self,
        chosen: SignalFilter = ANY,
        *,
        limit: int = LIMIT,
        after: Cursor | None = None,
        newest_first: bool = True,
    ) -> Page:
        """Where data is missing or wrong, or whole again. Raises FilterError."""
        return self._page(GAPS, chosen, limit, after, newest_first=newest_first)

    def messages(
        self,
        stream: str,
        chosen: SignalFilter = ANY,
        *,
        limit: int = LIMIT,
        after: Cursor | None = None,
        newest_first: bool = True,
    ) -> Page:
        """Messages of an event stream, every revision of signals. Raises FilterError."""
        return self._page(stream, chosen, limit, after, newest_first=newest_first)

    def stream(
        self, stream: str, chosen: SignalFilter = ANY, *, latest: bool = False
    ) -> Iterator[Published]:
        """All messages that suit, oldest first, as of the first one; in bounded memory.

        No transaction stays open between two rows. Raises FilterError.
        """
        after: Cursor | None = None
        while True:
            page = self._page(stream, chosen, FETCH_ROWS, after, newest_first=False, latest=latest)
            yield from page.rows
            if (after := page.after) is None:
                return

    def count(self, stream: str, chosen: SignalFilter = ANY, *, latest: bool = False) -> int:
        """How many messages suit. Raises FilterError."""
        chosen.check(stream)
        with self.database.read() as connection:
            bound = int(connection.execute(queries.newest_place(MESSAGES)).scalar_one())
            found = queries.page(
                stream, chosen, limit=2**62, place=None, bound=bound, newest_first=False,
                latest=latest,
            )  # fmt: skip
            inner = found.order_by(None).limit(None).subquery()
            return int(connection.execute(select(func.count()).select_from(inner)).scalar_one())

    def marks(self) -> Iterator[tuple[int, float, bool]]:
        """(horizon_s, probability, hit) of every signal's outcome that is known, by arrival."""
        m, place = MESSAGES.c, 0
        columns = (m.place, m.horizon_s, m.probability, m.hit)
        while True:
            asked = select(*columns).where(
                m.stream == OUTCOMES, m.place > place, m.hit.is_not(None), m.signal_id != ""
            )
            with self.database.read() as connection:
                rows = connection.execute(asked.order_by(m.place).limit(FETCH_ROWS)).all()
            for place, horizon_s, probability, hit in rows:  # noqa: B007 - the last one counts
                yield horizon_s, probability, hit
            if len(rows) < FETCH_ROWS:
                return

    def alerts(self, *, limit: int = LIMIT, after: Cursor | None = None) -> AlertPage:
        """Alerts and what became of them, newest first by arrival. Raises FilterError."""
        question = {"alerts": True}
        a = ALERTS.c
        asked = select(ALERTS).order_by(a.place.desc()).limit(limit + 1)
        if after is not None:
            asked = asked.where(a.place < place_of(after, question).seq)
        with self.database.read() as connection:
            rows = [dict(row) for row in connection.execute(asked).mappings()]
        more = len(rows) > limit
        shown = rows[:limit]
        end = Place(0, "", "", shown[-1]["place"], 0) if more else None
        return AlertPage(tuple(shown), cursor_of(end, question) if end is not None else None)

    def generations(self) -> list[Generation]:
        """The generations there are messages of, newest first."""
        m = MESSAGES.c
        began = func.max(m.generation_ts_ms)
        asked = (
            select(m.generation, began, func.count(), func.min(m.ts_event), func.max(m.ts_event))
            .group_by(m.generation)
            .order_by(began.desc(), m.generation)
        )
        with self.database.read() as connection:
            return [Generation(*row) for row in connection.execute(asked)]

    def prune(self, stream: str, stored_before_ns: int, count_max: int) -> int:
        """Forget messages of a stream stored before an instant, oldest first; how many.

        One short transaction: a writer waits no longer for it than for another writer.
        """
        m = MESSAGES.c
        oldest = (
            select(m.place)
            .where(m.stream == stream, m.ts_stored_ns < stored_before_ns)
            .order_by(m.ts_stored_ns)
            .limit(count_max)
        )
        with self.database.write() as connection:
            done = connection.execute(delete(MESSAGES).where(m.place.in_(oldest)))
            return int(done.rowcount)

    def _page(
        self,
        stream: str,
        chosen: SignalFilter,
        limit: int,
        after: Cursor | None,
        *,
        newest_first: bool,
        latest: bool = False,
    ) -> Page:
        assert stream in EVENT_STREAMS, stream
        assert limit > 0, limit
        chosen.check(stream)
        question = queries.question_of(stream, chosen, newest_first=newest_first, latest=latest)
        place = None if after is None else place_of(after, question)
        with self.database.read() as connection:
            if place is None:
                bound = int(connection.execute(queries.newest_place(MESSAGES)).scalar_one())
            else:
                bound = place.bound
            asked = queries.page(
                stream, chosen, limit=limit + 1, place=place, bound=bound,
                newest_first=newest_first, latest=latest,
            )  # fmt: skip
            rows = _published(connection.execute(asked))
        if len(rows) <= limit:
            return Page(tuple(rows), None)
        end = queries.place_after(rows[limit - 1], bound)
        return Page(tuple(rows[:limit]), cursor_of(end, question))


def _published(rows: Any) -> list[Published]:
    return [Published(*row) for row in rows]


def _row_of(message: Published, stored_ns: int) -> dict[str, Any]:
    assert message.stream in EVENT_STREAMS, f"{message.stream} is no event stream"
    value = orjson.loads(message.value)
    return {
        "stream": message.stream,
        "generation": message.generation,
        "generation_ts_ms": message.generation_ts_ms,
        "root": message.root,
        "seq": message.seq,
        "ts_event": message.ts_event,
        "ts_published_ns": message.ts_published_ns,
        "ts_stored_ns": stored_ns,
        "signal_id": value.get("id" if message.stream == SIGNALS else "signal_id"),
        "revision": value.get("revision"),
        "change": value.get("change"),
        "side": value.get("side"),
        "kind": value.get("kind"),
        "strength": value.get("strength"),
        "probability": value.get("probability"),
        "horizon_s": value.get("horizon_s"),
        "hit": value.get("hit"),
        "value": message.value,
    }


def _compare(connection: Connection, messages: Sequence[Published]) -> None:
    """Raise DeliveryError if another message is kept under a key of these."""
    m = MESSAGES.c
    keys = [(one.stream, one.generation, one.root, one.seq) for one in messages]
    columns = (m.stream, m.generation, m.root, m.seq)
    asked = select(*columns, m.value).where(tuple_(*columns).in_(keys))
    kept = {tuple(row[:4]): row[4] for row in connection.execute(asked)}
    for key, message in zip(keys, messages, strict=True):
        if kept[key] != message.value:
            raise DeliveryError(
                f"store: {message.stream} of {message.root} seq {message.seq} is kept with other "
                f"bytes in generation {message.generation}: this run gives another output than "
                "the one before; start a new generation"
            )

"""A journal in the store's database: alerts beside the signals that they are about."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, Any, Final

from sqlalchemy import Connection, delete, select, text, update
from sqlalchemy.dialects import postgresql, sqlite

from operators.model.errors import ConfigError, DeliveryError
from sinks.alerts.journal import COLUMNS, PENDING, JournalError, Record, owned
from sinks.store import Store
from sinks.store_tables import ALERTS

LOCK_KEY: Final = 0x1FDA
"""PostgreSQL advisory lock of the process that delivers; its session holds it until it ends."""
_COLUMNS: Final = [ALERTS.c[name] for name in COLUMNS]


class StoreJournal:
    """See `journal.Journal`. One process delivers from it at a time."""

    def __init__(self, url: str, *, exclusive: bool = True) -> None:
        """Open the store, durable: a result that was written survives a power cut.

        Raises:
            ConfigError: It cannot be, or another process delivers from it (if `exclusive`).
            IfdError: As `Store.open`.
        """
        self._store = Store(url, durable=True).open()
        self._held = ExitStack()
        self._held.callback(self._store.close)
        if exclusive:
            try:
                self._held.enter_context(self._alone())
            except BaseException:
                self._held.close()
                raise

    def add(self, records: Sequence[Record]) -> set[str]:
        """See `Journal`."""
        if not records:
            return set()
        rows = [{name: getattr(record, name) for name in COLUMNS} for record in records]
        is_sqlite = self._store.database.is_sqlite
        new = (sqlite.insert if is_sqlite else postgresql.insert)(ALERTS)
        statement = new.on_conflict_do_nothing(index_elements=["id"]).returning(ALERTS.c.id)
        with self._transaction() as connection:
            return {row[0] for row in connection.execute(statement, rows)}

    def update(self, record: Record) -> None:
        """See `Journal`."""
        changed = ("state", "attempts", "error", "possible_repeat", "ts_changed_ns")
        values = {name: getattr(record, name) for name in changed}
        with self._transaction() as connection:
            connection.execute(update(ALERTS).where(ALERTS.c.id == record.id).values(values))

    def states(self, ids: Iterable[str]) -> dict[str, tuple[str, bool]]:
        """See `Journal`."""
        wanted = list(ids)
        columns = (ALERTS.c.id, ALERTS.c.state, ALERTS.c.possible_repeat)
        found: dict[str, tuple[str, bool]] = {}
        with self._transaction() as connection:
            for start in range(0, len(wanted), _AT_ONCE):
                some = wanted[start : start + _AT_ONCE]
                rows = connection.execute(select(*columns).where(ALERTS.c.id.in_(some)))
                found |= {row[0]: (row[1], bool(row[2])) for row in rows}
        return found

    def pending(self) -> list[Record]:
        """See `Journal`."""
        asked = select(*_COLUMNS).where(ALERTS.c.state.in_(PENDING))
        return self._records(asked.order_by(ALERTS.c.place))

    def recent(self, count_max: int, state: str = "") -> list[Record]:
        """See `Journal`."""
        asked = select(*_COLUMNS).order_by(ALERTS.c.place.desc()).limit(count_max)
        return self._records(asked.where(ALERTS.c.state == state) if state else asked)

    def prune(self, ts_changed_ns: int) -> int:
        """See `Journal`."""
        decided = ALERTS.c.state.not_in(PENDING)
        with self._transaction() as connection:
            old = delete(ALERTS).where(ALERTS.c.ts_changed_ns < ts_changed_ns, decided)
            return int(connection.execute(old).rowcount)

    def close(self) -> None:
        """See `Journal`."""
        self._held.close()

    def _records(self, asked: Any) -> list[Record]:
        with self._transaction() as connection:
            rows = connection.execute(asked).all()
        return [Record(**dict(zip(COLUMNS, row, strict=True))) for row in rows]

    @contextmanager
    def _transaction(self) -> Iterator[Connection]:
        try:
            with self._store.database.write() as connection:
                yield connection
        except DeliveryError as error:
            raise JournalError(str(error), error.retry_after_s) from error

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Held by this process until it ends, however it does."""
        database = self._store.database
        if database.is_sqlite:
            file = Path(str(database.url.database))
            lock: IO[bytes] = owned(file.with_name(f"{file.name}.alerts"))
            with lock:
                yield
            return
        with database.engine.connect() as connection:
            asked = select(text(f"pg_try_advisory_lock({LOCK_KEY})"))
            if not connection.execute(asked).scalar_one():
                raise ConfigError(
                    f"store.url: another process delivers alerts from {database.shown}; stop it"
                )
            connection.commit()
            yield


_AT_ONCE: Final = 500
"""Databases bound the parameters of a statement."""

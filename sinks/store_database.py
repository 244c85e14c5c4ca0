"""The store's database: connections, transactions, and whose fault an error is."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.exc import (
    ArgumentError,
    DBAPIError,
    InterfaceError,
    OperationalError,
    SQLAlchemyError,
)

from operators.model.errors import ConfigError, DeliveryError, IfdError
from sinks.store_config import SCHEMES

RETRY_S: Final = 0.1
"""Wait before what failed is tried again, the first time."""
STATEMENT_TIMEOUT_S: Final = 60
"""Of one statement in PostgreSQL: whoever asked has long given up."""
DRIVERS: Final = {"sqlite": "sqlite", "postgresql": "postgresql+psycopg"}
DAMAGED: Final = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})


class Database:
    """An engine over SQLite or PostgreSQL; safe to share between threads, not between processes."""

    def __init__(self, url: str, *, busy_timeout_s: float = 5.0, durable: bool = False) -> None:
        """Does not connect. `durable`: what was committed survives a power cut, at a price in time.

        Raises:
            ConfigError: The address cannot be used.
        """
        self.url: URL = _url_of(url)
        self.is_sqlite: bool = self.url.get_backend_name() == "sqlite"
        if self.is_sqlite:
            self.engine: Engine = self._sqlite(busy_timeout_s, durable=durable)
        else:
            self.engine = self._postgres(busy_timeout_s)

    @property
    def shown(self) -> str:
        """The address without a password."""
        return str(self.url.database) if self.is_sqlite else self.url.render_as_string()

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A transaction that writes, committed at the end of the block.

        Raises:
            DeliveryError: As `error_of` tells.
        """
        try:
            with self.engine.connect() as connection:
                writing = connection.execution_options(ifd_writes=True)
                with writing.begin():
                    yield writing
        except SQLAlchemyError as error:
            raise self.error_of(error) from error

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A transaction that reads: the database as it was at its first question.

        Raises:
            DeliveryError: As `error_of` tells.
        """
        try:
            with self.engine.connect() as connection, connection.begin():
                yield connection
        except SQLAlchemyError as error:
            raise self.error_of(error) from error

    def error_of(self, error: SQLAlchemyError) -> DeliveryError:
        """One line of ours; `retry_after_s` is set if the same may succeed later."""
        told = f"store: {self.shown}: {_said(error)}"
        if _passes(error):
            return DeliveryError(told, RETRY_S)
        return DeliveryError(told)

    def make_folder(self) -> None:
        """Make the folder of a SQLite file. Raises ConfigError."""
        if not self.is_sqlite:
            return
        folder = Path(str(self.url.database)).parent
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigError(
                f"store.url: the folder {folder} cannot be made: {error.strerror}"
            ) from error

    def close(self) -> None:
        """Close the connections; a later use makes new ones."""
        self.engine.dispose()

    def _sqlite(self, busy_timeout_s: float, *, durable: bool) -> Engine:
        given = {"timeout": busy_timeout_s, "check_same_thread": False}
        engine = create_engine(self.url, connect_args=given, pool_timeout=busy_timeout_s)

        @event.listens_for(engine, "connect")
        def connected(connection: Any, _record: object) -> None:
            # The driver begins no transactions by itself: `begun` does.
            connection.isolation_level = None
            cursor = connection.cursor()
            cursor.execute("PRAGMA journal_mode = WAL")
            cursor.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
            cursor.execute("PRAGMA foreign_keys = ON")
            cursor.close()

        @event.listens_for(engine, "begin")
        def begun(connection: Connection) -> None:
            # Who means to write takes the lock at once: taking it later may fail for good.
            writes = connection.get_execution_options().get("ifd_writes", False)
            connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

        return engine

    def _postgres(self, busy_timeout_s: float) -> Engine:
        # libpq counts connect_timeout in whole seconds, two at least.
        given = {
            "connect_timeout": max(2, round(busy_timeout_s)),
            "tcp_user_timeout": 10_000,
            "application_name": "ifd",
            "options": f"-c statement_timeout={STATEMENT_TIMEOUT_S}s "
            f"-c lock_timeout={max(1, round(1_000 * busy_timeout_s))}ms",
        }
        try:
            return create_engine(self.url, connect_args=given, pool_pre_ping=True)
        except ImportError:
            raise ConfigError(
                "store.url: PostgreSQL needs psycopg: install ifd[postgres]"
            ) from None


def lock_for_migration(connection: Connection) -> None:
    """Wait until no other process migrates; the lock goes with the transaction."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SET LOCAL statement_timeout = 0"))
        connection.execute(text("SET LOCAL lock_timeout = 0"))
        connection.execute(text("SELECT pg_advisory_xact_lock(4922436)"))


def _url_of(url: str) -> URL:
    try:
        made = make_url(url)
    except (ArgumentError, ValueError):
        made = URL.create("")
    if made.drivername not in DRIVERS:
        raise ConfigError(f"store.url: expected {' or '.join(SCHEMES)}…, found another address")
    if not made.database or made.database == ":memory:":
        raise ConfigError("store.url: expected a file or a database, found none")
    return made.set(drivername=DRIVERS[made.drivername])


def _said(error: SQLAlchemyError) -> str:
    """The database's own words, without the statement and its values."""
    cause = error.orig if isinstance(error, DBAPIError) else error
    lines = [line.strip() for line in str(cause).splitlines() if line.strip()]
    return "; ".join(lines[:2]) or type(cause).__name__


def _passes(error: SQLAlchemyError) -> bool:
    """Locked, full, away: whatever the world may put right while we wait."""
    if not isinstance(error, DBAPIError):
        # A pool without a free connection.
        return True
    if isinstance(error.orig, sqlite3.Error):
        code = getattr(error.orig, "sqlite_errorcode", 0) & 0xFF
        return isinstance(error, OperationalError) and code not in DAMAGED
    return error.connection_invalidated or isinstance(error, OperationalError | InterfaceError)


def is_final(error: IfdError) -> bool:
    """Whether trying again is of no use."""
    return not isinstance(error, DeliveryError) or error.retry_after_s is None

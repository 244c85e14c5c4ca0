"""Journal: every intent before it is attempted, every result after. What a crash leaves is here."""

import fcntl
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import IO, Any, Final, Literal, Protocol

from operators.model.errors import ConfigError, DeliveryError, StateError
from sinks.alerts.intents import Intent

State = Literal["queued", "sending", "retrying", "sent", "dead", "expired", "moot"]
PENDING: Final = ("queued", "sending", "retrying")
"""Not yet decided: a start goes on with them."""
FINAL: Final = ("sent", "dead", "expired", "moot")
BUSY_TIMEOUT_S: Final = 5.0
_FORM: Final = 1
"""`user_version` of the file."""


class JournalError(DeliveryError):
    """The journal cannot be written at the moment: locked, or a full disk."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One intent and what became of it."""

    id: str
    ts: int
    """Event time of the intent, ns since the epoch."""
    root: str
    """Empty: several."""
    signal_id: str
    """Empty: several."""
    receiver: str
    channel: str
    kind: str
    state: State
    attempts: int
    """Attempts begun."""
    payload: str
    """The intent as JSON; no secrets are in it."""
    error: str
    """What the last attempt failed with."""
    possible_repeat: bool
    """Whether an earlier attempt may have arrived."""
    ts_changed_ns: int
    """Wall clock of the last change, ns since the epoch."""


COLUMNS: Final = tuple(Record.__dataclass_fields__)


class Journal(Protocol):
    """Where intents and results are kept. Every method is one durable transaction.

    Each raises JournalError while it cannot be done; it may be tried again.
    """

    def add(self, records: Sequence[Record]) -> set[str]:
        """Keep those not known yet; their ids."""

    def update(self, record: Record) -> None:
        """Keep state, attempts, error, possible_repeat and ts_changed_ns of a known id."""

    def states(self, ids: Iterable[str]) -> dict[str, tuple[str, bool]]:
        """State and `possible_repeat` of each id that is known."""

    def pending(self) -> list[Record]:
        """Those not yet decided, in order of arrival."""

    def recent(self, count_max: int, state: str = "") -> list[Record]:
        """The newest by arrival, newest first, of one state if given."""

    def prune(self, ts_changed_ns: int) -> int:
        """Forget those decided before an instant; how many."""

    def close(self) -> None:
        """Let go of it."""


def record_of(intent: Intent, channel: str, now_ns: int) -> Record:
    """An intent as it enters the journal."""
    return Record(
        id=intent.id,
        ts=intent.ts_event,
        root=intent.root,
        signal_id=intent.signal_id,
        receiver=intent.receiver,
        channel=channel,
        kind=intent.kind,
        state="queued",
        attempts=0,
        payload=intent.text(),
        error="",
        possible_repeat=False,
        ts_changed_ns=now_ns,
    )


class SqliteJournal:
    """A journal in a SQLite file of its own. One process delivers from it at a time."""

    def __init__(self, path: Path, *, exclusive: bool = True) -> None:
        """Open or make the file.

        Raises:
            ConfigError: It cannot be, or another process delivers from it (if `exclusive`).
            StateError: It holds something else.
        """
        self._path = path
        self._lock = Lock()
        self._owner: IO[bytes] | None = None
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            if exclusive:
                self._owner = owned(path)
            self._database = sqlite3.connect(
                path, timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False
            )
            self._prepare()
        except OSError as error:
            self.close()
            raise ConfigError(
                f"alerts.journal: {path} cannot be used: {error.strerror or error}"
            ) from None
        except sqlite3.Error as error:
            self.close()
            raise StateError(
                f"alerts.journal: {path} is no journal of alerts: {error}; move it away"
            ) from None

    def add(self, records: Sequence[Record]) -> set[str]:
        """See `Journal`."""

        def insert(database: sqlite3.Connection) -> set[str]:
            new = set()
            for record in records:
                values = [getattr(record, name) for name in COLUMNS]
                if database.execute(_INSERT, values).rowcount:
                    new.add(record.id)
            return new

        found: set[str] = self._transaction(insert)
        return found

    def update(self, record: Record) -> None:
        """See `Journal`."""
        self._transaction(
            lambda database: database.execute(
                "UPDATE alerts SET state = ?, attempts = ?, error = ?, possible_repeat = ?, "
                "ts_changed_ns = ? WHERE id = ?",
                (
                    record.state,
                    record.attempts,
                    record.error,
                    record.possible_repeat,
                    record.ts_changed_ns,
                    record.id,
                ),
            )
        )

    def states(self, ids: Iterable[str]) -> dict[str, tuple[str, bool]]:
        """See `Journal`."""

        def select(database: sqlite3.Connection) -> dict[str, tuple[str, bool]]:
            rows = [
                database.execute(
                    "SELECT id, state, possible_repeat FROM alerts WHERE id = ?", (key,)
                ).fetchone()
                for key in ids
            ]
            return {row[0]: (row[1], bool(row[2])) for row in rows if row is not None}

        found: dict[str, tuple[str, bool]] = self._transaction(select)
        return found

    def pending(self) -> list[Record]:
        """See `Journal`."""
        return self._records("WHERE state IN ('queued', 'sending', 'retrying') ORDER BY place", ())

    def recent(self, count_max: int, state: str = "") -> list[Record]:
        """See `Journal`."""
        return self._records(
            "WHERE ? IN ('', state) ORDER BY place DESC LIMIT ?", (state, count_max)
        )

    def prune(self, ts_changed_ns: int) -> int:
        """See `Journal`."""
        count: int = self._transaction(
            lambda database: (
                database.execute(
                    "DELETE FROM alerts WHERE ts_changed_ns < ? "
                    "AND state NOT IN ('queued', 'sending', 'retrying')",
                    (ts_changed_ns,),
                ).rowcount
            )
        )
        return count

    def close(self) -> None:
        """See `Journal`."""
        database = getattr(self, "_database", None)
        if database is not None:
            with self._lock, suppress(sqlite3.Error):
                database.close()
        if self._owner is not None:
            self._owner.close()

    def _prepare(self) -> None:
        (form,) = self._database.execute("PRAGMA user_version").fetchone()
        if form not in (0, _FORM):
            raise sqlite3.DatabaseError(f"its form is {form}, expected {_FORM}")
        self._database.execute("PRAGMA journal_mode = WAL")
        # A result that was written must survive a power cut: else a message would be repeated.
        self._database.execute("PRAGMA synchronous = FULL")
        self._database.executescript(_TABLE)
        self._database.execute(f"PRAGMA user_version = {_FORM}")

    def _records(self, where: str, values: tuple[Any, ...]) -> list[Record]:
        def select(database: sqlite3.Connection) -> list[Record]:
            rows = database.execute(f"SELECT {', '.join(COLUMNS)} FROM alerts {where}", values)  # noqa: S608 - our own words
            return [_record(row) for row in rows]

        found: list[Record] = self._transaction(select)
        return found

    def _transaction(self, act: Callable[[sqlite3.Connection], Any]) -> Any:
        with self._lock:
            try:
                self._database.execute("BEGIN IMMEDIATE")
                try:
                    result = act(self._database)
                    self._database.execute("COMMIT")
                except BaseException:
                    with suppress(sqlite3.Error):
                        self._database.execute("ROLLBACK")
                    raise
            except sqlite3.Error as error:
                raise JournalError(f"alerts.journal: {self._path}: {error}", 0.0) from None
            return result


def _record(row: tuple[Any, ...]) -> Record:
    values = dict(zip(COLUMNS, row, strict=True))
    return Record(**values | {"possible_repeat": bool(values["possible_repeat"])})


def owned(path: Path) -> IO[bytes]:
    """A lock that goes with the process, however it ends."""
    owner = path.with_name(f"{path.name}.lock").open("ab")
    try:
        fcntl.flock(owner, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        owner.close()
        raise ConfigError(
            f"alerts.journal: another process delivers alerts from {path}; stop it, or set "
            "IFD_ALERTS__JOURNAL to another file"
        ) from None
    return owner


_TABLE: Final = """
CREATE TABLE IF NOT EXISTS alerts (
    place INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    ts INTEGER NOT NULL,
    root TEXT NOT NULL,
    signal_id TEXT NOT NULL,
    receiver TEXT NOT NULL,
    channel TEXT NOT NULL,
    kind TEXT NOT NULL,
    state TEXT NOT NULL,
    attempts INTEGER NOT NULL,
    payload TEXT NOT NULL,
    error TEXT NOT NULL,
    possible_repeat INTEGER NOT NULL,
    ts_changed_ns INTEGER NOT NULL
);
CREATE INDEX IF NOT EXISTS alerts_state ON alerts (state, place);
"""
_INSERT: Final = (
    f"INSERT OR IGNORE INTO alerts ({', '.join(COLUMNS)}) "  # noqa: S608 - our own names
    f"VALUES ({', '.join('?' * len(COLUMNS))})"
)

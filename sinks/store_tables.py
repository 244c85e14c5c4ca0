"""Tables of the store, the same in SQLite and PostgreSQL.

`sinks/migrations/` makes them; a test compares the two. A message's bytes are kept as they are on
Kafka; the other columns repeat what is searched for. Rows are added and, when too old, deleted, but
never changed; alerts are changed as they are delivered.
"""

from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Double,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
)

SCHEMA: Final = "0001"
"""Newest migration; see sinks/migrations/versions/."""

METADATA: Final = MetaData()

# By bytes, as SQLite compares: the same order in every database.
NAME: Final = Text().with_variant(Text(collation="C"), "postgresql")
# SQLite numbers rows by itself where the key is called INTEGER.
PLACE: Final = BigInteger().with_variant(Integer(), "sqlite")


def _filled(name: str, kind: Any) -> Column[Any]:
    return Column(name, kind, nullable=False)


MESSAGES: Final = Table(
    "messages",
    METADATA,
    # In order of arrival.
    Column("place", PLACE, primary_key=True, autoincrement=True),
    _filled("stream", NAME),
    _filled("generation", NAME),
    _filled("generation_ts_ms", BigInteger()),
    _filled("root", NAME),
    _filled("seq", BigInteger()),
    _filled("ts_event", BigInteger()),
    _filled("ts_published_ns", BigInteger()),
    # Wall clock, ns since the epoch; what retention goes by.
    _filled("ts_stored_ns", BigInteger()),
    # What is searched for, NULL where messages of the stream have no such field.
    Column("signal_id", NAME),
    Column("revision", Integer()),
    Column("change", NAME),
    Column("side", NAME),
    Column("kind", NAME),
    Column("strength", NAME),
    Column("probability", Double()),
    Column("horizon_s", Integer()),
    Column("hit", Boolean()),
    # JSON, the very bytes that were published.
    _filled("value", LargeBinary()),
    UniqueConstraint("stream", "generation", "root", "seq", name="messages_key"),
    Index("messages_time", "stream", "ts_event"),
    Index("messages_root", "stream", "root", "ts_event"),
    Index("messages_stored", "stream", "ts_stored_ns"),
    Index("messages_signal", "signal_id", "stream", "generation_ts_ms", "generation", "seq"),
    sqlite_autoincrement=True,
)
"""Every message of an event stream, once."""

ALERTS: Final = Table(
    "alerts",
    METADATA,
    # In order of arrival.
    Column("place", PLACE, primary_key=True, autoincrement=True),
    Column("id", NAME, nullable=False, unique=True),
    # Event time of the intent, ns since the epoch.
    _filled("ts", BigInteger()),
    # Empty where several roots, or signals, are meant.
    _filled("root", NAME),
    _filled("signal_id", NAME),
    _filled("receiver", NAME),
    _filled("channel", NAME),
    _filled("kind", NAME),
    _filled("state", NAME),
    _filled("attempts", Integer()),
    # The intent as JSON.
    _filled("payload", Text()),
    _filled("error", Text()),
    _filled("possible_repeat", Boolean()),
    # Wall clock of the last change, ns since the epoch.
    _filled("ts_changed_ns", BigInteger()),
    Index("alerts_state", "state", "place"),
    sqlite_autoincrement=True,
)
"""Intents to tell somebody, and what became of them; see sinks/alerts/journal.py."""

LATEST_VIEW: Final = "signals_latest"
SIGNALS_LATEST_SQL: Final = """\
CREATE VIEW signals_latest AS
SELECT m.* FROM messages AS m
WHERE m.stream = 'signals' AND NOT EXISTS (
    SELECT 1 FROM messages AS later
    WHERE later.signal_id = m.signal_id AND later.stream = 'signals'
    AND (later.generation_ts_ms, later.generation, later.seq)
      > (m.generation_ts_ms, m.generation, m.seq)
)
"""
"""The latest revision of each signal, of the latest generation that has it."""

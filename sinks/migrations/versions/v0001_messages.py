"""Messages of the event streams, alerts, and the latest revision of each signal."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

NAME = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
PLACE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

SIGNALS_LATEST = """\
CREATE VIEW signals_latest AS
SELECT m.* FROM messages AS m
WHERE m.stream = 'signals' AND NOT EXISTS (
    SELECT 1 FROM messages AS later
    WHERE later.signal_id = m.signal_id AND later.stream = 'signals'
    AND (later.generation_ts_ms, later.generation, later.seq)
      > (m.generation_ts_ms, m.generation, m.seq)
)
"""


def upgrade() -> None:
    """Make the tables and the view."""
    op.create_table(
        "messages",
        sa.Column("place", PLACE, primary_key=True, autoincrement=True),
        sa.Column("stream", NAME, nullable=False),
        sa.Column("generation", NAME, nullable=False),
        sa.Column("generation_ts_ms", sa.BigInteger(), nullable=False),
        sa.Column("root", NAME, nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("ts_event", sa.BigInteger(), nullable=False),
        sa.Column("ts_published_ns", sa.BigInteger(), nullable=False),
        sa.Column("ts_stored_ns", sa.BigInteger(), nullable=False),
        sa.Column("signal_id", NAME),
        sa.Column("revision", sa.Integer()),
        sa.Column("change", NAME),
        sa.Column("side", NAME),
        sa.Column("kind", NAME),
        sa.Column("strength", NAME),
        sa.Column("probability", sa.Double()),
        sa.Column("horizon_s", sa.Integer()),
        sa.Column("hit", sa.Boolean()),
        sa.Column("value", sa.LargeBinary(), nullable=False),
        sa.UniqueConstraint("stream", "generation", "root", "seq", name="messages_key"),
        sqlite_autoincrement=True,
    )
    op.create_index("messages_time", "messages", ["stream", "ts_event"])
    op.create_index("messages_root", "messages", ["stream", "root", "ts_event"])
    op.create_index("messages_stored", "messages", ["stream", "ts_stored_ns"])
    last = ["signal_id", "stream", "generation_ts_ms", "generation", "seq"]
    op.create_index("messages_signal", "messages", last)
    op.create_table(
        "alerts",
        sa.Column("place", PLACE, primary_key=True, autoincrement=True),
        sa.Column("id", NAME, nullable=False, unique=True),
        sa.Column("ts", sa.BigInteger(), nullable=False),
        sa.Column("root", NAME, nullable=False),
        sa.Column("signal_id", NAME, nullable=False),
        sa.Column("receiver", NAME, nullable=False),
        sa.Column("channel", NAME, nullable=False),
        sa.Column("kind", NAME, nullable=False),
        sa.Column("state", NAME, nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("payload", sa.Text(), nullable=False),
        sa.Column("error", sa.Text(), nullable=False),
        sa.Column("possible_repeat", sa.Boolean(), nullable=False),
        sa.Column("ts_changed_ns", sa.BigInteger(), nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("alerts_state", "alerts", ["state", "place"])
    op.execute(SIGNALS_LATEST)


def downgrade() -> None:
    """Drop them and all they hold."""
    op.execute("DROP VIEW signals_latest")
    op.drop_table("alerts")
    op.drop_table("messages")

"""One live feed: its session, the connection of the moment, and what that brings.

Everything here runs in the worker's thread and never blocks; the socket is read by the loop's.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from random import random
from time import monotonic_ns, time_ns
from typing import Final, Protocol

import numpy as np

from connectors.databento.backoff import BackoffConfig
from connectors.databento.books_seam import BooksSeam
from connectors.databento.budget import Budget
from connectors.databento.inbox import Inbox, LinkEvent
from connectors.databento.incoming import Incoming
from connectors.databento.intake import (
    FIRST,
    REPLAY_BEGAN,
    REPLAY_ENDED,
    SNAPSHOT_OWED,
    SNAPSHOT_WHOLE,
    Intake,
)
from connectors.databento.lag import Lag
from connectors.databento.link import Link, LinkPlan
from connectors.databento.live_config import FeedConfig, subscriptions
from connectors.databento.loop import LoopThread
from connectors.databento.messages import Notice, Rare, SymbolMapping
from connectors.databento.notices import (
    HEARTBEAT,
    REPLAYED,
    UNRESOLVED,
    is_limit,
    meaning_of,
    refusal,
    strangeness,
)
from connectors.databento.positions import RareKey, RarePosition
from connectors.databento.seam import Seam
from connectors.databento.session import Do, Event, Pauses, Session, Start
from connectors.databento.snapshot_watch import SnapshotWatch
from connectors.databento.wire import Piece, WithRaw
from connectors.roots import Sharded
from operators.model.errors import DecodeError
from operators.model.items import Definition, MarketStatus, Statistic
from operators.model.records import (
    NS_PER_S,
    RTYPE_DEFINITION,
    RTYPE_STATISTICS,
    RTYPE_STATUS,
    MboBatch,
)

_GATHER_BYTES: Final = 4 * 1024 * 1024
"""Small reads are decoded together, up to so much."""
_NS_PER_MS: Final = 1_000_000
_MARGIN_NS_MAX: Final = 7 * 86_400 * NS_PER_S
_RARE: Final[dict[type, int]] = {
    Definition: RTYPE_DEFINITION,
    MarketStatus: RTYPE_STATUS,
    Statistic: RTYPE_STATISTICS,
}


class AnyLink(Protocol):
    """A connection attempt, as far as the feed knows."""

    inbox: Inbox

    def open(self) -> None:
        """Begin."""

    def abort(self) -> None:
        """Give up."""


LinkMaker = Callable[[LinkPlan, Inbox, LoopThread], AnyLink]


@dataclass(frozen=True, slots=True)
class Outside:
    """What a feed asks of the world; a test hands in its own."""

    link: LinkMaker = Link
    wall_ns: Callable[[], int] = time_ns
    mono_ns: Callable[[], int] = monotonic_ns
    chance: Callable[[], float] = random
    silence_s: float | None = None
    """Instead of the config's."""
    connects_per_s: int | None = None
    """Instead of the config's."""


@dataclass(slots=True)
class _Connection:
    """One connection epoch: what came of another never mixes with it."""

    link: AnyLink
    incoming: Incoming
    seam: Seam | None
    books: BooksSeam
    watch: SnapshotWatch | None
    rare: dict[RareKey, RarePosition]
    """Where the rarer records stood when it began, if it began with a snapshot."""
    unresolved: set[str] = field(default_factory=set)
    has_named: bool = False
    """An instrument, or a record: some symbol means something."""


class LiveFeed:
    """A feed that is connected, lost and won back. The state to be kept is the intake's."""

    def __init__(
        self,
        name: str,
        config: FeedConfig,
        key: str,
        intake: Intake,
        budget: Budget,
        loop: LoopThread,
        outside: Outside | None = None,
    ) -> None:
        """Nothing is connected before the first `poll`."""
        self.name = name
        self._config = config
        self._key = key
        self._intake = intake
        self._budget = budget
        self._loop = loop
        self._outside = outside or Outside()
        self._margin_ns = int(config.resume_margin_s * NS_PER_S)
        backoff = BackoffConfig(
            least_ms=config.backoff_least_ms,
            first_ms=config.backoff_first_ms,
            most_ms=config.backoff_most_ms,
        )
        slow_ns = int(config.degraded_retry_s * NS_PER_S)
        pauses = Pauses(backoff, config.attempts_max, slow_ns)
        self.session = Session(pauses, self._outside.chance, start=_start(intake.owed))
        self.session.reason = (intake.owed or "").replace(FIRST, "")
        self.lag = Lag(config.skew_ms_max * _NS_PER_MS)
        self.processing_lag_ns = 0
        self.repeated = 0
        """Records that came again and were left out."""
        self.warning = ""
        """What a person should know that ends nothing."""
        self._gap_due = ""
        self._connection: _Connection | None = None

    @property
    def inbox(self) -> Inbox | None:
        """Of the connection, if there is one."""
        return None if self._connection is None else self._connection.link.inbox

    def poll(self, rows_max: int) -> list[Sharded]:
        """What has come, of at most about so many records; never waits."""
        intake, session = self._intake, self.session
        out = intake.flush() if intake.is_blocked else []
        if intake.is_blocked:
            return out
        if session.due_ns is not None and (now_ns := self._outside.mono_ns()) >= session.due_ns:
            self._do(session.on("due", now_ns))
        connection = self._connection
        if connection is None:
            return out
        while rows_max > 0 and self._connection is connection:
            found = connection.link.inbox.take()
            if found is None:
                break
            if isinstance(found, LinkEvent):
                self._on_event(connection, found)
            else:
                before = intake.held_rows
                event = self._on_chunks(connection, found.data, found.ts_ns)
                rows_max -= intake.held_rows - before
                if event is not None and self._connection is connection:
                    self._on_event(connection, event)
        return out + intake.flush()

    def stop(self) -> None:
        """End it where it stands."""
        self._do(self.session.on("stop", self._outside.mono_ns()))

    def note_hours(self, is_closed: bool) -> None:
        """Whether the exchange is closed, by the feed's time."""
        if is_closed != (self.session.state == "closed"):
            event: Event = "closing" if is_closed else "opening"
            self._do(self.session.on(event, self._outside.mono_ns()))

    # -- the session

    def _tell(self, event: Event, text: str = "", pause_ns: int = 0) -> None:
        self._do(self.session.on(event, self._outside.mono_ns(), text, pause_ns))

    def _do(self, do: Do) -> None:
        if do == "open":
            self._open()
        elif do in ("drop", "end") and self._connection is not None:
            self._count_repeated(self._connection)
            self._connection.link.abort()
            self._connection = None

    def _open(self) -> None:
        """Open a connection that begins as the session says."""
        start, start_ns = self._beginning()
        self.session.start = start
        seam = watch = None
        if start == "replay":
            assert start_ns is not None
            if not self._intake.positions.replaying:
                self._intake.mark(REPLAY_BEGAN)
            seam = Seam(self._intake.positions, start_ns)
        else:
            watch = SnapshotWatch()
            self._owe()
        config, outside = self._config, self._outside
        asked = subscriptions(
            config, start_ns=start_ns, snapshot=start == "snapshot", now_ns=outside.wall_ns()
        )
        host, port = config.address
        silence_s = config.silence_s if outside.silence_s is None else outside.silence_s
        plan = LinkPlan(
            host=host,
            port=port,
            key=self._key,
            dataset=config.dataset,
            ts_out=config.ts_out,
            compression=config.compression,
            heartbeat_interval_s=config.heartbeat_interval_s,
            subscriptions=asked,
            subscriptions_per_s=config.subscriptions_per_s,
            connect_timeout_s=config.connect_timeout_s,
            auth_timeout_s=config.auth_timeout_s,
            silence_s=silence_s,
        )
        is_compressed = config.compression == "zstd"
        inbox = Inbox(
            config.queue_bytes_max,
            config.queue_rows_max,
            is_compressed=is_compressed,
            clock_ns=outside.wall_ns,
        )
        link = outside.link(plan, inbox, self._loop)
        incoming = Incoming(
            self.name, config.dataset, ts_out=config.ts_out, is_compressed=is_compressed
        )
        rare = self._intake.positions.rare() if seam is None else {}
        books = BooksSeam(self._intake.books)
        self._connection = _Connection(link, incoming, seam, books, watch, rare)
        link.open()

    def _beginning(self) -> tuple[Start, int | None]:
        """How the next session begins, and where its replay does."""
        config, positions = self._config, self._intake.positions
        start = self.session.start
        if start == "snapshot":
            return "snapshot", None
        reach_ns = int(config.resume_reach_s * NS_PER_S)
        start_ns = positions.resume_ns(self._margin_ns, max(reach_ns, self._margin_ns))
        if start == "replay" and start_ns is not None:
            return "replay", start_ns if self._margin_ns < _MARGIN_NS_MAX else 0
        # Nothing has been delivered that a replay could begin at.
        if config.first_start == "replay":
            return "replay", 0
        return "snapshot", None

    def _owe(self) -> None:
        """Note that the books come anew, and why."""
        intake = self._intake
        if intake.positions.replaying:
            intake.mark(REPLAY_ENDED)
        has_begun = intake.positions.newest_ns > 0
        reason = (self.session.reason or "snapshot") if has_begun else FIRST
        if intake.owed != reason:
            intake.mark(SNAPSHOT_OWED + reason)
        self._gap_due = reason if has_begun else ""

    def _complete(self, connection: _Connection) -> None:
        """The books are whole, or the replay has joined what was there."""
        self._count_repeated(connection)
        if connection.watch is not None:
            self._intake.mark(SNAPSHOT_WHOLE)
        elif connection.seam is not None:
            self._intake.mark(REPLAY_ENDED)
        connection.seam = connection.watch = None
        self._margin_ns = int(self._config.resume_margin_s * NS_PER_S)
        self._tell("complete")

    def _count_repeated(self, connection: _Connection) -> None:
        if connection.seam is not None:
            self.repeated += connection.seam.repeated + connection.seam.rare_repeated
            self.repeated += connection.books.repeated

    # -- what the connection brings

    def _on_event(self, connection: _Connection, event: LinkEvent) -> None:
        config = self._config
        if event.kind == "refused":
            if is_limit(event.text):
                self._tell("limited", event.text)
            else:
                self._tell("refused", refusal(self.name, config.dataset, event.text))
        elif event.kind == "strange":
            self._tell("strange", strangeness(self.name, *config.address, event.text))
        elif event.kind == "lost":
            if connection.unresolved and not connection.has_named:
                self._tell("fatal", self._nothing_resolved(connection))
            else:
                self._tell("lost", event.text)
        else:
            self._tell(event.kind)

    def _on_chunks(self, connection: _Connection, data: bytes, ts_ns: int) -> LinkEvent | None:
        """Decode a chunk and the small ones behind it; the event that follows them, if any."""
        parts, size = [data], len(data)
        event = None
        while size < _GATHER_BYTES and (found := connection.link.inbox.take()) is not None:
            if isinstance(found, LinkEvent):
                event = found
                break
            parts.append(found.data)
            size += len(found.data)
            ts_ns = found.ts_ns
        self._on_bytes(connection, data if len(parts) == 1 else b"".join(parts), ts_ns)
        return event

    def _on_bytes(self, connection: _Connection, data: bytes, ts_ns: int) -> None:
        incoming = connection.incoming
        billed = incoming.bytes_in
        try:
            pieces = incoming.pieces(data)
        except DecodeError as error:
            self._on_damage(connection, error)
            return
        wall_ns = self._outside.wall_ns()
        self.processing_lag_ns = max(0, wall_ns - ts_ns)
        self._budget.add(incoming.bytes_in - billed, wall_ns)
        for piece in pieces:
            self._on_piece(connection, piece, ts_ns)
            if self._connection is not connection:
                # What else it brought belongs to a session that is given up.
                return
        if incoming.fault is not None:
            self._on_damage(connection, incoming.fault)
        elif self._budget.state == "spent":
            pause_ns = self._budget.resets_in_ns(wall_ns)
            used = f"the data budget of the day is spent: {self._budget.used_bytes:,} bytes"
            setting = f"live.feeds.{self.name}.budget_bytes_per_day"
            self._tell("spent", f"{used} ({setting})", pause_ns)

    def _on_damage(self, connection: _Connection, error: DecodeError) -> None:
        if connection.incoming.has_header:
            self._tell("lost", f"what came is damaged: {error}")
        else:
            self._tell("strange", strangeness(self.name, *self._config.address, str(error)))

    def _on_piece(self, connection: _Connection, piece: Piece, ts_ns: int) -> None:
        if isinstance(piece, np.ndarray):
            connection.has_named = True
            self.lag.note(ts_ns, int(piece["ts_recv"][-1]), connection.incoming.sent_ns)
            self._on_rows(connection, piece)
        elif isinstance(piece, WithRaw):
            if isinstance(piece.item, Notice):
                self._on_notice(connection, piece.item)
            else:
                self._on_rare(connection, piece.item, piece.raw)
        else:
            self.session.was_heard = True

    def _on_rows(self, connection: _Connection, rows: MboBatch) -> None:
        seam = connection.seam
        if seam is not None:
            rows = seam.accept(connection.books.accept(rows))
            if not self._holds(connection, seam, rows.size):
                return
        if rows.size == 0:
            return
        if self._gap_due:
            self._intake.gap(self._gap_due, int(rows["ts_recv"][0]))
            self._gap_due = ""
        self._intake.rows(rows)
        if connection.watch is not None and connection.watch.is_whole(rows):
            self._complete(connection)

    def _holds(self, connection: _Connection, seam: Seam, rows: int) -> bool:
        """Whether the seam may hold; otherwise the connection is given up, with these rows."""
        if seam.state == "broken":
            self._intake.counts.add("given-up", rows)
            self._tell("broken", f"the replay does not join what was there: {seam.reason}")
        elif seam.short:
            # They will be replayed again, with what may be missing before them.
            self._margin_ns *= 2
            seconds = self._margin_ns / NS_PER_S
            self._tell("short", f"the replay began too late: asking from {seconds:g} s before")
        return self._connection is connection

    def _on_rare(self, connection: _Connection, item: Rare, raw: bytes) -> None:
        if isinstance(item, SymbolMapping):
            connection.has_named = True
            if connection.watch is not None:
                connection.watch.name(item.instrument_id)
        rtype = _RARE.get(type(item))
        if rtype is not None and not self._is_new(connection, rtype, item, raw):
            return
        if self._intake.item(item, raw):
            self._tell("roll", f"{item.subscription} became another contract")  # type: ignore[union-attr]

    def _is_new(self, connection: _Connection, rtype: int, item: Rare, raw: bytes) -> bool:
        assert isinstance(item, Definition | MarketStatus | Statistic)
        seam = connection.seam
        if seam is not None:
            is_new = seam.accept_rare(rtype, item.instrument_id, item.ts_event, raw)
            return self._holds(connection, seam, 0) and is_new
        if connection.watch is None:
            return True
        # All there is comes anew with a snapshot; what was delivered is known by its time.
        newest_ns, *_ = connection.rare.get((rtype, item.instrument_id), (-1,))
        self.repeated += item.ts_event <= newest_ns
        return item.ts_event > newest_ns

    def _on_notice(self, connection: _Connection, notice: Notice) -> None:
        self._intake.counts.add(notice.name)
        meaning = meaning_of(notice, self.name)
        seam = connection.seam
        if meaning.event is not None:
            self._tell(meaning.event, meaning.text)
        elif meaning.name == UNRESOLVED:
            connection.unresolved.add(meaning.text)
            self.warning = meaning.text
            if len(connection.unresolved) >= len(self._config.symbols) and not connection.has_named:
                self._tell("fatal", self._nothing_resolved(connection))
        elif meaning.name == REPLAYED and seam is not None:
            seam.close()
            if self._holds(connection, seam, 0):
                self._complete(connection)
        elif meaning.name == HEARTBEAT:
            if seam is not None:
                return
            self._intake.clock(notice.ts_event)
            if connection.watch is not None and connection.has_named:
                self._complete(connection)
        elif meaning.text:
            self.warning = meaning.text

    def _nothing_resolved(self, connection: _Connection) -> str:
        symbols = ", ".join(self._config.symbols[:5])
        said = next(iter(connection.unresolved))
        return (
            f"live.feeds.{self.name}.symbols: none of {symbols} is known to {self._config.dataset} "
            f"({said}); correct symbols or stype_in"
        )


def _start(owed: str | None) -> Start:
    if owed is None:
        return "first"
    return "snapshot" if owed else "replay"

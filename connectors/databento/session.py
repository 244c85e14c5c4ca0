"""What state a live session is in, and what to do next: a table, no socket, no clock.

Events come in, from the connection, from what it brought and from the clock; the session says what
is to be done and when it wants to be asked again. Rules of what follows from an end, an error or a
silence are Databento's (live API: errors, recovery); what is final here ends with a line that names
setting and remedy.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

from connectors.databento.backoff import Backoff, BackoffConfig
from operators.model.signals import FeedState

State = Literal[
    "waiting", "connecting", "authenticating", "subscribing", "snapshot", "replaying", "live",
    "closed", "stopped", "failed",
]  # fmt: skip
Event = Literal[
    "due", "connected", "authenticated", "started", "complete", "lost", "refused", "strange",
    "fatal", "limited", "spent", "skipped", "aged_out", "broken", "short", "roll", "closing",
    "opening", "stop",
]  # fmt: skip
Do = Literal["nothing", "open", "drop", "end"]
"""Open a connection; drop the one there is; drop it and end the input."""
Start = Literal["first", "replay", "snapshot"]
"""How the next session begins: as the settings say for the first time, where it was left, or with
the books as they stand."""

WAITING: Final[tuple[State, ...]] = ("waiting",)
TRYING: Final[tuple[State, ...]] = ("connecting", "authenticating", "subscribing")
JOINED: Final[tuple[State, ...]] = ("snapshot", "replaying", "live", "closed")
ENDED: Final[tuple[State, ...]] = ("stopped", "failed")
STATES: Final = (*WAITING, *TRYING, *JOINED, *ENDED)
EVENTS: Final[tuple[Event, ...]] = (
    *("due", "connected", "authenticated", "started", "complete", "lost", "refused", "strange"),
    *("fatal", "limited", "spent", "skipped", "aged_out", "broken", "short", "roll", "closing"),
    *("opening", "stop"),
)
GAP_REASONS: Final[dict[Event, str]] = {
    "skipped": "skipped",
    "aged_out": "aged_out",
    "broken": "seam",
    "roll": "roll",
}
"""Event after which the books come anew → why, as a gap says it."""


@dataclass(frozen=True, slots=True)
class Row:
    """What an event does in a state."""

    state: State | Literal["joined"]
    """The next one; `joined` is `snapshot` or `replaying`, as the session was begun."""
    do: Do = "nothing"
    pause: Literal["none", "again", "backoff", "long", "given"] = "none"
    """Before the next attempt: at once while that is seldom, growing with each failure, longest,
    or as the caller says."""
    start: Start | None = None
    """How the next session begins; None leaves it."""


def _rows(states: tuple[State, ...], row: Row) -> dict[State, Row]:
    return {state: row for state in states}


_CONNECTED: Final = (*TRYING, *JOINED)
_LOSS: Final = Row("waiting", "drop", "backoff")
_FAILURE: Final = Row("failed", "end")

TABLE: Final[dict[Event, dict[State, Row]]] = {
    "due": _rows(WAITING, Row("connecting", "open")),
    "connected": _rows(("connecting",), Row("authenticating")),
    "authenticated": _rows(("authenticating",), Row("subscribing")),
    "started": _rows(("subscribing",), Row("joined")),
    "complete": _rows(("snapshot", "replaying"), Row("live", start="replay")),
    # A clean end is a loss like any other, and so are silence, an internal error and damage.
    "lost": _rows(_CONNECTED, _LOSS),
    # The key, the dataset or a subscription: trying again would change nothing.
    "refused": _rows(_CONNECTED, _FAILURE),
    "fatal": _rows(_CONNECTED, _FAILURE),
    # Not a gateway, or of another version; `Session.on` takes it for a loss once it was one.
    "strange": _rows(_CONNECTED, _FAILURE),
    # A dead connection of ours may still be counted.
    "limited": _rows(_CONNECTED, Row("waiting", "drop", "long")),
    # The day's data budget; it lasts until the next day.
    "spent": _rows(_CONNECTED, Row("waiting", "drop", "given")),
    "skipped": _rows(JOINED, Row("waiting", "drop", "again", "snapshot")),
    "aged_out": _rows(_CONNECTED, Row("waiting", "drop", "again", "snapshot")),
    "broken": _rows(JOINED, Row("waiting", "drop", "again", "snapshot")),
    "short": _rows(JOINED, Row("waiting", "drop", "again")),
    # The new contract has no book yet.
    "roll": _rows(JOINED, Row("waiting", "drop", "again", "snapshot")),
    # The connection is kept over the weekend; what comes of exchange tests is left out.
    "closing": _rows(("live",), Row("closed")),
    "opening": _rows(("closed",), Row("live")),
    "stop": _rows((*WAITING, *_CONNECTED), Row("stopped", "end")),
}
"""Event → state → what follows. What is not there is nothing: a late word of what is over."""

AGAIN_MAX: Final = 2
"""Attempts that follow at once, before the pauses of failures apply."""


@dataclass(frozen=True, slots=True)
class Pauses:
    """How long to wait before an attempt."""

    backoff: BackoffConfig
    attempts_max: int
    """Failures in a row from which the feed is degraded."""
    degraded_ns: int
    """Longest pause while it is."""


class Session:
    """One feed's session over all its connections. Pure: time and chance are handed in."""

    def __init__(self, pauses: Pauses, chance: Callable[[], float], *, start: Start) -> None:
        """Ready to connect at once.

        Args:
            pauses: Before attempts.
            chance: Uniform in [0, 1).
            start: How the first session begins.
        """
        self.state: State = "waiting"
        self.start: Start = start
        self.reason = ""
        """Why the books come anew, as a gap says it; empty if they do not, or for none of these."""
        self.text = ""
        """What was last said about it."""
        self.due_ns: int | None = 0
        """When `due` is due; None while there is a connection, or no more."""
        self.failures = 0
        """Connections since one was last complete, or none."""
        self.reconnects = 0
        self.lost_connections = 0
        self.was_joined = False
        """A session has begun since the process started."""
        self.was_heard = False
        """A session has brought what it should begin with: it was a gateway. The caller says so."""
        self._pauses = pauses
        self._backoff = Backoff(pauses.backoff)
        self._chance = chance

    @property
    def is_degraded(self) -> bool:
        """Too many attempts failed, and no session has been complete since."""
        return self.failures >= self._pauses.attempts_max

    @property
    def told(self) -> FeedState:
        """The state for others."""
        if self.is_degraded and self.state in (*WAITING, *TRYING):
            return "degraded"
        return "authenticating" if self.state == "subscribing" else self.state

    def on(self, event: Event, now_ns: int, text: str = "", pause_ns: int = 0) -> Do:
        """What follows from an event.

        Args:
            event: What happened; nothing, if it has no meaning in this state.
            now_ns: Monotonic time.
            text: About it, for a person; of a failure the line that the process ends with.
            pause_ns: Of `spent`: until the budget begins anew.
        """
        if event == "strange" and self.was_heard:
            event = "lost"
        row = TABLE[event].get(self.state)
        if row is None:
            return "nothing"
        if text:
            self.text = text
        if row.do == "drop":
            self.lost_connections += self.state in JOINED
        if row.start is not None:
            self.start, self.reason = row.start, GAP_REASONS.get(event, "")
        self._count(event)
        self.state = self._joined() if row.state == "joined" else row.state
        pause_ns = pause_ns if row.pause == "given" else self._pause_ns(row)
        self.due_ns = now_ns + pause_ns if self.state == "waiting" else None
        return row.do

    def _joined(self) -> State:
        return "replaying" if self.start == "replay" else "snapshot"

    def _count(self, event: Event) -> None:
        if event == "due":
            self.failures += 1
        elif event == "started":
            self.reconnects += self.was_joined
            self.was_joined = True
        elif event == "complete":
            self.failures = 0
            self._backoff.succeeded()
            self.text = ""

    def _pause_ns(self, row: Row) -> int:
        if row.pause == "none":
            return 0
        if row.pause == "again" and self.failures <= AGAIN_MAX:
            return 0
        pause_ns = self._backoff.next_ns(self._chance())
        if row.pause == "long":
            pause_ns = max(pause_ns, self._pauses.backoff.most_ms * 1_000_000)
        # Between half of it and all: feeds that were lost together do not come back together.
        slow_ns = int(self._pauses.degraded_ns * (1 + self._chance()) / 2)
        return max(pause_ns, slow_ns) if self.is_degraded else pause_ns

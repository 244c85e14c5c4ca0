"""While a feed is degraded, history brings what is older than the licence delay.

It gives out only while there is no connection: a connection's seam stands on the positions as they
were when it was opened. What live brought before is dropped by the same kind of seam. When live
returns, history ends where it stands and live's replay, from the positions, joins on. From the
first record of history to the end of that replay the feed is marked delayed, on the tape as well.
"""

from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic_ns, time_ns
from typing import Protocol

import numpy as np

from connectors.databento.history import HistoryFeed, HistoryPiece
from connectors.databento.history_config import HistoryConfig
from connectors.databento.history_plan import HistorySymbols, covered
from connectors.databento.intake import REPLAY_BEGAN, REPLAY_ENDED, Intake
from connectors.databento.live_config import FeedConfig, subscriptions
from connectors.databento.messages import SymbolMapping
from connectors.databento.seam import Seam
from connectors.databento.session import JOINED
from connectors.roots import Sharded
from operators.model.controls import delayed_control
from operators.model.items import Control, Definition, MarketStatus, Statistic
from operators.model.records import (
    NS_PER_S,
    RTYPE_DEFINITION,
    RTYPE_STATISTICS,
    RTYPE_STATUS,
    MboBatch,
)

_NS_PER_MS = 1_000_000
_ROWS_MAX = 65_536
"""Records given out at once: a file brings as many as are asked for, and others wait."""
_RARE = {
    Definition: RTYPE_DEFINITION,
    MarketStatus: RTYPE_STATUS,
    Statistic: RTYPE_STATISTICS,
}


class AnySession(Protocol):
    """A live session, as far as the fallback knows."""

    @property
    def state(self) -> str:
        """Its state, as `session.State`."""

    @property
    def is_degraded(self) -> bool:
        """Too many attempts failed, and no session has been complete since."""


@dataclass(slots=True)
class _Run:
    """One stretch of history that is being given out."""

    feed: HistoryFeed
    seam: Seam
    start_ns: int


class Fallback:
    """One feed's history. State: the intake's, which knows whether the feed is delayed."""

    def __init__(
        self,
        config: HistoryConfig,
        feed: FeedConfig,
        key: str,
        intake: Intake,
        *,
        wall_ns: Callable[[], int] = time_ns,
        mono_ns: Callable[[], int] = monotonic_ns,
    ) -> None:
        """Nothing is asked before the first `poll` that finds the feed degraded.

        Args:
            config: of history.
            feed: of the live feed.
            key: of Databento.
            intake: of the feed.
            wall_ns: the market's time, which decides how far the licence reaches.
            mono_ns: for pauses.
        """
        self.repeated = 0
        """Records of history that live had brought before."""
        self.text = ""
        """What a person should know: how far it is, or why there is none."""
        self._config, self._feed_config, self._key = config, feed, key
        self._intake, self._wall_ns, self._mono_ns = intake, wall_ns, mono_ns
        self._run: _Run | None = None
        self._margin_ns = _ns(feed.resume_margin_s)
        self._due_ns = 0
        self._least_ns = 0
        self._is_over = False

    @property
    def is_running(self) -> bool:
        """History is being asked for, or given out."""
        return self._run is not None

    def poll(self, session: AnySession, rows_max: int) -> list[Sharded]:
        """What history brings, of at most so many records; never waits. Before the feed's own."""
        if session.state in JOINED:
            self._live_is_back(session)
            return []
        if not session.is_degraded or session.state != "waiting" or self._intake.is_blocked:
            return []
        run = self._run or self._begin()
        if run is None:
            return []
        for piece in run.feed.next(min(rows_max, _ROWS_MAX)):
            self._take(run, piece)
            if self._run is not run:
                # It was given up: what else it brought belongs to nothing.
                return self._intake.flush()
        if run.feed.error is not None or run.feed.is_done:
            self._end(run)
        return self._intake.flush()

    def close(self) -> None:
        """Ask for no more."""
        if self._run is not None:
            self.repeated += self._run.seam.repeated
            self._run.feed.close()
            self._run = None

    def _live_is_back(self, session: AnySession) -> None:
        self.close()
        self._is_over, self._due_ns, self._least_ns, self.text = False, 0, 0, ""
        self._margin_ns = _ns(self._feed_config.resume_margin_s)
        if session.state in ("live", "closed") and self._intake.delayed:
            self._mark_delayed(on=False)

    def _begin(self) -> _Run | None:
        """Ask for what is old enough, if anything is, and it is time."""
        config, feed, intake = self._config, self._feed_config, self._intake
        if self._is_over or self._mono_ns() < self._due_ns or intake.owed != "":
            # Without books that are whole there is nothing to go on from.
            return None
        margin_ns = self._margin_ns
        reach_ns = max(margin_ns, _ns(feed.resume_reach_s))
        start_ns = intake.positions.resume_ns(margin_ns, reach_ns)
        now_ns = self._wall_ns()
        span = None if start_ns is None else covered(config, start_ns, now_ns)
        if span is None or span[1] <= intake.positions.newest_ns + self._least_ns:
            return None
        if not intake.positions.replaying:
            intake.mark(REPLAY_BEGAN)
        self._run = _Run(
            HistoryFeed(config, self._symbols(), *span, key=self._key),
            Seam(intake.positions, span[0]),
            span[0],
        )
        self.text = "history is being asked for"
        return self._run

    def _symbols(self) -> HistorySymbols:
        feed = self._feed_config
        asked = subscriptions(feed, start_ns=None, snapshot=False, now_ns=0)
        symbols: dict[str, tuple[str, ...]] = {each.stype_in: each.symbols for each in asked}
        return HistorySymbols(self._intake.feed, feed.dataset, symbols, feed.schemas)

    def _take(self, run: _Run, piece: HistoryPiece) -> None:
        if isinstance(piece, np.ndarray):
            self._rows(run, piece)
            return
        item, raw = piece
        if isinstance(item, Control):
            self._intake.control(item)
        elif isinstance(item, SymbolMapping):
            if self._intake.item(item, raw):
                # The next contract's book is not known before live brings its snapshot.
                self._intake.gap("roll", item.ts_event, (item.instrument_id,))
        elif isinstance(item, Definition | MarketStatus | Statistic):
            facts = (_RARE[type(item)], item.instrument_id, item.ts_event)
            if run.seam.accept_rare(*facts, raw):
                self._intake.item(item, raw)

    def _rows(self, run: _Run, rows: MboBatch) -> None:
        # Selected by ts_recv, the first few may have happened before the start: they were brought.
        early = rows["ts_event"] < run.start_ns
        if early.any():
            rows = rows[~early]
            rows.flags.writeable = False
        rows = run.seam.accept(rows)
        if run.seam.state == "broken":
            self._intake.counts.add("given-up", rows.size)
            self._give_up(f"history does not join what was there: {run.seam.reason}")
        elif run.seam.short:
            # Others may be missing before the start: all of it is asked for again, from earlier on.
            self._intake.counts.add("given-up", rows.size)
            self._margin_ns *= 2
            self.close()
        elif rows.size > 0:
            if not self._intake.delayed:
                self._mark_delayed(on=True)
            self._intake.rows(rows)
            self.text = "history fills what live cannot bring"

    def _end(self, run: _Run) -> None:
        """All has been given out, or an error came."""
        error = run.feed.error
        if error is not None:
            self.close()
            self._is_over, self.text = error.is_final, str(error)
            self._due_ns = self._mono_ns() + self._config.backoff_most_ms * _NS_PER_MS
            return
        run.seam.close()
        if run.seam.state == "broken":
            self._give_up(f"history does not join what was there: {run.seam.reason}")
            return
        self._intake.mark(REPLAY_ENDED)
        self.close()
        # What comes to be old enough is asked for in stretches that are worth it.
        self._least_ns = _ns(self._config.window_s)
        self.text = "history has brought all that the licence covers"

    def _give_up(self, text: str) -> None:
        self.close()
        self._is_over, self.text = True, text

    def _mark_delayed(self, *, on: bool) -> None:
        intake = self._intake
        intake.control(delayed_control(intake.feed, intake.ticks.clock_ns, on=on))
        # Said before the intake has given it out.
        intake.delayed = on


def _ns(seconds: float) -> int:
    return round(seconds * NS_PER_S)

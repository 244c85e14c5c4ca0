"""Baseline: what is normal for a root and a kind of instrument at this time of the day."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, ClassVar, Final

import numpy as np
from numpy.typing import NDArray

from operators.baseline_config import BaselineConfig
from operators.baseline_history import (
    BUCKETS_MAX,
    HistoryTable,
    Session,
    sessions_of,
    table,
)
from operators.baseline_instruments import InstrumentClasses
from operators.baseline_kernel import (
    ADVANCE,
    DONE,
    INSTRUMENT,
    PLACE,
    Judgement,
    Limits,
    judge,
)
from operators.baseline_state import NEVER, grown, no_places, no_roots
from operators.calendar import DAY_S
from operators.histogram import BINS, METRICS, add_encoded, encode, summarise
from operators.model.errors import ConfigError
from operators.model.evaluations import WINDOWS_S
from operators.model.items import Definition, Evaluations, Instrument, Report
from operators.model.streams import Flowing

_NO_MIDS2: Final = np.zeros((1, len(WINDOWS_S)), np.int64)


class Baseline:
    """Robust z and tail probability of each judged metric against the last sessions' histograms.

    For a value x of a metric in a row of (root, class), against the histogram of that metric, class
    and bucket of the day over the root's last `sessions_max` sessions with trading, today apart:

        z      = (x − median) · 1.349/(q75 − q25) · √(n/(n + shrink_n0))
        tail_p = (1 + number at least as extreme on the side of x)/(n + 1)

    A session with trading is one with an execution, outside auctions, in the calendar's hours on a
    sound book. It counts for a (class, bucket) in which it has any value. Below `sessions_min` both
    are NaN. A row is judged first and then counted, if the calendar is open, the book sound and the
    quality sufficient. A root's rows drive its clock: a row older than its bucket counts in it.

    Wrong when windows overlap: neighbouring panes see nearly the same, so n counts more values than
    are independent; tail_p is a rank among such values, not a rate of false alarms.

    State: at most `sessions_max` sessions of a root as bytes, shared and never changed, and the
    open bucket of each (root, class).

    References:
        Robust z and empirical p: median and quartiles, and the (1 + #)/(N + 1) of permutation tests
        (Davison and Hinkley 1997, section 4.2).
    """

    STATE_VERSION: ClassVar[int] = 2

    def __init__(
        self,
        config: BaselineConfig,
        state: dict[str, Any] | None = None,
        *,
        history: HistoryTable | None = None,
    ) -> None:
        if config.calendar is None:
            raise ValueError("calendar must be given, was None")
        self._config = config
        self._buckets = DAY_S // config.bucket_s
        assert self._buckets <= BUCKETS_MAX
        self._limits = Limits(
            config.bucket_s,
            self._buckets,
            float(config.pseudo_size),
            config.sessions_min,
            config.quality_min,
        )
        self._calendar = config.calendar.arrays
        self._names: list[str] = []
        self._index: dict[str, int] = {}
        self._sessions: list[tuple[Session, ...]] = []
        self._done: list[dict[tuple[int, int], bytes]] = []
        self._roots = no_roots(0)
        self._places = no_places(0)
        self._place_root: list[int] = []
        self._encoded: list[bytes] = []
        self._instruments = InstrumentClasses(config.instruments_max)
        self._mapped: tuple[str, ...] = ()
        self._root_of = np.zeros(0, np.int32)
        self._too_many = False
        self._values = np.zeros(METRICS, np.int64)
        self._unjudged = 0
        if state is not None:
            self._restore(state)
        if history is not None:
            self.load(history)

    def on_items(self, items: Sequence[Flowing]) -> list[Flowing]:
        """The same items; `Evaluations` with z, tail_p and sessions."""
        out: list[Flowing] = []
        for item in items:
            if isinstance(item, Evaluations):
                out.append(self._judged(item))
                continue
            if isinstance(item, Instrument):
                self._instruments.learn_symbol(item.feed, item.instrument_id, item.symbol)
            elif isinstance(item, Definition):
                self._instruments.learn(item)
            out.append(item)
        return out

    def snapshot(self) -> dict[str, Any]:
        """Plain data: per root its clock, sessions and buckets as bytes, and the instruments."""
        roots = []
        for root, name in enumerate(self._names):
            roots.append(
                (
                    name,
                    int(self._roots.clock[root]),
                    int(self._roots.trades[root]),
                    tuple(self._roots.counts[root].tolist()),
                    tuple((s.number, s.packed) for s in self._sessions[root]),
                    tuple((*key, data) for key, data in self._done[root].items()),
                    tuple((c, self._encoded[p]) for c, p in self._open(root)),
                )
            )
        return {
            "roots": tuple(roots),
            "instruments": self._instruments.snapshot(),
            "unjudged": self._unjudged,
        }

    def load(self, history: HistoryTable) -> None:
        """Starts with the sessions of `history`.

        Raises:
            ConfigError: There is a baseline already, or the history counts different things.
        """
        if any(self._sessions) or any(self._done):
            raise ConfigError(
                "a baseline file cannot be loaded where there is a baseline already:"
                " start with a fresh recovery store, or without the file"
            )
        for name in ("bucket_s", "pseudo_size"):
            was, expected = getattr(history, name), getattr(self._config, name)
            if was != expected:
                raise ConfigError(f"baseline file: {name} was {was}, expected {expected}")
        for root in history.roots[: self._config.roots_max]:
            try:
                sessions = sessions_of(history, root)
            except ValueError as error:
                raise ConfigError(f"baseline file: {error}") from error
            index = self._index_of(root)
            self._sessions[index] = tuple(sessions[-self._config.sessions_max :])
        self._places.clock[:] = NEVER

    def export(self) -> HistoryTable:
        """All sessions, today's included as far as it went if it had trading."""
        parts = []
        for root, name in enumerate(self._names):
            cells = [session.cells() for session in self._with_today(root)]
            if cells:
                parts.append((name, np.concatenate(cells)))
        return table(parts, self._config.bucket_s, self._config.pseudo_size)

    def report(self) -> Report | None:
        """Rows by what became of them, and sessions per root."""
        counts = self._roots.counts.sum(axis=0).tolist()
        names = ("added", "out_of_hours", "bad_data", "warming")
        return Report(
            step="baseline",
            facts={
                **dict(zip(names, counts, strict=True)),
                "unjudged": self._unjudged,
                "instruments_forgotten": self._instruments.forgotten,
                "sessions": {n: len(s) for n, s in zip(self._names, self._sessions, strict=True)},
            },
        )

    def _judged(self, item: Evaluations) -> Evaluations:
        assert item.windows is not None, "pressure comes before baseline"
        rows = item.rows
        z, tail_p = np.full((2, rows.size, METRICS), np.nan)
        out = Judgement(z, tail_p, np.zeros(rows.size, np.int16))
        mids2 = item.mids2 if item.mids2 is not None else _NO_MIDS2.repeat(rows.size, axis=0)
        quality = np.ones(rows.size) if item.quality is None else item.quality
        columns = (_read_only(item.windows), _read_only(mids2), _read_only(quality))
        feed = self._instruments.feed_number(item.feed)
        self._map_roots(item)
        start, why = 0, ADVANCE
        while why != DONE:
            start, why, clock = judge(
                rows, *columns, self._root_of, feed, self._roots, self._places,
                self._instruments.arrays, self._calendar, self._limits, start, out, self._values,
            )  # fmt: skip
            if why == INSTRUMENT:
                self._instruments.resolve(
                    item.feed, int(rows[start]["instrument_id"]), int(rows[start]["slot"])
                )
            elif why == ADVANCE:
                self._advance(int(self._root_of[rows[start]["root"]]), clock)
            elif why == PLACE:
                class_ = self._instruments.arrays.class_[rows[start]["slot"]]
                self._refer(int(self._root_of[rows[start]["root"]]), int(class_))
        for column in out:
            column.flags.writeable = False
        return replace(item, z=out.z, tail_p=out.tail_p, sessions=out.sessions)

    def _map_roots(self, item: Evaluations) -> None:
        if item.roots != self._mapped:
            self._mapped = item.roots
            numbers = [self._index_of(name) for name in item.roots]
            self._root_of = np.array(numbers, np.int32)
            self._too_many = -1 in numbers
        if self._too_many:
            self._unjudged += int((self._root_of[item.rows["root"]] < 0).sum())

    def _index_of(self, name: str) -> int:
        """Number of a root, from now on its own; −1 if there are too many."""
        if name not in self._index:
            if len(self._names) == self._config.roots_max:
                return -1
            self._index[name] = len(self._names)
            self._names.append(name)
            self._sessions.append(())
            self._done.append({})
            if self._roots.clock.size < len(self._names):
                self._roots = grown(self._roots, no_roots(2 * len(self._names)))
        return self._index[name]

    def _advance(self, root: int, clock: int) -> None:
        """A later bucket begins: the open one is done, and the session with its last."""
        before = int(self._roots.clock[root])
        for class_, place in self._open(root):
            self._done[root][class_, before % self._buckets] = self._encoded[place]
            self._places.today[place] = 0
            self._places.filled[place] = False
        if clock // self._buckets != before // self._buckets:
            self._sessions[root] = self._with_today(root)[-self._config.sessions_max :]
            self._done[root] = {}
            self._roots.trades[root] = 0
        self._roots.clock[root] = clock

    def _with_today(self, root: int) -> tuple[Session, ...]:
        """Sessions of `root` with the current one, if it had trading, in its place."""
        sessions = self._sessions[root]
        if self._roots.trades[root] == 0:
            return sessions
        clock = int(self._roots.clock[root])
        chunks = dict(self._done[root])
        for class_, place in self._open(root):
            chunks[class_, clock % self._buckets] = self._encoded[place]
        today = Session.of(clock // self._buckets, chunks)
        others = tuple(s for s in sessions if s.number != today.number)
        # A loaded history may hold this very session: the fuller account of it stays.
        for same in sessions:
            if same.number == today.number and same.fullness() >= today.fullness():
                return sessions
        return tuple(sorted((*others, today), key=lambda s: s.number))

    def _refer(self, root: int, class_: int) -> None:
        """Builds the reference of a class for its root's current bucket."""
        place = int(self._roots.place[root, class_])
        if place < 0:
            place = self._roots.place[root, class_] = len(self._place_root)
            self._place_root.append(root)
            self._encoded.append(b"")
            if self._places.clock.size <= place:
                self._places = grown(self._places, no_places(2 * (place + 1)))
        clock = int(self._roots.clock[root])
        session, bucket = divmod(clock, self._buckets)
        chunks = [s.chunk(class_, bucket) for s in self._sessions[root] if s.number < session]
        used = [chunk for chunk in chunks if chunk is not None]
        p = self._places
        summary = p.n[place], p.median[place], p.scale[place]
        if used or p.n[place].any():
            below = p.below[place]
            below[:] = 0
            for chunk in used:
                add_encoded(chunk, below)
            summarise(below, self._config.shrink_n0, *summary)
        else:
            # Nothing to refer to: what nobody writes to takes no memory.
            for column, empty in zip(summary, (0, np.nan, np.nan), strict=True):
                column[:] = empty
        p.sessions[place] = len(used)
        p.clock[place] = clock

    def _open(self, root: int) -> list[tuple[int, int]]:
        """(class, place) of each class of a root with values in the open bucket, encoded."""
        filled = []
        for class_, place in enumerate(self._roots.place[root].tolist()):
            if place < 0 or not self._places.filled[place]:
                continue
            if self._places.changed[place]:
                self._encoded[place] = encode(self._places.today[place])
                self._places.changed[place] = False
            filled.append((class_, place))
        return filled

    def _restore(self, state: dict[str, Any]) -> None:
        self._unjudged = state["unjudged"]
        self._instruments.restore(state["instruments"])
        for name, clock, trades, counts, sessions, done, opened in state["roots"]:
            root = self._index_of(name)
            self._sessions[root] = tuple(Session(*session) for session in sessions)
            self._done[root] = {(class_, bucket): data for class_, bucket, data in done}
            self._roots.clock[root] = clock
            self._roots.trades[root] = trades
            self._roots.counts[root] = counts
            for class_, data in opened:
                self._refer(root, class_)
                place = int(self._roots.place[root, class_])
                counts_open = np.zeros(BINS, np.int64)
                add_encoded(np.frombuffer(data, np.uint8), counts_open)
                self._places.today[place] = counts_open
                self._places.filled[place] = True
                self._encoded[place] = data


def _read_only(column: NDArray[Any]) -> NDArray[Any]:
    if not column.flags.writeable:
        return column
    view = column.view()
    view.flags.writeable = False
    return view

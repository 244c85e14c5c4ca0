"""The store as the API asks it: words become filters, and what is none becomes a problem."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from threading import Lock
from typing import Any

import orjson

from operators.model.streams import OUTCOMES, SIGNALS
from sinks.filters import FilterError, parse_filter
from sinks.published import Published
from sinks.relay.api.ports import Page, Words
from sinks.relay.api.problems import refused
from sinks.store import Store


class StoreHistory:
    """`ports.History` over a store, which is opened when it is first asked.

    So a relay may start before its database, and a database that was away is found again.
    """

    def __init__(self, url: str, *, timeout_s: float) -> None:
        """`timeout_s`: for the database to answer. Raises ConfigError for no address."""
        self._store = Store(url, busy_timeout_s=timeout_s, start_timeout_s=0.0)
        self._lock = Lock()
        self._is_open = False

    def page(
        self, stream: str, words: Words, after: str | None, limit: int, *, latest: bool
    ) -> Page:
        """Messages of an event stream, newest first."""
        with self._opened() as store:
            chosen = parse_filter(words)
            if stream == SIGNALS:
                found = store.signals(chosen, limit=limit, after=after, latest=latest)
            else:
                found = store.messages(stream, chosen, limit=limit, after=after)
        return Page(found.rows, found.after)

    def revisions(self, signal_id: str) -> Sequence[Published]:
        """Every revision of a signal, oldest first."""
        with self._opened() as store:
            return store.signal(signal_id)

    def outcomes(self) -> Iterable[tuple[int, float, bool]]:
        """(horizon_s, probability, hit) of every signal's outcome that is known."""
        with self._opened() as store:
            return list(store.marks())

    def measured(self) -> Iterator[Mapping[str, Any]]:
        """Every outcome as its topic has it, one after the other: there may be many."""
        with self._opened() as store:
            for message in store.stream(OUTCOMES):
                yield orjson.loads(message.value)

    def alerts(
        self, after: str | None, limit: int
    ) -> tuple[Sequence[Mapping[str, Any]], str | None]:
        """Alerts and what became of them, newest first; instants as decimal strings."""
        with self._opened() as store:
            found = store.alerts(limit=limit, after=after)
        return [_alert(row) for row in found.rows], found.after

    def close(self) -> None:
        """Close the connections."""
        self._store.close()

    @contextmanager
    def _opened(self) -> Iterator[Store]:
        with self._lock:
            if not self._is_open:
                self._store.open()
                self._is_open = True
        try:
            yield self._store
        except FilterError as error:
            raise refused(error.name, error.detail) from error


def _alert(row: Mapping[str, Any]) -> dict[str, Any]:
    kept = {name: value for name, value in row.items() if name != "place"}
    return kept | {name: str(row[name]) for name in ("ts", "ts_changed_ns")}

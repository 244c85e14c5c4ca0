"""Ports: what the API asks of the hub and of the store, and no more than that."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from sinks.published import Published
from sinks.relay.api.baselines import BaselineOf
from sinks.relay.api.latency import LatencyWindow
from sinks.relay.api.readiness import Readiness
from sinks.relay.api.reading import Reading

Words = Mapping[str, Sequence[str]]
"""Filter as it was typed: name → values; see `sinks/filters.py`."""


@dataclass(frozen=True, slots=True)
class Page:
    """Some rows, and where the next begin."""

    rows: tuple[Published, ...]
    after: str | None
    """Cursor of the next page; None on the last."""


class Live(Protocol):
    """The relay's memory. Called in its loop; answers at once."""

    @property
    def epoch(self) -> str | None:
        """Generation served; None before the first message of one."""

    def latest(self, channel: str) -> Iterable[Published]:
        """The current value of a state channel for each of its keys."""

    def positions(self) -> Mapping[tuple[str, str], int]:
        """(event channel, root) → last seq."""


class History(Protocol):
    """The store. Called in threads.

    Raises a `problems.Problem` for a filter or a cursor that is none, another `IfdError` if the
    database cannot be read.
    """

    def page(
        self, stream: str, words: Words, after: str | None, limit: int, *, latest: bool
    ) -> Page:
        """Messages of an event stream, newest first; `latest`: the last revision of each signal."""

    def revisions(self, signal_id: str) -> Sequence[Published]:
        """Every revision of a signal, oldest first; none if there is no such signal."""

    def outcomes(self) -> Iterable[tuple[int, float, bool]]:
        """(horizon_s, probability, hit) of every outcome."""

    def alerts(
        self, after: str | None, limit: int
    ) -> tuple[Sequence[Mapping[str, Any]], str | None]:
        """Alerts and what became of them, newest first, and the cursor of the next page."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Api:
    """The relay as the API sees it; a request changes nothing here."""

    version: str
    live: Live
    """In the same loop: asked directly."""
    reading: Reading[History]
    baseline: Reading[BaselineOf]
    readiness: Readiness
    latency: LatencyWindow
    ws_port: int
    bootstrap_servers: str
    """Of Kafka, for the AsyncAPI document; empty if there is none."""
    has_tokens: bool

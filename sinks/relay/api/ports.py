"""Ports: what the API asks of the store, and the parts of the relay that all routes share."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from sinks.published import Published
from sinks.relay.api.baselines import BaselineOf
from sinks.relay.api.latency import LatencyWindow
from sinks.relay.api.readiness import Readiness
from sinks.relay.api.reading import Reading
from sinks.relay.hub import Hub

Words = Mapping[str, Sequence[str]]
"""Filter as it was typed: name → values; see `sinks/filters.py`."""


@dataclass(frozen=True, slots=True)
class Page:
    """Some rows, and where the next begin."""

    rows: tuple[Published, ...]
    after: str | None
    """Cursor of the next page; None on the last."""


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
        """(horizon_s, probability, hit) of every signal's outcome that is known."""

    def measured(self) -> Iterable[Mapping[str, Any]]:
        """Every outcome as its topic has it, unknown and sampled ones among them."""

    def alerts(
        self, after: str | None, limit: int
    ) -> tuple[Sequence[Mapping[str, Any]], str | None]:
        """Alerts and what became of them, newest first, and the cursor of the next page."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Api:
    """The relay as the API sees it; a request changes nothing here."""

    version: str
    hub: Hub
    """In the same loop: asked directly."""
    reading: Reading[History]
    baseline: Reading[BaselineOf]
    readiness: Readiness
    latency: LatencyWindow
    ws_port: int
    bootstrap_servers: str
    """Of Kafka, for the AsyncAPI document; empty if there is none."""
    has_tokens: bool

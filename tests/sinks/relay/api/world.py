"""A relay for the API to show: a hub, and a store in memory, empty or with some of everything."""

import re
import time
from dataclasses import dataclass, field, replace
from threading import Event

import orjson

from operators.model.streams import (
    EXECUTIONS,
    GAPS,
    OUTCOMES,
    PRESSURE,
    SIGNALS,
    STATE_STREAMS,
    STATUS,
    Message,
)
from sinks.published import published
from sinks.relay.api.app import create_app
from sinks.relay.api.config import HttpConfig
from sinks.relay.api.latency import LatencyWindow
from sinks.relay.api.ports import Page
from sinks.relay.api.problems import refused, shown
from sinks.relay.api.readiness import Readiness
from sinks.relay.config import RelayConfig
from sinks.relay.hub import Hub
from tests.sinks import messages

GENERATION = "g1"
ROOMY = HttpConfig(burst=1_000_000, rate_per_s=1e6)
LOOPBACK = RelayConfig()


@dataclass
class MemoryStore:
    """Rows newest first by (ts_event, root, seq); the cursor is the key of the last row seen."""

    rows: list = field(default_factory=list)
    alert_rows: list = field(default_factory=list)
    open: Event = field(default_factory=Event)

    def __post_init__(self):
        self.open.set()

    def page(self, stream, words, after, limit, *, latest):
        assert self.open.wait(30)
        for name in ("from", "to"):
            for instant in words.get(name, ()):
                if not re.fullmatch(r"\d{4}-\d\d-\d\d(T[\d:]+Z)?|\d{1,19}", instant):
                    raise refused(name, f"expected an instant, found {shown(instant)}")
        found = [one for one in self.rows if one.stream == stream and self._suits(one, words)]
        found.sort(key=self._key, reverse=True)
        if after is not None:
            last = self._read(after)
            found = [one for one in found if self._key(one) < last]
        more = len(found) > limit
        return Page(tuple(found[:limit]), self._cursor(found[limit - 1]) if more else None)

    def revisions(self, signal_id):
        assert self.open.wait(30)
        wanted = f'"id":"{signal_id}"'.encode()
        return [one for one in self.rows if one.stream == SIGNALS and wanted in one.value]

    def outcomes(self):
        return [(60, 0.83, False) for one in self.rows if one.stream == OUTCOMES]

    def measured(self):
        return [orjson.loads(one.value) for one in self.rows if one.stream == OUTCOMES]

    def alerts(self, after, limit):
        return self.alert_rows[:limit], None

    def _suits(self, one, words):
        roots = {root for value in words.get("root", ()) for root in value.split(",")}
        return not roots or one.root in roots

    def _key(self, one):
        return one.ts_event, one.root, one.seq

    def _cursor(self, one):
        return "_".join(map(str, self._key(one)))

    def _read(self, cursor):
        try:
            ts_event, root, seq = cursor.split("_")
            return int(ts_event), root, int(seq)
        except ValueError:
            raise refused("cursor", "expected one that a page gave") from None


@dataclass
class World:
    store: MemoryStore = field(default_factory=MemoryStore)
    readiness: Readiness = field(default_factory=Readiness)
    latency: LatencyWindow = field(default_factory=LatencyWindow)

    def __post_init__(self):
        self.hub = Hub(LOOPBACK, on_relayed=self.latency.add)

    def app(self, http=ROOMY, relay=LOOPBACK, **parts):
        given = {"version": "0.1.0", "readiness": self.readiness, "latency": self.latency}
        history = parts.pop("history", self.store)
        return create_app(relay, http, self.hub, history, **(given | parts))

    def publish(self, *sent):
        for message in sent:
            one = published(message, GENERATION, 1_000, time.time_ns())
            self.hub.publish([one])
            if message.stream not in STATE_STREAMS:
                self.store.rows.append(one)


def signals(root, count, first=1):
    """Signals of a root, one second apart."""
    return [
        Message(
            SIGNALS,
            root,
            seq,
            replace(
                messages.SIGNAL,
                root=root,
                id=f"{root}-{seq}",
                ts_event=messages.TS + seq * 1_000_000_000,
            ),
        )
        for seq in range(first, first + count)
    ]


def filled(count=25):
    """A relay in the middle of its day."""
    world = World()
    world.publish(*signals("ES", count), *signals("NQ", count))
    for stream in (EXECUTIONS, GAPS, OUTCOMES, PRESSURE, STATUS):
        world.publish(*(m for m in messages.EXAMPLES if m.stream == stream))
    world.store.alert_rows.append({"id": "a1", "state": "sent"})
    return world

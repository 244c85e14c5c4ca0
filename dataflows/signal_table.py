"""The signals of a topic as a live table in the terminal, or as lines where there is none."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, TextIO

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, TopicPartition
from rich.console import Console
from rich.live import Live
from rich.table import Table

from operators.model.errors import DeliveryError
from operators.model.streams import PRESSURE, SIGNALS, topic

ROWS_SHOWN = 18
POLL_S = 0.2
_STYLES = {"buy": "green", "sell": "red"}


@dataclass(slots=True)
class Seen:
    """What the topic has brought so far."""

    heard: bool = False
    """Whether a worker has published anything at all."""
    messages: int = 0
    opened: int = 0
    by_kind: dict[str, int] = field(default_factory=dict)
    latest: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Signal id → its latest revision, the newest signals last."""

    def add(self, signal: dict[str, Any]) -> None:
        """Take one message; what is no signal is only heard."""
        self.heard = True
        if signal["stream"] != SIGNALS:
            return
        self.messages += 1
        if signal["change"] == "opened":
            self.opened += 1
            self.by_kind[signal["kind"]] = self.by_kind.get(signal["kind"], 0) + 1
        self.latest.pop(signal["id"], None)
        self.latest[signal["id"]] = signal
        while len(self.latest) > ROWS_SHOWN:
            self.latest.pop(next(iter(self.latest)))


def signals_of(servers: str, partitions: int, prefix: str = "") -> Iterator[dict[str, Any] | None]:
    """Signals from the start of their topic as they come; None whenever nothing came for a while.

    Messages of `pressure` come between them: they tell that a worker is at work.

    Raises:
        DeliveryError: the broker cannot be read.
    """
    consumer = Consumer(
        {
            "bootstrap.servers": servers,
            "group.id": "ifd-table",
            "enable.auto.commit": False,
            "isolation.level": "read_committed",
        }
    )
    names = [prefix + topic(stream) for stream in (SIGNALS, PRESSURE)]
    consumer.assign(
        [TopicPartition(name, p, OFFSET_BEGINNING) for name in names for p in range(partitions)]
    )
    try:
        while True:
            message = consumer.poll(POLL_S)
            if message is None:
                yield None
                continue
            error = message.error()
            if error is None:
                yield json.loads(message.value() or b"{}")
            elif error.code() not in _PASSING:
                raise DeliveryError(f"{names[0]} on {servers} cannot be read: {error.str()}")
    finally:
        consumer.close()


def show(
    signals: Iterator[dict[str, Any] | None], ended: Callable[[Seen], bool], out: TextIO
) -> Seen:
    """Show signals until `ended`; a table on a terminal, else a line each."""
    seen = Seen()
    if not out.isatty():
        for signal in signals:
            if signal is not None:
                seen.add(signal)
                if signal["stream"] == SIGNALS:
                    out.write(_line(signal) + "\n")
                    out.flush()
            if ended(seen):
                return seen
        return seen
    with Live(_table(seen), console=Console(file=out), refresh_per_second=8) as live:
        for signal in signals:
            if signal is not None:
                seen.add(signal)
            live.update(_table(seen))
            if ended(seen):
                break
    return seen


_PASSING = (KafkaError._PARTITION_EOF, KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError._UNKNOWN_TOPIC)


def _table(seen: Seen) -> Table:
    table = Table(
        title=f"{seen.opened} signals, {seen.messages} messages on {topic(SIGNALS)}",
        caption="Ctrl-C stops",
        expand=True,
    )
    for heading in ("time (UTC)", "root", "side", "kind", "strength", "p", "price", "why"):
        table.add_column(heading, no_wrap=heading != "why")
    for signal in reversed(seen.latest.values()):
        closed = signal["change"] in ("closed", "retracted")
        style = "dim" if closed else _STYLES.get(signal["side"], "")
        table.add_row(*_cells(signal), style=style)
    return table


def _cells(signal: dict[str, Any]) -> tuple[str, ...]:
    ts = int(signal["ts_event"])
    seconds = ts // 1_000_000_000 % 86_400
    clock = f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"
    reasons = signal["reasons"]
    return (
        clock,
        signal["root"],
        signal["side"],
        signal["kind"],
        signal["strength"] + ("" if signal["baseline"] == "WARM" else " (warming)"),
        f"{signal['probability']:.2f}",
        signal["price"],
        reasons[0] if reasons else "",
    )


def _line(signal: dict[str, Any]) -> str:
    clock, root, side, kind, strength, p, price, why = _cells(signal)
    change = signal["change"]
    return (
        f"{clock} {root:<5} {change:<9} {side:<4} {kind:<10} {strength:<10} p={p} @ {price}  {why}"
    )

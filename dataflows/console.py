"""Signals as lines a person reads, for a replay on a terminal."""

import sys
from datetime import UTC, datetime
from typing import TextIO

from bytewax.outputs import FixedPartitionedSink, StatefulSinkPartition

from operators.model.hashing import shard_key
from operators.model.prices import price_text
from operators.model.records import NS_PER_S
from operators.model.signals import Signal
from operators.model.streams import SIGNALS, Flowing, Message


class ConsoleSink(FixedPartitionedSink[Flowing, None]):
    """Prints each revision of a signal as one line on stdout.

    Delivery: at least once; after a kill the lines since the last snapshot come again.
    """

    def __init__(self, shards: int, out: TextIO | None = None) -> None:
        self._parts = [shard_key(shard) for shard in range(shards)]
        self._out = out or sys.stdout

    def list_parts(self) -> list[str]:
        """One part per shard."""
        return self._parts

    def part_fn(self, item_key: str) -> int:
        """The key of a shard is its number."""
        return int(item_key)

    def build_part(self, step_id: str, for_part: str, resume_state: None) -> "ConsolePart":
        """There is nothing to resume."""
        return ConsolePart(self._out)


class ConsolePart(StatefulSinkPartition[Flowing, None]):
    """Lines of one shard."""

    def __init__(self, out: TextIO) -> None:
        self._out = out

    def write_batch(self, items: list[Flowing]) -> None:
        """One line per signal."""
        for item in items:
            if isinstance(item, Message) and item.stream == SIGNALS:
                assert isinstance(item.value, Signal)
                self._out.write(line_of(item.value) + "\n")
        self._out.flush()

    def snapshot(self) -> None:
        """Nothing is kept."""


def line_of(signal: Signal) -> str:
    """Time (UTC), root, side, kind, strength, probability, price and the first reason."""
    seconds, rest = divmod(signal.ts_event, NS_PER_S)
    clock = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S")
    reason = signal.reasons[0] if signal.reasons else ""
    warming = "" if signal.baseline == "WARM" else " WARMING"
    return (
        f"{clock}.{rest // 1_000_000:03d} {signal.root:<6} {signal.change:<9} {signal.side:<4} "
        f"{signal.kind:<10} {signal.strength:<9} p={signal.probability:.2f}{warming} "
        f"@ {price_text(signal.price_e9, decimals_min=2)}  {reason}"
    )

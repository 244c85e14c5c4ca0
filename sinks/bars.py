"""Bars sink: the pressure of every second as Parquet files, partitioned by date and root.

    DIRECTORY/date=2024-03-13/root=ES/143000-GENERATION.parquet

A file holds a span of event time, and one root's spans are written by one partition, so its name
says what is in it: a crash makes at most the same file again. Delivery: at least once and harmless
when repeated; a full disk costs seconds, which are counted, and never holds up the flow.
"""

from collections.abc import Callable
from pathlib import Path
from threading import Lock
from typing import Any, ClassVar

from bytewax.outputs import FixedPartitionedSink, StatefulSinkPartition

from operators.model.errors import ConfigError, StateError
from operators.model.streams import PRESSURE, Message
from sinks.bars_config import BarsConfig
from sinks.bars_files import Span, span_of
from sinks.bars_maker import Maker
from sinks.bars_spool import BarsCounters, Spool
from sinks.codec import encode


class BarsSink(FixedPartitionedSink[object, dict[str, Any]]):
    """Writes `(shard key, Message)` items of the stream `pressure`; all others pass."""

    def __init__(self, config: BarsConfig, generation: str) -> None:
        """Raises ValueError without a folder or a generation, ConfigError if it cannot be made."""
        if not config.directory or not generation:
            raise ValueError("directory and generation must not be empty")
        self._config = config
        self._generation = generation
        self._lock = Lock()
        self._maker: Maker | None = None
        self._open = 0
        self.counters = BarsCounters()
        """Totals of this process."""
        try:
            Path(config.directory).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigError(
                f"bars.directory: {config.directory} cannot be made: {error.strerror}"
            ) from error

    def list_parts(self) -> list[str]:
        """Names of the partitions."""
        return [f"{partition:03d}" for partition in range(self._config.partitions)]

    def part_fn(self, item_key: str) -> int:
        """Shard of a key; the engine takes it modulo the number of partitions."""
        return int(item_key)

    def build_part(
        self, step_id: str, for_part: str, resume_state: dict[str, Any] | None
    ) -> "BarsPartition":
        """Start one partition, or resume it. Raises StateError for a state of another form."""
        with self._lock:
            if self._maker is None:
                self._maker = Maker(self._config, self.counters)
            self._open += 1
            return BarsPartition(
                self._config,
                self._generation,
                self._maker,
                self.counters,
                self._note_closed,
                resume_state,
            )

    def _note_closed(self) -> None:
        with self._lock:
            self._open -= 1
            if self._open == 0 and self._maker is not None:
                self._maker.close()
                self._maker = None


class BarsPartition(StatefulSinkPartition[object, dict[str, Any]]):
    """One partition. State: per root its span and the length of its spool, spans to be made."""

    STATE_VERSION: ClassVar[int] = 1

    def __init__(
        self,
        config: BarsConfig,
        generation: str,
        maker: Maker,
        counters: BarsCounters,
        on_close: Callable[[], None],
        state: dict[str, Any] | None,
    ) -> None:
        self._config = config
        self._directory = Path(config.directory)
        self._generation = generation
        self._maker = maker
        self._counters = counters
        self._on_close = on_close
        self._spools: dict[str, Spool] = {}
        self._over: set[Span] = set()
        if state is not None:
            self._restore(state)

    def write_batch(self, values: list[object]) -> None:
        """Keep messages; never waits for a file to be made."""
        lines: dict[str, list[bytes]] = {}
        for message in values:
            if not isinstance(message, Message) or message.stream != PRESSURE:
                continue
            root = message.root
            span = span_of(message.value.ts_event, root, self._generation, self._config.span_s)
            spool = self._spools.get(root)
            if spool is None or span.start_s > spool.span.start_s:
                if spool is not None:
                    spool.add(lines.pop(root, []))
                    self._end(spool)
                self._spools[root] = Spool(self._directory, span, self._counters)
            lines.setdefault(root, []).append(encode(message))
        for root, some in lines.items():
            self._spools[root].add(some)

    def snapshot(self) -> dict[str, Any]:
        """Plain copied state: a few numbers per root."""
        waiting = set(self._maker.waiting())
        self._over &= waiting
        return {
            "version": self.STATE_VERSION,
            "partitions": self._config.partitions,
            "span_s": self._config.span_s,
            "spools": tuple(
                (root, spool.span.start_s, spool.length) for root, spool in self._spools.items()
            ),
            "over": tuple((span.root, span.start_s) for span in sorted(self._over)),
        }

    def close(self) -> None:
        """Files of spans that are over are made; those that are not go on after a resume."""
        self._on_close()

    def _end(self, spool: Spool) -> None:
        if not spool.is_done:
            self._over.add(spool.span)
            self._maker.put(spool.span)

    def _restore(self, state: dict[str, Any]) -> None:
        expected = {
            "version": self.STATE_VERSION,
            "partitions": self._config.partitions,
            "span_s": self._config.span_s,
        }
        for name, value in expected.items():
            if state[name] != value:
                raise StateError(
                    f"bars: {name} was {state[name]} in the recovery store, is {value}: set it "
                    "back or start a new generation"
                )
        for root, start_s, length in state["spools"]:
            span = Span(start_s, root, self._generation)
            self._spools[root] = Spool(self._directory, span, self._counters, length)
        for root, start_s in state["over"]:
            span = Span(start_s, root, self._generation)
            self._over.add(span)
            self._maker.put(span)

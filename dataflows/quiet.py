"""Errors of ours on their way through the engine, without the engine's own words about them.

Bytewax hands a Python exception on as a Rust panic. Rust then writes lines to file descriptor 2
(`thread '<unnamed>' panicked at …`, `Box<dyn Any>`) that say nothing of the error, and Python can
neither change nor catch them. So in a process that asked for it, descriptor 2 leads nowhere from
the moment an error of ours enters the engine until the process says the error in its one line. Any
other error keeps all its words.
"""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock
from typing import Any, Final

from bytewax.inputs import FixedPartitionedSource, StatefulSourcePartition
from bytewax.outputs import FixedPartitionedSink, Sink, StatefulSinkPartition

from operators.model.errors import IfdError

_STDERR: Final = 2


class _Stderr:
    """Descriptor 2 of this process, which all threads share."""

    def __init__(self) -> None:
        self.may_hush = False
        self._lock = Lock()
        self._kept: int | None = None

    def hush(self) -> None:
        """Let it lead nowhere, if the process asked for that."""
        with self._lock:
            if not self.may_hush or self._kept is not None:
                return
            sys.stderr.flush()
            self._kept = os.dup(_STDERR)
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, _STDERR)
            os.close(nowhere)

    def restore(self) -> None:
        """Let it lead where it did."""
        with self._lock:
            if self._kept is None:
                return
            sys.stderr.flush()
            os.dup2(self._kept, _STDERR)
            os.close(self._kept)
            self._kept = None


_stderr: Final = _Stderr()


def allow() -> None:
    """From now on an error of ours silences the engine; `restore` before saying it."""
    _stderr.may_hush = True


def restore() -> None:
    """Give stderr back, if it was taken."""
    _stderr.restore()


@contextmanager
def quiet_engine() -> Iterator[None]:
    """Around a run of the engine: as `allow`, with everything as before at the end."""
    before, _stderr.may_hush = _stderr.may_hush, True
    try:
        yield
    finally:
        _stderr.may_hush = before
        _stderr.restore()


@contextmanager
def entering_engine() -> Iterator[None]:
    """Around what the engine calls: an error of ours that leaves it makes the engine silent."""
    try:
        yield
    except IfdError:
        _stderr.hush()
        raise


class QuietSource(FixedPartitionedSource[Any, Any]):
    """A source whose refusals to open a partition pass quietly; reading has a hook for faults."""

    def __init__(self, source: FixedPartitionedSource[Any, Any]) -> None:
        self._source = source

    def list_parts(self) -> list[str]:
        """As the source."""
        return self._source.list_parts()

    def build_part(
        self, step_id: str, for_part: str, resume_state: Any
    ) -> StatefulSourcePartition[Any, Any]:
        """As the source."""
        with entering_engine():
            return self._source.build_part(step_id, for_part, resume_state)


class QuietSink(FixedPartitionedSink[Any, Any]):
    """A sink whose errors pass quietly."""

    def __init__(self, sink: FixedPartitionedSink[Any, Any]) -> None:
        self._sink = sink

    def list_parts(self) -> list[str]:
        """As the sink."""
        with entering_engine():
            return self._sink.list_parts()

    def part_fn(self, item_key: str) -> int:
        """As the sink."""
        return self._sink.part_fn(item_key)

    def build_part(
        self, step_id: str, for_part: str, resume_state: Any
    ) -> StatefulSinkPartition[Any, Any]:
        """As the sink."""
        with entering_engine():
            return QuietPart(self._sink.build_part(step_id, for_part, resume_state))


class QuietPart(StatefulSinkPartition[Any, Any]):
    """A partition of such a sink."""

    def __init__(self, part: StatefulSinkPartition[Any, Any]) -> None:
        self._part = part

    def write_batch(self, items: list[Any]) -> None:
        """As the partition."""
        with entering_engine():
            self._part.write_batch(items)

    def snapshot(self) -> Any:
        """As the partition."""
        with entering_engine():
            return self._part.snapshot()

    def close(self) -> None:
        """As the partition."""
        self._part.close()


def quieted(sink: Sink[Any]) -> Sink[Any]:
    """The sink, passing errors quietly if it is one of partitions."""
    return QuietSink(sink) if isinstance(sink, FixedPartitionedSink) else sink

"""Where the pure core meets Bytewax: an operator becomes a keyed step with versioned state."""

from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Protocol

import bytewax.operators as op
from bytewax.operators import KeyedStream, StatefulBatchLogic

from dataflows.quiet import entering_engine
from dataflows.stored import Stored
from operators.model.errors import StateError
from operators.model.items import Report
from operators.model.streams import Flowing


class Operator(Protocol):
    """What every step of the core offers."""

    STATE_VERSION: ClassVar[int]

    def on_items(self, items: Sequence[Flowing]) -> list[Flowing]:
        """Items of one shard, in order → what goes on, in order."""

    def snapshot(self) -> dict[str, Any]:
        """Copied plain data."""

    def report(self) -> Report | None:
        """What it knows at the end of the input."""


Factory = Callable[[dict[str, Any] | None], Operator]
"""A fresh operator, or one that goes on from a snapshot."""

Saved = tuple[int, dict[str, Any]]
"""What a recovery store holds of a step and shard: state version and snapshot."""


class OperatorLogic(StatefulBatchLogic[Flowing, Flowing, Saved]):
    """One operator of one shard, as Bytewax drives it.

    `on_batch` returns a list, never a generator: state has changed when it returns, so no
    snapshot can fall in between.
    """

    def __init__(
        self, operator: Operator, reports: bool, at_end: Callable[[Any], None] | None
    ) -> None:
        self._operator = operator
        self._reports = reports
        self._at_end = at_end

    def on_batch(self, values: list[Flowing]) -> tuple[list[Flowing], bool]:
        """Hand all values of this activation over at once."""
        return self._operator.on_items(values), StatefulBatchLogic.RETAIN

    def on_eof(self) -> tuple[list[Flowing], bool]:
        """A stop is not an end of data: nothing closes; only the summary hears of it."""
        if self._at_end is not None:
            self._at_end(self._operator)
        report = self._operator.report() if self._reports else None
        return ([] if report is None else [report]), StatefulBatchLogic.RETAIN

    def snapshot(self) -> Saved:
        """Version and copied state."""
        return type(self._operator).STATE_VERSION, Stored(self._operator.snapshot())


def step(
    step_id: str,
    up: KeyedStream[Flowing],
    operator: type[Operator],
    factory: Factory,
    *,
    reports: bool = False,
    at_end: Callable[[Any], None] | None = None,
    start: Saved | None = None,
) -> KeyedStream[Flowing]:
    """One step of the chain, one operator per shard.

    Args:
        step_id: Persisted name: state is found under it.
        up: The step before.
        operator: Class whose state version counts.
        factory: Makes one operator per shard.
        reports: Whether the end of the input makes each operator report.
        at_end: Called with each operator of this process at the end of the input.
        start: Where the one shard that comes begins, if no recovery store says so.

    Raises (while running): StateError, if the store, or `start`, holds another version of the
    step's state.
    """

    def resume(saved: Saved | None) -> OperatorLogic:
        saved = start if saved is None else saved
        if saved is None:
            return OperatorLogic(factory(None), reports, at_end)
        version, state = saved
        with entering_engine():
            if version != operator.STATE_VERSION:
                origin, remedy = (
                    "the recovery store holds",
                    "start with an empty recovery directory",
                )
                if saved is start:
                    origin, remedy = "what it shall go on from holds", "begin without it"
                raise StateError(
                    f"step {step_id}: {origin} state of version {version}, expected "
                    f"{operator.STATE_VERSION}; {remedy}, or run the version that wrote this one"
                )
            return OperatorLogic(factory(state), reports, at_end)

    return op.stateful_batch(step_id, up, resume)

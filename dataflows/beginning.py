"""A source that begins where its state says, without a recovery store, and tells where it ended."""

from typing import Any

from bytewax.inputs import FixedPartitionedSource, StatefulSourcePartition

from connectors.dbn_file import Keyed


class Beginning(FixedPartitionedSource[Keyed, dict[str, Any]]):
    """Another source of one feed, which goes on from a state that is given here.

    Delivery: that of the source, once; nothing is resumed by the engine.
    """

    def __init__(
        self, source: FixedPartitionedSource[Keyed, dict[str, Any]], state: dict[str, Any] | None
    ) -> None:
        self._source = source
        self._state = state
        self._part: StatefulSourcePartition[Keyed, dict[str, Any]] | None = None

    def list_parts(self) -> list[str]:
        """As the source's."""
        return self._source.list_parts()

    def build_part(
        self, step_id: str, for_part: str, resume_state: dict[str, Any] | None
    ) -> StatefulSourcePartition[Keyed, dict[str, Any]]:
        """As the source's, from the state given."""
        assert resume_state is None, "this is for runs without a recovery store"
        self._part = self._source.build_part(step_id, for_part, self._state)
        return self._part

    def state(self) -> dict[str, Any] | None:
        """Where it stands; what was given where it has not begun."""
        return self._state if self._part is None else self._part.snapshot()

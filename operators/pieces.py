"""Pieces: evaluations handed on in parts, so that messages stand in their place between rows."""

from operators.model.items import Evaluations
from operators.model.streams import Flowing


class Pieces:
    """The rows of one `Evaluations` on their way into `out`, without what steps have added."""

    def __init__(self, evaluations: Evaluations, out: list[Flowing]) -> None:
        self._whole = evaluations
        self._out = out
        self._start = 0

    def up_to(self, stop: int) -> None:
        """Hand on what is left of the rows below `stop`."""
        if stop <= self._start:
            return
        rows = self._whole.rows[self._start : stop]
        rows.flags.writeable = False
        whole = self._whole
        self._out.append(Evaluations(whole.feed, rows, whole.fills, whole.roots))
        self._start = stop

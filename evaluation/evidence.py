"""Evidence as detectors gave it, kept so that it can be weighed again without its tape."""

from typing import NamedTuple

from operators.model.items import Findings, Observation
from operators.model.streams import Flowing


class Seen(NamedTuple):
    """One piece of evidence at its evaluation point."""

    ts: int
    """Of the evaluation point, ns."""
    root: str
    observation: Observation


class EvidenceCollector:
    """Gathers the evidence of one tape in its order. State: all of it."""

    def __init__(self) -> None:
        self.seen: list[Seen] = []

    def on_item(self, item: Flowing) -> None:
        """Take in one item; what holds no evidence has no part."""
        if not isinstance(item, Findings) or not item.observations:
            return
        rows, roots = item.evaluations.rows, item.evaluations.roots
        at = [one.row for one in item.observations]
        points = zip(rows["ts_event"][at].tolist(), rows["root"][at].tolist(), strict=True)
        for (ts, root), observation in zip(points, item.observations, strict=True):
            self.seen.append(Seen(ts, roots[root], observation))

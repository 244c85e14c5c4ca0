"""What a recalibration would change, as lines for a person."""

from collections.abc import Iterator, Sequence

from evaluation.recalibrate import Held, Kept, Recalibrated
from operators.model.calibration import Calibration, Steps


def lines(kept: Kept, found: Recalibrated, in_force: Calibration) -> Iterator[str]:
    """Counts, steps of both tables, and how well both hold on the newest outcomes."""
    samples = sum(one.sampled for one in kept.points)
    yield f"outcomes   {len(kept.points) - samples:,} of signals, {samples:,} of samples"
    if kept.left_out:
        yield "left out   " + counted(kept)
    yield f"in force   {in_force.version}"
    yield f"new        {found.table.version}"
    yield ""
    yield "log-odds from       now       new   interval"
    new = Steps(*zip(*found.table.rows, strict=True))
    for edge in _edges(in_force.move, new):
        p, low, high = new.at(edge)
        now = "–" if in_force.move is None else f"{in_force.move.at(edge).p:.4f}"
        yield f"{edge:13.4f}{now:>10}{p:10.4f}   {low:.4f} to {high:.4f}"
    yield ""
    yield f"on the newest {found.judged:,}, of which the new steps here know nothing:"
    for name, held in (("in force", found.before), ("new", found.after)):
        yield f"  {name:10}{_held(held)}"


def counted(kept: Kept) -> str:
    """What was left out, by reason."""
    return ", ".join(f"{count:,} {why}" for why, count in sorted(kept.left_out.items()))


def _edges(*tables: Steps | None) -> Sequence[float]:
    return sorted({edge for table in tables if table is not None for edge in table.log_odds})


def _held(held: Held | None) -> str:
    if held is None:
        return "says nothing"
    return f"calibration error {held.error:.4f}, Brier score {held.brier:.4f}"

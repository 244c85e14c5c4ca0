"""How signals live."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class LifeConfig:
    """When a signal opens, is revised and ends."""

    window_ns: int = 30_000_000_000
    """Evidence counts for so long, above 0."""
    hold_ns: int = 30_000_000_000
    """A signal without further evidence for so long is closed, above 0."""
    cooldown_ns: int = 60_000_000_000
    """After it fell silent or was retracted, none of its side and kind opens for so long, ≥ 0."""
    log_odds_step: float = 0.5
    """Growth of the log-odds that is worth a revision, above 0."""
    size_factor: float = 2.0
    """Growth of the size that is worth a revision, above 1."""
    revision_gap_ns: int = 1_000_000_000
    """Least time between revisions, except to a higher strength, at least 0."""
    refresh_ns: int = 10_000_000_000
    """Further evidence is worth a revision after so long in any case, above 0."""
    evidence_max: int = 64
    """Pieces of evidence kept per side, at least 1; the oldest goes first, counted."""
    look_back_ns: int = 300_000_000_000
    """A closed signal can be retracted for so long after its end, at least 0."""
    look_back_max: int = 64
    """Closed signals of a root that can be, at least 0; the oldest is forgotten first, counted."""

    def __post_init__(self) -> None:
        for name, bound in (
            ("window_ns", 0), ("hold_ns", 0), ("cooldown_ns", -1), ("log_odds_step", 0),
            ("size_factor", 1), ("revision_gap_ns", -1), ("refresh_ns", 0), ("evidence_max", 0),
            ("look_back_ns", -1), ("look_back_max", -1),
        ):  # fmt: skip
            if not (value := getattr(self, name)) > bound:
                raise ValueError(f"{name} must be above {bound}, was {value}")

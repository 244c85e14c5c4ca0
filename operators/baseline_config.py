"""What the step `baseline` compares with what."""

from dataclasses import dataclass

from operators.calendar import DAY_S, Calendar


@dataclass(frozen=True, slots=True, kw_only=True)
class BaselineConfig:
    """What is compared with what."""

    calendar: Calendar | None = None
    """The exchange's day. It must be given: no default would be true."""
    sessions_max: int = 20
    """Sessions with trading that are remembered, today apart; 1 … 250."""
    sessions_min: int = 5
    """Fewer are no baseline (WARMING); 1 … sessions_max."""
    bucket_s: int = 1800
    """Length of a bucket, s; divides a day, at least 600."""
    shrink_n0: int = 60
    """Values at which z counts for √½ of itself; at least 0."""
    pseudo_size: int = 5
    """Contracts added to both sides of a pressure ratio; at least 1."""
    quality_min: float = 0.8
    """Rows of lower quality are judged, but do not become history; 0 … 1."""
    roots_max: int = 128
    """Roots that have a baseline; rows of further ones are not judged, and counted."""
    instruments_max: int = 65_536
    """Instruments per feed whose class is remembered; the oldest is forgotten (class OTHER)."""

    def __post_init__(self) -> None:
        for name, low, high in (
            ("sessions_max", 1, 250),
            ("sessions_min", 1, self.sessions_max),
            ("bucket_s", 600, DAY_S),
            ("shrink_n0", 0, 1_000_000),
            ("pseudo_size", 1, 1_000_000),
            ("quality_min", 0, 1),
            ("roots_max", 1, 100_000),
            ("instruments_max", 1, 10_000_000),
        ):
            if not low <= (value := getattr(self, name)) <= high:
                raise ValueError(f"{name} must be {low} to {high}, was {value}")
        if DAY_S % self.bucket_s:
            raise ValueError(f"bucket_s must divide {DAY_S}, was {self.bucket_s}")

"""Bounds of the step `book`."""

from dataclasses import dataclass

LEVELS_MAX = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class BookConfig:
    """Bounds of the book."""

    rows_max: int = 8192
    """Records applied in one kernel call, at least 1: bounds how far tables are grown ahead."""
    instruments_max: int = 1_000_000
    """Instruments of one shard, at least 1 and at most 1,000,000."""
    levels_published: int = 20
    """Prices of each side of a root's front future that go out with its seconds, 0…100; 0 none."""

    def __post_init__(self) -> None:
        if self.rows_max < 1:
            raise ValueError(f"rows_max must be at least 1, was {self.rows_max}")
        if not 1 <= self.instruments_max <= 1_000_000:
            raise ValueError(
                f"instruments_max must be from 1 to 1000000, was {self.instruments_max}"
            )
        if not 0 <= self.levels_published <= LEVELS_MAX:
            raise ValueError(
                f"levels_published must be from 0 to {LEVELS_MAX}, was {self.levels_published}"
            )

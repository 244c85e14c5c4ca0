"""Settings of the tape."""

import math
from dataclasses import dataclass, field
from zoneinfo import ZoneInfo

MIB = 1024 * 1024
ZSTD_LEVELS = range(1, 20)
MINUTES_PER_DAY = 24 * 60


@dataclass(frozen=True, slots=True, kw_only=True)
class TapeConfig:
    """Where a live feed's records are kept before anything is made of them, and for how long."""

    enabled: bool = True
    """False: no tape. After a stop only the gateway's own replay can fill what was missed."""
    directory: str = "state/tape"
    """Folder with one folder for each feed."""
    host: str = ""
    """Name of this machine, written into its tapes; empty: its host name."""
    hosts: dict[str, str] = field(default_factory=dict)
    """Feed → machine whose disk its tape is on. Needed where the machines of a cluster do not share
    the folder: one that has no tape cannot know that another has it."""
    dataset: str = "GLBX.MDP3"
    """Written into the header of each segment; at most 16 characters."""
    segment_bytes_max: int = 1024 * MIB
    """A segment that would grow beyond is finished and the next begun, at least 1 MiB."""
    roll_minute: int = 16 * 60 + 30
    """Minute of the day, in `roll_zone`, at which a new segment begins, 0…1,439: in the exchange's
    daily pause."""
    roll_zone: str = "America/Chicago"
    """Time zone of `roll_minute`, from the IANA database."""
    sync_interval_s: float = 0.25
    """Longest time for which records are in the page cache only, more than 0: what a power cut may
    take, of which no stored position knows."""
    sync_timeout_s: float = 60.0
    """A disk that takes longer for a sync is given up, more than 0."""
    zstd_level: int = 3
    """Of finished segments, 1…19."""
    frame_bytes: int = 4 * MIB
    """Records that are compressed as one piece, 64 KiB…64 MiB: what reading from a position has to
    decompress first."""
    retention_days: float = 30.0
    """Segments are deleted so long after their last record was written, more than 0."""
    keep_s: float = 3_600.0
    """A position in a snapshot is kept readable for so long after it was superseded, at least 0
    and at least `recovery.backup_s`."""
    budget_bytes: int = 0
    """Most that the segments of a feed may take; the oldest go first, but none that a resume may
    need; 0: no budget."""
    reserve_bytes: int = 4 * 1024 * MIB
    """Free space of the disk below which it is an alarm, at least `reserve_bytes_min`."""
    reserve_bytes_min: int = 256 * MIB
    """Free space below which no more is read from the feed, at least 0."""

    def __post_init__(self) -> None:
        if self.enabled and not self.directory:
            raise ValueError("directory must name a folder, was empty")
        if not 0 < len(self.dataset.encode()) <= 16:
            raise ValueError(f"dataset must have 1 to 16 characters, was {self.dataset!r}")
        if self.segment_bytes_max < MIB:
            raise ValueError(
                f"segment_bytes_max must be at least 1 MiB, was {self.segment_bytes_max}"
            )
        if not 0 <= self.roll_minute < MINUTES_PER_DAY:
            raise ValueError(f"roll_minute must be 0 to 1439, was {self.roll_minute}")
        if self.zstd_level not in ZSTD_LEVELS:
            raise ValueError(f"zstd_level must be 1 to 19, was {self.zstd_level}")
        if not MIB // 16 <= self.frame_bytes <= 64 * MIB:
            raise ValueError(f"frame_bytes must be 64 KiB to 64 MiB, was {self.frame_bytes}")
        for name in ("sync_interval_s", "sync_timeout_s", "retention_days"):
            if not 0 < (value := getattr(self, name)) < math.inf:
                raise ValueError(f"{name} must be more than 0, was {value}")
        if not 0 <= self.keep_s < math.inf:
            raise ValueError(f"keep_s must be at least 0, was {self.keep_s}")
        for name in ("budget_bytes", "reserve_bytes_min"):
            if (count := getattr(self, name)) < 0:
                raise ValueError(f"{name} must be at least 0, was {count}")
        if self.reserve_bytes < self.reserve_bytes_min:
            raise ValueError(
                f"reserve_bytes must be at least reserve_bytes_min, {self.reserve_bytes_min}, "
                f"was {self.reserve_bytes}"
            )
        try:
            ZoneInfo(self.roll_zone)
        except (KeyError, OSError, ValueError) as error:
            raise ValueError(f"roll_zone must be a time zone, was {self.roll_zone!r}") from error

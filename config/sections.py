"""Settings of processes themselves, which no component owns: sharding, recovery, the cluster."""

from dataclasses import dataclass, field

SHARDS_MAX = 1_000
"""A shard travels under a key of three digits."""
PROCESSES_MAX = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowConfig:
    """How the roots of all feeds are spread over the workers."""

    shards: int = 1
    """Shards of roots, 1…1,000; fixed for the life of a recovery store."""
    shard_overrides: dict[str, int] = field(default_factory=dict)
    """Root → its shard, for roots so busy that they should have one to themselves."""
    roots: dict[str, str] = field(default_factory=dict)
    """Symbol or asset → root, over what mappings, definitions and `products.toml` say."""

    def __post_init__(self) -> None:
        if not 1 <= self.shards <= SHARDS_MAX:
            raise ValueError(f"shards must be from 1 to {SHARDS_MAX}, was {self.shards}")
        for root, shard in self.shard_overrides.items():
            if not 0 <= shard < self.shards:
                raise ValueError(
                    f"shard_overrides.{root} must be from 0 to {self.shards - 1}, was {shard}"
                )


@dataclass(frozen=True, slots=True, kw_only=True)
class RecoveryConfig:
    """Where and how often the state of all steps is stored."""

    directory: str = ""
    """Folder of the recovery store; empty: nothing is stored and a restart starts anew."""
    epoch_s: float = 10.0
    """Seconds between snapshots, more than 0; longer than the longest stall of a worker."""
    partitions: int = 4
    """Files of a new store, at least 1; the most workers it will ever have, fixed for its life."""
    backup_s: float = 0.0
    """Seconds for which superseded snapshots are kept, at least 0: a backup's age."""
    reserve_bytes: int = 64 * 1024 * 1024
    """Space taken beside the store and given up when the disk runs out, so that the store can still
    commit; at least 0: none. Twice what all snapshots of an epoch take is enough."""

    def __post_init__(self) -> None:
        if not self.epoch_s > 0:
            raise ValueError(f"epoch_s must be more than 0, was {self.epoch_s}")
        if self.partitions < 1:
            raise ValueError(f"partitions must be at least 1, was {self.partitions}")
        if not self.backup_s >= 0:
            raise ValueError(f"backup_s must be at least 0, was {self.backup_s}")
        if self.reserve_bytes < 0:
            raise ValueError(f"reserve_bytes must be at least 0, was {self.reserve_bytes}")


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterConfig:
    """How `ifd live` runs its worker processes, and how often it starts them again."""

    processes: int = 1
    """Worker processes, 1…64."""
    standby: bool = False
    """Keep as many more processes, with everything loaded, to take over at once when one dies: some
    250 MB each, and no CPU; a restart then takes a second instead of the four to six of a start."""
    stop_s: float = 15.0
    """Seconds that workers may take to end after a stop before they are killed, more than 0."""
    restarts_max: int = 10
    """Restarts within `restarts_window_s` after which it gives up, at least 0."""
    restarts_window_s: float = 600.0
    """More than 0."""
    backoff_first_s: float = 0.5
    """Seconds before the first restart, more than 0; each further one within the window waits twice
    as long."""
    backoff_last_s: float = 30.0
    """The longest such wait, at least `backoff_first_s`."""

    def __post_init__(self) -> None:
        if not 1 <= self.processes <= PROCESSES_MAX:
            raise ValueError(f"processes must be from 1 to {PROCESSES_MAX}, was {self.processes}")
        if self.restarts_max < 0:
            raise ValueError(f"restarts_max must be at least 0, was {self.restarts_max}")
        for name in ("stop_s", "restarts_window_s", "backoff_first_s"):
            if not 0 < (value := getattr(self, name)) < float("inf"):
                raise ValueError(f"{name} must be more than 0, was {value}")
        if not self.backoff_first_s <= self.backoff_last_s < float("inf"):
            raise ValueError(
                f"backoff_last_s must be at least {self.backoff_first_s}, was {self.backoff_last_s}"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceConfig:
    """Where the records come from: DBN files, read as one feed."""

    feed: str = "glbx"
    """Name of the feed; it is part of what is published, so a replay must keep it."""
    paths: tuple[str, ...] = ()
    """`.dbn` or `.dbn.zst` files, or folders such as a tape's, in order."""
    batch_rows: int = 65_536
    """Records handed on at once, at least 1."""
    rows_per_epoch_max: int = 50_000_000
    """Records between two snapshots, at least 1."""
    speed: float = 0.0
    """Event time per wall time, such as 1 for the market's pace; 0 is as fast as possible."""
    baseline: str = ""
    """Parquet file of a baseline to start a new recovery store from; empty: none."""
    summary_directory: str = ""
    """Folder where each shard leaves its part of a summary; empty: none."""

    def __post_init__(self) -> None:
        if not self.feed:
            raise ValueError("feed must be a name, was empty")
        for name in ("batch_rows", "rows_per_epoch_max"):
            if (value := getattr(self, name)) < 1:
                raise ValueError(f"{name} must be at least 1, was {value}")
        if not 0 <= self.speed < float("inf"):
            raise ValueError(f"speed must be at least 0, was {self.speed}")

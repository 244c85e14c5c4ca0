"""Settings of the history that fills what live could not bring."""

from dataclasses import dataclass
from typing import Final

GATEWAY: Final = "https://hist.databento.com"


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryConfig:
    """When history is asked, how much it may cost, and how patiently."""

    gateway: str = GATEWAY
    """Address of the service, `https://…`; another one's authority: `REQUESTS_CA_BUNDLE`."""
    cost_max_usd: float = 0.0
    """Most that history may cost in a UTC day, at least 0; 0: only what the plan includes."""
    delay_s: float = 86_400.0
    """Age of the newest record that the licence covers, at least 0: 1200, 28800 or 86400."""
    directory: str = "state/history"
    """Folder of what is being downloaded, and of the account of costs."""
    window_s: float = 3_600.0
    """Market time that one download covers, more than 0; at most two are on disk at once."""
    attempts_max: int = 8
    """Tries in a row that bring nothing before history is given up, at least 1."""
    backoff_first_ms: int = 1_000
    """Bound of the first pause, which chance decides, at least 1; it doubles at each failure."""
    backoff_most_ms: int = 60_000
    """Bound of the longest pause, at least `backoff_first_ms`."""
    timeout_s: float = 60.0
    """Silence of the service that ends a try, more than 0."""
    free_bytes_min: int = 1 << 30
    """Free space of the folder's disk below which nothing is downloaded, at least 0."""

    def __post_init__(self) -> None:
        if not self.gateway.startswith("https://"):
            raise ValueError(f"gateway must begin with https://, was {self.gateway!r}")
        if not self.directory:
            raise ValueError("directory must be a folder, was empty")
        for name in ("cost_max_usd", "delay_s", "free_bytes_min"):
            if not 0 <= (value := getattr(self, name)) < float("inf"):
                raise ValueError(f"{name} must be at least 0, was {value}")
        for name in ("window_s", "timeout_s"):
            if not 0 < (value := getattr(self, name)) < float("inf"):
                raise ValueError(f"{name} must be more than 0, was {value}")
        if self.attempts_max < 1:
            raise ValueError(f"attempts_max must be at least 1, was {self.attempts_max}")
        if not 1 <= self.backoff_first_ms <= self.backoff_most_ms:
            bounds = f"1 to backoff_most_ms ({self.backoff_most_ms})"
            raise ValueError(f"backoff_first_ms must be {bounds}, was {self.backoff_first_ms}")

"""Settings of the alerts sink."""

import math
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertsConfig:
    """Which policy rules, where intents and results are kept, and how much may wait."""

    policy: str = ""
    """TOML file of receivers and routes, such as config/alerts.toml; empty: no alerts."""
    journal: str = "state/alerts.sqlite3"
    """SQLite file of intents and results, made if need be; used unless `store.url` is set."""
    secrets: dict[str, str] = field(default_factory=dict, repr=False)
    """Name → value; the policy names them. `IFD_ALERTS__SECRETS__SMTP_PASSWORD` and so on."""
    dashboard_url: str = ""
    """Address of the dashboard for links in messages; empty: none."""
    outbox_count_max: int = 10_000
    """Undelivered messages at most, at least 4; then writing waits. From 3/4 the gate is closed."""
    flush_timeout_s: float = 5.0
    """For delivery at a clean stop, 0…600; what is left stays in journal and snapshot."""
    backoff_first_s: float = 1.0
    """Wait after the first failed attempt, above 0; doubled each time, with chance."""
    backoff_last_s: float = 60.0
    """Longest wait between attempts, at least `backoff_first_s`."""
    journal_days: float = 90.0
    """Results older are deleted, at least 1."""

    def __post_init__(self) -> None:
        for name, (low, high) in _BOUNDS.items():
            # Comparisons with NaN are false.
            if not low <= (value := getattr(self, name)) <= high:
                raise ValueError(f"{name} must be from {low} to {high}, was {value}")
        if self.backoff_last_s < self.backoff_first_s:
            raise ValueError(
                f"backoff_last_s must be at least backoff_first_s ({self.backoff_first_s}), "
                f"was {self.backoff_last_s}"
            )
        if self.dashboard_url and not self.dashboard_url.startswith(("http://", "https://")):
            raise ValueError(
                f"dashboard_url must begin with http:// or https://, was {self.dashboard_url!r}"
            )
        if self.policy and not self.journal:
            raise ValueError("journal must name a file, was empty")

    def secret(self, name: str) -> str:
        """Value of a secret, its name in any case. Raises KeyError without the value."""
        return {key.lower(): value for key, value in self.secrets.items()}[name.lower()]

    def secret_names(self) -> frozenset[str]:
        """Names of the secrets that are set, lower case."""
        return frozenset(name.lower() for name, value in self.secrets.items() if value)


_BOUNDS: dict[str, tuple[float, float]] = {
    "outbox_count_max": (4, 1_000_000),
    "flush_timeout_s": (0, 600),
    "backoff_first_s": (0.001, 600),
    "backoff_last_s": (0.001, math.inf),
    "journal_days": (1, 36_500),
}

"""A bound on the bytes of a day, since the vendor bills by volume. Pure: time is a parameter."""

from dataclasses import dataclass
from typing import Any, ClassVar, Final, Literal

from operators.model.errors import StateError
from operators.model.records import NS_PER_S

DAY_NS: Final = 86_400 * NS_PER_S


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetConfig:
    """How much a feed may receive in a day, UTC."""

    day_bytes_max: int = 0
    """Uncompressed bytes; no more is received that day. 0: no bound."""
    warn_ratio: float = 0.8
    """Share of it from which on a warning stands, more than 0, at most 1."""

    def __post_init__(self) -> None:
        if self.day_bytes_max < 0:
            raise ValueError(f"day_bytes_max must be at least 0, was {self.day_bytes_max}")
        if not 0 < self.warn_ratio <= 1:
            raise ValueError(f"warn_ratio must be above 0 and at most 1, was {self.warn_ratio}")


class Budget:
    """Counts the bytes of the day. State: a day and a number.

    Bytes that were received are counted even beyond the bound; the caller stops receiving where
    `state` is `spent`, and may go on after `resets_in_ns`. A clock that goes back over midnight
    does not begin a day anew.
    """

    STATE_VERSION: ClassVar[int] = 1

    def __init__(self, config: BudgetConfig, state: dict[str, Any] | None = None) -> None:
        """Begin with nothing received, or where `state` was taken by `snapshot`.

        Raises:
            StateError: `state` is of another version.
        """
        self._config = config
        self._day = 0
        self.used_bytes = 0
        """Received on the day of the last `add` or `at`."""
        if state is not None:
            if state["version"] != self.STATE_VERSION:
                found = f"version {state['version']}, expected {self.STATE_VERSION}"
                raise StateError(f"data budget has {found}; start with a fresh recovery store")
            self._day, self.used_bytes = state["day"], state["used_bytes"]

    @property
    def ratio(self) -> float:
        """Share of the bound that is used, 1 where it is reached; 0 without a bound."""
        bound = self._config.day_bytes_max
        return self.used_bytes / bound if bound else 0.0

    @property
    def state(self) -> Literal["ok", "warning", "spent"]:
        """How the day stands."""
        if self.ratio >= 1:
            return "spent"
        bound = self._config.day_bytes_max
        return "warning" if bound and self.ratio >= self._config.warn_ratio else "ok"

    def add(self, size_bytes: int, now_ns: int) -> None:
        """Count bytes received at `now_ns`, ns since the epoch."""
        self.at(now_ns)
        self.used_bytes += size_bytes

    def at(self, now_ns: int) -> None:
        """Begin the day of `now_ns`, if it is a later one."""
        day = now_ns // DAY_NS
        if day > self._day:
            self._day, self.used_bytes = day, 0

    def resets_in_ns(self, now_ns: int) -> int:
        """Time until the next day begins, more than 0."""
        return (max(now_ns // DAY_NS, self._day) + 1) * DAY_NS - now_ns

    def snapshot(self) -> dict[str, Any]:
        """Plain copy of the state."""
        return {"version": self.STATE_VERSION, "day": self._day, "used_bytes": self.used_bytes}

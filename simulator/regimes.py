"""Kinds of market: how busy, how deep, how wild, and how often news break.

Prices move per trade, not per second: in the hour of ESH4 that these are fitted to, the variance of
the mid was 0.11 ticks² per aggressor at every scale from one trade to five hundred.
"""

from dataclasses import dataclass
from typing import Final, Literal

RegimeName = Literal["calm", "normal", "volatile", "news"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Regime:
    """One kind of market."""

    activity: float = 1.0
    """Events, relative to the rate asked for."""
    noise_ticks: float = 0.2
    """Standard deviation per aggressor of what moves the value without a trade."""
    response_ticks: float = 0.45
    """What an aggressor whose side nobody expected moves the value by."""
    touch_size: float = 200.0
    """Contracts displayed at the touch that send every second newcomer elsewhere."""
    caution_ticks: float = 0.5
    """Half of the spread market makers quote."""
    wave_sigma: float = 0.3
    """Strength of the slow wave of activity, that of a minute; the fast one has twice this."""
    news_per_hour: float = 0.0
    """News: activity and variance jump and fade within a minute, makers step back."""


REGIMES: Final[dict[RegimeName, Regime]] = {
    "calm": Regime(
        activity=0.6, noise_ticks=0.12, response_ticks=0.27, touch_size=300.0, wave_sigma=0.2
    ),
    "normal": Regime(),
    "volatile": Regime(
        activity=1.5,
        noise_ticks=0.4,
        response_ticks=0.8,
        touch_size=80.0,
        caution_ticks=0.9,
        wave_sigma=0.45,
    ),
    "news": Regime(news_per_hour=12.0),
}
"""In `news` the market between the bursts is the normal one."""

"""How fast one client may ask: a bucket of tokens for each, in bounded memory. Pure."""

import math
from collections import OrderedDict
from dataclasses import dataclass


@dataclass(slots=True)
class Bucket:
    """What one client may still spend."""

    tokens: float
    ts_s: float
    """When `tokens` was right, seconds of the caller's clock."""


class Buckets:
    """One bucket per client; with too many clients the one longest unseen is forgotten.

    State: at most `clients_max` buckets, about 200 bytes each. A forgotten client starts full.
    """

    def __init__(self, rate_per_s: float, burst: int, clients_max: int) -> None:
        self._rate_per_s = rate_per_s
        self._burst = burst
        self._clients_max = clients_max
        self._buckets: OrderedDict[str, Bucket] = OrderedDict()
        self.refused: int = 0
        """Requests that were one too many."""

    def __len__(self) -> int:
        return len(self._buckets)

    def take(self, client: str, now_s: float) -> float:
        """0 if `client` may ask now, else the seconds until it may."""
        bucket = self._buckets.pop(client, None)
        if bucket is None:
            bucket = Bucket(float(self._burst), now_s)
            if len(self._buckets) >= self._clients_max:
                self._buckets.popitem(last=False)
        self._buckets[client] = bucket
        gained = max(0.0, now_s - bucket.ts_s) * self._rate_per_s
        bucket.tokens = min(float(self._burst), bucket.tokens + gained)
        bucket.ts_s = max(bucket.ts_s, now_s)
        if bucket.tokens >= 1:
            bucket.tokens -= 1
            return 0.0
        self.refused += 1
        return (1 - bucket.tokens) / self._rate_per_s

    def left(self, client: str) -> int:
        """Requests `client` may still make at once."""
        bucket = self._buckets.get(client)
        return self._burst if bucket is None else math.floor(bucket.tokens)

"""Sampling: which evaluation points that make no signal are followed up all the same.

A fit that knew only what became signals would be biased, and a signal's worth shows beside what the
market does anyway. A point is drawn by a hash of itself: never by chance, a clock or a cut.
"""

import hashlib
from typing import Any, Final

import numpy as np

from operators.kernels import entry
from operators.model.hashing import stable_hash
from operators.model.items import Observation

CONTROL: Final = "control"
"""Kind of a sample that a pane gave, whatever was seen at it."""


def is_drawn(root: str, ts_event: int, observation: Observation, every: int) -> bool:
    """Whether what was observed is among one in `every`, drawn by all that names it."""
    evidence = observation.evidence
    point = (ts_event, evidence.instrument_id, evidence.sequence_last, observation.key)
    text = "|".join(map(str, (root, evidence.detector, *point)))
    # Not CRC-32: points differ in few bits, and it would draw some kinds of them twice as often.
    digest = hashlib.blake2b(text.encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") % every == 0


def salt_of(root: str) -> int:
    """What a root's panes are drawn with; never 0."""
    return stable_hash(root) | 1 << 32


def side_drawn(ts_event: int, salt: int) -> int:
    """+1 or −1: the side on which a pane is followed up."""
    return 1 if int(mixed(np.int64(ts_event), np.int64(salt))) >> 40 & 1 else -1


@entry
def mixed(ts_event: Any, salt: Any) -> Any:
    """63 well-mixed bits of an instant and a salt.

    References:
        Steele, Lea, Flood 2014, Fast splittable pseudorandom number generators: the finalizer.
    """
    x = np.uint64(ts_event) ^ (np.uint64(salt) * np.uint64(0x9E3779B97F4A7C15))
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    x = x ^ (x >> np.uint64(31))
    return np.int64(x >> np.uint64(1))

"""What a snapshot of every step weighs, and how long it takes to make."""

import pickle
from collections.abc import Iterable
from typing import Any

from benchmarks.steps import NAMES, Chains
from benchmarks.stopwatch import Stopwatch
from benchmarks.tapes import Tape
from config.settings import Settings
from dataflows.stored import Stored
from operators.book import Book


def measure(tape: Tape, settings: Settings) -> dict[str, Any]:
    """Bytes per resting order and by step, and ms to make and pickle, at the end of `tape`."""
    chains = Chains(settings)
    chains.read(tape)
    made, pickled = Stopwatch(), Stopwatch()
    sizes = dict.fromkeys(NAMES, 0)
    orders = 0
    for chain in chains.all():
        for name, operator in zip(NAMES, chain, strict=True):
            with made:
                state = operator.snapshot()
            with pickled:
                data = pickle.dumps(Stored(state))
            sizes[name] += len(data)
            if name == "book":
                orders += sum(one["orders"] for one in _books(operator))
    total = sum(sizes.values())
    return {
        "orders": orders,
        "bytes": sizes,
        "bytes_per_order": total / max(orders, 1),
        "book_bytes_per_order": sizes["book"] / max(orders, 1),
        "made_cpu_ms": made.cpu_ns / 1e6,
        "pickled_cpu_ms": pickled.cpu_ns / 1e6,
    }


def _books(book: Book) -> Iterable[dict[str, int]]:
    return book.report().facts["instruments"].values()

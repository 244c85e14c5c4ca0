"""Verify a surveillance record: every line follows from the one before, and none is cut short."""

from dataclasses import dataclass
from pathlib import Path

from examples.errors import ConsumerError
from examples.journal import BrokenChain, Head, read


@dataclass(frozen=True, slots=True)
class Verified:
    """What a whole file holds."""

    head: Head
    kinds: dict[str, int]
    """Kind of record → count."""
    unfinished_bytes: int
    """Of a group that a crash cut short; the next start of the recorder takes them back."""


def verify(path: Path, head: str | None = None) -> Verified:
    """Walk the chain.

    Args:
        path: The file.
        head: SHA-256 that an earlier look found, or that was kept elsewhere: a chain alone
            cannot show that its end was cut off or its last line changed.

    Raises:
        BrokenChain: A link does not hold, or `head` is nowhere; names the first line concerned.
        ConsumerError: The file cannot be read.
    """
    kinds: dict[str, int] = {}
    last, is_seen = Head(), head is None
    try:
        for entry, last in read(path):
            kinds[entry["kind"]] = kinds.get(entry["kind"], 0) + 1
            is_seen = is_seen or last.hash == head
        size = path.stat().st_size
    except OSError as error:
        raise ConsumerError(f"{path}: {error.strerror}") from None
    if not is_seen:
        raise BrokenChain(
            f"{path}: no line has the hash {head}: a line up to it was changed, or the end was cut "
            f"off; the chain holds for what is there, {last.count} lines"
        )
    return Verified(last, kinds, size - last.size)

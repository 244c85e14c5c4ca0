"""Digest of event streams: two runs gave the same messages exactly if their digests are equal.

Per (root, stream) a chain over the values in order of `seq`:

    h(0) = 32 zero bytes
    h(n) = sha256(h(n-1) + sha256(value n))

    digest = sha256 of per-root hashes in root order
    per-root hash = sha256(root as UTF-8, a zero byte, its chain of each stream in EVENT_STREAMS)

State streams are not part of it.
"""

from collections.abc import Iterable
from hashlib import sha256
from typing import Self

from operators.model.errors import StateError
from operators.model.streams import EVENT_STREAMS

EMPTY = bytes(32)

Chains = dict[tuple[str, str], bytes]
"""(root, stream) → chain hash, 32 bytes."""


class Digest:
    """Running digest of what one worker sends. State: 32 bytes per (root, stream), and counts."""

    def __init__(self, state: tuple[Chains, int] | None = None) -> None:
        chains, count = ({}, 0) if state is None else state
        self._chains: Chains = dict(chains)
        self.count: int = count
        """Event messages so far."""

    def add(self, stream: str, root: str, value: bytes) -> None:
        """Take the next value of a stream and root; state streams are passed over."""
        if stream not in EVENT_STREAMS:
            return
        before = self._chains.get((root, stream), EMPTY)
        self._chains[root, stream] = sha256(before + sha256(value).digest()).digest()
        self.count += 1

    def snapshot(self) -> tuple[Chains, int]:
        """Plain copied state."""
        return dict(self._chains), self.count

    @classmethod
    def combine(cls, states: Iterable[tuple[Chains, int]]) -> Self:
        """Digest of several workers' parts.

        Raises:
            StateError: A root's stream was sent by two of them.
        """
        chains: Chains = {}
        total = 0
        for part, count in states:
            for root, stream in chains.keys() & part.keys():
                raise StateError(f"digest: {stream} of {root} came from two workers; expected one")
            chains |= part
            total += count
        return cls((chains, total))

    def hex(self) -> str:
        """The digest so far, 64 hexadecimal digits."""
        roots = sorted({root for root, _ in self._chains})
        return sha256(b"".join(map(self._root_hash, roots))).hexdigest()

    def _root_hash(self, root: str) -> bytes:
        chains = (self._chains.get((root, stream), EMPTY) for stream in EVENT_STREAMS)
        return sha256(root.encode() + b"\0" + b"".join(chains)).digest()

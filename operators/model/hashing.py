"""Hashes that are the same on every machine and in every process."""

from zlib import crc32


def stable_hash(text: str) -> int:
    """Unsigned 32-bit hash of `text`: CRC-32 of its UTF-8, as in every zlib."""
    return crc32(text.encode())


def shard_of(root: str, shards: int, overrides: dict[str, int] | None = None) -> int:
    """Shard that keeps `root`: 0 ≤ shard < `shards`, fixed for the life of a recovery store."""
    if overrides and root in overrides:
        return overrides[root]
    return stable_hash(root) % shards


def shard_key(shard: int) -> str:
    """The key under which a shard travels through the dataflow, such as "003"."""
    return f"{shard:03d}"

"""Journal: an append-only file of JSON lines, each with the hash of the line before it.

It is where an effect becomes durable, and the only state of a consumer. One message's lines belong
together: all but the last carry `"more": true`, so a group that a crash cut short is recognised
and taken back at the next start. Nothing else is ever changed in the file.
"""

import json
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, BinaryIO, Final

from examples.errors import ConsumerError
from examples.message import Position

Entry = dict[str, Any]

START: Final = "0" * 64
"""What the first line names as the hash of the line before it."""
LINE_BYTES_MAX: Final = 16_777_216


@dataclass(frozen=True, slots=True)
class Head:
    """Where a chain stands."""

    count: int = 0
    """Lines."""
    hash: str = START
    """SHA-256 of the last line's bytes without its newline, hexadecimal."""
    size: int = 0
    """Bytes of the file up to there."""


class BrokenChain(ConsumerError):
    """A line of a journal is not the one that was written there."""


class Journal:
    """A journal that is open for writing. Entries are given to `apply` as they were written."""

    def __init__(self, path: Path, apply: Callable[[Entry], None]) -> None:
        """Read the file, check its chain, cut what a crash left unfinished.

        Raises:
            ConsumerError: It cannot be read or written, or its chain is broken.
        """
        self.path = path
        self._apply = apply
        path.parent.mkdir(parents=True, exist_ok=True)
        self.cut_bytes = 0
        """Bytes of an unfinished group that the start took back."""
        try:
            path.touch(mode=0o600, exist_ok=True)
            self.head = self._load()
            self._file: BinaryIO = path.open("ab", buffering=0)
            # What the last run wrote and a crash kept it from syncing.
            os.fsync(self._file.fileno())
        except OSError as error:
            raise ConsumerError(f"{path}: {error.strerror}") from None

    def append(self, at: Position, entries: Iterable[Entry]) -> list[Entry]:
        """Write what one message led to; durable after `sync`.

        Raises:
            ConsumerError: The disk refuses; the program must end, the next start cuts the rest.
        """
        written = list(entries)
        head, lines = self.head, []
        for number, entry in enumerate(written, 1):
            whole = {"n": head.count + 1, "previous": head.hash, **entry, "source": _source(at)}
            if number < len(written):
                whole["more"] = True
            line = json.dumps(whole, separators=(",", ":"), ensure_ascii=False).encode()
            lines.append(line + b"\n")
            head = _after(head, line)
            written[number - 1] = whole
        try:
            _write_all(self._file, b"".join(lines))
        except OSError as error:
            raise ConsumerError(f"{self.path}: {error.strerror}; nothing was committed") from None
        self.head = head
        for entry in written:
            self._apply(entry)
        return written

    def sync(self) -> None:
        """Return when all that was appended is on disk.

        Raises:
            ConsumerError: The disk refuses.
        """
        try:
            os.fsync(self._file.fileno())
        except OSError as error:
            raise ConsumerError(f"{self.path}: {error.strerror}") from None

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _load(self) -> Head:
        whole = Head()
        group: list[Entry] = []
        for entry, head in read(self.path):
            group.append(entry)
            if not entry.get("more"):
                for item in group:
                    self._apply(item)
                whole, group = head, []
        self.cut_bytes = self.path.stat().st_size - whole.size
        if self.cut_bytes:
            os.truncate(self.path, whole.size)
        return whole


def read(path: Path, start: Head | None = None) -> Iterator[tuple[Entry, Head]]:
    """Entries of a journal after `start`, each with the head it leads to; a torn last line ends it.

    Raises:
        BrokenChain: A line is not the one that was written there; the first such is named.
    """
    head = start or Head()
    with path.open("rb") as file:
        file.seek(head.size)
        while line := file.readline(LINE_BYTES_MAX):
            if not line.endswith(b"\n"):
                return
            yield _entry(path, line[:-1], head), (head := _after(head, line[:-1]))


def position_of(entry: Entry) -> Position:
    """Position of the message that led to an entry."""
    source = entry["source"]
    return Position(**{name: source[name] for name in Position.__slots__})


def _entry(path: Path, line: bytes, head: Head) -> Entry:
    number = head.count + 1
    try:
        entry = json.loads(line)
        found = entry["n"], entry["previous"]
        position_of(entry)
    except (ValueError, KeyError, TypeError):
        raise BrokenChain(f"{path}: line {number}: expected an entry, found other text") from None
    if found != (number, head.hash):
        raise BrokenChain(
            f"{path}: line {number}: expected number {number} after {head.hash[:16]}…, found "
            f"number {found[0]} after {str(found[1])[:16]}…: a line before it was changed, "
            "added or removed"
        )
    return dict(entry)


def _source(at: Position) -> Entry:
    return {name: getattr(at, name) for name in Position.__slots__}


def _after(head: Head, line: bytes) -> Head:
    return Head(head.count + 1, sha256(line).hexdigest(), head.size + len(line) + 1)


def _write_all(file: BinaryIO, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[file.write(view) or 0 :]

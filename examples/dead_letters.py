"""Dead letters: records that are no messages, kept with the reason, one JSON line each."""

import base64
import json
import os
from pathlib import Path
from typing import Final

from examples.errors import ConsumerError

VALUE_BYTES_MAX: Final = 65_536
"""So much of a value is kept; `value_bytes` says how long it was."""


class DeadLetters:
    """The file of dead letters. Each is kept once, however often its record is read."""

    def __init__(self, path: Path, cluster: str) -> None:
        """Find out what the file holds already.

        Raises:
            ConsumerError: It cannot be read or written.
        """
        self._path = path
        self._cluster = cluster
        self._last: dict[tuple[str, int], int] = {}
        self.count = 0
        """Written by this object."""
        try:
            path.touch(mode=0o600, exist_ok=True)
            self._load()
            self._file = path.open("ab", buffering=0)
        except OSError as error:
            raise ConsumerError(f"{path}: {error.strerror}") from None

    def put(
        self, topic: str, partition: int, offset: int, reason: str, value: bytes | None
    ) -> None:
        """Keep a record, unless it is kept already.

        Raises:
            ConsumerError: The disk refuses.
        """
        if offset <= self._last.get((topic, partition), -1):
            return
        raw = value or b""
        line = {
            "cluster": self._cluster,
            "topic": topic,
            "partition": partition,
            "offset": offset,
            "reason": reason,
            "value_bytes": len(raw),
            "value_base64": base64.b64encode(raw[:VALUE_BYTES_MAX]).decode(),
        }
        try:
            self._file.write(json.dumps(line).encode() + b"\n")
            os.fsync(self._file.fileno())
        except OSError as error:
            raise ConsumerError(f"{self._path}: {error.strerror}") from None
        self._last[topic, partition] = offset
        self.count += 1

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _load(self) -> None:
        whole = 0
        with self._path.open("rb") as file:
            for line in file:
                try:
                    found = json.loads(line)
                    place = found["topic"], found["partition"]
                    offset, cluster = int(found["offset"]), found["cluster"]
                except (ValueError, KeyError, TypeError):
                    break
                if not line.endswith(b"\n"):
                    break
                whole += len(line)
                if cluster == self._cluster:
                    self._last[place] = max(offset, self._last.get(place, -1))
        # A line that a crash cut short is written anew when its record is read again.
        os.truncate(self._path, whole)

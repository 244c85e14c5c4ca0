"""An example that hangs where it is told, to be killed there.

python -m tests.examples.hanging PLACE COUNT MARKER EXAMPLE FLAG…
"""

import importlib
import sys
import threading
from pathlib import Path

from confluent_kafka import Producer

from examples import program
from examples.journal import Journal
from examples.reader import Reader

PLACES = (
    "before append",
    "in append",
    "after append",
    "after sync",
    "after checkpoint",
    "after commit",
)
PUBLISHING = ("before publish", "after publish")


def hang_at(place: str, count: int, marker: Path) -> None:
    """At the `count`-th call of that place: write the marker and wait for ever."""
    seen = 0

    def reached(here: str) -> bool:
        nonlocal seen
        seen += here == place
        return here == place and seen >= count

    def hang() -> None:
        marker.touch()
        threading.Event().wait()

    append, sync, commit, save = Journal.append, Journal.sync, Reader.commit, program.save

    def hanging_append(journal, at, entries):
        entries = list(entries)
        if reached("before append"):
            hang()
        if reached("in append"):
            # A line and a half of a group, as a crash leaves them.
            size = journal.path.stat().st_size
            append(journal, at, [*entries, *entries])
            whole = journal.path.read_bytes()
            journal.path.write_bytes(whole[: size + 3 * (len(whole) - size) // 4])
            hang()
        written = append(journal, at, entries)
        if reached("after append"):
            hang()
        return written

    def hanging_sync(journal):
        sync(journal)
        if reached("after sync"):
            hang()

    def hanging_save(path, checkpoint):
        save(path, checkpoint)
        if reached("after checkpoint"):
            hang()

    def hanging_commit(reader):
        commit(reader)
        if reached("after commit"):
            hang()

    class HangingProducer(Producer):
        def commit_transaction(self, *words):
            if reached("before publish"):
                self.flush(10)
                hang()
            super().commit_transaction(*words)
            if reached("after publish"):
                hang()

    Journal.append, Journal.sync = hanging_append, hanging_sync
    Reader.commit, program.save = hanging_commit, hanging_save
    importlib.import_module("examples.publisher").Producer = HangingProducer
    # Many small batches: many places to die at.
    importlib.import_module("examples.reader").READ_MAX = 5


def main() -> int:
    place, count, marker, name, *flags = sys.argv[1:]
    hang_at(place, int(count), Path(marker))
    example = importlib.import_module(f"examples.{name}.__main__")
    return int(example.main(flags))


if __name__ == "__main__":
    sys.exit(main())

"""Processes that append to a tape, to be killed or to run out of disk."""

import resource
import sys
from pathlib import Path

from connectors.tape.files import free_bytes
from connectors.tape.segments import segments_of
from connectors.tape.tape import Tape
from connectors.tape.writer import TapeFull
from tests.connectors.tape.tapes import FEED, config_of, held, opened, records

DAY_NS = 86_400 * 10**9
BATCH = 50


def say(*words: object) -> None:
    """A line for the process that started this one."""
    sys.stdout.write(" ".join(map(str, words)) + "\n")
    sys.stdout.flush()


def until_killed(folder: Path) -> None:
    """Append for ever; a line for each time that a sync was waited for: records and position."""
    tape = opened(folder, sync_interval_s=0.005)
    number = held_records(tape)
    say("ready")
    for turn in range(10**9):
        for _ in range(1 + turn % 7):
            tape.append(b"".join(records(BATCH, start=number)))
            number += BATCH
        if turn % 5 == 4:
            tape.rotate_if_due(turn * DAY_NS)
        tape.wait_synced(tape.end)
        say(number, tape.end.segment, tape.end.offset)


def held_records(tape: Tape) -> int:
    """How many records the tape holds, of those that `records` gives."""
    data, number, size = held(tape), 0, 0
    while size < len(data):
        size += sum(map(len, records(BATCH, start=number)))
        number += BATCH
    assert size == len(data), "a batch is there in part"
    return number


def until_full(folder: Path, limit: str) -> None:
    """Append until the disk is full, get room, go on: nothing is lost, nothing is there in part."""
    tape = Tape(config_of(folder, reserve_bytes=400_000, reserve_bytes_min=200_000), FEED)
    ballast = folder / "ballast"
    ballast.write_bytes(bytes(500_000))
    tape.open()
    if limit == "limit":
        resource.setrlimit(resource.RLIMIT_FSIZE, (300_001, resource.RLIM_INFINITY))
    batch = b"".join(records(400))
    rooms = []
    count = 0
    while True:
        if (room := tape.room()) not in rooms:
            rooms.append(room)
        end = tape.end
        try:
            tape.append(batch)
        except TapeFull as error:
            refused = str(error)
            break
        count += 1
    assert refused.endswith("free space on this disk")
    assert (tape.end, tape.room(), tape.counters.refused) == (end, "full", 1)
    assert held(tape) == count * batch
    tape.wait_synced(tape.end)
    (segment,) = segments_of(folder / FEED)
    assert segment.path.stat().st_size == tape.end.offset
    if limit == "limit":
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    else:
        assert rooms == ["ok", "alarm", "full"], rooms
        # Compressing and a new segment have to wait; neither costs a record.
        tape.rotate_if_due(DAY_NS)
        tape.rotate_if_due(3 * DAY_NS)
        assert free_bytes(folder) < len(batch)
        ballast.unlink()
    tape.append(batch)
    assert tape.room() != "full"
    tape.rotate_if_due(5 * DAY_NS)
    tape.append(batch)
    tape.close()
    again = opened(folder)
    assert again.counters.cut_bytes == 0
    assert held(again) == (count + 2) * batch
    again.close()
    say("done", count)


if __name__ == "__main__":
    if sys.argv[1] == "killed":
        until_killed(Path(sys.argv[2]))
    else:
        until_full(Path(sys.argv[2]), sys.argv[1])

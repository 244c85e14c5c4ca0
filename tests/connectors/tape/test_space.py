from pathlib import Path

from connectors.tape.space import Space
from tests.connectors.tape.tapes import config_of

MIB = 2**20


class Disk:
    def __init__(self, free: int) -> None:
        self.free = free
        self.looks = 0
        self.now_s = 0.0

    def look(self, _folder: Path) -> int:
        self.looks += 1
        return self.free

    def space(self) -> Space:
        config = config_of(Path(), reserve_bytes=100 * MIB, reserve_bytes_min=10 * MIB)
        return Space(config, Path(), clock_s=lambda: self.now_s, free=self.look)


def test_room_is_told_by_two_limits():
    disk = Disk(101 * MIB)
    space = disk.space()
    for free, room in ((101, "ok"), (100, "ok"), (99, "alarm"), (10, "alarm"), (9, "full")):
        disk.free, disk.now_s = free * MIB, disk.now_s + 1
        assert space.room() == room
        assert space.free_bytes == disk.free


def test_the_disk_is_looked_at_now_and_then_and_before_a_limit_can_be_passed():
    disk = Disk(100 * MIB + 4 * MIB)
    space = disk.space()
    for _ in range(50):
        space.room()
    looks = disk.looks
    assert looks <= 2
    for _ in range(40):
        disk.free -= MIB // 8
        space.note(MIB // 8)
        room = space.room()
    assert room == "alarm"
    assert looks < disk.looks < looks + 25


def test_after_a_refusal_it_is_full_until_there_is_room_for_what_was_refused():
    disk = Disk(12 * MIB)
    space = disk.space()
    assert space.room() == "alarm"
    space.refuse(13 * MIB)
    assert space.room() == "full"
    disk.now_s += 5
    assert space.room() == "full"
    disk.free, disk.now_s = 300 * MIB, disk.now_s + 1
    assert space.room() == "ok"
    space.refuse(1)
    assert space.room() == "full"
    space.note(1)
    assert space.room() == "ok"

import os
import re

import pytest

from config.sections import RecoveryConfig
from dataflows.reserve import FILE_NAME, Reserve, reserve_of
from operators.model.errors import StateError
from tests.dataflows.reserve_flow import COUNT
from tests.small_disks import on_small_disk

MIB = 2**20


@pytest.mark.slow
def test_a_store_with_a_reserve_commits_on_a_full_disk_and_goes_on(tmp_path):
    done = on_small_disk(
        tmp_path, 48 * MIB, "-m", "tests.dataflows.reserve_flow", tmp_path, 8 * MIB
    )
    assert done.returncode == 0, done.stderr
    stopped, went_on = done.stdout.splitlines()
    first, last, said = stopped.split(" ", 2)
    assert first == "1"
    assert re.search(
        r"at least 4194304 bytes of free space .* found \d+: stopped with all st", said
    )
    begun, end = map(int, went_on.split())
    # No number twice and none left out: the sum went on where it stood.
    count = round((2 * int(last)) ** 0.5 - 0.5)
    assert begun == int(last) + count + 1
    assert end == COUNT * (COUNT + 1) // 2


def test_without_one_the_engine_dies_there(tmp_path):
    done = on_small_disk(tmp_path, 48 * MIB, "-m", "tests.dataflows.reserve_flow", tmp_path, 0)
    assert done.returncode != 0
    assert "database or disk is full" in done.stderr


def test_it_is_taken_given_up_once_and_taken_again(tmp_path, monkeypatch):
    free = [100 * MIB]
    monkeypatch.setattr(Reserve, "_free_bytes", lambda _self: free[0])
    told: list[StateError] = []
    now = [0.0]

    def reserve() -> Reserve:
        return Reserve(tmp_path, 8 * MIB, told.append, clock_s=lambda: now[0])

    one, other = reserve(), reserve()
    one.hold()
    other.hold()
    file = tmp_path / FILE_NAME
    assert file.stat().st_blocks * 512 >= file.stat().st_size == 8 * MIB
    assert not one.is_spent()
    free[0] = 4 * MIB - 1
    assert not one.is_spent()
    now[0] += 1
    assert one.is_spent()
    free[0] = 100 * MIB
    assert one.is_spent()
    # A process of the same cluster stops with it, though there is room again.
    assert other.is_spent()
    assert file.stat().st_size == 0
    assert len(told) == 2
    again = reserve()
    again.hold()
    assert not again.is_spent()
    again.drop()
    now[0] += 1
    # The end of another process is not the end of the disk.
    assert not again.is_spent()
    assert not file.exists()


def test_too_little_room_is_told_at_the_start(tmp_path, monkeypatch):
    monkeypatch.setattr(Reserve, "_free_bytes", lambda _self: 3 * MIB)
    config = RecoveryConfig(directory=str(tmp_path), reserve_bytes=8 * MIB)
    with pytest.raises(
        StateError, match=r"room for recovery\.reserve_bytes \(8388608\) and half as"
    ):
        reserve_of(config, lambda _error: None)
    assert not (tmp_path / FILE_NAME).exists()

    def full(*_words):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(StateError, match="found: No space left on device; free space on this disk"):
        reserve_of(config, lambda _error: None)


def test_none_is_taken_where_none_is_wanted(tmp_path):
    def fails(error: StateError) -> None:
        raise error

    assert reserve_of(RecoveryConfig(), fails) is None
    assert reserve_of(RecoveryConfig(directory=str(tmp_path), reserve_bytes=0), fails) is None
    with pytest.raises(ValueError, match="reserve_bytes must be at least 0, was -1"):
        RecoveryConfig(reserve_bytes=-1)

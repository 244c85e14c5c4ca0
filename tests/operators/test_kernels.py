import numpy as np
import pytest

from operators.kernels import clear, copy, entry, move, prefetch, records

PAIR = np.dtype([("a", "i8"), ("b", "u1")], align=True)
at = records(PAIR)


@entry
def copied(address, to, origin):
    """Record `origin` over record `to`."""
    copy(at(address, to), at(address, origin))


@entry
def moved(address, to, origin, count):
    """`count` records from `origin` on to `to` on."""
    move(at(address, to), at(address, origin), count)


@entry
def cleared(address, index, first, size):
    """`size` bytes of a record from `first` on."""
    clear(at(address, index), first, size)


@entry
def total(address, count):
    """Sum of the first field."""
    result = 0
    for index in range(count):
        result += at(address, index).a
    return result


@entry
def foreseen(address):
    """Asks for memory at an address."""
    prefetch(address)
    return address


@pytest.fixture
def pairs():
    """Ten records: (0, 0), (10, 1), (20, 2), …"""
    array = np.zeros(10, PAIR)
    array["a"], array["b"] = np.arange(10) * 10, np.arange(10)
    return array


def test_a_record_is_found_by_address_and_index(pairs):
    assert total(pairs.ctypes.data, 10) == 450
    assert total(pairs[3:].ctypes.data, 2) == 70


def test_a_record_is_copied_whole(pairs):
    copied(pairs.ctypes.data, 2, 7)
    assert pairs[2] == pairs[7]
    assert pairs["a"].tolist() == [0, 10, 70, 30, 40, 50, 60, 70, 80, 90]


@pytest.mark.parametrize(("to", "origin", "count"), [(1, 0, 8), (0, 1, 8), (5, 0, 5), (4, 4, 0)])
def test_records_move_though_they_overlap(pairs, to, origin, count):
    twin = pairs.copy()
    twin[to : to + count] = twin[origin : origin + count].copy()
    moved(pairs.ctypes.data, to, origin, count)
    assert pairs.tolist() == twin.tolist()


def test_bytes_are_cleared_where_told(pairs):
    cleared(pairs.ctypes.data, 4, 0, 8)
    assert tuple(pairs[4]) == (0, 4)
    cleared(pairs.ctypes.data, 5, 8, 8)
    assert tuple(pairs[5]) == (50, 0)
    assert tuple(pairs[6]) == (60, 6)


@pytest.mark.parametrize("address", [0, 8, -1, 2**62])
def test_memory_that_is_not_there_may_be_asked_for(address):
    assert foreseen(address) == address

import numpy as np
import pytest

from simulator.gateway import log as module
from simulator.gateway.log import Log
from tests.connectors.dbn_bytes import mbo

WORDS = 14


@pytest.fixture
def small(monkeypatch):
    """Segments of 4 records, a mark for each."""
    monkeypatch.setattr(module, "SEGMENT_WORDS", 4 * WORDS)
    monkeypatch.setattr(module, "MARK_WORDS", WORDS)


@pytest.fixture
def made():
    logs = []

    def make(*arguments):
        logs.append(Log(*arguments))
        return logs[-1]

    yield make
    for each in logs:
        each.close()


def fill(log, count, first=0):
    for number in range(first, first + count):
        log.append(np.frombuffer(mbo(1, start=number, ts=100).tobytes(), np.uint32))


def numbers(log, offset, count):
    """`sequence` of records read one after the other."""
    found = []
    while len(found) < count:
        words = log.read(offset, WORDS)
        found.append(int(words[13]))
        offset += words.size
    return found


def test_what_was_appended_is_read_across_segments(small, made):
    log = made()
    fill(log, 10)
    assert log.stop == 10 * WORDS
    assert numbers(log, 0, 10) == list(range(1, 11))
    assert log.read(0, 1000).size == 4 * WORDS
    assert log.read(log.stop, 10).size == 0


def test_a_place_is_found_by_time(small, made):
    log = made()
    fill(log, 10)
    for number in range(10):
        assert log.seek(100 + number) == number * WORDS
    assert log.seek(0) == 0
    assert log.seek(1_000) == log.stop


def test_an_old_time_among_newer_ones_hides_nothing(small, made):
    log = made()
    for ts in (100, 50, 101, 60, 102):
        log.append(np.frombuffer(mbo(1, ts=ts).tobytes(), np.uint32))
    assert log.seek(101) == 2 * WORDS
    assert log.seek(102) == 4 * WORDS


def test_beyond_its_bound_the_oldest_is_forgotten(small, made):
    log = made(1)
    fill(log, 20)
    assert log.first > 0
    assert log.stop - log.first <= 8 * WORDS
    assert numbers(log, log.first, 2) == [log.first // WORDS + 1, log.first // WORDS + 2]
    with pytest.raises(LookupError, match="forgotten"):
        log.read(log.first - WORDS, 1)
    assert log.seek(0) == log.first
    assert log.seek(119) == 19 * WORDS


def test_only_whole_records_are_taken(made):
    with pytest.raises(AssertionError):
        made().append(np.frombuffer(mbo(1).tobytes()[:-4], np.uint32))

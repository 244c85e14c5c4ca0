import numpy as np

from connectors.pace import AWAKE_NS_MAX, Pace
from operators.model.records import F_BAD_TS_RECV, F_SNAPSHOT
from tests.connectors.dbn_bytes import mbo

MS = 1_000_000


class Clock:
    def __init__(self):
        self.now = 77 * MS

    def __call__(self):
        return self.now


def test_records_are_due_as_long_apart_as_they_were_received():
    clock = Clock()
    pace = Pace(1.0, clock)
    rows = mbo(10, ts=10**18, step=10 * MS)
    assert pace.due_rows(rows) == 1
    assert pace.wait_ns() == 10 * MS
    clock.now += 35 * MS
    assert pace.due_rows(rows[1:]) == 3
    assert pace.wait_ns() == 5 * MS
    clock.now += 1_000 * MS
    assert pace.due_rows(rows[4:]) == 6


def test_twice_the_speed_is_half_the_time():
    clock = Clock()
    pace = Pace(2.0, clock)
    rows = mbo(10, ts=10**18, step=10 * MS)
    pace.due_rows(rows)
    assert pace.wait_ns() == 5 * MS
    clock.now += 10 * MS
    assert pace.due_rows(rows) == 3


def test_no_wait_is_longer_than_the_engine_bears():
    pace = Pace(1.0, Clock())
    assert pace.due_rows(mbo(2, ts=10**18, step=3_600 * 1_000 * MS)) == 1
    assert pace.wait_ns() == AWAKE_NS_MAX


def test_snapshot_records_and_those_without_a_time_never_wait():
    clock = Clock()
    pace = Pace(1.0, clock)
    rows = mbo(6, ts=10**18, step=3_600 * 1_000 * MS).copy()
    rows["flags"][:3] = F_SNAPSHOT
    assert pace.due_rows(rows[:3]) == 3
    assert pace.due_rows(rows) == 4
    rows["flags"][4] = F_BAD_TS_RECV
    rows["ts_recv"][4] = np.uint64(2**64 - 1)
    assert pace.due_rows(rows) == 5


def test_a_tick_waits_as_records_do():
    clock = Clock()
    pace = Pace(1.0, clock)
    assert pace.is_due(10**19)
    pace.due_rows(mbo(1, ts=10**18))
    assert not pace.is_due(10**18 + 20 * MS)
    assert pace.wait_ns() == 20 * MS
    clock.now += 20 * MS
    assert pace.is_due(10**18 + 20 * MS)

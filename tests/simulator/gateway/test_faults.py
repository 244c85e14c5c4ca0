import threading

import pytest

from simulator.gateway.faults import (
    AT_CONNECT,
    AT_START,
    KINDS,
    OF_GATEWAY,
    Fault,
    Faults,
    parse_fault,
)


def test_a_fault_is_read_from_words():
    assert parse_fault("rst at=1000 session=2") == Fault(kind="rst", at=1000, session=2)
    assert parse_fault(" stall seconds=0.5 ") == Fault(kind="stall", seconds=0.5)
    assert parse_fault("error code=7 text=a b=c") == Fault(kind="error", code=7, text="a b=c")
    assert parse_fault("skew ns=-5") == Fault(kind="skew", ns=-5)


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("", "'' is not known"),
        ("explode", "'explode' is not known, choose from rst"),
        ("rst when=1", "'when' is not known, choose from at"),
        ("rst at=soon", "at must be a number, was 'soon'"),
        ("rst at=-1", "at must be in 0"),
        ("error code=9", "code must be in 1…8, was 9"),
        ("rst session=0", "session must be in 1"),
    ],
)
def test_nonsense_is_refused_by_name(line, found):
    with pytest.raises(ValueError, match=found):
        parse_fault(line)


def test_a_fault_happens_once_in_the_first_session_that_gets_there():
    faults = Faults()
    fault = faults.add("rst", at=100)
    assert faults.records_until(1, 40, 1000) == 60
    assert faults.records_until(1, 40, 10) == 10
    assert faults.take(1, 99) is None
    assert faults.take(2, 100) is fault
    assert faults.take(1, 100) is None
    assert [(each.session, each.record) for each in faults.fired] == [(2, 100)]
    assert faults.waiting == 0


def test_a_fault_may_be_one_session_s_own():
    faults = Faults()
    fault = faults.add("rst", at=5, session=3)
    assert faults.records_until(2, 0, 1000) == 1000
    assert faults.take(2, 10) is None
    assert faults.take(3, 5) is fault


def test_now_is_every_session_that_is_open():
    faults = Faults()
    faults.joined(1)
    faults.joined(2)
    fault = faults.add("fin")
    assert faults.records_until(3, 0, 1000) == 1000
    assert faults.take(1, 77) is fault
    assert faults.take(1, 77) is None
    faults.left(2)
    assert faults.waiting == 0


def test_now_is_the_next_session_where_none_is_open():
    faults = Faults()
    fault = faults.add("fin")
    assert faults.take(1, 0) is fault
    assert faults.take(2, 0) is None


def test_so_many_sessions_suffer_it():
    faults = Faults()
    fault = faults.add("rst", at=3, times=2)
    assert [faults.take(session, 3) for session in (1, 2, 3)] == [fault, fault, None]


def test_faults_of_the_start_are_no_faults_of_the_stream():
    faults = Faults()
    faults.joined(1)
    for kind in (*AT_START, *AT_CONNECT):
        faults.add(kind)
    assert faults.take(1, 0) is None
    assert faults.records_until(1, 0, 9) == 9
    for kind in (*AT_START, *AT_CONNECT):
        assert faults.take_one(kind, 2).kind == kind
        assert faults.take_one(kind, 2) is None


def test_clients_are_counted():
    faults = Faults()
    faults.add("hang_up", count=2)
    assert [faults.take_one("hang_up") is not None for _ in range(3)] == [True, True, False]


def test_the_clock_is_moved_at_once_and_set_right():
    faults = Faults()
    told = []
    faults.on_added = lambda: told.append(faults.skew_ns)
    faults.add("skew", ns=7)
    assert told == [7]
    faults.add("rst", at=1)
    faults.clear()
    assert (faults.skew_ns, faults.waiting) == (0, 0)


def test_faults_of_the_gateway_wait_for_it():
    faults = Faults()
    fault = faults.add("refuse", seconds=1)
    assert faults.fired == []
    assert faults.take_of_gateway() is fault
    assert faults.take_of_gateway() is None
    assert len(faults.fired) == 1


def test_another_thread_waits_until_it_has_happened():
    faults = Faults()
    faults.add("rst", at=1)
    thread = threading.Thread(target=faults.take, args=(1, 1))
    thread.start()
    assert faults.wait_fired(1)
    thread.join()
    assert not faults.wait_fired(2, timeout_s=0)


def test_every_kind_is_explained_and_belongs_to_one_moment():
    assert all(KINDS.values())
    assert set(AT_START) | set(AT_CONNECT) | set(OF_GATEWAY) <= set(KINDS)

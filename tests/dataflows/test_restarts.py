from config.sections import ClusterConfig
from dataflows.restarts import Restarts


def test_waits_double_up_to_the_longest():
    restarts = Restarts(ClusterConfig(backoff_first_s=0.5, backoff_last_s=3.0))
    assert [restarts.next(float(now)) for now in range(5)] == [0.5, 1.0, 2.0, 3.0, 3.0]


def test_too_many_within_the_window_are_refused():
    restarts = Restarts(ClusterConfig(restarts_max=2, restarts_window_s=100.0))
    assert restarts.next(0.0) is not None
    assert restarts.next(50.0) is not None
    assert restarts.next(99.9) is None
    assert restarts.count == 2


def test_after_a_quiet_time_all_is_as_at_first():
    restarts = Restarts(ClusterConfig(restarts_max=1, restarts_window_s=100.0, backoff_first_s=2.0))
    assert restarts.next(0.0) == 2.0
    assert restarts.next(100.0) == 2.0
    assert restarts.count == 1


def test_none_is_allowed_if_the_bound_is_0():
    assert Restarts(ClusterConfig(restarts_max=0)).next(0.0) is None

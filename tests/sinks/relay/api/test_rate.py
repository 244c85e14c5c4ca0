import pytest

from sinks.relay.api.rate import Buckets


def test_a_burst_goes_through_and_then_the_rate_holds():
    buckets = Buckets(rate_per_s=2, burst=3, clients_max=10)
    assert [buckets.take("a", 0.0) for _ in range(3)] == [0, 0, 0]
    assert buckets.take("a", 0.0) == pytest.approx(0.5)
    assert buckets.take("a", 0.5) == 0
    assert buckets.refused == 1


def test_clients_have_buckets_of_their_own():
    buckets = Buckets(rate_per_s=1, burst=1, clients_max=10)
    assert buckets.take("a", 0.0) == 0
    assert buckets.take("b", 0.0) == 0
    assert buckets.left("a") == 0
    assert buckets.left("never seen") == 1


def test_the_client_longest_unseen_is_forgotten():
    buckets = Buckets(rate_per_s=0.001, burst=1, clients_max=2)
    for client in ("a", "b", "a", "c"):
        buckets.take(client, 0.0)
    assert len(buckets) == 2
    assert buckets.take("a", 0.0) > 0
    assert buckets.take("b", 0.0) == 0


def test_a_clock_that_stands_or_goes_back_gives_nothing():
    buckets = Buckets(rate_per_s=1, burst=1, clients_max=2)
    buckets.take("a", 10.0)
    assert buckets.take("a", 5.0) > 0
    assert buckets.take("a", 10.5) == pytest.approx(0.5)

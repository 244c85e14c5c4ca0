from hypothesis import given
from hypothesis import strategies as st

from sinks.relay.api.latency import LatencyWindow


def test_quantiles_are_exact_over_the_last_messages():
    window = LatencyWindow(count_max=100)
    for number in range(1, 201):
        window.add(1, 1 + number * 1_000_000)
    found = window.stats()
    assert (found.count, found.p50_ms, found.p99_ms, found.max_ms) == (100, 150.0, 199.0, 200.0)


def test_an_unknown_or_future_time_of_publishing_is_no_latency():
    window = LatencyWindow()
    window.add(0, 5)
    assert window.stats().p50_ms is None
    window.add(10, 5)
    assert (window.stats().max_ms, window.early) == (0.0, 1)


@given(st.lists(st.integers(0, 10**12), min_size=1, max_size=300))
def test_at_least_the_share_lies_at_or_below_the_quantile(latencies):
    window = LatencyWindow()
    for latency in latencies:
        window.add(1, 1 + latency)
    found = window.stats()
    for share, quantile in ((0.5, found.p50_ms), (0.99, found.p99_ms)):
        assert sum(one / 1e6 <= quantile for one in latencies) >= share * len(latencies)
        assert sum(one / 1e6 < quantile for one in latencies) < share * len(latencies)

from hypothesis import given
from hypothesis import strategies as st

from sinks.relay.config import RelayConfig
from sinks.relay.messages import Frame, frame
from sinks.relay.outlet import Outlet


def live(text: str) -> Frame:
    return frame(text.encode())


def state(root: str, text: str) -> Frame:
    return frame(text.encode(), ("pressure", root))


def texts(data: bytes) -> list[str]:
    """Short frames of one piece."""
    found = []
    while data:
        size = data[1]
        found.append(data[2 : 2 + size].decode())
        data = data[2 + size :]
    return found


def test_frames_leave_in_order_and_asked_for_ones_too():
    outlet = Outlet(RelayConfig())
    outlet.put([live("5"), live("6")])
    outlet.put_paced([live("ack"), live("snapshot")])
    outlet.put([live("7")])
    assert len(outlet) == 5
    assert texts(outlet.take(4)) == ["5", "6"]
    assert texts(outlet.take(100)) == ["ack", "snapshot", "7"]
    assert not outlet
    assert outlet.take(100) == b""


def test_a_state_channel_has_its_newest_value_only():
    outlet = Outlet(RelayConfig())
    outlet.put([state("ES", "a"), state("NQ", "b"), state("ES", "c"), live("1")])
    assert outlet.conflated == 1
    assert texts(outlet.take(100)) == ["1", "c", "b"]


def test_a_value_nobody_wants_any_more_is_not_sent():
    outlet = Outlet(RelayConfig())
    outlet.put([state("ES", "a"), state("NQ", "b")])
    outlet.forget_values([("pressure", "ES"), ("signals", "*")])
    assert texts(outlet.take(100)) == ["b"]
    outlet.put([state("ES", "a"), state("NQ", "b")])
    outlet.forget_values([("pressure", "*")])
    assert not outlet


def test_events_overflow_by_count_and_by_bytes_and_values_never():
    outlet = Outlet(RelayConfig(queue_messages_max=2))
    outlet.put([live("1"), live("2"), *(state("ES", "x") for _ in range(9))])
    assert outlet.overflow() is None
    outlet.put([live("3")])
    assert outlet.overflow() == "more than 2 messages wait"
    outlet = Outlet(RelayConfig(slow_bytes_max=65_536))
    outlet.put([live("x" * 65_536)])
    assert outlet.overflow() == "more than 65536 bytes wait"


def test_what_was_asked_for_counts_apart():
    outlet = Outlet(RelayConfig(queue_messages_max=1, ring_bytes_max=65_536))
    outlet.put_paced([live("x")] * 100)
    assert outlet.overflow() is None
    outlet.put_paced([live("x" * 65_536)])
    assert outlet.overflow() == "more than 65536 bytes were asked for and not taken"


@given(
    st.lists(st.tuples(st.sampled_from(["live", "paced", "take"]), st.integers(1, 40)), max_size=60)
)
def test_nothing_is_lost_and_the_counts_come_back_to_zero(steps):
    outlet = Outlet(RelayConfig(queue_messages_max=1_000))
    put, taken = [], []
    for number, (kind, size) in enumerate(steps):
        if kind == "take":
            taken += texts(outlet.take(size))
            continue
        text = f"{number:0{size}d}"
        put.append(text)
        (outlet.put if kind == "live" else outlet.put_paced)([live(text)])
    while outlet:
        taken += texts(outlet.take(64))
    assert taken == put
    assert (outlet._live_count, outlet._live_bytes, outlet._paced_bytes) == (0, 0, 0)
    outlet.put([live("a")])
    outlet.clear()
    assert (len(outlet), outlet._live_count) == (0, 0)

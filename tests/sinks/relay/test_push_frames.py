from contextlib import suppress

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sinks.published import Published
from sinks.relay import push_frames
from sinks.relay.push_frames import frames, have, messages_of, positions_of

ONE = Published("g", 1, "signals", "ES", 3, 4, 5, b'{"seq":3}')

MESSAGES = st.builds(
    Published,
    generation=st.text(min_size=1, max_size=5),
    generation_ts_ms=st.integers(0, 2**53),
    stream=st.just("gaps"),
    root=st.text(min_size=1, max_size=5),
    seq=st.integers(1, 2**40),
    ts_event=st.integers(-(2**62), 2**62),
    ts_published_ns=st.integers(0, 2**62),
    value=st.binary(max_size=400).map(lambda b: b"{" + b),
)


@given(st.lists(MESSAGES, max_size=20), st.integers(1, 2_000))
def test_frames_give_the_messages_back_in_order(messages, frame_bytes):
    before = push_frames.FRAME_BYTES
    push_frames.FRAME_BYTES = frame_bytes
    try:
        found = [m for frame in frames(messages) for m in messages_of(frame)]
    finally:
        push_frames.FRAME_BYTES = before
    assert found == messages


@given(st.binary(max_size=200))
def test_any_bytes_are_messages_or_a_value_error(frame):
    with suppress(ValueError):  # UnicodeDecodeError and JSON's are its children
        assert isinstance(messages_of(frame), list)


@given(st.data())
def test_a_cut_frame_is_refused(data):
    (frame,) = frames([ONE, ONE])
    (half,) = frames([ONE])
    at = data.draw(st.integers(1, len(frame) - 1).filter(lambda n: n != len(half)))
    with pytest.raises(ValueError, match="frame ends"):
        messages_of(frame[:at])


@pytest.mark.parametrize(
    "head",
    [
        ["g", 1, "signals", "ES", 0, 4, 5],
        ["g", 1, "pressure", "ES", 1, 4, 5],
        ["g", 1, "nothing", "ES", 1, 4, 5],
        ["g", 1, "signals", "", 1, 4, 5],
        ["", 1, "signals", "ES", 1, 4, 5],
        ["g", True, "signals", "ES", 1, 4, 5],
        ["g", 1, "signals", "ES", 1, 4],
        {"g": 1},
    ],
)
def test_a_head_that_is_none_is_refused(head):
    piece = orjson.dumps(head)
    frame = len(piece).to_bytes(4, "big") + piece + (2).to_bytes(4, "big") + b"{}"
    with pytest.raises(ValueError, match=r"was|expected"):
        messages_of(frame)


def test_positions_come_back():
    positions = {"g": {"signals/ES": 7}}
    assert positions_of(have(positions)) == positions
    for other in (b"[]", b'{"op":"hello"}', b'{"op":"have","positions":[]}', b"x"):
        with pytest.raises(ValueError, match=r"expected|unexpected|JSON"):
            positions_of(other)

from contextlib import suppress
from dataclasses import replace

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sinks.published import Published
from sinks.relay import push_frames
from sinks.relay.push_frames import (
    frames,
    gone,
    gone_of,
    have,
    messages_of,
    positions_of,
)
from sinks.relay.push_ring import Gone


def message(root="ES", seq=3, *, stream="signals", generation="g", **more):
    value = orjson.dumps({"stream": stream, "root": root, "seq": seq, **more})
    return Published(generation, 1, stream, root, seq, 4, 5, value)


ONE = message()
TEXT = st.text(st.characters(codec="utf-8"), min_size=1, max_size=5)
MESSAGES = st.builds(
    message,
    root=TEXT,
    seq=st.integers(1, 2**40),
    stream=st.just("gaps"),
    generation=TEXT,
    text=st.text(st.characters(codec="utf-8"), max_size=400),
)


def packed(head, value=ONE.value):
    pieces = (orjson.dumps(head), value)
    return b"".join(len(piece).to_bytes(4, "big") + piece for piece in pieces)


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
    ("head", "said"),
    [
        (["g", 1, "signals", "ES", 0, 4, 5], "seq was 0 on signals"),
        (["g", 1, "signals", "ES", 2**60, 4, 5], "seq was"),
        (["g", 1, "pressure", "ES", 1, 4, 5], "seq was 1 on pressure"),
        (["g", 1, "nothing", "ES", 1, 4, 5], "expected one of our streams"),
        (["g", 1, "signals", "", 3, 4, 5], "root had 0 characters, expected 1 to 64"),
        (["g", 1, "signals", "E" * 65, 3, 4, 5], "root had 65"),
        (["", 1, "signals", "ES", 3, 4, 5], "generation had 0"),
        (["g", True, "signals", "ES", 3, 4, 5], "expected a head"),
        (["g", 1, "signals", "ES", 3, 4], "expected a head"),
        ({"g": 1}, "expected a head"),
        (["g", 1, "signals", "NQ", 3, 4, 5], "the value has another root than its head"),
        (["g", 1, "signals", "ES", 4, 4, 5], "the value has another seq"),
        (["g", 1, "gaps", "ES", 3, 4, 5], "the value has another stream"),
    ],
)
def test_a_head_that_is_none_is_refused(head, said):
    with pytest.raises(ValueError, match=said):
        messages_of(packed(head))


@pytest.mark.parametrize("value", [b"{", b'{"seq":3}x', b"[]", b'{"a":"\xff"}', b'{"a":NaN}', b""])
def test_a_value_that_would_spoil_the_frames_of_clients_is_refused(value):
    with pytest.raises(ValueError, match=r"expected|unexpected|JSON|UTF-8|trailing|empty"):
        messages_of(packed(["g", 1, "signals", "ES", 3, 4, 5], value))


def test_positions_come_back():
    said = have({"g": {"signals/ES": 7}, "old": {"gaps/NQ": 1}})
    assert positions_of(said, "g") == {("signals", "ES"): 7}
    assert positions_of(said, "new") == {}
    for other in (b"[]", b'{"op":"hello"}', b'{"op":"have","positions":[]}', b"x"):
        with pytest.raises(ValueError, match=r"expected|unexpected|JSON"):
            positions_of(other, "g")


def test_what_is_gone_comes_back():
    ranges = [Gone("signals", "ES", 1, seq) for seq in range(1, 1_502)]
    texts = list(gone(ranges))
    assert len(texts) == 2
    assert [one for text in texts for one in gone_of(text)] == ranges
    cut = '{"op":"gone","ranges":[["signals","ES",1]]}'
    swapped = '{"op":"gone","ranges":[["signals","ES",2,1]]}'
    for other in ("[]", '{"op":"gone"}', cut, swapped, "x"):
        with pytest.raises(ValueError, match=r"expected|unexpected|JSON"):
            gone_of(other)


def test_lateness_comes_along_and_need_not_be_said():
    late = replace(ONE, late=True)
    (frame,) = frames([late, ONE])
    assert [one.late for one in messages_of(frame)] == [True, False]
    assert not messages_of(packed(["g", 1, "signals", "ES", 3, 4, 5]))[0].late
    with pytest.raises(ValueError, match="expected a head"):
        messages_of(packed(["g", 1, "signals", "ES", 3, 4, 5, 1]))

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sinks.relay.messages import update
from sinks.relay.ring import Held, Ring
from tests.sinks.relay.reader import message


def held(seq: int) -> Held:
    one = message("ES", seq)
    return Held(one, update(one, 0, is_state=False))


def seqs(found: list[Held]) -> list[int]:
    return [one.message.seq for one in found]


def test_an_empty_ring_holds_nothing_before_the_first_seq():
    ring = Ring(3)
    assert (len(ring), ring.last, ring.oldest, ring.bytes_count) == (0, 0, 1, 0)
    assert ring.newest(5) == []
    assert ring.can_resume(0)
    assert not ring.can_resume(1)


def test_a_seq_that_has_come_is_a_mistake_of_ours():
    ring = Ring(3)
    ring.append(held(2))
    with pytest.raises(AssertionError, match="seq was 2, expected more than 2"):
        ring.append(held(2))
    with pytest.raises(AssertionError, match="seq was 0, held 2 to 2"):
        ring.after(0)


@given(
    st.lists(st.tuples(st.integers(1, 3), st.integers(0, 2)), max_size=30),
    st.integers(1, 5),
)
def test_what_is_held_is_contiguous_bounded_and_counted(steps, count_max):
    """Steps in seq (more than 1: a hole) and messages dropped after each, against plain lists."""
    ring, plain, seq, dropped = Ring(count_max), [], 0, 0
    for step, drop in steps:
        seq += step
        plain = [*plain, seq] if step == 1 else [seq]
        dropped += ring.append(held(seq))
        plain = plain[-count_max:]
        dropped += ring.drop(drop)
        plain = plain[drop:]
        assert seqs(ring.newest(100)) == plain
        assert ring.last == seq
        assert ring.bytes_count == sum(one.bytes_count for one in ring.newest(100))
        for asked in range(seq + 2):
            able = asked == seq or (asked < seq and asked + 1 in plain)
            assert ring.can_resume(asked) == able
            if able:
                assert seqs(ring.after(asked)) == [one for one in plain if one > asked]
    assert dropped + len(ring) == len(steps)


def test_a_snapshot_is_kept_until_something_changes():
    ring = Ring(3)
    ring.append(held(1))
    ring.snapshot = ring.newest(1)[0].frame
    assert ring.drop(0) == 0
    assert ring.snapshot is not None
    ring.append(held(2))
    assert ring.snapshot is None

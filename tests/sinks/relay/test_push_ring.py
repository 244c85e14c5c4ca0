"""However slowly a relay reads: what it gets goes on without a hole, or the loss is counted."""

from hypothesis import given
from hypothesis import strategies as st

from sinks.published import Published
from sinks.relay.push_ring import PushRing, Reader, size_of


def event(seq, root="ES", generation="g"):
    return Published(generation, 1, "signals", root, seq, seq, 0, b'{"seq":%d}' % seq)


def state(number, root="ES"):
    return Published("g", 1, "pressure", root, 0, number, 0, b'{"n":%d}' % number)


@given(
    st.lists(st.sampled_from(["ES", "NQ", "read", "read"]), max_size=80),
    st.integers(1, 12),
    st.integers(1, 7),
    st.integers(0, 9),
)
def test_a_reader_gets_everything_after_what_it_knows_or_is_told(steps, room, at_once, known):
    ring = PushRing(room, 1_000_000, 10)
    reader = Reader({"g": {"signals/ES": known}, "old": {"signals/NQ": 99}})
    seqs = {"ES": 0, "NQ": 0}
    got = {"ES": [], "NQ": []}
    for step in [*steps, *["read"] * 100]:
        if step == "read":
            for message in ring.read(reader, at_once):
                got[message.root].append(message.seq)
        else:
            seqs[step] += 1
            ring.add(event(seqs[step], step))
    assert not ring.has_more(reader)
    wanted = {"ES": range(known + 1, seqs["ES"] + 1), "NQ": range(1, seqs["NQ"] + 1)}
    for root, found in got.items():
        assert found == sorted(set(found))
        assert set(found) <= set(wanted[root])
    missing = sum(len(set(wanted[root]) - set(got[root])) for root in got)
    assert missing <= reader.lost <= ring.dropped
    if not reader.lost:
        assert {root: list(want) for root, want in wanted.items()} == got


def test_bytes_are_bounded_and_the_oldest_go_first():
    one = event(1)
    ring = PushRing(1_000, 3 * size_of(one), 10)
    for seq in range(1, 6):
        ring.add(event(seq))
    assert (ring.dropped, ring.bytes_count) == (2, 3 * size_of(one))
    assert [m.seq for m in ring.read(Reader({}), 10)] == [3, 4, 5]


def test_of_states_a_reader_gets_the_newest_of_each_key_once():
    ring, reader = PushRing(10, 1_000_000, 10), Reader({})
    for number in range(5):
        ring.add(state(number))
    ring.add(state(7, "NQ"))
    assert [m.ts_event for m in ring.read(reader, 10)] == [4, 7]
    assert ring.read(reader, 10) == []
    ring.add(state(8))
    assert [m.ts_event for m in ring.read(reader, 10)] == [8]


def test_states_are_bounded_in_keys():
    ring = PushRing(10, 1_000_000, 2)
    for number, root in enumerate(["A", "B", "C"]):
        ring.add(state(number, root))
    assert ring.crowded_out == 1
    assert [m.root for m in ring.read(Reader({}), 10)] == ["B", "C"]

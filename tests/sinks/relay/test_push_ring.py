"""Wherever a relay stands: what it reads goes on after what it has, or it is told what is gone."""

from hypothesis import given
from hypothesis import strategies as st

from sinks.published import Published
from sinks.relay.push_ring import Gone, PushRing, Reader, size_of

ROOTS = ("ES", "NQ", "ZB")


def event(seq, root="ES"):
    return Published("g", 1, "signals", root, seq, seq, 0, b'{"seq":%d}' % seq)


def state(number, root="ES"):
    return Published("g", 1, "pressure", root, 0, number, 0, b'{"n":%d}' % number)


class Relay:
    """Believes nothing: asserts that all it gets goes on after what it has or was told."""

    def __init__(self, known):
        self.at = dict(known)
        self.reader = Reader({("signals", root): seq for root, seq in known.items()})
        self.got = []
        self.gone = []

    def read(self, ring, count):
        found = ring.read(self.reader, count)
        assert len(found.messages) <= count
        last = dict(self.at)
        for one in found.gone:
            assert one.first <= one.last
            assert one.first > last.get(one.root, 0)
            last[one.root] = one.last
        gone = {(one.root, seq) for one in found.gone for seq in range(one.first, one.last + 1)}
        for message in found.messages:
            while (message.root, self.at.get(message.root, 0) + 1) in gone:
                self.at[message.root] = self.at.get(message.root, 0) + 1
            assert message.seq == self.at.get(message.root, 0) + 1
            self.at[message.root] = message.seq
            self.got.append((message.root, message.seq))
        for root, seq in last.items():
            self.at[root] = max(seq, self.at.get(root, 0))
        self.gone += sorted(gone)


@given(
    st.lists(st.sampled_from([*ROOTS, *ROOTS, "read", "other", "back"]), max_size=80),
    st.integers(1, 12),
    st.integers(1, 7),
    st.dictionaries(st.sampled_from(ROOTS), st.integers(0, 9)),
    st.dictionaries(st.sampled_from(ROOTS), st.integers(1, 5)),
)
def test_what_a_relay_gets_goes_on_after_what_it_has_or_it_is_told(
    steps, room, at_once, known, begins
):
    """`begins`: a resumed worker's first seq, where its snapshot held no earlier one."""
    ring = PushRing(room, 1_000_000, 10)
    seqs = {root: begins.get(root, 1) - 1 for root in ROOTS}
    published = set()
    relays = [Relay(known), Relay({})]
    for step in steps:
        if step == "read":
            relays[0].read(ring, at_once)
        elif step == "other":
            relays[1].read(ring, at_once)
        elif step == "back":  # Cut, and back with what it has.
            relays[0].reader = Relay(relays[0].at).reader
        else:
            seqs[step] += 1
            ring.add(event(seqs[step], step))
            published.add((step, seqs[step]))
    for relay, had in zip(relays, (known, {}), strict=True):
        while ring.has_more(relay.reader):
            relay.read(ring, at_once)
        # All that it did not have: each once, given or gone.
        assert len(relay.got) == len(set(relay.got))
        assert not set(relay.got) & set(relay.gone)
        missing = {(root, seq) for root, seq in published if seq > had.get(root, 0)}
        assert missing <= {*relay.got, *relay.gone}
        assert set(relay.got) <= missing
    assert ring.dropped == max(0, len(published) - room)


def test_what_is_gone_is_told_though_nothing_newer_of_its_root_comes():
    ring = PushRing(2, 1_000_000, 10)
    for seq in (1, 2, 3):
        ring.add(event(seq, "ES"))
    for seq in (1, 2):
        ring.add(event(seq, "NQ"))
    found = ring.read(Reader({("signals", "ES"): 1}), 10)
    assert found.gone == [Gone("signals", "ES", 2, 3)]
    assert [message.root for message in found.messages] == ["NQ", "NQ"]


def test_a_relay_that_has_everything_misses_nothing_however_much_was_overwritten():
    ring = PushRing(2, 1_000_000, 10)
    for seq in range(1, 10):
        ring.add(event(seq))
    found = ring.read(Reader({("signals", "ES"): 9}), 10)
    assert (found.gone, found.messages) == ([], [])


def test_bytes_are_bounded_and_the_oldest_go_first():
    one = event(1)
    ring = PushRing(1_000, 3 * size_of(one), 10)
    for seq in range(1, 6):
        ring.add(event(seq))
    assert (ring.dropped, ring.bytes_count) == (2, 3 * size_of(one))
    assert [m.seq for m in ring.read(Reader({}), 10).messages] == [3, 4, 5]


@given(
    st.lists(st.sampled_from(["A", "B", "C", "read"]), max_size=40),
    st.integers(1, 3),
    st.integers(1, 3),
)
def test_of_states_a_reader_ends_with_the_current_value_of_each_key_held(steps, keys, at_once):
    ring, reader = PushRing(10, 1_000_000, keys), Reader({})
    current, seen = {}, {}
    for number, step in enumerate(steps):
        if step == "read":
            for message in ring.read(reader, at_once).messages:
                assert message.ts_event > seen.get(message.root, -1)
                seen[message.root] = message.ts_event
        else:
            ring.add(state(number, step))
            current.pop(step, None)
            current[step] = number
    while ring.has_more(reader):
        seen |= {m.root: m.ts_event for m in ring.read(reader, at_once).messages}
    held = dict(list(current.items())[-keys:])
    assert {root: seen[root] for root in held} == held


def test_values_are_bounded_in_keys_and_bytes():
    ring = PushRing(10, 1_000_000, 2)
    for number, root in enumerate(["A", "B", "C"]):
        ring.add(state(number, root))
    assert ring.crowded_out == 1
    assert [m.root for m in ring.read(Reader({}), 10).messages] == ["B", "C"]
    small = PushRing(10, 2 * size_of(state(1)), 10)
    for number, root in enumerate(["A", "B", "C"]):
        small.add(state(number, root))
    assert (small.crowded_out, small.state_bytes) == (1, 2 * size_of(state(1)))

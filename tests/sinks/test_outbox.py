import pickle
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from operators.model.errors import DeliveryError, StateError
from operators.model.streams import SIGNALS, Message
from sinks.outbox import Outbox, entry, entry_of
from tests.sinks.messages import SIGNAL


def item(seq, root="ES", value=None):
    return entry("signals", root, seq, 0, value or f"{root}-{seq}".encode())


def held(*items):
    found = {}
    for one in items:
        found.setdefault(one.key, {})[one.seq] = one.digest
    return found


def seqs(outbox):
    return [(one.root, one.seq) for one in outbox.first(1_000, 1_000_000)]


def filled(*items):
    outbox = Outbox()
    for one in items:
        assert outbox.accept(one)
    return outbox


def test_messages_leave_in_the_order_they_came():
    outbox = filled(item(1), item(1, "NQ"), item(2))
    assert seqs(outbox) == [("ES", 1), ("NQ", 1), ("ES", 2)]
    outbox.drop(2)
    assert (seqs(outbox), outbox.bytes_count) == ([("ES", 2)], 4)


def test_a_batch_keeps_both_bounds_but_is_never_empty():
    outbox = filled(item(1), item(2), item(3))
    assert len(outbox.first(2, 1_000)) == 2
    assert len(outbox.first(1_000, 8)) == 2
    assert len(outbox.first(1_000, 1)) == 1


@pytest.mark.parametrize("seq", [0, 1, 3])
def test_a_repeated_or_a_missing_seq_is_refused(seq):
    with pytest.raises(StateError, match=f"signals of ES: seq was {seq}, expected 2"):
        filled(item(1)).accept(item(seq))


def test_what_the_topic_holds_is_skipped_and_the_rest_is_taken():
    outbox = Outbox()
    outbox.settle(held(item(1), item(2), item(1, "NQ")))
    taken = [outbox.accept(one) for one in (item(1), item(2), item(3), item(1, "NQ"))]
    assert taken == [False, False, True, False]
    assert seqs(outbox) == [("ES", 3)]


def test_what_waits_and_is_found_on_the_topic_is_dropped():
    outbox = filled(item(1), item(1, "NQ"), item(2))
    assert outbox.settle(held(item(1), item(2))) == 2
    assert seqs(outbox) == [("NQ", 1)]
    assert outbox.accept(item(3))


def test_the_topic_may_be_ahead_of_what_waits():
    outbox = filled(item(1))
    outbox.settle(held(item(1), item(2), item(3)))
    assert [outbox.accept(item(seq)) for seq in (2, 3, 4)] == [False, False, True]


def test_what_the_topic_no_longer_keeps_counts_as_delivered():
    outbox = filled(item(1), item(2))
    assert outbox.settle(held(item(5))) == 2
    assert [outbox.accept(item(seq)) for seq in (3, 4, 5, 6)] == [False, False, False, True]


def test_another_message_under_a_seq_is_refused_whether_it_waits_or_comes():
    other = held(item(1, value=b"other"))
    with pytest.raises(DeliveryError, match="seq 1 is on the topic with digest"):
        filled(item(1)).settle(other)
    outbox = Outbox()
    outbox.settle(other)
    with pytest.raises(DeliveryError, match="start a new generation"):
        outbox.accept(item(1))


def test_a_snapshot_is_no_live_view():
    outbox = filled(item(1))
    state = outbox.snapshot()
    stored = pickle.dumps(state)
    outbox.accept(item(2))
    outbox.drop(1)
    assert pickle.dumps(state) == stored
    again = Outbox(pickle.loads(stored))
    assert (seqs(again), again.bytes_count, again.last()) == (
        [("ES", 1)],
        4,
        {("signals", "ES"): 1},
    )


class Worker:
    """A worker with a topic: what a run of the engine does to an outbox, without clocks."""

    def __init__(self, tape):
        self.tape = tape
        self.topic = []
        self.stored = (None, 0, 0)
        self.resume()

    def resume(self):
        state, self.position, self.read_from = self.stored
        self.outbox = Outbox(state)
        self.outbox.settle(held(*self.topic[self.read_from :]))

    def write(self, count):
        for one in self.tape[self.position : self.position + count]:
            self.outbox.accept(one)
            self.position += 1

    def deliver(self, count, *, known):
        batch = self.outbox.first(max(count, 1), 1_000_000)[:count]
        self.topic += batch
        if known:
            self.outbox.drop(len(batch))
        else:
            # Committed, but nobody was told: the worker dies here.
            self.resume()

    def snapshot(self):
        if not self.outbox.is_behind():
            self.read_from = len(self.topic)
        state = pickle.loads(pickle.dumps(self.outbox.snapshot()))
        self.stored = (state, self.position, self.read_from)


STEPS = st.one_of(
    st.tuples(st.just("write"), st.integers(1, 5)),
    st.tuples(st.just("deliver"), st.integers(0, 5)),
    st.tuples(st.just("deliver unknown"), st.integers(0, 5)),
    st.tuples(st.just("snapshot"), st.just(0)),
    st.tuples(st.just("kill"), st.just(0)),
)


@given(st.lists(STEPS, max_size=60), st.lists(st.sampled_from(["ES", "NQ"]), max_size=40))
def test_whatever_happens_the_topic_holds_each_message_once_and_in_order(steps, roots):
    count = dict.fromkeys(("ES", "NQ"), 0)
    tape = []
    for root in roots:
        count[root] += 1
        tape.append(item(count[root], root))
    worker = Worker(tape)
    for name, number in steps:
        match name:
            case "write":
                worker.write(number)
            case "deliver" | "deliver unknown":
                worker.deliver(number, known=name == "deliver")
            case "snapshot":
                worker.snapshot()
            case "kill":
                worker.resume()
    worker.write(len(tape))
    worker.deliver(len(tape), known=True)
    assert worker.topic == tape


def test_lateness_waits_along_and_changes_no_digest():
    message = Message(SIGNALS, "ES", 1, SIGNAL, late=True)
    outbox = Outbox()
    outbox.accept(entry_of(message))
    (found,) = Outbox(outbox.snapshot()).first(9, 10**9)
    assert found == entry_of(message)
    assert found.late
    assert found.digest == entry_of(replace(message, late=False)).digest

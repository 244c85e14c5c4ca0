"""What the tests of the store share: messages of a market that has had signals."""

from dataclasses import replace

from operators.model.streams import EVENT_STREAMS, OUTCOMES, SIGNALS, Message
from sinks.published import published
from tests.sinks.messages import EXAMPLES, OUTCOME, SIGNAL, TS, gap

SECOND = 1_000_000_000


def signal(
    root, seq, *, name=None, revision=1, change="opened", generation="g1", begun_ms=1, **given
):
    """A signal's revision as published, `seq` seconds after the first instant."""
    value = replace(
        SIGNAL,
        root=root,
        id=name or f"{root}-{seq}",
        revision=revision,
        change=change,
        ts_event=TS + seq * SECOND,
        **given,
    )
    return published(Message(SIGNALS, root, seq, value), generation, begun_ms, 2)


def a_gap(root, seq, generation="g1"):
    return published(gap(root, seq), generation, 1, 2)


def an_outcome(root, seq, **given):
    value = replace(OUTCOME, root=root, ts_event=TS + seq * SECOND, **given)
    return published(Message(OUTCOMES, root, seq, value), "g1", 1, 2)


def examples():
    """One message of each event stream."""
    return [published(m, "g1", 5, 7) for m in EXAMPLES if m.stream in EVENT_STREAMS]


def places(rows):
    return [(row.root, row.seq) for row in rows]

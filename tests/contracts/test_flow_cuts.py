"""The chain without its engine: any cut, interleaving and number of shards gives one digest."""

import random
from functools import cache

import pytest

from operators.model.hashing import shard_of
from operators.model.items import Definition, Instrument, MboRows, Tick
from operators.model.streams import EVENT_STREAMS, GAPS, SIGNALS, Message
from sinks.codec import encode
from sinks.digest import Digest
from tests.contracts.chain import CHAIN, cut, made
from tests.contracts.tapes import EAST, ROOTS, WEST, feeds, merged


def roots_of(items):
    """Instrument → root, as the items say."""
    return {
        (item.feed, item.instrument_id): item.root for item in items if isinstance(item, Instrument)
    }


@cache
def shards_of(shards):
    """(feed, instrument) → shard."""
    every = [item for items in feeds().values() for item in items]
    return {key: shard_of(root, shards) for key, root in roots_of(every).items()}


def routed(item, shards):
    """What of an item each shard gets: its instruments' rows and items; ticks go to all."""
    table = shards_of(shards)
    if isinstance(item, MboRows):
        place = [table[item.feed, int(id_)] for id_ in item.rows["instrument_id"]]
        for shard in sorted(set(place)):
            rows = item.rows[[shard == one for one in place]]
            rows.flags.writeable = False
            yield shard, MboRows(item.feed, rows)
    elif hasattr(item, "instrument_id"):
        yield table[item.feed, item.instrument_id], item
    else:
        for shard in range(shards):
            yield shard, item


def messages_of(items, shards=1):
    """Messages of all shards, each with a chain of its own, item by item."""
    chains = [[made(kind) for kind in CHAIN] for _ in range(shards)]
    found = [[] for _ in range(shards)]
    for item in items:
        for shard, own in routed(item, shards):
            out = [own]
            for operator in chains[shard]:
                out = operator.on_items(out)
            found[shard] += [one for one in out if isinstance(one, Message)]
    return found


def digest_of(found):
    """Digest of the event streams of several shards, and how many messages they hold."""
    parts = []
    for messages in found:
        digest = Digest()
        for message in messages:
            digest.add(message.stream, message.root, encode(message))
        parts.append(digest.snapshot())
    whole = Digest.combine(parts)
    return whole.hex(), whole.count


@cache
def expected():
    """One shard, one feed after the other, in the pieces they came."""
    return messages_of([*feeds()[EAST], *feeds()[WEST]])


def test_there_is_something_to_compare():
    streams = {(message.stream, message.root) for message in expected()[0]}
    assert {root for _, root in streams} == {*ROOTS[EAST], *ROOTS[WEST]}
    assert {SIGNALS, GAPS} <= {stream for stream, _ in streams}
    assert digest_of(expected())[1] > 50
    signals = [message.value for message in expected()[0] if message.stream == SIGNALS]
    assert any(signal.delayed for signal in signals)
    taken_back = [signal for signal in signals if signal.change == "retracted"]
    assert any("(seam)" in signal.reasons[0] for signal in taken_back)
    gaps = [message.value for message in expected()[0] if message.stream == GAPS]
    assert any(gap.ts_from is not None for gap in gaps)


@pytest.mark.parametrize("shards", [1, 2, 4])
@pytest.mark.parametrize("seed", [1, 2])
def test_any_interleaving_cut_and_number_of_shards_gives_one_digest(shards, seed):
    rng = random.Random(seed)
    parts = {feed: cut(items, lambda: rng.randint(1, 700)) for feed, items in feeds().items()}
    found = messages_of(merged(rng.randrange, parts), shards)
    assert digest_of(found) == digest_of(expected())
    assert len([part for part in found if part]) == min(shards, len(used(shards)))


def used(shards):
    """Shards that have a root."""
    return set(shards_of(shards).values())


def test_each_stream_counts_from_one_without_holes():
    seen = {}
    for message in expected()[0]:
        if message.stream in EVENT_STREAMS:
            key = message.stream, message.root
            seen[key] = seen.get(key, 0) + 1
            assert message.seq == seen[key]
        else:
            assert message.seq == 0


@pytest.mark.parametrize("feed", [EAST, WEST])
def test_a_feed_says_the_same_alone(feed):
    alone = messages_of(feeds()[feed])[0]
    together = messages_of(merged(random.Random(3).randrange, feeds()))[0]
    assert alone == [m for m in together if m.root in ROOTS[feed]]


def test_ticks_alone_say_nothing():
    kept = (Instrument, Definition, Tick)
    items = [item for item in feeds()[EAST] if isinstance(item, kept)]
    assert messages_of(items) == [[]]

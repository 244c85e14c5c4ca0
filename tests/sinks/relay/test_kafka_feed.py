"""The feed against both brokers and what the real sink writes."""

import asyncio
import time
from dataclasses import replace

import pytest
from confluent_kafka import Producer

from operators.model.streams import SIGNALS, topic
from sinks.embedded_broker import EmbeddedBroker
from sinks.kafka_config import KafkaConfig
from sinks.relay.config import RelayConfig
from sinks.relay.hub import Hub
from sinks.relay.kafka_feed import KafkaFeed
from sinks.relay.turns import publish
from tests.sinks.kafka_harness import build, read
from tests.sinks.messages import gap, signal

DEADLINE_S = 60.0


def messages(count, first=1):
    return [
        make(root, seq)
        for seq in range(first, first + count)
        for root in ("ES", "NQ")
        for make in (signal, gap)
    ]


async def until(condition, what):
    end = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < end, f"{what}: not within {DEADLINE_S:g} s"
        await asyncio.sleep(0.01)  # between looks, never instead of a condition


class World:
    """A hub and its feed in a loop, and what the feed said of itself."""

    def __init__(self, kafka, history=10_000):
        self.hub = Hub(RelayConfig())
        self.states = []
        self.feed = KafkaFeed(kafka, history, self.take, self.states.append)

    async def take(self, batch):
        await publish(self.hub, batch)

    async def __aenter__(self):
        self.feed.start()
        return self

    async def __aexit__(self, *_):
        await self.feed.close()

    def seqs(self, stream=SIGNALS, root="ES"):
        return [m.seq for m in self.hub.recent(stream, root, 10_000)]


def test_what_was_written_before_and_what_comes_reach_the_hub_in_order(kafka):
    async def run():
        part = build(kafka)
        part.write_batch(messages(20))
        async with World(kafka) as world:
            await until(lambda: world.hub.last_seqs().get((SIGNALS, "NQ")) == 20, "history")
            part.write_batch(messages(5, first=21))
            await until(lambda: sum(world.hub.last_seqs().values()) == 4 * 25, "what comes")
            assert world.seqs() == list(range(1, 26))
            assert world.states == [""]
            assert world.feed.counters.malformed == 0
            assert all(m.ts_published_ns > 0 for m in world.hub.recent(SIGNALS, "ES", 3))
        await asyncio.to_thread(part.close)

    asyncio.run(run())


def test_topics_that_nobody_has_written_to_yet_are_waited_for(kafka):
    async def run():
        async with World(kafka) as world:
            await until(lambda: world.states, "the broker is found")
            part = await asyncio.to_thread(build, kafka)
            part.write_batch(messages(3))
            await until(lambda: world.hub.last_seqs().get((SIGNALS, "ES")) == 3, "first messages")
            assert world.seqs() == [1, 2, 3]
            await asyncio.to_thread(part.close)

    asyncio.run(run())


def test_a_new_generation_replaces_the_old_one_whatever_the_partition(kafka):
    async def run():
        old = build(replace(kafka, generation="old", generation_ts_ms=1_000))
        old.write_batch(messages(9))
        await asyncio.to_thread(old.close)
        new = build(replace(kafka, generation="new", generation_ts_ms=2_000), number=1)
        new.write_batch(messages(2))
        await asyncio.to_thread(new.close)
        async with World(kafka) as world:
            await until(
                lambda: world.hub.epoch == "new" and sum(world.hub.last_seqs().values()) == 8, "new"
            )
            assert world.seqs() == [1, 2]

    asyncio.run(run())


def test_only_the_end_of_a_long_topic_is_read_back(kafka):
    async def run():
        part = build(kafka)
        part.write_batch(messages(50))
        await asyncio.to_thread(part.close)
        # Where a topic ends for readers of committed records shows a moment after the commit.
        end = time.monotonic() + DEADLINE_S
        while len(await asyncio.to_thread(read, kafka, topic(SIGNALS))) < 100:
            assert time.monotonic() < end, "the topic's end is not committed"
        async with World(kafka, history=20) as world:
            await until(lambda: world.hub.last_seqs().get((SIGNALS, "NQ")) == 50, "the end")
            assert world.seqs()[0] > 1
            assert world.seqs() == list(range(world.seqs()[0], 51))

    asyncio.run(run())


def test_garbage_on_a_topic_is_counted_and_passed_over(kafka):
    async def run():
        part = build(kafka)
        part.write_batch(messages(1))
        await asyncio.to_thread(part.close)
        stranger = Producer({"bootstrap.servers": kafka.bootstrap_servers, "log_level": 0})
        name = kafka.topic_prefix + topic(SIGNALS)
        stranger.produce(name, b"\xff", key=b"\xfe", partition=0, headers=[("ifd-seq", b"x")])
        stranger.produce(name, None, partition=0)
        assert stranger.flush(DEADLINE_S) == 0
        async with World(kafka) as world:
            await until(lambda: world.feed.counters.malformed == 2, "garbage")
            await until(lambda: sum(world.hub.last_seqs().values()) == 4, "the rest")

    asyncio.run(run())


def test_a_broker_that_leaves_is_told_while_nothing_is_read():
    async def run():
        broker = EmbeddedBroker().start()
        address = broker.address
        async with World(KafkaConfig(bootstrap_servers=address, generation="g1")) as world:
            await until(lambda: world.states == [""], "the broker is found")
            broker.stop()
            await until(lambda: len(world.states) > 1, "a word on its end")
            assert world.states[1].startswith(f"{address}: ")
            assert world.feed.counters.failures >= 1

    asyncio.run(run())


@pytest.mark.kafka
def test_a_broker_that_is_away_is_told_and_waited_for(apache, apache_kafka):
    async def run():
        part = build(apache)
        part.write_batch(messages(3))
        await asyncio.to_thread(part.close)
        apache_kafka.stop()
        try:
            async with World(apache) as world:
                await until(lambda: world.states, "a word on the broker")
                assert apache.bootstrap_servers in world.states[0]
                await asyncio.to_thread(apache_kafka.start)
                await until(lambda: world.hub.last_seqs().get((SIGNALS, "ES")) == 3, "history")
                assert world.states[-1] == ""
                await asyncio.to_thread(apache_kafka.stop)
                await until(lambda: world.states[-1], "a word on its end")
                await asyncio.to_thread(apache_kafka.start)
                await until(lambda: not world.states[-1], "that it is back")
                assert world.seqs() == [1, 2, 3]
        finally:
            if apache_kafka._process is None:
                apache_kafka.start()

    asyncio.run(run())

import asyncio

from sinks.relay import turns
from sinks.relay.config import RelayConfig
from sinks.relay.hub import Hub
from tests.sinks.relay.reader import Reader, run


def test_a_long_batch_lets_others_have_their_turn():
    hub, reader = Hub(RelayConfig()), Reader()
    reader.join(hub, ["signals"])
    seen = []

    async def other():
        for _ in range(3):
            seen.append(len(reader.seen))
            await asyncio.sleep(0)

    async def both():
        await asyncio.gather(turns.publish(hub, run("ES", 1, 3 * turns.TURN_MESSAGES)), other())

    asyncio.run(both())
    assert seen == [64, 128, 192]


def test_two_feeds_that_take_turns_give_each_message_once():
    hub, reader = Hub(RelayConfig()), Reader()
    reader.join(hub, ["signals"])

    async def both():
        await asyncio.gather(
            turns.publish(hub, run("ES", 1, 300)), turns.publish(hub, run("ES", 1, 200))
        )

    asyncio.run(both())
    assert [seen[-1] for seen in reader.seen] == list(range(1, 301))

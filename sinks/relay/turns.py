"""Turns: a long batch is published in pieces, so that the loop can serve others in between."""

import asyncio
from collections.abc import Sequence
from typing import Final

from sinks.published import Published
from sinks.relay.hub import Hub

TURN_MESSAGES: Final = 64
"""Messages published at once. With 500 clients a turn takes some 10 ms."""
TURN_BYTES: Final = 262_144
"""Bytes published at once, but for one message: well within what may wait for a client."""


async def publish(hub: Hub, batch: Sequence[Published]) -> None:
    """Publish messages, oldest first per stream and root; for every feed of the relay.

    Two feeds may take turns with each other: what one has brought the hub drops from the other.
    """
    turn: list[Published] = []
    size = 0
    for message in batch:
        if turn and (len(turn) >= TURN_MESSAGES or size + len(message.value) > TURN_BYTES):
            hub.publish(turn)
            turn, size = [], 0
            await asyncio.sleep(0)
        turn.append(message)
        size += len(message.value)
    hub.publish(turn)

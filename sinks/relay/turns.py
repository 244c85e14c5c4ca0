"""Turns: a long batch is published in pieces, so that the loop can serve others in between."""

import asyncio
from collections.abc import Sequence
from typing import Final

from sinks.published import Published
from sinks.relay.hub import Hub

TURN_MESSAGES: Final = 64
"""Messages published at once. With 500 clients a turn takes some 10 ms."""


async def publish(hub: Hub, batch: Sequence[Published]) -> None:
    """Publish messages, oldest first per stream and root; for every feed of the relay.

    Two feeds may take turns with each other: what one has brought the hub drops from the other.
    """
    for start in range(0, len(batch), TURN_MESSAGES):
        if start:
            await asyncio.sleep(0)
        hub.publish(batch[start : start + TURN_MESSAGES])

"""Workers' side and relay's side of pushing, for tests that put the two together over loopback."""

import asyncio
import time
from contextlib import asynccontextmanager

from operators.model.streams import SIGNALS
from sinks.relay.config import RelayConfig
from sinks.relay.hub import Hub
from sinks.relay.push import PushSink
from sinks.relay.push_config import PushConfig
from sinks.relay.push_receiver import PushReceiver
from tests.sinks.messages import signal

DEADLINE_S = 60.0


@asynccontextmanager
async def relay(port, token=""):
    hub = Hub(RelayConfig())
    receiver = PushReceiver(RelayConfig(push_port=port), token, hub)
    await receiver.start()
    try:
        yield hub, receiver
    finally:
        await receiver.close()


async def until(condition, what):
    end = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < end, f"{what}: not within {DEADLINE_S:g} s"
        await asyncio.sleep(0.005)  # between looks, never instead of a condition


def sink_of(*ports, **given):
    addresses = tuple(f"127.0.0.1:{port}" for port in ports)
    return PushSink(
        PushConfig(
            **{"relays": addresses, "generation": "g1", "generation_ts_ms": 1, **given},
            reconnect_s_max=0.1,
        )
    )


def part_of(sink, state=None):
    return sink.build_part("relay", "000", state)


def last(hub, root="ES"):
    return hub.last_seqs().get((SIGNALS, root), 0)


def seqs(hub, root="ES"):
    return [m.seq for m in hub.recent(SIGNALS, root, 100_000)]


def signals(first, stop):
    return [signal(root, seq) for seq in range(first, stop) for root in ("ES", "NQ")]

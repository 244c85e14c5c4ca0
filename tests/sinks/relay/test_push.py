"""Workers' side and relay's side together, over loopback."""

import asyncio
import pickle
from dataclasses import replace

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from dataflows.supervisor import free_ports
from operators.model.errors import ConfigError, StateError
from operators.model.streams import PRESSURE
from sinks.relay.config import RelayConfig
from sinks.relay.hub import Hub
from sinks.relay.push_config import PushConfig
from sinks.relay.push_frames import PROTOCOL
from sinks.relay.push_receiver import PushReceiver
from tests.sinks.messages import EXAMPLES, signal
from tests.sinks.relay.pushing import last, part_of, relay, seqs, signals, sink_of, until

PRESSURES = [message for message in EXAMPLES if message.stream == PRESSURE]


def test_six_thousand_signals_and_a_state_arrive_in_order_at_two_relays():
    async def run():
        async with relay(0) as (one, first), relay(0) as (two, second):
            part = part_of(sink_of(first.port, second.port))
            for at in range(1, 3_001, 100):
                part.write_batch([*signals(at, at + 100), *PRESSURES])
            for hub in (one, two):
                await until(lambda hub=hub: last(hub, "NQ") == 3_000, "all signals")
                assert seqs(hub) == seqs(hub, "NQ") == list(range(1, 3_001))
                await until(lambda hub=hub: hub.values(PRESSURE), "the state")
            await asyncio.to_thread(part.close)

    asyncio.run(run())


def test_a_relay_that_comes_later_or_again_gets_what_it_has_not():
    async def run():
        (port,) = free_ports(1)
        sink = sink_of(port)
        part = part_of(sink)
        part.write_batch(signals(1, 11))
        async with relay(port) as (hub, _):
            await until(lambda: last(hub, "NQ") == 10, "what was published before it came")
        part.write_batch(signals(11, 21))
        async with relay(port) as (hub, _):
            await until(lambda: last(hub, "NQ") == 20, "everything again")
            assert seqs(hub) == list(range(1, 21))
        assert sink.counters().links[f"127.0.0.1:{port}"].connections == 2
        await asyncio.to_thread(part.close)

    asyncio.run(run())


def test_a_worker_that_was_killed_goes_on_from_its_snapshot_without_loss_or_repetition():
    async def run():
        async with relay(0) as (hub, receiver):
            part = part_of(sink_of(receiver.port))
            part.write_batch(signals(1, 8))
            state = pickle.loads(pickle.dumps(part.snapshot()))
            part.write_batch(signals(8, 10))
            await until(lambda: last(hub, "NQ") == 9, "before the kill")
            # The successor repeats what came after the snapshot.
            again = part_of(sink_of(receiver.port), state)
            again.write_batch(signals(8, 12))
            await until(lambda: last(hub, "NQ") == 11, "after it")
            assert seqs(hub) == list(range(1, 12))
            assert hub.counters.holes == 0
            for one in (part, again):
                await asyncio.to_thread(one.close)

    asyncio.run(run())


def test_what_no_relay_had_taken_before_the_kill_is_in_the_snapshot():
    async def run():
        (port,) = free_ports(1)
        part = part_of(sink_of(port))
        part.write_batch(signals(1, 8))
        state = part.snapshot()
        await asyncio.to_thread(part.close)
        again = part_of(sink_of(port), state)
        again.write_batch(signals(8, 9))
        async with relay(port) as (hub, _):
            await until(lambda: last(hub, "NQ") == 8, "both lives")
            assert seqs(hub) == list(range(1, 9))
        await asyncio.to_thread(again.close)

    asyncio.run(run())


def test_a_relay_that_was_away_too_long_is_told_what_is_gone_and_tells_its_clients():
    async def run():
        (port,) = free_ports(1)
        sink = sink_of(port, ring_messages_max=4)
        part = part_of(sink)
        part.write_batch([signal("ES", seq) for seq in range(1, 3)])
        async with relay(port) as (hub, receiver):
            await until(lambda: last(hub) == 2, "the first")
            # The connection is slower than the ring: all of these at once.
            part.write_batch([signal("ES", seq) for seq in range(3, 500)])
            await until(lambda: last(hub) == 499, "the newest")
            assert seqs(hub) == [496, 497, 498, 499]
            assert receiver.counters.gone == hub.counters.missed == 493
        counters = sink.counters()
        assert (counters.links[f"127.0.0.1:{port}"].lost, counters.overwritten) == (493, 495)
        await asyncio.to_thread(part.close)

    asyncio.run(run())


def test_snapshots_are_bounded():
    part = part_of(sink_of(1, snapshot_bytes_max=10_000))
    part.write_batch(signals(1, 200))
    kept = part.snapshot()["kept"]
    assert 0 < sum(len(fields[-2]) for fields in kept) < 10_000
    assert kept[-1][:3] == ("signals", "NQ", 199)
    part.close()


@pytest.mark.parametrize(("given", "reaches"), [("right" * 4, True), ("wrong" * 4, False), ("", 0)])
def test_a_token_that_is_asked_for_must_be_shown(given, reaches):
    async def run():
        async with relay(0, "right" * 4) as (hub, receiver):
            sink = sink_of(receiver.port, token=given)
            part = part_of(sink)
            part.write_batch(signals(1, 3))
            if reaches:
                await until(lambda: last(hub) == 2, "the right token")
            else:
                await until(lambda: receiver.counters.refused["401"] >= 2, "refusals")
                assert last(hub) == 0
                failures = sink.counters().links[f"127.0.0.1:{receiver.port}"].failures
                assert not any("wrong" in why for why in failures)
            await asyncio.to_thread(part.close)

    asyncio.run(run())


def test_a_state_of_another_generation_is_refused():
    part = part_of(sink_of(1))
    state = part.snapshot() | {"generation": "g0"}
    part.close()
    with pytest.raises(StateError, match="relay: generation was g0 in the recovery store, is g1"):
        part_of(sink_of(1), state)


@pytest.mark.parametrize("frame", [b"garbage", "text", b"\x00\x00\x00\x05hello\x00\x00\x00\x01{"])
def test_a_frame_that_is_none_closes_its_connection_and_nobody_elses(frame):
    async def run():
        async with relay(0) as (hub, receiver):
            part = part_of(sink_of(receiver.port))
            url = f"ws://127.0.0.1:{receiver.port}/push"
            async with connect(url, subprotocols=[PROTOCOL], proxy=None) as stranger:
                await stranger.recv()
                await stranger.send(frame)
                with pytest.raises(ConnectionClosed):
                    await stranger.recv()
                assert stranger.close_code == 4500
            assert receiver.counters.malformed == 1
            part.write_batch(signals(1, 3))
            await until(lambda: last(hub) == 2, "the worker's signals")
            await asyncio.to_thread(part.close)

    asyncio.run(run())


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [("/other", {}, 404), ("/push", {"Origin": "http://127.0.0.1"}, 403)],
)
def test_who_is_no_worker_is_not_let_in(path, headers, status):
    async def run():
        async with relay(0) as (_, receiver):
            url = f"ws://127.0.0.1:{receiver.port}{path}"
            with pytest.raises(InvalidStatus) as refused:
                await connect(url, subprotocols=[PROTOCOL], additional_headers=headers, proxy=None)
            assert refused.value.response.status_code == status

    asyncio.run(run())


def test_without_a_token_it_listens_on_loopback_only():
    config = replace(RelayConfig(tokens={"desk": "x" * 20}), host="0.0.0.0")
    assert PushReceiver(config, "", Hub(config))._host == "127.0.0.1"
    assert PushReceiver(config, "y" * 20, Hub(config))._host == "0.0.0.0"


def test_a_taken_port_is_named_with_the_way_out():
    async def run():
        async with relay(0) as (_, receiver), relay(receiver.port):
            pass

    with pytest.raises(ConfigError, match="is taken; choose another with --push-port"):
        asyncio.run(run())


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"relays": ("nowhere",)}, "relays must be host:port each"),
        ({"relays": ("a:99999",)}, "relays must be host:port each"),
        ({"relays": ("a:1", "a:1")}, "relays must be different"),
        ({"relays": ("a:²",)}, "relays must be host:port each"),
        ({"token": "short"}, "token must be at least 16 visible ASCII characters"),
        ({"token": "with a space in it all"}, "token must be at least 16"),
        ({"partitions": 0}, "partitions must be at least 1"),
        ({"reconnect_s_max": float("nan")}, "reconnect_s_max must be at least"),
    ],
)
def test_settings_that_cannot_be_are_refused(given, said):
    with pytest.raises(ValueError, match=said):
        PushConfig(**given)


def test_a_token_is_in_no_repr():
    assert "secret" not in repr(PushConfig(token="secret" * 4))

"""The relay on loopback, with the `websockets` client."""

import asyncio
import json

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from operators.model.errors import ConfigError
from sinks.relay import turns
from sinks.relay.config import RelayConfig
from sinks.relay.connection import RelayConnection
from sinks.relay.hub import Hub
from sinks.relay.server import Relay, serve_settings
from tests.sinks.relay.loopback import client, relaying, until, url, within
from tests.sinks.relay.reader import TS_MS, message, run

TOKEN = "the-token-of-the-desk"


def test_a_client_gets_hello_ack_snapshot_and_updates():
    async def test():
        async with relaying() as (relay, hub):
            hub.publish(run("ES", 1, 3))
            async with client(relay) as one:
                assert (one.hello["op"], one.hello["epoch"]) == ("hello", "g1")
                assert one.connection.subprotocol == "ifd.v1"
                ack = await one.subscribe("signals", id=7)
                assert (ack["op"], ack["id"]) == ("ack", 7)
                snapshot = await one.read()
                assert [value["seq"] for value in snapshot["data"]] == [1, 2, 3]
                hub.publish([message("ES", 4)])
                update = await one.read()
                assert (update["seq"], update["prev_seq"], update["data"]["seq"]) == (4, 3, 4)
                assert (await one.ask(op="ping", id=1))["op"] == "pong"

    within(test)


def test_every_client_gets_every_message_in_order():
    async def test():
        async with relaying() as (relay, hub):

            async def follow():
                async with client(relay) as one:
                    await one.subscribe("signals")
                    assert (await one.read())["op"] == "epoch"
                    return [(await one.read())["seq"] for _ in range(300)]

            tasks = [asyncio.create_task(follow()) for _ in range(20)]
            await until(lambda: relay.counters.frames_in == 20)
            await turns.publish(hub, run("ES", 1, 300, size=300))
            assert await asyncio.gather(*tasks) == [list(range(1, 301))] * 20

    within(test)


def test_a_client_that_comes_back_to_another_relay_misses_and_doubles_nothing():
    async def test():
        async with relaying() as (first, hub), relaying() as (second, other):
            hub.publish(run("ES", 1, 5))
            other.publish(run("ES", 1, 3))
            async with client(first) as one:
                await one.subscribe("signals")
                assert (await one.read())["seq"] == 5
            async with client(second) as one:
                resume = {"epoch": "g1", "seq": {"signals/ES": 5}}
                ack = await one.subscribe("signals", resume=resume)
                assert ack["recovered"]["signals/ES"]["recovered"] is True
                other.publish(run("ES", 4, 6))
                assert (await one.read())["seq"] == 6
            hub.publish(run("ES", 6, 8))
            async with client(first) as one:
                resume["seq"]["signals/ES"] = 6
                await one.subscribe("signals", resume=resume)
                assert [(await one.read())["seq"] for _ in range(2)] == [7, 8]

    within(test)


def test_a_relay_that_starts_anew_tells_a_client_what_it_misses():
    async def test():
        async with relaying() as (relay, hub), client(relay) as one:
            await one.subscribe("signals", resume={"epoch": "g1", "seq": {"signals/ES": 5}})
            hub.publish(run("ES", 4, 6))
            assert [(await one.read())["op"] for _ in range(2)] == ["epoch", "update"]
            hub.publish([message("ES", 9)])
            gap = await one.read()
            assert (gap["op"], gap["from_seq"], gap["to_seq"]) == ("gap", 7, 8)
            assert (await one.read())["seq"] == 9
            hub.publish([message("ES", 1, generation="g2", born_ms=TS_MS + 1)])
            assert await one.read() == {"op": "epoch", "epoch": "g2"}

    within(test)


def test_an_idle_client_hears_a_heartbeat_with_positions():
    async def test():
        async with relaying(heartbeat_s=0.05) as (relay, hub):
            hub.publish(run("ES", 1, 3))
            async with client(relay) as one:
                await one.subscribe("signals")
                await one.read()
                beat = await one.read()
                assert (beat["op"], beat["seq"]) == ("heartbeat", {"signals/ES": 3})

    within(test)


def test_before_a_shutdown_clients_are_told_when_to_come_back():
    async def test():
        async with relaying() as (relay, _), client(relay) as one, client(relay) as two:
            closing = asyncio.create_task(relay.close())
            byes = [await one.read(), await two.read()]
            assert all((bye["op"], bye["code"]) == ("bye", 4000) for bye in byes)
            assert len({bye["reconnect_after_ms"] for bye in byes}) == 2
            assert (await one.closed())[0] == 4000
            await closing
            await relay.close()
            assert relay.client_count == 0

    within(test)


@pytest.mark.parametrize(
    ("given", "status", "said"),
    [
        ({"additional_headers": {"Authorization": "Bearer wrong"}}, 401, "valid token"),
        ({"origin": "http://evil.example"}, 403, "Origin"),
        ({"uri": "?token=secret"}, 400, "first message"),
        ({"uri": "nonsense"}, 404, "path"),
        ({"subprotocols": ["other.v1"]}, 400, ""),
    ],
)
def test_who_may_not_come_in_gets_an_http_answer(given, status, said):
    async def test():
        async with relaying(tokens={"desk": TOKEN}) as (relay, _):
            settings = {"subprotocols": ["ifd.v1"], "proxy": None, **given}
            address = f"{url(relay)}/{settings.pop('uri', '')}"
            with pytest.raises(InvalidStatus) as caught:
                await connect(address, **settings)
            response = caught.value.response
            assert (response.status_code, "server" in response.headers) == (status, False)
            assert said in response.body.decode()
            assert "secret" not in response.body.decode()
            await until(lambda: relay._door.seats_taken == 0)

    within(test)


def test_seats_are_given_back():
    async def test():
        async with relaying(clients_max=1) as (relay, _):
            async with client(relay):
                with pytest.raises(InvalidStatus) as caught:
                    await connect(url(relay), proxy=None)
                assert caught.value.response.status_code == 503
                assert caught.value.response.headers["Retry-After"] == "10"
            await until(lambda: relay._door.seats_taken == 0)
            async with client(relay):
                pass
            assert dict(relay.counters.refused) == {"503": 1}

    within(test)


def test_a_token_opens_by_header_or_first_message():
    async def test():
        async with relaying(tokens={"desk": TOKEN}, auth_timeout_s=0.3) as (relay, _):
            bearer = {"Authorization": f"Bearer {TOKEN}"}
            async with client(relay, additional_headers=bearer) as one:
                assert one.hello["auth_required"] is False
                assert (await one.subscribe("signals"))["result"][0]["ok"] is True
            async with client(relay) as one:
                assert one.hello["auth_required"] is True
                assert (await one.ask(op="auth", token=TOKEN))["op"] == "ack"
                assert (await one.subscribe("signals"))["result"][0]["ok"] is True
            async with client(relay) as one:
                bye = await one.ask(op="auth", token="wrong")
                assert (bye["op"], bye["code"]) == ("bye", 4501)
                assert (await one.closed())[0] == 4501
            async with client(relay) as one:
                assert (await one.read())["code"] == 4009
                assert (await one.closed()) == (4009, "no auth within 0.3 s")

    within(test)


def test_a_client_that_needs_no_subprotocol_gets_none():
    async def test():
        async with relaying() as (relay, _), client(relay, subprotocols=None) as one:
            assert one.connection.subprotocol is None

    within(test)


def test_it_answers_who_asks_for_its_health():
    async def test():
        async with relaying() as (relay, _), httpx.AsyncClient(trust_env=False) as http:
            answer = await http.get(f"http://127.0.0.1:{relay.port}/healthz")
            assert (answer.status_code, answer.text) == (200, "ok\n")

    within(test)


def test_a_taken_port_is_one_clear_line():
    async def test():
        async with relaying() as (relay, hub):
            config = RelayConfig(ws_port=relay.port)
            with pytest.raises(ConfigError) as caught:
                await Relay(config, hub).start()
            assert str(caught.value) == (
                f"relay.ws_port: 127.0.0.1:{relay.port} is taken; choose another with "
                "--ws-port or IFD_RELAY__WS_PORT"
            )

    within(test)


@pytest.mark.parametrize(
    ("frame", "code"), [("{", 4500), (b"{}", 4500), ("x" * 5_000, 4513), ("x" * 20_000, 1009)]
)
def test_a_bad_frame_ends_its_connection_and_no_other(frame, code):
    async def test():
        async with relaying() as (relay, hub), client(relay) as good, client(relay) as bad:
            await good.subscribe("signals")
            await bad.connection.send(frame)
            assert (await bad.closed())[0] == code
            hub.publish([message("ES", 1)])
            assert [(await good.read())["op"] for _ in range(2)] == ["epoch", "update"]

    within(test)


def test_a_mistake_of_ours_is_logged_and_leaves_others_alone(caplog, monkeypatch):
    async def test():
        async with relaying() as (relay, hub), client(relay) as good, client(relay) as bad:
            await good.subscribe("signals")
            broken = next(one for one in relay._clients if one.name == bad.hello["session"])
            monkeypatch.setattr(broken._session, "receive", lambda *_: 1 / 0)
            await bad.say(op="ping")
            assert (await bad.closed())[0] == 1011
            hub.publish([message("ES", 1)])
            assert (await good.read())["op"] == "epoch"
            left = next(iter(relay._clients))
            monkeypatch.setattr(left._watch, "check", lambda *_, **__: 1 / 0)
            assert (await good.closed())[0] in (1006, 1011)

    within(test)
    said = [record.getMessage() for record in caplog.records if record.levelname == "ERROR"]
    assert any("ended by a mistake of ours" in line for line in said)
    assert any("could not be checked" in line for line in said)


def test_tokens_are_in_no_log(caplog):
    async def test():
        async with relaying(tokens={"desk": TOKEN}) as (relay, _):
            async with client(relay, additional_headers={"Authorization": f"Bearer {TOKEN}"}):
                pass
            async with client(relay) as one:
                await one.ask(op="auth", token=TOKEN)
                await one.say(op="auth", token=[TOKEN])

    with caplog.at_level("DEBUG", logger="ifd"):
        within(test)
    assert TOKEN not in caplog.text


def test_the_library_compresses_nothing_and_pings_nobody():
    settings = serve_settings(RelayConfig())
    assert settings["create_connection"] is RelayConnection
    assert (settings["compression"], settings["ping_interval"]) == (None, None)


def test_frames_are_text_that_any_parser_reads():
    async def test():
        async with relaying() as (relay, hub), client(relay) as one:
            await one.subscribe("signals")
            hub.publish([message("ES", 1, size=70_000)])
            await one.read()
            data = await one.connection.recv()
            assert isinstance(data, str)
            assert json.loads(data)["seq"] == 1

    within(test)


def test_a_hub_serves_more_than_one_server():
    async def test():
        hub = Hub(RelayConfig())
        async with (
            relaying(hub) as (one, _),
            relaying(hub) as (two, _),
            client(one) as first,
            client(two) as second,
        ):
            await first.subscribe("signals")
            await second.subscribe("signals")
            hub.publish([message("ES", 1)])
            assert (await first.read())["epoch"] == (await second.read())["epoch"] == "g1"

    within(test)

import asyncio
from dataclasses import replace

import pytest

from operators.model.streams import OUTCOMES, Message
from sinks.relay.api.config import HttpConfig
from tests.sinks.messages import EXAMPLES, OUTCOME, UNKNOWN
from tests.sinks.relay.api.asking import ask, client, problem
from tests.sinks.relay.api.world import World, filled, signals

HISTORY = ["/v1/signals", "/v1/signals/x", "/v1/executions", "/v1/gaps", "/v1/outcomes",
           "/v1/reliability", "/v1/accuracy", "/v1/alerts"]  # fmt: skip


def test_pages_hold_every_row_once_while_more_arrive():
    world = filled(40)
    app = world.app()
    seen, target = [], "/v1/signals?limit=7&root=ES"
    while target is not None:
        answer = ask(app, target)
        body = answer.json()
        seen += [(item["root"], item["seq"]) for item in body["items"]]
        world.publish(*signals("ES", 5, first=41 + 5 * len(seen)))
        link = answer.headers.get("link")
        assert (link is None) == (body["next"] is None)
        target = link and link.partition(">")[0].removeprefix("<")
    assert seen == [("ES", seq) for seq in range(40, 0, -1)]


def test_ndjson_has_one_row_a_line():
    answer = ask(filled().app(), "/v1/signals?limit=3&format=ndjson")
    assert answer.headers["content-type"].startswith("application/x-ndjson")
    assert len(answer.text.splitlines()) == 3
    assert "cursor=" in answer.headers["link"]


def test_one_signal_comes_with_all_its_evidence():
    body = ask(filled().app(), "/v1/signals/ES-3").json()
    (row,) = body["items"]
    assert row["data"]["id"] == "ES-3"
    assert row["data"]["evidence"][0]["order_ids"] == [str(2**64 - 1), "7"]
    assert problem(ask(filled().app(), "/v1/signals/none"))["status"] == 404


def test_reliability_follows_from_the_outcomes():
    world = World()
    world.publish(*(m for m in EXAMPLES if m.stream == OUTCOMES))
    body = ask(world.app(), "/v1/reliability").json()
    assert (body["count"], body["text"]) == (1, "1 outcome")
    assert body["bins"][0]["hit_ratio"] == 0.0
    assert 0 < body["bins"][0]["hit_ratio_high"] < 1


def test_accuracy_tells_horizons_apart_and_what_is_not_known():
    world = World()
    assert ask(world.app(), "/v1/accuracy").json() == {"text": "no outcomes yet", "horizons": []}
    told = [
        replace(OUTCOME, horizon_s=horizon_s, signal_id=f"s{n}", move_ticks=2.0 * horizon_s)
        for n in range(3)
        for horizon_s in (1, 60)
    ]
    told += [UNKNOWN, replace(OUTCOME, sampled=True, signal_id="", kind="control")]
    world.publish(*(Message(OUTCOMES, "ES", n + 1, value) for n, value in enumerate(told)))
    body = ask(world.app(), "/v1/accuracy").json()
    first, last = body["horizons"]
    assert body["text"] == "6 outcomes of signals are known"
    assert (first["score"]["horizon_s"], first["score"]["count"], first["followed"]) == (1, 3, None)
    assert last["score"]["unknown"] == {"gap": 1}
    assert last["score"]["control_count"] == 1
    assert last["followed"]["trades"] == 3
    assert last["followed"]["text"].startswith("simulation")
    assert last["followed"]["by_currency"]["USD"]["trades"] == 3
    assert last["followed"]["by_kind"]["sweep"]["low"] == last["followed"]["low_ticks"]
    assert last["information"]["coefficient"] is None
    assert last["information"]["count"] + last["information"]["unmatched"] == 3


@pytest.mark.parametrize("route", HISTORY)
def test_without_a_store_history_is_unavailable_and_live_data_is_not(route):
    app = filled().app(history=None)
    answer = ask(app, route)
    assert answer.status_code == 503
    assert int(answer.headers["retry-after"]) >= 1
    assert "store" in problem(answer)["detail"]
    assert ask(app, "/v1/pressure/ES").status_code == 200
    assert ask(app, "/readyz").json()["store"] == "this relay has no store"


def test_a_hundred_who_ask_a_locked_store_are_told_and_nobody_else_waits():
    world = filled()
    config = HttpConfig(burst=1_000, store_threads=4, store_waiting_max=20, store_timeout_s=0.2)
    app = world.app(config)

    async def run():
        async with client(app) as asking:
            locked = [asyncio.create_task(asking.get("/v1/signals")) for _ in range(100)]
            await asyncio.sleep(0)
            live = [await asking.get("/v1/pressure/ES") for _ in range(5)]
            return await asyncio.gather(*locked), live

    world.store.open.clear()
    answers, live = asyncio.run(run())
    assert {answer.status_code for answer in live} == {200}
    for answer in answers:
        assert answer.status_code == 503
        assert int(answer.headers["retry-after"]) >= 1
        problem(answer)
    world.store.open.set()
    assert ask(app, "/v1/signals").status_code == 200

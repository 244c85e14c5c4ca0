from operators.model.streams import PRESSURE, STATUS
from tests.sinks.messages import EXAMPLES
from tests.sinks.relay.api.asking import ask, problem
from tests.sinks.relay.api.world import World, filled


def test_pressure_is_the_latest_of_each_root():
    world = filled()
    world.publish(*(m for m in EXAMPLES if m.stream == PRESSURE))
    app = world.app()
    (row,) = ask(app, "/v1/pressure").json()["items"]
    assert row == ask(app, "/v1/pressure/ES").json()
    assert row["data"]["instruments"][0]["windows"]["5"] == {"buy": 12, "sell": 3}
    answer = ask(app, "/v1/pressure/XX")
    assert answer.status_code == 404
    assert "no pressure of root 'XX'" in problem(answer)["detail"]


def test_feeds_have_their_latest_status():
    (row,) = ask(filled().app(), "/v1/feeds").json()["items"]
    assert (row["channel"], row["root"], row["data"]["state"]) == (STATUS, "cme", "live")


def test_roots_and_symbols_are_those_there_are():
    app = filled(3).app()
    roots = ask(app, "/v1/roots").json()
    assert roots["epoch"] == "g1"
    assert [one["root"] for one in roots["items"]] == ["ES", "NQ"]
    assert roots["items"][1]["seq"] == {"signals": 3}
    (symbol,) = ask(app, "/v1/symbols").json()["items"]
    assert symbol == {"root": "ES", "instrument_id": 5602, "symbol": "ESH4"}
    assert ask(app, "/v1/symbols?root=CL,NQ").json() == {"items": []}


def test_latency_is_what_was_measured():
    world = World()
    world.latency.add(1, 2_500_001)
    assert ask(world.app(), "/v1/stats/latency").json()["p99_ms"] == 2.5

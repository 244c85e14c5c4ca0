from tests.sinks.relay.api.asking import ask
from tests.sinks.relay.api.world import World, filled


def test_readiness_has_its_reasons():
    world = World()
    world.readiness.wait_for("kafka", "no broker answers at 127.0.0.1:9092")
    answer = ask(world.app(), "/readyz")
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "1"
    reasons = answer.json()["reasons"]
    assert reasons[0] == "kafka: no broker answers at 127.0.0.1:9092"
    assert "no message" in reasons[1]
    world = filled()
    assert ask(world.app(), "/readyz").json()["progress"] == ["cme: live, live"]
    assert ask(world.app(), "/healthz").json() == {"status": "ok"}

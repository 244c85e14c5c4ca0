from sinks.relay.api.readiness import Readiness


def test_it_waits_for_each_part_until_that_is_done():
    readiness = Readiness()
    assert readiness.reasons() == []
    readiness.wait_for("kafka", "no broker\nanswers")
    readiness.wait_for("push", "no worker yet")
    assert readiness.reasons() == ["kafka: no broker answers", "push: no worker yet"]
    readiness.done("kafka")
    readiness.done("kafka")
    assert readiness.reasons() == ["push: no worker yet"]

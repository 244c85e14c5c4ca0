from sinks.relay.api.readiness import Readiness
from sinks.relay.feeds import Feeds


def test_one_connected_feed_is_enough():
    readiness = Readiness()
    feeds = Feeds(readiness)
    feeds.tell("kafka", "h:1: Connection refused")
    feeds.tell("push", "no worker is connected")
    assert readiness.reasons() == [
        "kafka: h:1: Connection refused",
        "push: no worker is connected",
    ]
    assert feeds.connected() == ()
    feeds.tell("push", "")
    assert (readiness.reasons(), feeds.connected()) == ([], ("push",))
    feeds.tell("kafka", "")
    feeds.tell("push", "no worker is connected")
    assert (readiness.reasons(), feeds.connected()) == ([], ("kafka",))
    feeds.tell("kafka", "h:1: Connection refused")
    assert len(readiness.reasons()) == 2

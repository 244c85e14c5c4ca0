import json

from dataflows.preparation import Preparation
from operators.model.streams import STATUS, topic
from sinks.embedded_broker import EmbeddedBroker
from sinks.kafka_config import KafkaConfig
from tests.sinks.kafka_harness import read


def test_every_stage_is_told_as_the_status_of_the_feed():
    with EmbeddedBroker() as broker:
        preparation = Preparation(broker, "simulated")
        for text in ("simulating: 1 %", "simulating: 2 %", "learning: 0 %"):
            preparation.tell(text)
        preparation.close()
        found = read(KafkaConfig(bootstrap_servers=broker), topic(STATUS))
    texts = [json.loads(one.value)["text"] for one in found]
    assert texts[-1] == "learning: 0 %"
    # Within a stage only now and then; of what waits the newest.
    assert "simulating: 2 %" not in texts
    assert {json.loads(one.value)["state"] for one in found} == {"preparing"}
    assert {one.key for one in found} == {"simulated"}

import pickle
from time import time_ns

import bytewax.operators as op
import pytest
from bytewax.dataflow import Dataflow
from bytewax.testing import TestingSource, run_main

from operators.model.errors import ConfigError, StateError
from sinks.alerts.config import AlertsConfig
from sinks.alerts.sink import PART, AlertsSink
from tests.sinks.alerts.servers import HttpServer, until
from tests.sinks.alerts.signals import signal

POLICY = """
[receivers.hook.webhook]
url = "{url}/"
[route]
receivers = ["hook"]
group_wait_s = 0
group_by = []
cooldown_s = 0
"""


@pytest.fixture
def hook():
    with HttpServer() as server:
        yield server


@pytest.fixture
def config(tmp_path, hook):
    (tmp_path / "policy.toml").write_text(POLICY.format(url=hook.url))
    return AlertsConfig(
        policy=str(tmp_path / "policy.toml"), journal=str(tmp_path / "journal.sqlite3")
    )


def now(n):
    return signal(0, f"s{n}", ts_event=time_ns())


def test_a_flow_tells_through_the_sink(config, hook):
    sink = AlertsSink(config)
    flow = Dataflow("alerts")
    items = op.input("in", flow, TestingSource([("000", now(n)) for n in range(5)] + [("001", 7)]))
    op.output("alerts", items, sink)
    run_main(flow)
    assert len(hook.requests) == 5
    decided, delivered = sink.counters()
    assert (decided["told"], delivered.sent) == (5, 5)


def test_a_resume_from_an_older_state_repeats_nothing(config, hook):
    messages = [now(n) for n in range(6)]
    part = AlertsSink(config).build_part("alerts", PART, None)
    part.write_batch(messages[:2])
    state = pickle.loads(pickle.dumps(part.snapshot()))
    part.write_batch(messages[2:4])
    part.close()
    assert len(hook.requests) == 4
    sink = AlertsSink(config)
    again = sink.build_part("alerts", PART, state)
    again.write_batch(messages[2:])
    until(lambda: len(hook.requests) == 6)
    again.close()
    assert len(hook.requests) == 6
    assert sink.counters()[1].repeated >= 2


def test_there_is_one_partition_whatever_the_shard(config):
    sink = AlertsSink(config)
    assert sink.list_parts() == [PART]
    assert sink.part_fn("000") == sink.part_fn("123")
    assert sink.counters()[0] == {}


def test_what_cannot_be_used_is_found_out_at_the_start(config, tmp_path):
    with pytest.raises(ConfigError, match="cannot be read"):
        AlertsSink(AlertsConfig(policy=str(tmp_path / "none.toml")))
    part = AlertsSink(config).build_part("alerts", PART, None)
    with pytest.raises(ConfigError, match="another process delivers"):
        AlertsSink(config).build_part("alerts", PART, None)
    state = part.snapshot()
    part.close()
    state["delivery"]["version"] = 99
    with pytest.raises(StateError, match="version was 99"):
        AlertsSink(config).build_part("alerts", PART, state)

"""Brokers for the examples, and topics that the real dataflow filled."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from sinks.embedded_broker import EmbeddedBroker
from tests.examples.given import Topics
from tests.flows import Held, held, ifd, market, quiet_env
from tests.kafka_servers import KafkaServer


@pytest.fixture(scope="session")
def embedded() -> Iterator[str]:
    with EmbeddedBroker() as servers:
        yield servers


@pytest.fixture(scope="session")
def apache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with KafkaServer(tmp_path_factory.mktemp("kafka")) as server:
        yield server.address


@pytest.fixture(params=["embedded", pytest.param("apache", marks=pytest.mark.kafka)])
def topics(request: Any) -> Topics:
    """Empty topics of the test's own, on each broker in turn."""
    return Topics(request.getfixturevalue(request.param))


@dataclass(frozen=True)
class Flow:
    """What a replay of a simulated market left."""

    servers: str
    prefix: str
    held: Held
    servers_isolate: bool
    """Whether readers of committed records are shown those alone."""


@pytest.fixture(scope="session")
def tape(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return market(tmp_path_factory.mktemp("tape") / "market.dbn")


@pytest.fixture(
    scope="session", params=["embedded", pytest.param("apache", marks=pytest.mark.kafka)]
)
def flow(request: Any, tape: Path) -> Flow:
    """Topics as `ifd replay` fills them, on each broker in turn."""
    servers, prefix = request.getfixturevalue(request.param), "flow."
    env = quiet_env({"kafka.bootstrap_servers": servers})
    done = ifd("replay", tape, "--summary", "--topic-prefix", prefix, env=env)
    assert done.returncode == 0, done.stderr
    found = held(servers, prefix=prefix)
    assert found.counts["signals"] > 10
    assert found.counts["executions"] > 100
    return Flow(servers, prefix, found, request.param == "apache")

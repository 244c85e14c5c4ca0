"""A live feed under the supervisor: killed, rescaled and stopped, it is what its tape gives."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from sinks.embedded_broker import EmbeddedBroker
from tests.flows import held, market, summary
from tests.gateways import GatewayProcess, gateway_process
from tests.live_runs import LiveRun

pytestmark = pytest.mark.slow

SPEED = 1.5
"""So that the file's four minutes outlast what is done to those who read it."""


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[GatewayProcess]:
    with gateway_process("--file", market(tmp_path / "market.dbn"), "--speed", SPEED) as running:
        yield running


@pytest.fixture
def servers() -> Iterator[str]:
    with EmbeddedBroker() as address:
        yield address


def test_a_live_feed_killed_and_rescaled_is_the_replay_of_its_tape(
    gateway: GatewayProcess, servers: str, tmp_path: Path
) -> None:
    given = {
        "live.feeds.glbx.port": gateway.port,
        "live.key": gateway.key,
        "tape.directory": str(tmp_path / "tape"),
        "flow.shards": 4,
        "kafka.bootstrap_servers": servers,
        "cluster.backoff_first_s": 0.05,
    }
    with LiveRun(tmp_path, given, "--processes", 2) as run:
        run.progress(servers)
        run.workers()[0].kill()
        run.wait_said("processes at work", 2)
        run.progress(servers)
        run.rescale(1)
        run.progress(servers)
        run.workers()[0].kill()
        run.wait_said("process at work", 2)
        run.progress(servers)
        assert run.end() == 0, run.text
    found = held(servers)
    assert found.has_each_once()
    replayed = summary(tmp_path / "tape" / "glbx", "--shards", 4)
    assert replayed["signals"]["digest"] == found.digest, run.text

"""A simulated historical service for tests, and the environment in which the client trusts it."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from operators.model.records import MboBatch
from simulator.historical.archive import Archive
from simulator.historical.server import HistoricalConfig, HistoricalServer
from simulator.simulation import Simulation, SimulationConfig
from simulator.tape import TapeForm, reference_records

KEY = "db-" + "h" * 29
DATASET = "GLBX.MDP3"


def simulated_archive(config: SimulationConfig) -> Archive:
    """An archive with a simulated market: definitions, status, records."""
    simulation = Simulation(config)
    archive = Archive()
    for raw in reference_records(simulation.specs, config.start_ns, TapeForm(status=True)):
        archive.add_record(raw)
    for rows in simulation.opening_rows():
        archive.add_rows(frozen(rows))
    for rows in simulation.live_stream(None):
        assert not isinstance(rows, int)
        archive.add_rows(frozen(rows))
    return archive


def frozen(rows: MboBatch) -> MboBatch:
    rows = rows.copy()
    rows.flags.writeable = False
    return rows


@contextmanager
def running_historical(
    archive: Archive, now_ns: int, monkeypatch: pytest.MonkeyPatch, **options: object
) -> Iterator[HistoricalServer]:
    """The service on a free port, and the one that `requests` trusts while it runs."""
    config = HistoricalConfig(key=KEY, **options)  # type: ignore[arg-type]
    with HistoricalServer(archive, config, lambda: now_ns) as server:
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(server.ca_file))
        monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")
        yield server

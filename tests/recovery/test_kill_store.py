"""A killed worker leaves in store and bars what one left that never died."""

import random
import signal
from pathlib import Path

import polars as pl
import pytest

from operators.model.streams import EVENT_STREAMS
from sinks.bars_read import rows_of, spans
from sinks.embedded_broker import EmbeddedBroker
from sinks.store import Store
from tests.flows import market, wait_for, worker

pytestmark = pytest.mark.slow

KILLS = 4
SPEED = 40.0
"""So that the tape's four minutes take some seconds, in which a kill finds work going on."""


def run(tape: Path, folder: Path, kills: int) -> None:
    """A worker until the end of the tape, killed so often at any moment."""
    chance = random.Random(11)
    with EmbeddedBroker() as servers:
        settings: dict[str, object] = {
            "source.paths": (str(tape),),
            "source.batch_rows": 512,
            "flow.shards": 4,
            "kafka.bootstrap_servers": servers,
            "store.url": url(folder),
            "bars.directory": str(folder / "bars"),
            "bars.span_s": 20,
        }
        for _ in range(kills):
            process = worker({**settings, "source.speed": SPEED}, folder / "recovery")
            had = count(folder)
            wait_for(lambda had=had: count(folder) > had, "the worker writes")
            with pytest.raises(Exception, match="timed out"):
                process.wait(chance.uniform(0.05, 0.6))
            process.send_signal(signal.SIGKILL)
            process.communicate()
        process = worker(settings, folder / "recovery")
        _, errors = process.communicate(timeout=240)
        assert process.returncode == 0, errors[-2_000:]


def url(folder: Path) -> str:
    return f"sqlite:///{folder}/ifd.sqlite3"


def count(folder: Path) -> int:
    """Messages in the store, 0 without one."""
    if not (folder / "recovery").exists() or not (folder / "ifd.sqlite3").exists():
        return 0
    with Store(url(folder)) as store:
        return sum(store.count(stream) for stream in EVENT_STREAMS)


def kept(folder: Path) -> dict[str, list[bytes]]:
    with Store(url(folder)) as store:
        assert len(store.generations()) == 1
        return {stream: [row.value for row in store.stream(stream)] for stream in EVENT_STREAMS}


def bars(folder: Path) -> dict[tuple[int, str], pl.DataFrame]:
    found = {}
    for span in spans(folder / "bars"):
        rows = rows_of(folder / "bars", span)
        assert rows is not None
        found[span.start_s, span.root] = rows.drop("generation").collect()
    return found


def test_a_worker_killed_often_leaves_the_same_store_and_bars(tmp_path: Path) -> None:
    tape = market(tmp_path / "market.dbn")
    for name, kills in (("whole", 0), ("killed", KILLS)):
        (tmp_path / name).mkdir()
        run(tape, tmp_path / name, kills)
    whole, killed = kept(tmp_path / "whole"), kept(tmp_path / "killed")
    assert len(whole["signals"]) > 20
    assert killed == whole
    whole_bars, killed_bars = bars(tmp_path / "whole"), bars(tmp_path / "killed")
    assert len(whole_bars) >= 4 * 12
    assert whole_bars.keys() == killed_bars.keys()
    for key, rows in whole_bars.items():
        assert rows.equals(killed_bars[key]), key

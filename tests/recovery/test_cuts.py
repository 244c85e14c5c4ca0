"""One tape, one digest: however it is cut, sharded and spread over workers."""

import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import zstandard
from bytewax.testing import cluster_main

from config.settings import load_settings
from connectors.databento.messages import (
    CONTROL_PREFIX,
    RTYPE_SYSTEM,
    decode_message,
    system_record,
)
from connectors.dbn_file import Hooks
from dataflows.detect import assemble
from dataflows.summary import collect
from operators.model.controls import FeedGap, delayed_control, gap_controls
from operators.model.items import Control, Tick
from operators.model.records import NS_PER_S
from tests.flows import market, summary

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def tape(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A market in whose middle history is given, and data of two instruments is lost."""
    path = market(tmp_path_factory.mktemp("tape") / "market.dbn.zst")
    return with_controls(path, {60: _history, 90: _loss, 100: _live_again})


def with_controls(path: Path, after: Mapping[int, Callable[[int], list[Control]]]) -> Path:
    """The tape as a source with something to tell would have written it, after so many ticks."""
    data = zstandard.ZstdDecompressor().stream_reader(path.read_bytes()).read()
    at = 8 + int.from_bytes(data[4:8], "little")
    out, ticks = [data[:at]], 0
    while at < len(data):
        size = 4 * data[at]
        raw = data[at : at + size]
        out.append(raw)
        at += size
        if raw[1] == RTYPE_SYSTEM and isinstance(tick := decode_message("", raw), Tick):
            ticks += 1
            for one in after.get(ticks, lambda _: [])(tick.ts_event):
                out.append(system_record(one.ts_event, f"{CONTROL_PREFIX}{one.name} {one.value}"))
    path.write_bytes(zstandard.compress(b"".join(out)))
    return path


def _history(ts: int) -> list[Control]:
    return [delayed_control("", ts, on=True)]


def _live_again(ts: int) -> list[Control]:
    return [delayed_control("", ts, on=False)]


def _loss(ts: int) -> list[Control]:
    lost = FeedGap(reason="seam", from_ns=ts - 40 * NS_PER_S, to_ns=ts, instruments=(1001, 1002))
    return gap_controls("", ts, lost)


@pytest.fixture(scope="module")
def expected(tape: Path) -> dict[str, Any]:
    """One process, sixteen shards."""
    found = summary(tape, "--shards", 16)
    assert found["signals"]["count"] > 20
    assert len(found["instruments"]) == 8
    return found


def outcome(found: dict[str, Any]) -> dict[str, Any]:
    """What `--summary` shows, but the rate."""
    beside = ("records_per_s", "streams", "outcomes")
    return {name: v for name, v in found.items() if name not in beside}


def test_two_processes_give_the_same(tape: Path, expected: dict[str, Any]) -> None:
    assert outcome(summary(tape, "--shards", 16, "--processes", 2)) == outcome(expected)


@pytest.mark.parametrize("shards", [1, 4])
def test_any_number_of_shards_gives_the_same(
    tape: Path, expected: dict[str, Any], shards: int
) -> None:
    assert outcome(summary(tape, "--shards", shards))["signals"] == expected["signals"]


@pytest.mark.parametrize(("batch_rows", "threads"), [(7, 1), (1_170, 1), (1_170, 2)])
def test_any_cut_and_two_workers_of_a_process_give_the_same(
    tape: Path, expected: dict[str, Any], batch_rows: int, threads: int
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        settings = load_settings(
            {
                "source.paths": (str(tape),),
                "source.batch_rows": batch_rows,
                "source.summary_directory": folder,
                "flow.shards": 16,
            },
            environ={},
        )
        parts = assemble(settings, Hooks(), reports=True)
        cluster_main(parts.flow, [], 0, worker_count_per_proc=threads)
        assert outcome(collect(Path(folder))) == outcome(expected)

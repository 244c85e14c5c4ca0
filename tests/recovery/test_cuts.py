"""One tape, one digest: however it is cut, sharded and spread over workers."""

import tempfile
from pathlib import Path
from typing import Any

import pytest
from bytewax.testing import cluster_main

from config.settings import load_settings
from connectors.dbn_file import Hooks
from dataflows.detect import assemble
from dataflows.summary import collect
from tests.flows import market, summary

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def tape(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return market(tmp_path_factory.mktemp("tape") / "market.dbn.zst")


@pytest.fixture(scope="module")
def expected(tape: Path) -> dict[str, Any]:
    """One process, sixteen shards."""
    found = summary(tape, "--shards", 16)
    assert found["signals"]["count"] > 20
    assert len(found["instruments"]) == 8
    return found


def outcome(found: dict[str, Any]) -> dict[str, Any]:
    return {name: v for name, v in found.items() if name not in ("records_per_s", "streams")}


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

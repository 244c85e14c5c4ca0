"""A real hour of ESH4 through `ifd replay` onto Kafka: figures that others published."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from sinks.embedded_broker import EmbeddedBroker
from tests.flows import Held, held, ifd
from tests.flows import quiet_env as env
from tests.real.esh4 import EXECUTIONS, INSTRUMENT_ID, NAMES, STATE

pytestmark = pytest.mark.slow

SHOWN = STATE | {"best_bid": "4810.00", "best_ask": "4810.25"}
"""The book's state as a summary writes it."""


@dataclass(frozen=True)
class Hour:
    """What the replay printed, and what it left on the topics."""

    stdout: str
    found: Held

    @property
    def summary(self) -> dict[str, Any]:
        return dict(json.loads(self.stdout))

    def tagged(self, tag: str) -> list[dict[str, Any]]:
        return [e for e in self.found.values["executions"] if tag in e["tags"]]


HOURS: dict[Path, Hour] = {}
"""By folder: the replay is one for all tests."""


@pytest.fixture
def hour(real_data: Path) -> Hour:
    if real_data not in HOURS:
        with EmbeddedBroker() as servers:
            words = [real_data / name for name in NAMES]
            given = env({"kafka.bootstrap_servers": servers})
            done = ifd("replay", *words, "--summary", env=given)
            assert (done.returncode, done.stderr) == (0, "")
            HOURS[real_data] = Hour(done.stdout, held(servers))
    return HOURS[real_data]


def test_the_summary_is_one_object_with_these_keys(hour: Hour) -> None:
    assert hour.stdout.count("\n") == 1
    assert list(hour.summary) == [
        "records", "instruments", "executions", "quality", "signals", "records_per_s",
    ]  # fmt: skip
    assert list(hour.summary["instruments"]) == [str(INSTRUMENT_ID)]
    assert list(hour.summary["instruments"][str(INSTRUMENT_ID)]) == list(SHOWN)
    assert list(hour.summary["executions"]) == list(EXECUTIONS)
    assert list(hour.summary["signals"]) == ["count", "digest"]


def test_book_and_executions_are_those_published(hour: Hour) -> None:
    assert hour.summary["records"] == 77_517
    assert hour.summary["instruments"][str(INSTRUMENT_ID)] == SHOWN
    assert hour.summary["executions"] == EXECUTIONS


def test_the_topics_hold_what_the_digest_covers_each_once(hour: Hour) -> None:
    assert hour.found.digest == hour.summary["signals"]["digest"]
    assert hour.found.counts["signals"] == hour.summary["signals"]["count"]
    assert hour.found.has_each_once()


def test_every_sweep_stop_and_refill_is_on_executions_with_its_orders(hour: Hour) -> None:
    sweeps, stops, icebergs = (hour.tagged(tag) for tag in ("sweep", "stop", "iceberg"))
    assert sorted(e["levels"] for e in sweeps) == [2] * 33 + [3] * 3
    assert (len(stops), sum(e["size"] for e in stops)) == (100, 205)
    assert all(e["aggressor"] == "stop" for e in stops)
    assert sum(e["refills"] for e in icebergs) == 85
    assert sum(e["hidden"] for e in icebergs) == 503
    refilled = {f["order_id"] for e in icebergs for f in e["fills"] if f["hidden"]}
    assert len(refilled) == 13
    for execution in (*sweeps, *stops, *icebergs):
        assert int(execution["order_id"]) > 0
        assert execution["root"] == "ES"
        assert execution["fill_count"] == len(execution["fills"]) > 0
        assert all(int(fill["order_id"]) > 0 for fill in execution["fills"])
        assert sum(fill["size"] for fill in execution["fills"]) == execution["size"]


def test_signals_come_with_reasons_though_no_baseline_is_warm(hour: Hour) -> None:
    signals = hour.found.values["signals"]
    assert any(s["change"] == "opened" for s in signals)
    for signal in signals:
        assert signal["baseline"] == "WARMING"
        assert signal["calibration"] != "uncalibrated"
        assert signal["probability_low"] <= signal["probability"] <= signal["probability_high"]
        assert signal["reasons"]
        assert all(e["structural"] for e in signal["evidence"])
        assert all(e["order_ids"] for e in signal["evidence"] if not e["window_s"])

"""What institutions do is on the tape as their labels say."""

from collections import Counter

import numpy as np
import orjson
import pytest

from operators.model.records import NS_PER_S, MboBatch
from simulator.institutions import KIND_NAMES, Label, write_labels
from simulator.simulation import Simulation, SimulationConfig

CONFIG = SimulationConfig(
    seed=11,
    duration_s=1_200,
    institutions=True,
    roots=("ES", "NQ"),
    instruments=2,
    records_per_s=100,
    institutions_per_hour=200,
    resting_orders=1_500,
)


@pytest.fixture(scope="module")
def run() -> tuple[MboBatch, list[Label]]:
    simulation = Simulation(CONFIG)
    rows = np.concatenate([r for r in simulation.stream() if not isinstance(r, int)])
    return rows, simulation.labels()


def of(rows: MboBatch, label: Label, action: bytes) -> MboBatch:
    ids = np.array(label.order_ids, np.uint64)
    mine = np.isin(rows["order_id"], ids) & (rows["instrument_id"] == label.instrument_id)
    found: MboBatch = rows[mine & (rows["action"] == action)]
    return found


def test_each_kind_occurs_on_both_roots(run):
    _, labels = run
    assert {label.kind for label in labels} == set(KIND_NAMES.values())
    assert {label.root for label in labels} == {"ES", "NQ"}
    assert {label.side for label in labels} == {"buy", "sell"}


def test_the_first_comes_within_seconds(run):
    _, labels = run
    assert int(labels[0].ts_start) < CONFIG.start_ns + 10 * NS_PER_S


def test_labels_name_orders_times_and_sizes_that_are_on_the_tape(run):
    rows, labels = run
    for label in labels:
        trades, fills = of(rows, label, b"T"), of(rows, label, b"F")
        if label.kind in ("twap", "sweep", "stop_run"):
            assert int(trades["size"].sum()) == label.executed
            assert set(trades["side"].tolist()) <= {b"B" if label.side == "buy" else b"A"}
            assert len(fills) == 0
        else:
            assert len(trades) == 0
            assert set(fills["side"].tolist()) <= {b"B" if label.side == "buy" else b"A"}
            assert int(fills["size"].sum()) == label.executed
        seen = np.concatenate([trades, fills])["ts_event"]
        if len(seen):
            assert int(seen.min()) >= int(label.ts_start)
            if label.executed and label.kind not in ("iceberg", "absorption"):
                assert int(seen.max()) <= int(label.ts_end)


def test_a_sweep_takes_three_levels_or_more(run):
    rows, labels = run
    sweeps = [label for label in labels if label.kind == "sweep"]
    assert sweeps
    for label in sweeps:
        trades = of(rows, label, b"T")
        levels = [
            len(set(trades["price"][trades["order_id"] == order].tolist()))
            for order in set(trades["order_id"].tolist())
        ]
        assert min(levels) >= 3


def test_a_stop_run_elects_stops(run):
    rows, labels = run
    elected = 0
    for label in labels:
        if label.kind == "stop_run":
            moments = set(of(rows, label, b"T")["ts_event"].tolist())
            event = rows[np.isin(rows["ts_event"], list(moments)) & (rows["action"] == b"T")]
            others = ~np.isin(event["order_id"], np.array(label.order_ids, np.uint64))
            elected += int(event["size"][others].sum())
    assert elected > 20


def test_passive_institutions_refill_again_and_again(run):
    rows, labels = run
    for label in labels:
        if label.kind in ("iceberg", "absorption") and label.executed > 100:
            counts = Counter(of(rows, label, b"F")["order_id"].tolist())
            assert max(counts.values()) >= 3


def test_slices_are_alike_and_spread_over_time(run):
    rows, labels = run
    done = [label for label in labels if label.kind == "twap" and len(label.order_ids) >= 15]
    assert done
    for label in done:
        trades = of(rows, label, b"T")
        sizes = Counter(
            int(trades["size"][trades["order_id"] == order].sum())
            for order in set(trades["order_id"].tolist())
        )
        assert sizes.most_common(1)[0][1] > 0.5 * sizes.total()


def test_labels_are_one_json_object_a_line(run, tmp_path):
    _, labels = run
    write_labels(labels, tmp_path / "truth.jsonl")
    lines = (tmp_path / "truth.jsonl").read_bytes().splitlines()
    assert len(lines) == len(labels)
    first = orjson.loads(lines[0])
    assert first["order_ids"] == list(labels[0].order_ids)
    assert first.keys() == {
        "who", "kind", "root", "symbol", "instrument_id", "side",
        "size", "executed", "ts_start", "ts_end", "order_ids",
    }  # fmt: skip


def test_a_market_without_institutions_has_no_labels():
    assert Simulation(SimulationConfig()).labels() == []

"""What institutions do is on the tape as their labels say."""

from collections import Counter

import numpy as np
import pytest

from operators.model.records import NS_PER_S, MboBatch
from simulator.behaviours import INSTITUTIONAL, LOOK_ALIKES, OPTION_KINDS
from simulator.institutions import Label
from simulator.simulation import Simulation, SimulationConfig

CONFIG = SimulationConfig(
    seed=11,
    duration_s=4_000,
    institutions=True,
    look_alikes=True,
    roots=("ES", "NQ"),
    instruments=4,
    records_per_s=60,
    institutions_per_hour=1_800,
    resting_orders=1_500,
)
TAKES = ("sweep", "large", "stop_run")
"""Kinds that only take."""
RESTS = ("iceberg", "synthetic_iceberg", "absorption")
"""Kinds that only rest."""
BOTH = ("twap", "vwap", "pov")


@pytest.fixture(scope="module")
def run() -> tuple[MboBatch, list[Label]]:
    simulation = Simulation(CONFIG)
    rows = np.concatenate([r for r in simulation.stream() if not isinstance(r, int)])
    return rows, simulation.labels()


def of(rows: MboBatch, label: Label, action: bytes) -> MboBatch:
    ids = np.array(label.order_ids, np.uint64)
    mine = np.isin(rows["order_id"], ids) & np.isin(rows["instrument_id"], label.instruments)
    found: MboBatch = rows[mine & (rows["action"] == action)]
    return found


def labels_of(labels: list[Label], *kinds: str) -> list[Label]:
    found = [label for label in labels if label.kind in kinds]
    assert found, kinds
    return found


def test_each_kind_occurs(run):
    _, labels = run
    without_options = {*INSTITUTIONAL, *LOOK_ALIKES} - {*OPTION_KINDS}
    assert {label.kind for label in labels} == without_options
    assert {label.root for label in labels} == {"ES", "NQ"}
    assert {label.difficulty for label in labels} == {"easy", "medium", "hard"}
    assert {label.regime for label in labels} == {"normal"}


def test_labels_say_who_is_an_institution_and_who_has_a_view(run):
    _, labels = run
    for label in labels:
        assert label.institutional == (label.kind in INSTITUTIONAL)
        assert label.directional == label.institutional
        assert label.side in (("buy", "sell") if label.directional else ("none",))
        assert label.who.startswith("institution-" if label.institutional else "bystander-")


def test_the_first_comes_within_seconds(run):
    _, labels = run
    assert int(labels[0].ts_start) < CONFIG.start_ns + 12 * NS_PER_S


def test_labels_name_orders_times_and_sizes_that_are_on_the_tape(run):
    rows, labels = run
    for label in labels_of(labels, *TAKES, *RESTS, *BOTH):
        if len(label.order_ids) == 256:
            continue
        trades, fills = of(rows, label, b"T"), of(rows, label, b"F")
        seen = np.concatenate([trades, fills])
        assert set(seen["side"].tolist()) <= {b"B" if label.side == "buy" else b"A"}
        assert int(seen["size"].sum()) == label.executed
        assert len(fills) == 0 or label.kind not in TAKES
        assert len(trades) == 0 or label.kind not in RESTS
        if len(seen):
            assert int(seen["ts_event"].min()) >= int(label.ts_start)
            assert int(seen["ts_event"].max()) <= int(label.ts_end)


def test_slicing_institutions_take_the_share_of_their_difficulty(run):
    rows, labels = run
    shares: dict[str, list[float]] = {"easy": [], "medium": [], "hard": []}
    for label in labels_of(labels, *BOTH):
        start, end = int(label.ts_start), int(label.ts_end)
        within = (rows["ts_event"] >= start) & (rows["ts_event"] <= end)
        market = rows[within & (rows["action"] == b"T")]
        market = market[market["instrument_id"] == label.instrument_id]
        if end - start > 20 * NS_PER_S:
            shares[label.difficulty].append(label.executed / int(market["size"].sum()))
    easy, medium, hard = (float(np.mean(shares[name])) for name in ("easy", "medium", "hard"))
    assert easy > medium > hard
    assert 0.15 < easy < 0.45
    assert hard < 0.2


def test_flow_that_is_even_buys_what_it_sells(run):
    rows, labels = run
    for label in labels_of(labels, "two_sided")[:-1]:
        trades = of(rows, label, b"T")
        bought = int(trades["size"][trades["side"] == b"B"].sum())
        assert 2 * bought == int(trades["size"].sum()) == label.executed


def test_a_roll_sells_in_one_month_what_it_buys_in_the_other(run):
    rows, labels = run
    for label in labels_of(labels, "roll"):
        assert len(set(label.instruments)) == 2
        trades = of(rows, label, b"T")
        sides = [
            set(trades["side"][trades["instrument_id"] == each].tolist())
            for each in label.instruments
        ]
        assert sorted(map(len, sides)) <= [1, 1]
        assert not sides[0] & sides[1]


def test_churn_and_flashes_hardly_trade(run):
    rows, labels = run
    for label in labels_of(labels, "quote_churn", "spoof_flash"):
        traded = int(of(rows, label, b"T")["size"].sum() + of(rows, label, b"F")["size"].sum())
        shown = int(of(rows, label, b"A")["size"].sum())
        assert traded < 0.35 * shown
        assert len(of(rows, label, b"C")) > 2


def test_a_hedger_buys_as_the_price_rises(run):
    rows, labels = run
    for label in labels_of(labels, "hedge"):
        trades = of(rows, label, b"T")
        signs = np.where(trades["side"] == b"B", 1, -1)
        if len(signs) > 10:
            assert len(set(signs.tolist())) == 2


def test_a_reloading_iceberg_brings_the_same_order_again_with_new_ids(run):
    rows, labels = run
    found = [
        label
        for label in labels_of(labels, "synthetic_iceberg")
        if label.difficulty == "easy" and label.executed > 50
    ]
    assert found
    for label in found:
        adds = of(rows, label, b"A")
        assert len(set(adds["order_id"].tolist())) >= 4
        assert Counter(adds["size"].tolist()).most_common(1)[0][1] >= len(adds) - 1


def test_a_sweep_takes_two_levels_or_more(run):
    rows, labels = run
    enough = []
    for label in labels_of(labels, "sweep"):
        trades = of(rows, label, b"T")
        for order in set(trades["order_id"].tolist()):
            levels = set(trades["price"][trades["order_id"] == order].tolist())
            enough.append(len(levels) >= {"easy": 4, "medium": 3, "hard": 2}[label.difficulty])
    # A hidden order in the way may be all it meets.
    assert np.mean(enough) > 0.8


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
        if label.kind in ("iceberg", "absorption") and label.executed > 200:
            counts = Counter(of(rows, label, b"F")["order_id"].tolist())
            assert max(counts.values()) >= 3


def test_slices_are_alike_and_spread_over_time(run):
    rows, labels = run
    done = [label for label in labels_of(labels, "twap") if label.difficulty == "easy"]
    assert done
    for label in done:
        trades = of(rows, label, b"T")
        sizes = Counter(
            int(trades["size"][trades["order_id"] == order].sum())
            for order in set(trades["order_id"].tolist())
        )
        assert sizes.most_common(1)[0][1] > 0.5 * sizes.total()


def test_a_market_without_institutions_has_no_labels():
    assert Simulation(SimulationConfig()).labels() == []


def test_look_alikes_come_without_institutions():
    config = SimulationConfig(look_alikes=True, institutions_per_hour=1_800, instruments=4)
    simulation = Simulation(config)
    list(simulation.stream())
    labels = simulation.labels()
    assert labels
    assert {label.kind for label in labels} <= {*LOOK_ALIKES}


def test_kinds_can_be_chosen():
    config = SimulationConfig(institutions=True, kinds=("twap",), difficulty="hard", duration_s=300)
    simulation = Simulation(config)
    list(simulation.stream())
    assert {(label.kind, label.difficulty) for label in simulation.labels()} == {("twap", "hard")}

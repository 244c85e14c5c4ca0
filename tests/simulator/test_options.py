"""An option chain: listed as on CME, quoted around Black's price, hedged in its future."""

import math
from collections import Counter

import numpy as np
import pytest

from operators.model.records import F_SNAPSHOT, NS_PER_S, PRICE_SCALE, MboBatch
from simulator.exchange_state import kernel
from simulator.institutions import Label
from simulator.instruments import InstrumentSpec, products, universe
from simulator.options import (
    SMALL_STEPS,
    black_76,
    chain,
    price_at,
    small_tick_e9,
    step_index,
)
from simulator.options_kernel import delta, normal_cdf, worth_index
from simulator.simulation import Simulation, SimulationConfig
from tests.simulator.replay import Replay

APRIL_NS = 1_775_482_200_000_000_000
CONFIG = SimulationConfig(
    seed=3,
    roots=("ES",),
    options=200,
    duration_s=560,
    records_per_s=400,
    institutions=True,
    kinds=("option_buying", "straddle", "spread"),
    institutions_per_hour=3_600,
)


@pytest.fixture(scope="module")
def run() -> tuple[Simulation, MboBatch]:
    simulation = Simulation(CONFIG)
    return simulation, np.concatenate([r for r in simulation.stream() if not isinstance(r, int)])


def options(specs: list[InstrumentSpec]) -> list[InstrumentSpec]:
    return [spec for spec in specs if spec.strike_e9 is not None]


@kernel
def kernel_worth(market, i, ts, out):
    x = market.instruments[i]
    front = market.instruments[x.front]
    out[0] = worth_index(x, front, ts)
    out[1] = delta(x, front, ts)


@kernel
def kernel_cdf(x):
    return normal_cdf(x)


def test_a_chain_has_expiries_strikes_calls_and_puts():
    listed = options(universe(("ES",), 203, APRIL_NS))
    months = {spec.symbol.split()[0]: spec for spec in listed}
    assert set(months) == {"ESM6", "ESJ6", "ESK6", "ESU6", "ESN6"}
    assert {name: spec.underlying for name, spec in months.items()} == {
        "ESM6": "ESM6", "ESJ6": "ESM6", "ESK6": "ESM6", "ESU6": "ESU6", "ESN6": "ESU6",
    }  # fmt: skip
    assert months["ESJ6"].expiration_ns < months["ESK6"].expiration_ns
    assert Counter(spec.instrument_class for spec in listed) == {"C": 100, "P": 100}


def test_both_tick_rules_occur():
    rules = {spec.symbol[2:4]: spec.tick_rule for spec in options(universe(("ES",), 203, APRIL_NS))}
    assert rules == {"M6": 4, "U6": 4, "J6": 15, "K6": 15, "N6": 15}


def test_four_thousand_options_of_one_root_are_all_different():
    listed = options(universe(("ES",), 4_003, APRIL_NS))
    assert len({spec.symbol for spec in listed}) == 4_000
    assert min(spec.strike_e9 or 0 for spec in listed) > 0


@pytest.mark.parametrize("root", ["ES", "CL", "ZN", "6E", "6J"])
def test_first_prices_are_on_the_tick_table(root):
    for spec in options(universe((root,), 163, APRIL_NS)):
        small = spec.tick_e9
        assert spec.price_e9 % (small if spec.price_e9 <= SMALL_STEPS * small else 5 * small) == 0


def test_the_table_of_steps_is_its_own_inverse():
    small = small_tick_e9(250_000_000)
    assert small == 50_000_000
    assert price_at(100, small) == 5 * PRICE_SCALE
    assert price_at(101, small) == 5 * PRICE_SCALE + 250_000_000
    for index in range(1, 400):
        assert step_index(price_at(index, small), small) == index


def test_black_obeys_parity_and_its_limits():
    terms = {"forward": 5_000.0, "strike": 5_100.0, "years": 0.2, "vol": 0.2}
    call, put = (black_76(call=each, **terms) for each in (True, False))
    assert call - put == pytest.approx(-100.0)
    # At the money: about 0.4 F σ √T.
    at = black_76(call=True, forward=5_000, strike=5_000, years=0.25, vol=0.2)
    assert at == pytest.approx(0.4 * 5_000 * 0.2 * 0.5, rel=0.01)


@pytest.mark.parametrize("x", [-6.0, -2.5, -1.0, -0.1, 0.0, 0.7, 3.0, 7.0])
def test_the_kernels_normal_distribution_is_right_to_seven_digits(x):
    assert kernel_cdf(x) == pytest.approx(0.5 * math.erfc(-x / math.sqrt(2)), abs=1e-7)


def test_the_kernel_prices_as_the_listing_does(run):
    simulation = Simulation(CONFIG)
    out = np.zeros(2)
    for k, spec in enumerate(simulation.specs):
        if spec.strike_e9 is None:
            continue
        kernel_worth(simulation.market, k, CONFIG.start_ns, out)
        x = simulation.market.instruments[k]
        # First prices are rounded down to a step, and the touch stands around the first price.
        assert out[0] == pytest.approx(float(x["anchor"]) + 0.5, abs=1.2), spec
        assert 0 <= out[1] <= 1 if spec.instrument_class == "C" else -1 <= out[1] <= 0


def test_a_market_with_options_breaks_no_rule_of_the_feed(run):
    _, rows = run
    replay = Replay()
    replay.feed(rows[:25_000])
    assert {name: n for name, n in replay.faults.items() if n} == {}


def test_prices_stay_on_the_tick_table(run):
    simulation, rows = run
    traded = rows[rows["action"] != b"R"]
    for spec in options(simulation.specs):
        prices = traded["price"][traded["instrument_id"] == spec.instrument_id]
        small = spec.tick_e9
        edge = SMALL_STEPS * small
        assert np.all(prices > 0)
        assert np.all(prices[prices <= edge] % small == 0)
        assert np.all(prices[prices > edge] % (5 * small) == 0)
        if spec.price_e9 == edge:
            assert len(set((prices > edge).tolist())) == 2


def test_both_sides_are_quoted_around_blacks_price(run):
    simulation, _ = run
    x = simulation.market.instruments
    out, away, spreads = np.zeros(2), [], []
    for k, spec in enumerate(simulation.specs):
        if spec.strike_e9 is not None:
            kernel_worth(simulation.market, k, CONFIG.stop_ns, out)
            away.append((x["bid"][k] + x["ask"][k]) / 2 - out[0])
            spreads.append(int(x["ask"][k] - x["bid"][k]))
    assert np.percentile(np.abs(away), 90) < 4
    assert np.median(spreads) <= 4


def test_most_records_of_options_are_quotes(run):
    simulation, rows = run
    mine = np.isin(rows["instrument_id"], [s.instrument_id for s in options(simulation.specs)])
    live = rows[mine & ((rows["flags"] & F_SNAPSHOT) == 0)]
    counts = Counter(live["action"].tolist())
    assert counts[b"T"] < 0.08 * counts.total()
    assert counts[b"M"] > 0.15 * counts.total()


def of(labels: list[Label], kind: str) -> list[Label]:
    found = [label for label in labels if label.kind == kind]
    assert found, kind
    return found


def test_labels_of_options_say_what_was_meant(run):
    simulation, rows = run
    specs = {spec.instrument_id: spec for spec in simulation.specs}
    labels = simulation.labels()
    for label in of(labels, "option_buying"):
        classes = {specs[each].instrument_class for each in label.instruments}
        assert classes == ({"C"} if label.side == "buy" else {"P"})
        assert len({specs[each].strike_e9 for each in label.instruments}) >= 2
        assert label.directional
    for label in of(labels, "straddle"):
        call, put = (specs[each] for each in label.instruments)
        assert (call.instrument_class, put.instrument_class) == ("C", "P")
        assert call.strike_e9 == put.strike_e9
        assert (label.side, label.directional, label.institutional) == ("none", False, True)
    for label in of(labels, "spread"):
        assert len({specs[each].strike_e9 for each in label.instruments}) == 2
        assert not label.directional
    for label in labels:
        ids = np.array(label.order_ids, np.uint64)
        mine = np.isin(rows["order_id"], ids) & np.isin(rows["instrument_id"], label.instruments)
        assert int(rows["size"][mine & (rows["action"] == b"T")].sum()) == label.executed


def test_call_buying_is_hedged_by_buying_the_future():
    shifts = {}
    for side in ("buy", "sell"):
        nets = []
        for seed in range(6):
            config = SimulationConfig(
                seed=seed, roots=("ES",), options=80, duration_s=150, records_per_s=400,
                institutions=True, kinds=("option_buying",), difficulty="easy",
            )  # fmt: skip
            simulation = Simulation(config)
            rows = np.concatenate([r for r in simulation.stream() if not isinstance(r, int)])
            label = simulation.labels()[0]
            if label.side != side:
                continue
            within = (rows["ts_event"] >= int(label.ts_start)) & (
                rows["ts_event"] <= int(label.ts_end) + NS_PER_S
            )
            trades = rows[within & (rows["instrument_id"] == 1001) & (rows["action"] == b"T")]
            signed = trades["size"].astype(int) * np.where(trades["side"] == b"B", 1, -1)
            nets.append(signed.sum() / trades["size"].sum())
        shifts[side] = float(np.mean(nets))
    assert shifts["buy"] > 0 > shifts["sell"]


def test_fewer_options_are_of_one_expiry():
    (product,) = products(("ES",))
    futures = universe(("ES",), 2, APRIL_NS)
    assert len({option[0] for option in chain(product, futures, 30, APRIL_NS)}) == 1

"""Whole simulated markets against a book that knows only the feed's rules."""

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from operators.model.errors import ConfigError
from operators.model.records import F_LAST, F_SNAPSHOT, NS_PER_S, MboBatch
from simulator.options import YEAR_S, black_76
from simulator.simulation import Simulation, SimulationConfig, session, sessions
from tests.simulator.replay import Replay

BUSY = SimulationConfig(
    seed=7, duration_s=None, records=40_000, records_per_s=150, institutions=True
)


def rows_of(config: SimulationConfig) -> MboBatch:
    batches = [item for item in Simulation(config).stream() if not isinstance(item, int)]
    return np.concatenate(batches)


@pytest.fixture(scope="module")
def busy() -> tuple[MboBatch, Replay]:
    rows, replay = rows_of(BUSY), Replay()
    replay.feed(rows)
    return rows, replay


def test_a_market_breaks_no_rule_of_the_feed(busy):
    _, replay = busy
    assert {name: n for name, n in replay.faults.items() if n} == {}


def test_everything_a_detector_looks_for_occurs(busy):
    _, replay = busy
    for kind in ("sweeps of 2", "sweeps of 3 or more", "stops", "refills", "modified"):
        assert replay.seen[kind] >= 5, kind
    assert replay.seen["rows in the packet of the row before"] > 1000


def test_every_event_ends_once_and_belongs_to_one_instrument(busy):
    rows, _ = busy
    live = rows[(rows["flags"] & F_SNAPSHOT) == 0]
    stops = np.flatnonzero(live["flags"] & F_LAST) + 1
    assert stops[-1] == len(live)
    event = np.searchsorted(stops, np.arange(len(live)), side="right")
    for name in ("instrument_id", "ts_event", "channel_id"):
        assert len(np.unique(np.stack([event, live[name].astype(np.int64)]), axis=1).T) == len(
            stops
        )


def test_actions_and_sizes_are_about_those_of_a_future(busy):
    rows, replay = busy
    live = Counter(rows["action"][(rows["flags"] & F_SNAPSHOT) == 0].tolist())
    shares = {action: 100 * n / live.total() for action, n in live.items()}
    for action, share in ((b"A", 34), (b"C", 30), (b"M", 20), (b"F", 11), (b"T", 5)):
        assert shares[action] == pytest.approx(share, abs=4), action
    p50, p90, p99 = np.percentile(replay.aggressor_sizes, (50, 90, 99))
    assert p50 == 1
    assert 5 <= p90 <= 10
    assert 20 <= p99 <= 45


def test_signs_of_aggressors_follow_each_other(busy):
    _, replay = busy
    signs = np.array(max(replay.signs.values(), key=len), float)
    signs -= signs.mean()
    at_1, at_20 = (float((signs[k:] * signs[:-k]).mean() / signs.var()) for k in (1, 20))
    assert 0.2 < at_1 < 0.55
    assert at_20 < 0.2


def test_arrivals_are_clustered(busy):
    rows, _ = busy
    gaps = np.diff(rows["ts_event"][rows["flags"] == F_LAST + 2].astype(np.int64))
    assert np.std(gaps) > 1.2 * np.mean(gaps)


EVERYTHING = SimulationConfig(
    seed=3,
    duration_s=20,
    resting_orders=500,
    institutions=True,
    look_alikes=True,
    options=80,
    regime="news",
)


@pytest.mark.parametrize("config", [replace(EVERYTHING, options=0), EVERYTHING])
def test_a_seed_gives_the_same_bytes_however_time_is_cut(config):
    whole = rows_of(config)
    assert rows_of(config).tobytes() == whole.tobytes()
    cut = [r for r in Simulation(config).stream(NS_PER_S // 7) if not isinstance(r, int)]
    assert np.concatenate(cut).tobytes() == whole.tobytes()
    assert rows_of(replace(config, seed=4)).tobytes() != whole.tobytes()


def test_ticks_stand_between_the_records_they_part():
    config = replace(EVERYTHING, records_per_s=1_000)
    ts, ticks = 0, []
    for item in Simulation(config).stream(NS_PER_S // 20):
        if isinstance(item, int):
            assert ts < item
            ticks.append(item)
            ts = item
        elif not item["flags"][0] & F_SNAPSHOT:
            assert ts <= int(item["ts_event"][0])
            ts = int(item["ts_event"][-1])
    assert ticks == [config.start_ns + k * NS_PER_S // 20 for k in range(1, 400)]


def test_books_keep_their_size():
    config = SimulationConfig(duration_s=None, records=300_000, resting_orders=2_000)
    simulation = Simulation(config)
    counts = [simulation.resting_orders for _ in simulation.stream()]
    assert max(counts) < 1.2 * config.resting_orders
    assert min(counts) > 0.8 * config.resting_orders


def test_records_end_the_run_with_their_event():
    rows = rows_of(SimulationConfig(duration_s=None, records=5_000, resting_orders=0))
    live = int(np.sum((rows["flags"] & F_SNAPSHOT) == 0))
    assert 5_000 <= live < 5_100
    assert rows["flags"][-1] & F_LAST


def test_the_rate_is_the_one_asked_for():
    config = SimulationConfig(duration_s=120, records_per_s=1_000, wave_sigma=0)
    live = int(np.sum((rows_of(config)["flags"] & F_SNAPSHOT) == 0))
    assert live == pytest.approx(120_000, rel=0.1)


def test_an_empty_opening_starts_with_a_clear_per_instrument():
    config = SimulationConfig(duration_s=5, instruments=12, opening="empty")
    rows = rows_of(config)
    assert rows["action"][:12].tolist() == [b"R"] * 12
    assert len(set(rows["instrument_id"][:12].tolist())) == 12
    replay = Replay()
    replay.feed(rows)
    assert replay.faults.total() == 0


def test_a_snapshot_is_a_clear_and_each_order_in_its_queue():
    config = SimulationConfig(duration_s=1, instruments=4, resting_orders=300)
    simulation = Simulation(config)
    (opening,) = simulation.opening_rows()
    assert np.all(opening["flags"] & F_SNAPSHOT)
    last = np.flatnonzero(np.diff(opening["instrument_id"]))
    assert opening["flags"][[*last, -1]].tolist() == [168] * 4
    assert np.sum(opening["flags"] == 168) == 4
    assert np.sum(opening["action"] == b"R") == 4
    assert len(opening) == 4 + simulation.resting_orders
    for instrument in np.unique(opening["instrument_id"]):
        mine = opening[opening["instrument_id"] == instrument][1:]
        for key in np.unique(mine[["side", "price"]]):
            queue = mine["order_id"][mine[["side", "price"]] == key]
            assert np.all(np.diff(queue.astype(np.int64)) > 0)


def test_spreads_trade_below_zero():
    config = SimulationConfig(duration_s=60, instruments=3, roots=("ES",), activity_skew=0)
    rows = rows_of(config)
    spread = rows[(rows["instrument_id"] == 1003) & (rows["action"] == b"T")]
    assert len(spread)
    assert np.all(spread["price"] < 0)


def test_many_instruments_in_many_roots():
    config = SimulationConfig(
        duration_s=2, roots=64, instruments=1_000, resting_orders=30_000, records_per_s=20_000
    )
    simulation = Simulation(config)
    assert len({spec.root for spec in simulation.specs}) == 64
    assert len({spec.instrument_id for spec in simulation.specs}) == 1_000
    assert len({spec.symbol for spec in simulation.specs}) == 1_000
    replay = Replay()
    for item in simulation.stream():
        assert not isinstance(item, int)
        replay.feed(item)
    assert {name: n for name, n in replay.faults.items() if n} == {}


def test_sessions_are_the_same_hours_on_consecutive_trading_days():
    config = SimulationConfig(start_ns=1_772_634_600_000_000_000, duration_s=60)  # Wed 4 March
    found = list(sessions(config, 5))
    local = [
        datetime.fromtimestamp(c.start_ns / NS_PER_S, UTC).astimezone(ZoneInfo("America/Chicago"))
        for c in found
    ]
    # The clocks change on Sunday the 8th.
    assert [day.strftime("%d %H:%M") for day in local] == [
        "04 08:30",
        "05 08:30",
        "06 08:30",
        "09 08:30",
        "10 08:30",
    ]
    assert found[0].seed == config.seed
    assert len({c.seed for c in found}) == 5
    symbols = {tuple(spec.symbol for spec in Simulation(c).specs) for c in found}
    assert len(symbols) == 1
    assert session(config, 3) == found[3]


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"seed": -1}, "seed must be at least 0, was -1"),
        ({"instruments": 0}, "instruments must be at least 1"),
        ({"duration_s": 0.0}, "duration_s must be above 0"),
        ({"duration_s": float("nan")}, "duration_s must be above 0"),
        ({"duration_s": None}, "duration_s or records must be given"),
        ({"records": -5}, "records must be above 0"),
        ({"records_per_s": 0}, "records_per_s must be above 0"),
        ({"activity_skew": 2.0}, "activity_skew must be in 0…1"),
        ({"opening": "auctions"}, "opening must be"),
        ({"start_ns": 0}, "start_ns must be"),
        ({"options": -1}, "options must be at least 0"),
        ({"difficulty": "none"}, "difficulty must be easy, medium, hard or mixed"),
        ({"kinds": ("guess",)}, "kinds must be of twap, .*, was 'guess'"),
        ({"kinds": ("twap",)}, "kinds has 'twap', which needs institutions"),
        ({"kinds": ("roll",), "institutions": True}, "kinds has 'roll', which needs look_alikes"),
        ({"resting_orders": -1}, "resting_orders must be at least 0"),
    ],
)
def test_nonsense_is_refused_with_its_name(change, text):
    with pytest.raises(ValueError, match=text):
        SimulationConfig(**change)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"roots": ("ES", "XX")}, "roots: 'XX' is not known"),
        ({"roots": 10, "instruments": 4}, "instruments must be at least 10"),
        ({"kinds": ("straddle",), "institutions": True}, "kinds: no root lists what straddle"),
        ({"start_ns": 1_775_325_600 * NS_PER_S}, "weekend"),
        ({"start_ns": 1_775_510_100 * NS_PER_S, "duration_s": 60}, "maintenance"),
    ],
)
def test_what_is_not_there_is_told_in_one_line(change, text):
    with pytest.raises(ConfigError, match=text):
        Simulation(SimulationConfig(**change))


def test_options_open_a_later_session_at_what_they_are_worth_then():
    config = SimulationConfig(roots=("ES",), options=8, resting_orders=400, duration_s=1.0)
    first = Simulation(config)
    late = session(config, 8)
    later = Simulation(late)
    names = ("instrument_id", "symbol", "expiration_ns", "strike_e9", "tick_rule")
    for before, now in zip(first.specs, later.specs, strict=True):
        assert all(getattr(before, name) == getattr(now, name) for name in names)
        if now.strike_e9 is not None:
            assert now.price_e9 < before.price_e9
            years = (now.expiration_ns - late.start_ns) / 1e9 / YEAR_S
            worth = black_76(
                call=now.instrument_class == "C",
                forward=later.specs[0].price_e9 / 1e9,
                strike=now.strike_e9 / 1e9,
                years=years,
                vol=now.volatility,
            )
            assert abs(now.price_e9 / 1e9 - worth) <= 5 * now.tick_e9 / 1e9

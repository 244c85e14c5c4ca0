import pickle
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from operators.baseline import Baseline
from operators.baseline_config import BaselineConfig
from operators.baseline_history import merge, table
from operators.baseline_instruments import InstrumentClasses, class_of_symbol
from operators.baseline_kernel import absorption, log_ratio
from operators.model.errors import ConfigError
from operators.model.evaluations import CROSSED, DIRTY, EXECUTION, FAULT, JUDGED, PANE
from operators.model.items import Evaluations, Instrument, Tick
from tests.operators.baseline_oracle import (
    CALENDAR,
    NS,
    NaiveBaseline,
    config,
    definition,
    evaluations,
    part,
    random_items,
)

SIZE, VOLUME = JUDGED.index("size"), JUDGED.index("volume_60")
SEEDS = st.integers(0, 2**32 - 1)


def judged(items) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """z, tail_p and sessions of all rows that passed."""
    parts = [i for i in items if isinstance(i, Evaluations)]
    return tuple(
        np.concatenate([getattr(p, name) for p in parts]) for name in ("z", "tail_p", "sessions")
    )


def as_bytes(items) -> tuple[bytes, ...]:
    return tuple(column.tobytes() for column in judged(items))


def cut(items, rng):
    """The same items with every batch cut at random places."""
    pieces = []
    for item in items:
        if not isinstance(item, Evaluations):
            pieces.append(item)
            continue
        inner = sorted(set(rng.integers(0, item.rows.size + 1, 3).tolist()))
        edges = [0, *inner, item.rows.size]
        pieces += [part(item, a, b) for a, b in zip(edges, edges[1:], strict=False)]
    return pieces


def single_rows(items):
    pieces = []
    for item in items:
        if isinstance(item, Evaluations):
            pieces += [part(item, i, i + 1) for i in range(item.rows.size)]
        else:
            pieces.append(item)
    return pieces


def at(day: int, hour: float) -> int:
    """`hour` hours by Chicago's clocks into the session of Tuesday 5 March 2024 + `day`."""
    roll = datetime(2024, 3, 4, 17, tzinfo=ZoneInfo("America/Chicago")) + timedelta(day)
    return int((roll + timedelta(hours=hour)).timestamp() * 1000) * 1_000_000


def trade(day: int, size: int = 5, hour: float = 1, **fields):
    return {
        "kind": EXECUTION,
        "instrument_id": 1,
        "ts_event": at(day, hour),
        "size": size,
        **fields,
    }


def pane(day: int, hour: float = 1, volume: int = 10, **fields):
    sums = {(60, "buy"): volume}
    return {"kind": PANE, "instrument_id": 1, "ts_event": at(day, hour), "sums": sums, **fields}


# The whole operator against the slow one.


@settings(max_examples=12, deadline=None)
@given(SEEDS)
def test_hostile_streams_are_judged_as_by_the_slow_baseline(seed):
    items = random_items(seed)
    z, tail_p, sessions = judged(Baseline(config()).on_items(items))
    expected = NaiveBaseline(config()).on_items(items)
    assert sessions.tolist() == [row[2] for row in expected]
    np.testing.assert_array_equal(tail_p, np.array([row[1] for row in expected]))
    np.testing.assert_array_equal(z, np.array([row[0] for row in expected]))


def test_the_hostile_streams_do_reach_every_metric():
    z = np.concatenate([judged(Baseline(config()).on_items(random_items(s)))[0] for s in range(12)])
    assert (np.isfinite(z).sum(axis=0) >= 10).all()


# The contract of every operator.


@settings(max_examples=12, deadline=None)
@given(SEEDS)
def test_any_cut_gives_the_same_bytes(seed):
    items = random_items(seed)
    whole = as_bytes(Baseline(config()).on_items(items))
    rng = np.random.default_rng(seed)
    for pieces in (cut(items, rng), single_rows(items)):
        baseline = Baseline(config())
        assert as_bytes([o for piece in pieces for o in baseline.on_items([piece])]) == whole


@settings(max_examples=8, deadline=None)
@given(SEEDS)
def test_resuming_after_any_row_gives_the_same_bytes(seed):
    items = random_items(seed)
    whole = as_bytes(Baseline(config()).on_items(items))
    out, state = [], None
    for piece in single_rows(items):
        baseline = Baseline(config(), state)
        out += baseline.on_items([piece])
        state = pickle.loads(pickle.dumps(baseline.snapshot()))
    assert as_bytes(out) == whole
    straight = Baseline(config())
    straight.on_items(items)
    assert pickle.dumps(straight.export().cells) == pickle.dumps(
        Baseline(config(), state).export().cells
    )


@settings(max_examples=10, deadline=None)
@given(SEEDS)
def test_a_snapshot_is_no_live_view_and_the_input_is_not_written(seed):
    items = random_items(seed)
    first, second = items[: len(items) // 2], items[len(items) // 2 :]
    before = pickle.dumps(items)
    baseline = Baseline(config())
    baseline.on_items(first)
    snapshot = baseline.snapshot()
    kept = pickle.dumps(snapshot)
    out = baseline.on_items(second)
    baseline.snapshot()
    assert pickle.dumps(snapshot) == kept
    assert pickle.dumps(items) == before
    resumed = Baseline(config(), pickle.loads(kept))
    assert [o.z.tobytes() for o in resumed.on_items(second) if isinstance(o, Evaluations)] == [
        o.z.tobytes() for o in out if isinstance(o, Evaluations)
    ]


@settings(max_examples=10, deadline=None)
@given(SEEDS, st.integers(0, 2**32 - 1))
def test_another_feed_in_the_shard_changes_nothing(seed, other_seed):
    """Roots of two feeds meet in a shard; each is judged as if it were alone."""
    ours = random_items(seed, 80, roots=("ES",))
    theirs = [
        replace(item, feed="other", roots=("ES", "CL"), rows=_moved(item.rows))
        if isinstance(item, Evaluations)
        else replace(item, feed="other")
        for item in random_items(other_seed, 80, roots=("CL",))
    ]
    rng = np.random.default_rng(seed)
    mixed, a, b = [], list(ours), list(theirs)
    while a or b:
        side = a if a and (not b or rng.random() < 0.5) else b
        mixed.append(side.pop(0))
    out = [o for o in Baseline(config()).on_items(mixed) if getattr(o, "feed", "") == "glbx"]
    assert as_bytes(out) == as_bytes(Baseline(config()).on_items(ours))


def _moved(rows):
    moved = rows.copy()
    moved["root"] += 1
    moved["slot"] += 1
    moved.flags.writeable = False
    return moved


def test_state_is_bounded_by_sessions_not_by_rows():
    baseline = Baseline(config())
    sizes = []
    for day in range(60):
        rows = [trade(day, 1 + i % 9, hour=h) for h in (1, 2) for i in range(50)]
        baseline.on_items([evaluations(rows)])
        sizes.append(len(pickle.dumps(baseline.snapshot())))
    assert max(sizes[20:]) <= max(sizes[6:20])
    # Today comes on top.
    assert len(baseline.export().sessions("ES")) == config().sessions_max + 1


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("sessions_max", 0),
        ("sessions_max", 251),
        ("sessions_min", 0),
        ("sessions_min", 21),
        ("bucket_s", 599),
        ("bucket_s", 1801),
        ("shrink_n0", -1),
        ("pseudo_size", 0),
        ("quality_min", 1.5),
        ("quality_min", float("nan")),
        ("roots_max", 0),
        ("instruments_max", 0),
    ],
)
def test_nonsense_is_refused_by_field(field, value):
    with pytest.raises(ValueError, match=f"^{field} .*{value}"):
        BaselineConfig(calendar=CALENDAR, **{field: value})


def test_a_calendar_must_be_given():
    with pytest.raises(ValueError, match="calendar"):
        Baseline(BaselineConfig())


# Warming, sessions, days.


def test_below_the_least_sessions_nothing_is_judged():
    baseline = Baseline(BaselineConfig(calendar=CALENDAR))
    seen = []
    # Trading days 0 … 3 are Tuesday to Friday, 6 and 7 Monday and Tuesday.
    for day in (0, 1, 2, 3, 6, 7):
        (item,) = baseline.on_items([evaluations([trade(day), trade(day, 500)])])
        seen.append(int(item.sessions[0]))
        warm = seen[-1] >= 5
        assert np.isnan(item.z[:, SIZE]).any() != warm
        assert np.isnan(item.tail_p[:, SIZE]).any() != warm
    assert seen == [0, 1, 2, 3, 4, 5]
    # Of ten orders of five days, five are of 500 contracts and all of 5 at least.
    assert item.tail_p[:, SIZE].tolist() == [1.0, 6 / 11]
    assert item.z[1, SIZE] > item.z[0, SIZE]


def test_today_is_kept_apart():
    baseline = Baseline(config())
    for day in (0, 1):
        baseline.on_items([evaluations([trade(day, 5)] * 30)])
    first = judged(baseline.on_items([evaluations([trade(2, 7)])]))
    baseline.on_items([evaluations([trade(2, 7)] * 1000)])
    again = judged(baseline.on_items([evaluations([trade(2, 7)])]))
    assert [a.tobytes() for a in first] == [b.tobytes() for b in again]


def test_a_session_without_trading_is_not_counted():
    baseline = Baseline(config())
    baseline.on_items([evaluations([trade(0), pane(0), pane(1), trade(2), pane(2)])])
    (item,) = baseline.on_items([evaluations([pane(3, hour=1.2)])])
    assert item.sessions.tolist() == [2]
    assert baseline.export().sessions("ES") == (19_787, 19_789)


@pytest.mark.parametrize(
    "unfit", [{"state": DIRTY}, {"state": CROSSED}, {"quality": 0.5}, {"quality": np.nan}]
)
def test_bad_data_is_judged_and_not_remembered(unfit):
    baseline = Baseline(config())
    baseline.on_items([evaluations([trade(day, 5) for day in (0, 1)])])
    (item,) = baseline.on_items([evaluations([trade(2, 50, **unfit)])])
    assert item.z[0, SIZE] > 0
    assert 19_789 not in baseline.export().sessions("ES")
    assert baseline.report().facts["bad_data"] == 1


def test_closed_hours_are_not_remembered():
    baseline = Baseline(config())
    # Saturday noon; the daily pause; Good Friday of 2024.
    baseline.on_items([evaluations([trade(4, hour=19), trade(9, hour=23.5), trade(24, hour=12)])])
    assert baseline.export().cells.size == 0
    assert baseline.report().facts["out_of_hours"] == 3


def test_a_pane_that_ends_with_the_bucket_belongs_to_it():
    baseline = Baseline(config())
    for day in (0, 1):
        baseline.on_items([evaluations([trade(day, hour=0.2), pane(day, hour=0.5)])])
    cells = baseline.export().cells
    assert set(cells["bucket"].tolist()) == {0}
    baseline.on_items([evaluations([trade(1, hour=0.5)])])
    assert set(baseline.export().cells["bucket"].tolist()) == {0, 1}


def test_a_late_row_counts_in_the_current_bucket():
    baseline = Baseline(config())
    baseline.on_items([evaluations([trade(0, hour=1), trade(0, hour=0.1)])])
    assert set(baseline.export().cells["bucket"].tolist()) == {2}


def test_half_hours_follow_chicago_over_the_change_of_the_clock():
    baseline = Baseline(config())
    # 03:00 in Chicago, before and after Sunday 10 March 2024: 09:00 and 08:00 UTC.
    days = ((6, 9), (7, 9), (11, 8))
    rows = [
        trade(0) | {"ts_event": int(datetime(2024, 3, d, h, tzinfo=UTC).timestamp()) * NS}
        for d, h in days
    ]
    (item,) = baseline.on_items([evaluations(rows)])
    assert item.sessions.tolist() == [0, 1, 2]


def test_a_fault_row_is_neither_judged_nor_remembered():
    baseline = Baseline(config())
    row = trade(0) | {"kind": FAULT}
    (item,) = baseline.on_items([evaluations([row])])
    assert np.isnan(item.z).all()
    assert baseline.export().cells.size == 0


def test_an_auction_is_nobodys_order():
    baseline = Baseline(config())
    baseline.on_items([evaluations([trade(day, 5) for day in (0, 1)])])
    (item,) = baseline.on_items([evaluations([trade(2, 500, aggressor=5)])])
    assert np.isnan(item.z).all()
    assert baseline.export().sessions("ES") == (19_787, 19_788)


def test_kinds_of_instrument_have_baselines_of_their_own():
    baseline = Baseline(config())
    baseline.on_items([definition(2, "C", None)])
    for day in (0, 1):
        baseline.on_items([evaluations([trade(day, 5), trade(day, 900, instrument_id=2, slot=2)])])
    (item,) = baseline.on_items(
        [evaluations([trade(2, 900), trade(2, 900, instrument_id=2, slot=2)])]
    )
    assert item.z[0, SIZE] > 10
    assert abs(item.z[1, SIZE]) < 1


@pytest.mark.parametrize(
    ("symbol", "class_"),
    [
        ("ESH4", 0),
        ("ESH4-ESM4", 1),
        ("ES:BF H4-M4-U4", 1),
        ("ESM4 C4800", 2),
        ("EW1F4 P4750", 3),
        ("GEZ4 P97.5", 3),
        ("UD:1V: VT 12345", 4),
        ("17077", 4),
        ("", 4),
    ],
)
def test_a_symbol_tells_the_class(symbol, class_):
    assert class_of_symbol(symbol) == class_


def test_a_definition_outlives_a_later_mapping():
    classes = InstrumentClasses(2)
    classes.learn(definition(1, "P", 5))
    classes.learn_symbol("glbx", 1, "ESH4")
    classes.resolve("glbx", 1, 0)
    assert (classes.arrays.class_[0], classes.arrays.tick_e9[0]) == (3, 5)


def test_the_oldest_instrument_is_forgotten_and_counted():
    classes = InstrumentClasses(2)
    for i in (1, 2, 3):
        classes.learn_symbol("glbx", i, "ESH4")
    classes.resolve("glbx", 1, 0)
    classes.resolve("glbx", 3, 1)
    assert classes.arrays.class_[:2].tolist() == [4, 0]
    assert classes.forgotten == 1


def test_roots_beyond_the_bound_are_not_judged_and_counted():
    baseline = Baseline(config(roots_max=1))
    for day in (0, 1, 2):
        (item,) = baseline.on_items([evaluations([trade(day, root=0), trade(day, root=1)])])
    assert np.isfinite(item.z[0, SIZE])
    assert np.isnan(item.z[1]).all()
    assert baseline.report().facts["unjudged"] == 3


def test_items_of_others_pass_in_order():
    items = [
        Tick("glbx", 5),
        Instrument("glbx", 1, "ESH4", "ES", "mapping", 0),
        evaluations([trade(0)]),
        definition(1),
    ]
    out = Baseline(config()).on_items(items)
    assert [type(o) for o in out] == [type(i) for i in items]
    assert out[0] is items[0]
    assert not out[2].z.flags.writeable


# The two metrics with a formula.


@given(st.integers(0, 2**40), st.integers(0, 2**40), st.integers(1, 1000))
def test_the_log_ratio_is_odd_and_finite(buy, sell, a):
    assert log_ratio(buy, sell, float(a)) == -log_ratio(sell, buy, float(a))
    assert abs(log_ratio(buy, sell, float(a))) < 64 * 28


def test_the_log_ratio_counts_64ths():
    assert log_ratio(10, 0, 5.0) == 70  # 64 ln 3 = 70.3
    assert log_ratio(0, 10, 5.0) == -70


@pytest.mark.parametrize(
    ("net", "ticks", "expected"),
    [
        (-100, 0, 100),  # sold into and the price stood: bids absorb
        (-100, 4, 100),  # it even rose
        (-100, -1, 100),
        (-100, -4, 25),  # it gave way
        (90, 0, -90),
        (90, -3, -90),
        (90, 4, -22),
        (0, 4, 0),
    ],
)
def test_absorption_is_flow_per_tick_signed_by_who_held(net, ticks, expected):
    assert absorption(net, 2 * ticks * 25, 25) == expected


# History in and out.


def test_a_loaded_history_judges_like_the_baseline_that_made_it():
    items = random_items(7, 400)
    baseline = Baseline(config())
    baseline.on_items(items)
    fresh = Baseline(config(), history=baseline.export())
    later = [evaluations([trade(500, s), pane(500)]) for s in (1, 50)]
    keep = [i for i in items if not isinstance(i, Evaluations)]
    assert as_bytes(fresh.on_items([*keep, *later])) == as_bytes(baseline.on_items(later))
    assert judged(fresh.on_items(later))[2].dtype == np.int16


def test_a_history_is_refused_where_there_is_one():
    baseline = Baseline(config())
    baseline.on_items([evaluations([trade(0), trade(1)])])
    with pytest.raises(ConfigError, match="fresh recovery store"):
        Baseline(config(), baseline.snapshot(), history=baseline.export())


@pytest.mark.parametrize("change", [{"bucket_s": 3600}, {"pseudo_size": 9}])
def test_a_history_of_other_numbers_is_refused(change):
    baseline = Baseline(config(**change))
    baseline.on_items([evaluations([trade(0), trade(1)])])
    with pytest.raises(ConfigError, match=next(iter(change))):
        Baseline(config(), history=baseline.export())


def test_of_one_session_seen_twice_the_fuller_account_stays():
    history = Baseline(config())
    history.on_items([evaluations([trade(0, 5)] * 3)])
    for count, kept in ((2, 3), (4, 4)):
        baseline = Baseline(config(), history=history.export())
        (item,) = baseline.on_items([evaluations([trade(0, 9)] * count)])
        assert item.sessions.max() == 0  # never against itself
        baseline.on_items([evaluations([trade(1)])])
        cells = baseline.export().cells
        first = cells[(cells["session"] == 19_787) & (cells["metric"] == SIZE)]
        assert first["count"].sum() == kept


@settings(max_examples=15, deadline=None)
@given(SEEDS, st.integers(1, 400))
def test_merged_days_are_recomputed_days(seed, at):
    """Two baselines that each saw some sessions, merged, equal one that saw all."""
    items = [
        evaluations([trade(day, int(s)), pane(day, volume=int(s))], ("ES", f"R{seed % 3}"))
        for day, s in enumerate(np.random.default_rng(seed).geometric(0.1, 12))
    ]
    at = at % len(items)
    long = config(sessions_max=20, sessions_min=2)
    parts = []
    for some in (items[:at], items[at:], items):
        baseline = Baseline(long)
        baseline.on_items(some)
        parts.append(baseline.export())
    a, b, whole = parts
    for merged in (merge(a, b), merge(b, a), merge(merge(a, b), a)):
        assert merged.roots == whole.roots
        assert merged.cells.tobytes() == whole.cells.tobytes()


def test_merging_takes_roots_of_both():
    tables = []
    for roots in (("ES",), ("CL",)):
        baseline = Baseline(config())
        baseline.on_items([evaluations([trade(0)], roots)])
        tables.append(baseline.export())
    merged = merge(*tables)
    assert merged.roots == ("CL", "ES")
    assert merged.only(lambda root: root == "ES").cells.tobytes() == tables[0].cells.tobytes()
    assert merged.only(lambda root: False).cells.size == 0
    assert merged.sessions("NG") == ()


def test_tables_of_other_numbers_do_not_merge():
    with pytest.raises(ValueError, match="bucket_s"):
        merge(table([], 1800, 5), table([], 600, 5))

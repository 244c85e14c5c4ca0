import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from operators.model.evaluations import (
    DIRTY,
    EVAL_DTYPE,
    EXECUTION,
    FAULT,
    FAULT_NAMES,
    FAULTS,
    FILL_DTYPE,
    OFI_LEVELS,
    PANE,
    WINDOW_SUMS,
    WINDOWS_S,
)
from operators.model.items import Evaluations, Instrument, Tick
from operators.model.records import NS_PER_S
from operators.model.signals import Pressure as RootPressure
from operators.model.streams import PRESSURE, Message
from operators.pressure import Pressure
from operators.pressure_config import PressureConfig
from operators.pressure_kernel import ENTRY_COLUMNS, LIVE, SLOTS, exp2_minus
from operators.pressure_snapshot import folded, unfolded

START_S = 1_700_000_000
ROOTS = ("ES", "NQ", "CL")
NO_FILLS = np.zeros(0, FILL_DTYPE)
QUIET = PressureConfig(publish=False)


def row(kind, s, *, slot=0, root=0, **fields):
    """One evaluation row, `s` seconds after the start (the end of a pane)."""
    return {
        "kind": kind,
        "ts_event": round((START_S + s) * 1e9),
        "slot": slot,
        "root": root,
    } | fields


def table(rows):
    """Rows as one read-only array; a book of 99 at 101 unless told."""
    out = np.zeros(len(rows), EVAL_DTYPE)
    for line, fields in zip(out, rows, strict=True):
        line["bid"], line["ask"], line["bid_size"], line["ask_size"] = 99, 101, 5, 5
        line["instrument_id"] = 100 + fields["slot"]
        for name, value in fields.items():
            if name in FAULT_NAMES:
                line["faults"][FAULT_NAMES.index(name)] = value
            elif name == "ofi":
                line["ofi"][: len(value)] = value
            else:
                line[name] = value
    out.flags.writeable = False
    return out


def item(rows, feed="test"):
    rows = rows if isinstance(rows, np.ndarray) else table(rows)
    return Evaluations(feed, rows, NO_FILLS, ROOTS)


def weighed(rows, config=QUIET):
    (out,) = Pressure(config).on_items([item(rows)])
    return out


def buys(out, window_s):
    return out.windows[:, WINDOWS_S.index(window_s), WINDOW_SUMS.index("buy")].tolist()


def messages(out):
    return [one for one in out if isinstance(one, Message)]


# What a trader can read.


def test_a_window_ends_with_the_open_pane():
    out = weighed(
        [
            row(EXECUTION, 0.1, buy=3),
            row(EXECUTION, 0.9, buy=5),
            row(PANE, 1, buy=6),
            row(EXECUTION, 1.5, buy=4),
            row(PANE, 2, buy=4),
        ]
    )
    assert buys(out, 5) == [3, 5, 6, 10, 10]
    assert buys(out, 900) == [3, 5, 6, 10, 10]


def test_a_pane_leaves_a_window_after_its_width():
    out = weighed([row(PANE, 1, buy=7), row(PANE, 5, buy=1), row(PANE, 6, buy=1)])
    assert buys(out, 5) == [7, 8, 2]
    assert buys(out, 30) == [7, 8, 9]


def test_an_idle_span_of_any_length_is_one_step():
    out = weighed([row(PANE, 1, buy=7), row(EXECUTION, 900.5, buy=1), row(EXECUTION, 9_000, buy=1)])
    assert buys(out, 900) == [7, 1, 1]


def test_order_flow_is_kept_for_the_touch_and_for_ten_levels():
    (sums,) = weighed([row(PANE, 1, ofi=[5, -2, 1, 0, 0, 0, 0, 0, 0, 3])]).windows[:, 0]
    assert sums[WINDOW_SUMS.index("ofi_1")] == 5
    assert sums[WINDOW_SUMS.index("ofi_10")] == 7


def test_the_mid_before_a_window_is_that_of_the_last_pane_before_it():
    out = weighed(
        [
            row(PANE, 1, bid=10, ask=12),
            row(PANE, 2, bid=20, ask=22),
            row(EXECUTION, 6.5),
            row(EXECUTION, 40),
        ]
    )
    assert out.mids2[:, 0].tolist() == [0, 0, 42, 42]
    assert out.mids2[:, 1].tolist() == [0, 0, 0, 42]


def test_a_book_with_one_side_has_no_mid():
    out = weighed([row(PANE, 1, ask_size=0), row(EXECUTION, 9)])
    assert out.mids2[1].tolist() == [0] * 5


def test_a_mid_of_prices_below_zero_is_a_mid():
    assert weighed([row(PANE, 1, bid=-5, ask=-3), row(EXECUTION, 9)]).mids2[1, 0] == -8


def test_a_late_row_stands_in_the_open_pane():
    out = weighed([row(PANE, 1, buy=7), row(PANE, 8, buy=1), row(EXECUTION, 0.5, buy=2)])
    assert buys(out, 5) == [7, 1, 3]
    assert buys(out, 30) == [7, 8, 10]


def test_instruments_and_roots_do_not_meet():
    out = weighed(
        [
            row(PANE, 1, buy=1),
            row(PANE, 1, buy=10, slot=1),
            row(PANE, 999, buy=100, slot=2, root=1),
            row(EXECUTION, 1.5, buy=1),
            row(EXECUTION, 1.6, buy=10, slot=1),
        ]
    )
    assert buys(out, 5) == [1, 10, 100, 2, 20]


def test_evaluations_keep_their_rows_and_gain_read_only_columns():
    rows = table([row(PANE, 1, buy=1)])
    out = weighed(rows)
    assert out.rows is rows
    for column in (out.windows, out.mids2, out.quality):
        assert not column.flags.writeable
    assert out.quality.tolist() == [1.0]


def test_a_batch_without_rows_passes():
    assert weighed([]).windows.shape == (0, 5, 18)


# Quality.


def test_faults_lower_the_quality_and_fade():
    rows = [row(PANE, 1, records=100, sequence=11), row(PANE, 31, records=0), row(PANE, 331)]
    out = weighed(rows)
    # 11 faults in 100 records and 1,000 more reach the limit of 0.01 exactly: all of the weight.
    assert out.quality[0] == pytest.approx(0.5)
    assert out.quality[1] == pytest.approx(1 - 0.5 * (5.5 / 1050 / 0.01))
    assert 0.99 < out.quality[2] < 1


def test_kinds_of_fault_multiply():
    (quality,) = weighed([row(PANE, 1, sequence=1000, crossed=1000)]).quality
    assert quality == pytest.approx(0.25)


def test_records_of_an_open_pane_are_counted_once():
    rows = [
        row(EXECUTION, 0.1, records=60),
        row(EXECUTION, 0.2, records=100),
        row(PANE, 1, records=100),
    ]
    last = weighed([*rows, row(FAULT, 1.1, records=0, sequence=5)]).quality[-1]
    assert last == pytest.approx(1 - 0.5 * 5 / (100 * 2 ** (-1 / 30) + 1000) / 0.01)


def test_a_dirty_book_caps_the_quality():
    out = weighed([row(FAULT, 1, state=DIRTY), row(FAULT, 2)])
    assert out.quality.tolist() == [0.5, 1.0]


def test_the_report_says_what_was_wrong_with_whom():
    pressure = Pressure(QUIET)
    known = Instrument("test", 101, "NQH4", "NQ", "setting", 0)
    rows = [row(PANE, 1, unknown_order=2), row(PANE, 1, slot=1, root=1, state=DIRTY)]
    assert pressure.on_items([known, item(rows)])[0] is known
    facts = pressure.report().facts
    assert facts["panes"] == 2
    assert facts["instruments"][100]["symbol"] == "100"
    assert facts["instruments"][100]["faults"] == {"unknown_order": 2}
    assert 0.8 < facts["instruments"][100]["score"] < 1
    assert facts["instruments"][101] == {
        "instrument_id": 101,
        "symbol": "NQH4",
        "score": 0.5,
        "dirty": True,
        "faults": {},
    }


@pytest.mark.parametrize("x", [0.0, 1e-9, 1 / 30, 0.5, 0.999_999, 1.0, 17.3, 999.9])
def test_powers_of_two_are_exact_enough(x):
    assert exp2_minus(x) == pytest.approx(2.0**-x, rel=1e-12)
    assert exp2_minus(2_000.0) == 0


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("half_life_s", 0.0),
        ("half_life_s", float("nan")),
        ("records_min", -1.0),
        ("dirty_max", 1.5),
        ("weights", (0.5,)),
        ("weights", (2.0,) * FAULTS),
        ("limits", (0.0,) * FAULTS),
    ],
)
def test_a_config_refuses_nonsense(name, value):
    with pytest.raises(ValueError, match=rf"{name} .*(must be|must have)|{name} must"):
        PressureConfig(**{name: value})


# The pressure stream.

TWO_PANES = [row(PANE, 1, buy=3, bid_size=0), row(PANE, 1, slot=1, sell=4)]


def test_a_second_of_a_root_is_one_message_of_what_changed():
    known = Instrument("test", 100, "ESH4", "ES", "setting", 0)
    out = Pressure(PressureConfig()).on_items([known, item([*TWO_PANES, row(EXECUTION, 1.5)])])
    (message,) = messages(out)
    assert (message.stream, message.root, message.seq) == (PRESSURE, "ES", 0)
    assert isinstance(message.value, RootPressure)
    assert message.value.ts_event == (START_S + 1) * NS_PER_S
    first, second = message.value.instruments
    assert (first.symbol, first.bid_e9, first.ask_e9, first.quality) == ("ESH4", None, 101, 1.0)
    assert (second.symbol, second.bid_e9, second.bid_size) == ("101", 99, 5)
    assert list(first.windows) == ["5", "30", "60", "300", "900"]
    assert (first.windows["5"]["buy"], second.windows["900"]["sell"]) == (3, 4)
    assert list(first.windows["30"]) == list(WINDOW_SUMS)


def test_a_second_cut_between_its_panes_stays_one_message():
    pressure = Pressure(PressureConfig())
    first, second = TWO_PANES
    assert not messages(pressure.on_items([item([first])]))
    assert not messages(pressure.on_items([item([second])]))
    (message,) = messages(pressure.on_items([item([row(PANE, 2)])]))
    assert len(message.value.instruments) == 2


def test_messages_come_in_the_order_of_completion():
    rows = [
        row(PANE, 1),
        row(PANE, 1, slot=1, root=1),
        row(EXECUTION, 1.2, slot=1, root=1),
        row(PANE, 2, slot=1, root=1),
        row(EXECUTION, 1.3),
    ]
    out = messages(Pressure(PressureConfig()).on_items([item(rows)]))
    assert [message.root for message in out] == ["NQ", "ES"]


def test_a_tick_of_the_feed_completes_the_seconds_before_it():
    pressure = Pressure(PressureConfig())
    rows = [row(PANE, 1, slot=1, root=1), row(PANE, 1), row(PANE, 2, slot=2, root=2)]
    pressure.on_items([item(rows)])
    tick = Tick("test", (START_S + 1) * NS_PER_S)
    assert pressure.on_items([Tick("other", 2**62)]) == [Tick("other", 2**62)]
    out = pressure.on_items([tick])
    assert out[0] is tick
    assert [message.root for message in out[1:]] == ["ES", "NQ"]
    assert [m.root for m in messages(pressure.on_items([Tick("test", 2**62)]))] == ["CL"]
    assert not messages(pressure.on_items([item([row(EXECUTION, 9)])]))


def test_nothing_is_published_or_kept_when_nobody_listens():
    pressure = Pressure(QUIET)
    assert len(pressure.on_items([item([*TWO_PANES, row(EXECUTION, 1.5)])])) == 1
    assert pressure.snapshot()["groups"] == ()


def test_open_seconds_are_left_out_when_resumed_without_listeners():
    pressure = Pressure(PressureConfig())
    pressure.on_items([item(TWO_PANES)])
    quiet = Pressure(QUIET, pressure.snapshot())
    assert len(quiet.on_items([item([row(EXECUTION, 2)])])) == 1
    loud = Pressure(PressureConfig(), quiet.snapshot())
    assert not messages(loud.on_items([item([row(EXECUTION, 2)])]))


# Bounds.


def test_panes_are_given_back_as_they_leave_and_when_an_instrument_falls_idle():
    pressure = Pressure(QUIET)
    for s in range(0, 4000, 50):
        busy = [row(PANE, s + t) for t in range(50)]
        idle = [row(PANE, s, slot=slot) for slot in range(1, 40)] if s < 500 else []
        pressure.on_items([item(table([*idle, *busy]))])
        assert pressure.report().facts["panes"] <= 900 + 40 * 10
    assert pressure.report().facts["panes"] == 900
    assert pressure._entries.shape[0] <= 4 * 1024


def test_a_snapshot_is_small_and_gives_memory_back():
    pressure = Pressure(QUIET)
    rows = np.repeat(table([row(PANE, 1, buy=3, sell=7, ofi=[1, -2, 3], add_bid=40)]), 30_000)
    rows["slot"] = np.tile(np.arange(100), 300)
    rows["ts_event"] += np.repeat(np.arange(300), 100) * NS_PER_S
    pressure.on_items([item(rows)])
    assert pressure.snapshot()["panes"].size < 16 * 30_000
    later = table([row(PANE, 5_000, slot=slot) for slot in range(100)])
    expected = pressure.on_items([item(later)])
    state = pressure.snapshot()
    assert pressure._entries.shape == (1024, ENTRY_COLUMNS)
    assert _bytes(pressure.snapshot()) == _bytes(state)
    assert expected[0].windows.sum() == 0


@pytest.mark.parametrize("value", [0, -1, 1, 63, -64, 2**62, -(2**63), 2**63 - 1])
def test_folding_keeps_the_sign(value):
    assert unfolded(np.uint64(folded(np.int64(value)))) == value


# The slow, obvious twin.


class Oracle:
    """Keeps every pane for ever and adds up anew at each row."""

    def __init__(self, config):
        self.config = config
        self.panes, self.roots, self.health = {}, {}, {}

    def on_row(self, line):
        """Windows (5, 18), mids (5,), quality."""
        root = self.roots.setdefault(int(line["root"]), {"pane": -(10**12), "closed": -(10**12)})
        slot, second = int(line["slot"]), int(line["ts_event"]) // NS_PER_S
        if line["kind"] == PANE:
            pane = root["closed"] = max(second - 1, root["pane"])
        else:
            pane = max(second, root["pane"], root["closed"] + 1)
        root["pane"] = pane
        history = self.panes.setdefault(slot, [])
        own = [int(line[name]) for name in WINDOW_SUMS[:16]]
        own += [int(line["ofi"][0]), sum(int(e) for e in line["ofi"])]
        windows, mids2 = [], []
        for width in WINDOWS_S:
            inside = [sums for at, sums, _ in history if at > pane - width]
            windows.append([_wrapped(sum(column)) for column in zip(own, *inside, strict=True)])
            mids2.append(next((mid for at, _, mid in reversed(history) if at <= pane - width), 0))
        if line["kind"] == PANE:
            both = line["bid_size"] > 0 and line["ask_size"] > 0
            mid2 = _wrapped(int(line["bid"]) + int(line["ask"])) if both else 0
            history.append((pane, own, mid2))
        return windows, mids2, self._quality(slot, line, pane)

    def _quality(self, slot, line, pane):
        health = self.health.setdefault(
            slot, {"pane": pane, "records": 0.0, "counted": 0, "faults": [0.0] * FAULTS}
        )
        kept = 2.0 ** (-(pane - health["pane"]) / self.config.half_life_s)
        fresh = int(line["records"]) - health["counted"]
        health["records"] = health["records"] * kept + (fresh if fresh >= 0 else line["records"])
        health["counted"] = 0 if line["kind"] == PANE else int(line["records"])
        health["pane"] = pane
        health["faults"] = [
            n * kept + int(new) for n, new in zip(health["faults"], line["faults"], strict=True)
        ]
        quality = 1.0
        for n, weight, limit in zip(
            health["faults"], self.config.weights, self.config.limits, strict=True
        ):
            rate = n / (health["records"] + self.config.records_min)
            quality *= 1 - weight * min(1, rate / limit)
        return min(quality, self.config.dirty_max) if line["state"] & DIRTY else quality


def _wrapped(value):
    return (value + 2**63) % 2**64 - 2**63


SMALL = PressureConfig(publish=False, half_life_s=3.0, records_min=5.0, limits=(0.3,) * FAULTS)
VALUES = st.sampled_from([0, 0, 0, 1, 2, 7, -3, 300, 2**62, -(2**63), 2**63 - 1])
STEPS = st.sampled_from([0, 0, 0, 0, 1, 1, 2, 4, 5, 29, 30, 59, 61, 299, 301, 899, 900, 901, 2000])
LATENESS = st.sampled_from([0] * 8 + [1, 3, 1000])


KINDS = st.sampled_from([PANE, PANE, EXECUTION, FAULT])
LINE = st.tuples(KINDS, st.integers(0, 4), STEPS, LATENESS, st.integers(0, 19))
SHAPE = st.fixed_dictionaries(
    {name: VALUES for name in (*WINDOW_SUMS[:3], "cancel_ask", "flash_ask", "bid", "ask")}
    | {name: st.integers(0, 2) for name in ("bid_size", "ask_size")}
    | {"records": st.integers(0, 20), "state": st.sampled_from([0, 0, DIRTY])}
    | {"ofi": st.lists(VALUES, min_size=OFI_LEVELS, max_size=OFI_LEVELS)}
    | {"faults": st.lists(st.sampled_from([0, 0, 0, 0, 1, 5]), min_size=FAULTS, max_size=FAULTS)}
)


@st.composite
def streams(draw):
    """Rows of three roots with instruments of their own: gaps, late rows, hostile sums."""
    lines = draw(st.lists(LINE, max_size=60))
    shapes = draw(st.lists(SHAPE, min_size=1, max_size=4))
    out = np.zeros(len(lines), EVAL_DTYPE)
    clock = START_S
    for at, (kind, slot, step, late, salt) in enumerate(lines):
        for name, value in shapes[salt % len(shapes)].items():
            out[name][at] = value
        clock += step
        ns = 0 if kind == PANE else salt * 52_631_578
        out["ts_event"][at] = (clock - late) * NS_PER_S + ns
        out["kind"][at], out["slot"][at], out["root"][at] = kind, slot, slot % len(ROOTS)
        out["instrument_id"][at] = 100 + slot
    out.flags.writeable = False
    return out


def _pieces(rows, cuts):
    edges = sorted({0, rows.size, *(cut for cut in cuts if cut < rows.size)})
    return [item(rows[a:b]) for a, b in zip(edges, edges[1:], strict=False)]


def _columns(out):
    parts = [one for one in out if isinstance(one, Evaluations)]
    return [
        np.concatenate([getattr(part, name) for part in parts] or [np.zeros(0)]).tobytes()
        for name in ("rows", "windows", "mids2", "quality")
    ]


def _bytes(state):
    return {
        name: value if name == "groups" else np.array(value).tobytes()
        for name, value in state.items()
    }


@given(streams())
def test_the_kernel_equals_the_oracle(rows):
    out = weighed(rows, SMALL) if rows.size else item(rows)
    oracle = Oracle(SMALL)
    for index, line in enumerate(rows):
        windows, mids2, quality = oracle.on_row(line)
        assert out.windows[index].tolist() == windows
        assert out.mids2[index].tolist() == mids2
        assert out.quality[index] == pytest.approx(quality, abs=1e-7)


@given(streams(), st.sets(st.integers(0, 60)))
def test_any_cut_and_a_resume_at_each_gives_the_same(rows, cuts):
    whole = Pressure(PressureConfig())
    expected = whole.on_items([item(rows)])
    out, state = [], pickle.dumps(Pressure(PressureConfig()).snapshot())
    for piece in _pieces(rows, cuts):
        pressure = Pressure(PressureConfig(), pickle.loads(state))
        out += pressure.on_items([piece])
        state = pickle.dumps(pressure.snapshot())
    assert _columns(out) == _columns(expected)
    assert messages(out) == messages(expected)
    if rows.size:
        assert _bytes(pickle.loads(state)) == _bytes(whole.snapshot())


@given(streams(), st.integers(0, 60))
def test_a_snapshot_is_no_live_view(rows, cut):
    pressure = Pressure(PressureConfig())
    pressure.on_items([item(rows[:cut])])
    state = pressure.snapshot()
    before = _bytes(state)
    resumed = Pressure(PressureConfig(), state)
    for one in (pressure, resumed):
        one.on_items([item(rows[cut:])])
        assert _bytes(state) == before
    assert _bytes(pressure.snapshot()) == _bytes(resumed.snapshot())


@given(streams())
def test_a_root_is_not_influenced_by_others(rows):
    out = weighed(rows, SMALL) if rows.size else item(rows)
    for root in range(len(ROOTS)):
        own = rows["root"] == root
        if own.any():
            alone = weighed(rows[own], SMALL)
            assert alone.windows.tobytes() == out.windows[own].tobytes()
            assert alone.mids2.tobytes() == out.mids2[own].tobytes()
            assert alone.quality.tobytes() == out.quality[own].tobytes()


@given(streams())
def test_the_pool_holds_what_the_chains_hold(rows):
    pressure = Pressure(QUIET)
    pressure.on_items([item(rows)])
    state = pressure.snapshot()
    live = int(state["counts"][LIVE])
    assert live <= int((rows["kind"] == PANE).sum())
    assert int(state["counts"][SLOTS]) == len(
        set(rows["slot"].tolist()) and range(int(rows["slot"].max()) + 1)
    )
    assert Pressure(QUIET, state).report().facts == pressure.report().facts

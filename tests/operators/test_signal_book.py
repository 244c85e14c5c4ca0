"""What becomes of signals when the source says that data is missing, or that it is history."""

import pickle
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from operators.analyze import Analyze
from operators.analyze_config import AnalyzeConfig
from operators.detect import Detect
from operators.detect_config import DetectConfig
from operators.model.controls import delayed_control
from operators.model.evaluations import DIRTY_NAMES
from operators.model.items import Instrument, Lateness, Tick
from operators.model.signals import Gap, Pressure
from operators.model.streams import GAPS, PRESSURE, SIGNALS, STATUS, Message
from operators.signal_book_config import LifeConfig
from tests.evaluations import FEED, Row, evaluations, execution, fault, fill, ns, pane
from tests.operators.markets import SENSITIVE, cut, market, messages

S = 1_000_000_000


def sweep(s, side=1, levels=5, **more):
    """A sweep that is enough for a signal; a second one must be deeper: it is no longer rare."""
    return execution(s, side, 90, levels=levels, **more)


def iceberg(s, **more):
    """So much hidden size that it is, too."""
    fills = [fill(6412, 5, hidden=14, hidden_total=112, refills=8)]
    return execution(s, -1, 5, fills=fills, **more)


def gap(from_s, at_s, **given):
    """Data after `from_s` proved bad, told at `at_s`; `from_s` may be None, for not known."""
    value = Gap(
        root="ES", feed=FEED, instrument_id=1, symbol="ESH4", ts_event=ns(at_s), sequence=1,
        change="opened", reason="seam", text="", ts_to=ns(at_s),
        ts_from=None if from_s is None else ns(from_s),
    )  # fmt: skip
    value = replace(value, **given)
    return Message(GAPS, value.root, 0, value)


def told(*parts, **life):
    """Signals of a market that is given in rows and items, in their order."""
    detect = Detect(DetectConfig())
    analyze = Analyze(AnalyzeConfig(life=LifeConfig(**life)))
    items = [evaluations([part]) if isinstance(part, Row) else part for part in parts]
    out = [one for item in items for one in analyze.on_items(detect.on_items([item]))]
    return [one.value for one in out if isinstance(one, Message) and one.stream == SIGNALS]


def changes(found):
    return [(one.change, one.kind, (one.ts_event - ns(0)) / S) for one in found]


# Gaps


def test_a_signal_that_rests_on_data_found_bad_is_retracted():
    opened, retracted = told(sweep(5), gap(4, 7))
    assert changes([opened, retracted]) == [("opened", "sweep", 5), ("retracted", "sweep", 7)]
    assert retracted.action == "IGNORE"
    assert retracted.reasons[0] == "Retracted: data of ESH4 is missing or bad (seam)"
    assert (retracted.id, retracted.revision) == (opened.id, 2)


def test_a_signal_that_rests_on_what_was_whole_stands_and_ends_in_its_time():
    found = told(sweep(5), gap(5, 9), Tick(FEED, ns(36)))
    assert changes(found) == [("opened", "sweep", 5), ("closed", "sweep", 36)]


def test_the_rows_of_a_gap_take_nothing_back_themselves():
    row = fault(8, aggressor=1 + DIRTY_NAMES.index("aged_out"))
    assert changes(told(sweep(5), gap(5, 8), row)) == [("opened", "sweep", 5)]


def test_a_gap_of_another_instrument_or_root_or_its_end_or_an_unknown_beginning_is_not_meant():
    others = [
        gap(4, 7, instrument_id=2),
        gap(4, 7, root="NQ"),
        gap(4, 7, change="closed"),
        gap(None, 7),
    ]
    for other in others:
        assert changes(told(sweep(5), other)) == [("opened", "sweep", 5)]


def test_a_signal_that_stands_without_the_bad_data_is_revised():
    found = told(sweep(5), iceberg(6, instrument_id=2), gap(5.5, 6, instrument_id=2))
    assert changes(found) == [
        ("opened", "sweep", 5),
        ("opened", "iceberg", 6),
        ("retracted", "iceberg", 6),
    ]
    weak = [sweep(5), execution(6, 1, 30, levels=4, instrument_id=2)]
    found = told(*weak, sweep(7), gap(5.5, 7, instrument_id=2), refresh_ns=S)
    assert {e.instrument_id for e in found[-1].evidence} == {1}
    assert found[-1].change == "updated"


def test_what_an_earlier_revision_rested_on_counts_too():
    rows = [sweep(5), sweep(20, instrument_id=2), sweep(38, instrument_id=2)]
    found = told(*rows, gap(4, 39), refresh_ns=S)
    sweeps = [one for one in found if one.kind == "sweep"]
    assert 1 not in {e.instrument_id for e in sweeps[-2].evidence}
    # The evidence that opened it is gone; what came later bears it alone.
    assert sweeps[-1].change == "updated"
    assert sweeps[-1].revision == sweeps[-2].revision + 1


def test_a_closed_signal_is_retracted_within_the_look_back():
    rows = [sweep(5), pane(40)]
    found = told(*rows, gap(4, 339.5))
    assert changes(found) == [
        ("opened", "sweep", 5),
        ("closed", "sweep", 40),
        ("retracted", "sweep", 339.5),
    ]
    assert found[-1].reasons[:2] == (
        "Retracted: data of ESH4 is missing or bad (seam)",
        "Closed: no further evidence for 30 s",
    )
    assert (found[-1].id, found[-1].revision) == (found[0].id, 3)
    assert len(told(*rows, gap(4, 340))) == 2
    assert len(told(*rows, gap(5, 339))) == 2
    assert len(told(*rows, gap(4, 339, instrument_id=2))) == 2
    assert len(told(*rows, gap(4, 339), look_back_ns=200 * S)) == 2
    assert len(told(*rows, gap(4, 339), look_back_max=0)) == 2


def test_a_signal_is_retracted_once():
    first = [sweep(5), pane(40), gap(4, 41), gap(4, 41)]
    found = told(*first, sweep(120, levels=6), gap(4, 121), gap(4, 121), pane(170), gap(4, 171))
    assert [one.change for one in found] == [
        *("opened", "closed", "retracted"),
        *("opened", "retracted"),
    ]


def test_closed_signals_are_kept_up_to_a_bound_and_counted():
    analyze, detect = Analyze(AnalyzeConfig(life=LifeConfig(look_back_max=1))), Detect(SENSITIVE)
    rows = [sweep(5), sweep(5, -1), iceberg(6), pane(60)]
    analyze.on_items(detect.on_items([evaluations(rows)]))
    assert analyze.report().facts["signals"]["closed"] == 2
    assert analyze.report().facts["closed_forgotten"] == 1


# History


def test_signals_made_from_history_say_so_over_their_life():
    on, off = (delayed_control(FEED, ns(s), on=s == 4) for s in (4, 6))
    found = told(on, sweep(5), off, sweep(20), pane(60), sweep(130, levels=6))
    assert [(one.change, one.delayed) for one in found] == [
        *(("opened", True), ("updated", True), ("closed", True)),
        ("opened", False),
    ]


def test_a_signal_that_history_goes_on_with_is_delayed_from_there():
    on = delayed_control(FEED, ns(6), on=True)
    found = told(sweep(5), on, sweep(20), pane(60))
    assert [one.delayed for one in found] == [False, True, True]
    assert [one.delayed for one in told(sweep(5), on, pane(60))] == [False, True]
    assert [one.delayed for one in told(sweep(5), on, gap(4, 7))] == [False, True]


def test_history_of_another_feed_delays_nothing():
    on = delayed_control("other", ns(4), on=True)
    assert [one.delayed for one in told(on, sweep(5))] == [False]


# Lateness


def marked(*items, state=None):
    analyze = Analyze(AnalyzeConfig(), state)
    out = analyze.on_items(items)
    return [(one.root, one.late) for one in out if isinstance(one, Message)], analyze


def test_what_passes_while_its_feed_is_late_is_marked():
    es, cl = (Instrument(FEED, 1, "ESH4", "ES", "setting", 0),
              Instrument("other", 1, "CLH4", "CL", "setting", 0))  # fmt: skip
    both = [
        Message(stream, root, 0, Pressure(root=root, ts_event=0, instruments=()))
        for stream, root in ((PRESSURE, "ES"), (PRESSURE, "CL"), (STATUS, FEED))
    ]
    late, in_time = Lateness(FEED, True), Lateness(FEED, False)
    found, analyze = marked(es, cl, *both, late, *both, in_time, *both)
    none = [("ES", False), ("CL", False), (FEED, False)]
    assert found == [*none, ("ES", True), ("CL", False), (FEED, True), *none]
    # Whose a root is survives a restart; whether it is late its source says anew.
    assert marked(*both, late, *both, state=analyze.snapshot())[0] == found[:6]


def test_lateness_changes_no_value():
    detect = Detect(SENSITIVE)
    items = detect.on_items([evaluations(market(5, 200))])
    items = [Instrument(FEED, 9, root, root, "setting", 0) for root in ("ES", "NQ")] + items
    plain = Analyze(AnalyzeConfig()).on_items(items)
    late = Analyze(AnalyzeConfig()).on_items([Lateness(FEED, True), *items])
    assert messages(late) == messages(plain)
    of = [one for one in late if isinstance(one, Message)]
    assert {one.late for one in of} == {True}


# Laws

PLACES = st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40), st.integers(0, 4)), max_size=8)


def tape(seed, rows, controls):
    """A market with controls between its rows, as single rows."""
    whole = evaluations(market(seed, rows))
    parts = cut(whole, range(rows))
    for place, ago_s, which in sorted(controls, reverse=True):
        at = int(whole.rows["ts_event"][min(place, rows - 1)])
        of = {"instrument_id": which, "ts_event": at, "ts_from": at - ago_s * S}
        doubt = gap(0, 0, root=("NQ", "ES")[which % 2], **of)
        on_off = delayed_control(FEED, at, on=which == 0)
        parts.insert(min(place, rows), on_off if which in (0, 4) else doubt)
    return parts


@settings(max_examples=40)
@given(st.integers(0, 10_000), st.integers(1, 40), PLACES, st.integers(1, 9))
def test_controls_too_are_the_same_however_often_it_is_restarted(seed, rows, controls, every):
    parts = tape(seed, rows, controls)
    detect, whole = Detect(SENSITIVE), Analyze(AnalyzeConfig())
    found = [detect.on_items([part]) for part in parts]
    expected = [one for items in found for one in whole.on_items(items)]
    state, out = None, []
    for number, items in enumerate(found):
        if number % every == 0:
            analyze = Analyze(AnalyzeConfig(), state)
        out += analyze.on_items(items)
        state = pickle.loads(pickle.dumps(analyze.snapshot()))
    assert messages(out) == messages(expected)
    assert state == whole.snapshot()


@settings(max_examples=40)
@given(st.integers(0, 10_000), PLACES)
def test_no_signal_is_told_of_after_it_was_retracted(seed, controls):
    parts = tape(seed, 120, controls)
    detect, analyze = Detect(SENSITIVE), Analyze(AnalyzeConfig())
    out = [one for part in parts for one in analyze.on_items(detect.on_items([part]))]
    lives = {}
    for one in out:
        if isinstance(one, Message) and one.stream == SIGNALS:
            lives.setdefault(one.value.id, []).append(one.value)
    for life in lives.values():
        assert [one.revision for one in life] == list(range(1, len(life) + 1))
        kinds = [one.change for one in life]
        assert kinds[0] == "opened"
        assert "retracted" not in kinds[:-1]
        assert kinds.count("closed") <= 1
        if "closed" in kinds:
            assert kinds.index("closed") >= len(kinds) - 2
        times = [one.ts_event for one in life]
        assert times == sorted(times)


@pytest.mark.parametrize("key", ["look_back_ns", "look_back_max"])
def test_a_bad_look_back_is_refused(key):
    with pytest.raises(ValueError, match=rf"{key} must be above -1, was -1"):
        LifeConfig(**{key: -1})


def both_ways(s, sold=500, **more):
    """Much is traded, and as much bought as sold."""
    return pane(
        s,
        windows={60: {"buy": 500, "sell": sold}},
        z={"volume_60": 3.0},
        tail_p={"volume_60": 0.01},
        **more,
    )


def great(s, levels=8):
    return execution(s, 1, 90, levels=levels)


def test_a_veto_weakens_an_open_signal_and_says_why():
    opened, weakened = told(great(1), both_ways(3, 425))
    assert (opened.change, opened.strength, weakened.change) == ("opened", "HIGH", "updated")
    assert (weakened.strength, weakened.action, weakened.revision) == ("MODERATE", "MONITOR", 2)
    assert [one.detector for one in weakened.contributions] == ["sweep", "two_sided"]
    assert weakened.contributions[1].log_odds < 0
    total = weakened.bias + sum(one.log_odds for one in weakened.contributions)
    assert total == pytest.approx(weakened.log_odds)
    assert weakened.reasons[1] == (
        "Weakened: 1 trades both ways: 500 lots bought and 425 sold in a minute"
    )
    assert [one.side for one in weakened.evidence] == ["buy", "none"]


def test_a_veto_that_leaves_nothing_likely_ends_it():
    _, closed = told(great(1), both_ways(3))
    assert (closed.change, closed.action) == ("closed", "IGNORE")
    assert closed.reasons[0].startswith("Closed: no longer likely. 1 trades both ways")
    again = told(great(1), both_ways(3), great(40), great(70, levels=9))
    assert [one.change for one in again] == ["opened", "closed", "opened"]


def test_under_a_veto_no_signal_opens_until_it_is_over():
    assert told(both_ways(3), sweep(4)) == []
    assert [one.change for one in told(both_ways(3), sweep(34))] == ["opened"]


def test_a_veto_leaves_icebergs_and_other_instruments_alone():
    assert [one.change for one in told(iceberg(1), both_ways(3))] == ["opened"]
    assert [one.change for one in told(sweep(1), both_ways(3, instrument_id=3))] == ["opened"]


def test_a_veto_survives_a_restart_and_goes_with_bad_data():
    detect, analyze = Detect(DetectConfig()), Analyze(AnalyzeConfig())

    def through(operator, row):
        return operator.on_items(detect.on_items([evaluations([row])]))

    def signals(out):
        return [o.value for o in out if isinstance(o, Message) and o.stream == SIGNALS]

    through(analyze, both_ways(3))
    resumed = Analyze(AnalyzeConfig(), pickle.loads(pickle.dumps(analyze.snapshot())))
    assert not signals(through(resumed, great(4)))
    through(resumed, fault(5))
    assert [one.change for one in signals(through(resumed, great(6, levels=9)))] == ["opened"]

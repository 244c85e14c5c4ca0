import pickle
from dataclasses import fields, replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from operators.analyze import Analyze
from operators.analyze_config import AnalyzeConfig
from operators.detect import Detect
from operators.detect_config import DetectConfig
from operators.model.calibration import Alarms, Calibration, Steps
from operators.model.calibration_record import MoveTable, calibration_controls, move_table
from operators.model.items import (
    Control,
    Definition,
    Evaluations,
    Findings,
    Instrument,
    Sampled,
    Tick,
)
from operators.model.signals import Gap, Pressure
from operators.model.streams import EXECUTIONS, GAPS, PRESSURE, SIGNALS, Message
from operators.signal_book import REASONS_MAX
from operators.signal_book_config import LifeConfig
from operators.weigh import KINDS, VETOES
from operators.weigh_config import WeighConfig
from tests.evaluations import (
    ASK,
    BID,
    FEED,
    e9,
    evaluations,
    execution,
    fault,
    fill,
    found_in,
    ns,
    pane,
)
from tests.operators.markets import SENSITIVE, cut, market, messages

MARKETS = st.tuples(st.integers(0, 10_000), st.integers(1, 120))
SHORT_MARKETS = st.tuples(st.integers(0, 10_000), st.integers(1, 40))
ESH4 = Instrument(FEED, 1, "ESH4", "ES", "setting", 0)
ES = Definition(
    FEED, 1, 0, "ESH4", "F", "ES", 250_000_000, None, 50_000_000_000, "USD", None, None, "", None
)


def sweep(s, side=1, levels=5, size=90, **more):
    """A sweep that is enough for a signal: at the default 4.2 strong.

    A second one must be deeper, since it is no longer rare.
    """
    return execution(s, side, size, levels=levels, **more)


def iceberg(s, refills, order=6412, side=1, **more):
    fills = [fill(order, 5, side=side, hidden=14, hidden_total=14 * refills, refills=refills)]
    return execution(s, -side, 5, fills=fills, **more)


def through(*items, config=None, detect=None):
    """What leaves the two steps."""
    first, second = Detect(detect or DetectConfig()), Analyze(config or AnalyzeConfig())
    return [out for item in items for out in second.on_items(first.on_items([item]))]


def small(s, side=1, size=50):
    """All that was shown is taken: the least sweep there is, 2 strong."""
    shown = {"ask_size_before": size, "bid_size_before": size}
    return execution(s, side, size, **shown)


def signals(*rows, config=None, before=(), after=()):
    out = through(*before, evaluations(rows), *after, config=config)
    return [m.value for m in out if isinstance(m, Message) and m.stream == SIGNALS]


def life(**settings):
    return AnalyzeConfig(life=LifeConfig(**settings))


# What a signal says


def test_a_strong_sweep_opens_a_signal_with_its_reasons():
    (one,) = signals(sweep(1, order_id=77), before=[ESH4, ES])
    assert (one.change, one.revision, one.root, one.kind, one.side) == (
        "opened",
        1,
        "ES",
        "sweep",
        "buy",
    )
    assert (one.ts_event, one.ts_opened, one.price_e9) == (ns(1), ns(1), e9((BID + ASK) / 2))
    assert one.size == 90
    assert len(one.reasons) <= REASONS_MAX
    first = (
        "Bought 90 lots of ESH4 at once, 5 levels deep to 4811.25: 20 lots were shown at the touch"
    )
    assert one.reasons == (
        f"{first}; 0 like it among the 0 before",
        "No baseline yet (0 sessions): judged by absolute thresholds",
    )
    assert (one.calibration, one.probability_low, one.probability_high) == (
        "uncalibrated",
        0.0,
        1.0,
    )
    assert (one.baseline, one.baseline_sessions, one.quality) == ("WARMING", 0, 1.0)
    assert one.evidence[0].order_ids == (77,)


def test_an_iceberg_is_told_in_a_traders_words():
    (one,) = signals(
        iceberg(1, 6), before=[ESH4], config=AnalyzeConfig(weights=WeighConfig(bias=-1))
    )
    assert one.reasons[0] == (
        "Iceberg on the bid of ESH4 at 4810: 6 refills, 84 hidden lots (order 6412)"
    )
    assert (one.kind, one.side) == ("iceberg", "buy")


def test_the_contract_is_worth_what_its_definition_says():
    (one,) = signals(sweep(1), before=[ESH4, ES])
    contract = one.contract
    assert (contract.symbol, contract.tick_e9, contract.currency) == ("ESH4", 250_000_000, "USD")
    assert contract.tick_value == 12.5
    assert contract.notional == round(90 * 4810.125 * 50, 2)


def test_without_a_definition_its_worth_is_unknown():
    (one,) = signals(sweep(1))
    assert (one.contract.tick_value, one.contract.notional, one.contract.symbol) == (
        None,
        None,
        "1",
    )


def test_evidence_against_a_baseline_is_warm():
    warm = {"z": {"size": 9.0}, "tail_p": {"size": 1e-6}, "sessions": 12}
    (one,) = signals(execution(1, 1, 40, **warm))
    assert (one.kind, one.baseline, one.baseline_sessions) == ("large", "WARM", 12)
    assert not any("baseline" in reason for reason in one.reasons)
    assert one.evidence[0].z == 9.0


def test_contributions_and_bias_add_up_to_the_log_odds():
    *_, one = signals(sweep(1), iceberg(1.5, 8))
    assert one.bias + sum(c.log_odds for c in one.contributions) == pytest.approx(one.log_odds)


def test_weak_evidence_makes_no_signal():
    assert signals(execution(1, 1, 30, levels=3)) == []


@pytest.mark.parametrize(
    ("bias", "strength", "action", "short"),
    [
        (-1.60, "MODERATE", "MONITOR", "MONITOR"),
        (-1.10, "HIGH", "LONG", "SHORT"),
        (-0.60, "VERY_HIGH", "LONG", "SHORT"),
        (0.20, "EXTREME", "LONG", "SHORT"),
    ],
)
def test_each_strength_is_reached_and_action_follows_the_side(bias, strength, action, short):
    config = AnalyzeConfig(weights=WeighConfig(bias=bias))
    for side, expected in ((1, action), (-1, short)):
        (one,) = signals(sweep(1, side), config=config)
        assert (one.strength, one.action) == (strength, expected)


def test_each_strength_is_reached_at_the_default_by_agreement_alone():
    rows = [sweep(1), iceberg(1.1, 2), iceberg(1.2, 4)]
    found = signals(*rows)
    assert [one.strength for one in found] == ["MODERATE", "VERY_HIGH", "EXTREME"]
    (high,) = signals(sweep(1, levels=6, size=150))
    assert high.strength == "HIGH"


def test_params_are_stated():
    (one,) = signals(sweep(1), config=AnalyzeConfig(params="abc"))
    assert one.params == "abc"
    with pytest.raises(ValueError, match="params must not be empty, was ''"):
        AnalyzeConfig(params="")


def test_the_id_is_of_root_side_kind_and_point():
    (one,), (again,) = signals(sweep(1)), signals(sweep(1))
    assert one.id == again.id
    others = [sweep(2), sweep(1, -1), sweep(1, root=1), sweep(1, sequence_last=5)]
    assert len({one.id, *(signals(row)[0].id for row in others)}) == 5


def test_the_same_on_both_sides_weakens():
    found = signals(small(1, -1), sweep(2, 1, levels=9))
    assert found[-1].side == "buy"
    assert "Weakened: the same was seen on the other side" in found[-1].reasons
    assert found[-1].log_odds < signals(sweep(2, 1, levels=9))[0].log_odds


# How signals live


def test_stronger_evidence_updates_the_signal():
    found = signals(sweep(1), iceberg(2, 2))
    assert [(one.change, one.revision) for one in found] == [("opened", 1), ("updated", 2)]
    assert found[0].id == found[1].id
    assert found[1].ts_opened == ns(1)
    assert found[1].strength == "VERY_HIGH"


def test_weak_further_evidence_is_no_revision_until_the_refresh():
    assert len(signals(sweep(1), small(10))) == 1
    assert [one.ts_event for one in signals(sweep(1), small(11))] == [ns(1), ns(11)]


def test_a_higher_strength_is_told_at_once_growth_only_after_a_gap():
    assert len(signals(sweep(1), iceberg(1.1, 2))) == 2
    assert len(signals(sweep(1), small(1.9, size=90))) == 1
    grown = signals(sweep(1), small(2, size=90))
    assert [(one.size, one.strength) for one in grown] == [(90, "MODERATE"), (180, "MODERATE")]


def test_without_evidence_it_is_closed_by_a_later_pane():
    found = signals(sweep(1), pane(20), pane(31), pane(32))
    assert [(one.change, one.action, one.ts_event) for one in found] == [
        ("opened", "MONITOR", ns(1)),
        ("closed", "IGNORE", ns(31)),
    ]
    assert found[1].reasons[0] == "Closed: no further evidence for 30 s"
    assert (found[1].revision, found[1].id) == (2, found[0].id)


def test_in_silence_a_tick_closes_it():
    ticks = [Tick(FEED, ns(30)), Tick("other", ns(90)), Tick(FEED, ns(31)), Tick(FEED, ns(32))]
    found = signals(sweep(1), after=ticks)
    assert [(one.change, one.ts_event) for one in found] == [("opened", ns(1)), ("closed", ns(31))]


def test_a_pane_of_another_root_does_not_close_it():
    found = signals(sweep(1), pane(90, root=1, instrument_id=2))
    assert [one.change for one in found] == ["opened"]


def test_further_evidence_keeps_it_open():
    rows = [sweep(1), small(25), pane(40), pane(55)]
    assert [(one.change, one.ts_event) for one in signals(*rows)] == [
        ("opened", ns(1)),
        ("updated", ns(25)),
        ("closed", ns(55)),
    ]


def test_late_evidence_closes_the_old_signal_first():
    found = signals(sweep(1), sweep(200, levels=6))
    assert [one.change for one in found] == ["opened", "closed", "opened"]
    assert found[1].ts_event == ns(200)


def test_after_its_end_the_same_does_not_open_during_the_cooldown():
    rows = [sweep(1), pane(33), sweep(40), pane(80), sweep(91, levels=6)]
    assert [(one.change, one.ts_event) for one in signals(*rows)] == [
        ("opened", ns(1)),
        ("closed", ns(33)),
        ("opened", ns(91)),
    ]


def test_the_other_side_is_not_in_that_cooldown():
    found = signals(sweep(1), pane(31), sweep(40, -1, levels=6))
    assert (found[-1].change, found[-1].side) == ("opened", "sell")


def test_a_second_signal_of_a_side_opens_only_for_a_kind_that_stands_alone():
    supported = signals(sweep(1), iceberg(2, 4))
    assert {one.kind for one in supported} == {"sweep"}
    found = signals(sweep(1), iceberg(2, 16))
    assert [(one.change, one.kind) for one in found] == [("opened", "sweep"), ("opened", "iceberg")]


def test_roots_are_apart():
    rows = [sweep(1), sweep(1.1, root=1, instrument_id=2), iceberg(1.2, 16)]
    found = through(evaluations(rows))
    of = [(m.root, m.seq) for m in found if isinstance(m, Message) and m.stream == SIGNALS]
    assert of == [("ES", 1), ("NQ", 1), ("ES", 2)]


def test_instruments_of_a_root_are_judged_together():
    found = signals(execution(1, 1, 30, levels=4, instrument_id=2), iceberg(1.1, 4), before=[ESH4])
    assert len(found) == 1
    assert {e.instrument_id for e in found[0].evidence} == {1, 2}


# Bad data


def test_a_book_that_turns_dirty_takes_its_signal_back():
    found = signals(sweep(1), fault(5), before=[ESH4])
    assert [(one.change, one.action) for one in found] == [
        ("opened", "MONITOR"),
        ("retracted", "IGNORE"),
    ]
    assert found[1].reasons[0] == "Retracted: the data of ESH4 proved bad"
    assert found[1].ts_event == ns(5)


def test_a_book_that_is_sound_again_or_another_takes_nothing_back():
    other = fault(5, instrument_id=2)
    assert [one.change for one in signals(sweep(1), fault(5, dirty=False), other)] == ["opened"]


def test_a_signal_that_stands_without_the_bad_instrument_is_revised():
    rows = [sweep(1), iceberg(2, 2, instrument_id=2)]
    found = signals(*rows, fault(3, instrument_id=2))
    assert [one.change for one in found] == ["opened", "updated", "updated"]
    assert {e.instrument_id for e in found[-1].evidence} == {1}


def test_a_signal_whose_own_kind_is_gone_is_taken_back_though_others_stand():
    found = signals(sweep(1), iceberg(2, 8, instrument_id=2), fault(3, instrument_id=2))
    assert [(one.change, one.kind) for one in found] == [
        ("opened", "sweep"),
        ("opened", "iceberg"),
        ("retracted", "iceberg"),
    ]


def test_a_signal_whose_own_kind_is_no_longer_seen_is_not_kept_alive_by_others():
    rows = [sweep(1), iceberg(20, 4, order=1), iceberg(32, 4, order=2), pane(51)]
    assert [(one.change, one.kind, one.ts_event) for one in signals(*rows)] == [
        ("opened", "sweep", ns(1)),
        ("updated", "sweep", ns(20)),
        ("opened", "iceberg", ns(32)),
        ("closed", "sweep", ns(51)),
    ]


def test_after_a_retraction_there_is_a_cooldown():
    found = signals(sweep(1), fault(5), fault(6, dirty=False), sweep(7))
    assert [one.change for one in found] == ["opened", "retracted"]


# Every setting counts


@pytest.mark.parametrize(
    ("key", "value", "rows"),
    [
        ("window_ns", 500_000_000, [sweep(1), iceberg(2, 4)]),
        ("hold_ns", 5_000_000_000, [sweep(1), pane(10)]),
        ("cooldown_ns", 1_000_000_000, [sweep(1), pane(31), sweep(40, levels=6)]),
        ("log_odds_step", 0.01, [sweep(1), small(3)]),
        ("size_factor", 1.5, [sweep(1), small(3)]),
        ("revision_gap_ns", 0, [sweep(1), small(1.5, size=90)]),
        ("refresh_ns", 1_000_000_000, [sweep(1), small(3)]),
        ("evidence_max", 1, [sweep(1), iceberg(2, 4)]),
    ],
)
def test_each_setting_of_life_counts(key, value, rows):
    assert signals(*rows, config=life(**{key: value})) != signals(*rows)
    assert len(fields(LifeConfig)) == 8 + 2  # for the other two see test_signal_book.py


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("window_ns", 0),
        ("hold_ns", 0),
        ("cooldown_ns", -1),
        ("log_odds_step", 0),
        ("size_factor", 1),
        ("revision_gap_ns", -1),
        ("refresh_ns", 0),
        ("evidence_max", 0),
    ],
)
def test_a_bad_setting_of_life_is_refused(key, value):
    with pytest.raises(ValueError, match=rf"{key} must be above .*was {value}"):
        LifeConfig(**{key: value})


# Messages of other steps


def gap(root="ES"):
    return Gap(
        root=root, feed=FEED, instrument_id=1, symbol="ESH4", ts_event=0, sequence=1,
        change="opened", reason="crossed", text="",
    )  # fmt: skip


def test_event_messages_are_numbered_per_stream_and_root():
    items = [Message(GAPS, root, 0, gap(root)) for root in ("ES", "NQ", "ES")]
    out = Analyze(AnalyzeConfig()).on_items(items)
    assert [(m.root, m.seq) for m in out] == [("ES", 1), ("NQ", 1), ("ES", 2)]


def test_state_messages_are_not_numbered():
    message = Message(PRESSURE, "ES", 0, Pressure(root="ES", ts_event=0, instruments=()))
    assert Analyze(AnalyzeConfig()).on_items([message]) == [message]


def test_other_items_pass_and_findings_do_not():
    tick = Tick(FEED, ns(1))
    out = through(ESH4, ES, evaluations([pane(1)]), tick)
    assert [one for one in out if not isinstance(one, Evaluations)] == [ESH4, ES, tick]
    (rows,) = [one for one in out if isinstance(one, Evaluations)]
    assert (rows.rows.size, rows.z, rows.windows) == (1, None, None)


def test_signals_and_samples_stand_behind_their_row():
    config = AnalyzeConfig(sample_every=1, control_every=1)
    out = through(ESH4, ES, evaluations(market(5, 100)), config=config, detect=SENSITIVE)
    now, seen, signals, samples = 0, 0, 0, []
    for item in out:
        if isinstance(item, Evaluations):
            now, seen = int(item.rows["ts_event"][-1]), seen + item.rows.size
        elif isinstance(item, Sampled):
            assert (item.ts_event, item.feed) == (now, FEED)
            assert item.probability < 0.6
            samples.append(item)
        elif isinstance(item, Message) and item.stream == SIGNALS:
            assert item.value.ts_event == now
            signals += 1
    assert seen == len(market(5, 100))
    assert signals
    assert samples
    none = AnalyzeConfig(sample_every=10**9, control_every=10**9)
    rest = through(ESH4, ES, evaluations(market(5, 100)), config=none, detect=SENSITIVE)
    assert not [one for one in rest if isinstance(one, Sampled)]
    assert messages(rest) == messages(out)


# The contract of an operator


def both(config=None):
    return Detect(SENSITIVE), Analyze(config or AnalyzeConfig())


@given(MARKETS, st.lists(st.integers(0, 150), max_size=12))
def test_any_cut_gives_the_same_signals_and_state(shape, places):
    whole = evaluations(market(*shape))
    (one, first), (two, second) = both(), both()
    expected = first.on_items(one.on_items([whole]))
    found = [out for part in cut(whole, places) for out in second.on_items(two.on_items([part]))]
    assert messages(found) == messages(expected)
    assert first.snapshot() == second.snapshot()
    assert first.report() == second.report()


@given(SHORT_MARKETS)
def test_row_by_row_with_a_restart_after_each_gives_the_same(shape):
    detect, whole = Detect(SENSITIVE), evaluations(market(*shape))
    expected = messages(Analyze(AnalyzeConfig()).on_items(Detect(SENSITIVE).on_items([whole])))
    state, out = None, []
    for part in cut(whole, range(whole.rows.size)):
        analyze = Analyze(AnalyzeConfig(), state)
        out += analyze.on_items(detect.on_items([part]))
        state = pickle.loads(pickle.dumps(analyze.snapshot()))
    assert messages(out) == expected


@given(st.integers(0, 10_000))
def test_each_stream_is_numbered_without_a_hole_and_revisions_too(seed):
    found = messages(through(evaluations(market(seed, 200)), detect=SENSITIVE))
    for (stream, _), values in found.items():
        assert [seq for seq, _ in values] == list(range(1, len(values) + 1))
        if stream != SIGNALS:
            assert stream == EXECUTIONS
            continue
        lives = {}
        for _, signal in values:
            lives.setdefault(signal.id, []).append(signal)
        for life_ in lives.values():
            assert [one.revision for one in life_] == list(range(1, len(life_) + 1))
            assert life_[0].change == "opened"
            assert all(one.change == "updated" for one in life_[1:-1])
        for signal in (value for _, value in values):
            assert 0.6 <= signal.probability <= 1


@given(st.integers(0, 10_000))
def test_at_most_one_signal_of_a_kind_is_open_and_none_in_its_cooldown(seed):
    open_, ended = {}, {}
    for (stream, root), values in messages(
        through(evaluations(market(seed, 300)), detect=SENSITIVE)
    ).items():
        for _, signal in values if stream == SIGNALS else ():
            key = (root, signal.side, signal.kind)
            if signal.change == "opened":
                assert key not in open_
                assert signal.ts_event >= ended.get(key, 0) + 60_000_000_000
                assert signal.revision == 1
                open_[key] = signal.id
            assert open_[key] == signal.id
            if signal.change in {"closed", "retracted"}:
                # It fell silent 30 s after its last evidence, though a later pane told so.
                # A veto ends one at once.
                silent = min(signal.ts_opened + 30_000_000_000, signal.ts_event)
                ended[key] = silent if signal.change == "closed" else signal.ts_event
                del open_[key]


def test_a_snapshot_is_no_live_view():
    detect, analyze = both()
    first, second = cut(evaluations(market(3, 400)), [200])
    analyze.on_items(detect.on_items([first]))
    snapshot = analyze.snapshot()
    before = pickle.dumps(snapshot)
    analyze.on_items(detect.on_items([second]))
    assert pickle.dumps(snapshot) == before
    assert pickle.dumps(analyze.snapshot()) != before


def test_a_snapshot_holds_nothing_of_ours():
    detect, analyze = both()
    analyze.on_items(detect.on_items([evaluations([sweep(1), iceberg(2, 4)])]))
    assert b"operators" not in pickle.dumps((analyze.snapshot(), detect.snapshot()))


def test_state_is_bounded_and_what_had_no_place_is_counted():
    detect, analyze = both(life(evidence_max=4))
    rows = [sweep(1 + n / 10, 1 if n % 2 else -1, order_id=n) for n in range(400)]
    analyze.on_items(detect.on_items([evaluations(rows)]))
    ((_, packed),) = analyze.snapshot()["books"]
    assert len(packed[2]) <= 8
    assert analyze.report().facts["evidence_dropped"] > 0


def test_findings_are_not_changed():
    detect, analyze = both()
    (*_, item) = detect.on_items([evaluations(market(5, 200))])
    assert isinstance(item, Findings)
    before = pickle.dumps(item)
    analyze.on_items([item])
    assert pickle.dumps(item) == before


def test_what_a_restart_changes_in_settings_applies_from_then_on():
    detect, analyze = both()
    analyze.on_items(detect.on_items([evaluations([execution(1, 1, 30, levels=3)])]))
    bold = AnalyzeConfig(weights=WeighConfig(bias=2.0), params="bold")
    resumed = Analyze(bold, analyze.snapshot())
    (*_, message) = resumed.on_items(
        detect.on_items([evaluations([execution(2, 1, 30, levels=3)])])
    )
    assert message.value.params == "bold"
    assert len(message.value.evidence) == 2


def test_times_of_a_roots_signals_do_not_go_back():
    for (stream, _), values in messages(through(evaluations(market(11, 600)))).items():
        if stream == SIGNALS:
            times = [signal.ts_event for _, signal in values]
            assert all(a <= b for a, b in pairwise(times))


def test_a_replaced_config_is_another_config():
    assert replace(AnalyzeConfig(), params="x") != AnalyzeConfig()


def test_the_random_markets_exercise_every_detector_and_every_change():
    out = through(*(evaluations(market(seed, 300)) for seed in range(9)), detect=SENSITIVE)
    found = [m.value for m in out if isinstance(m, Message) and m.stream == SIGNALS]
    assert {one.change for one in found} == {"opened", "updated", "closed", "retracted"}
    assert len({one.kind for one in found}) >= 4
    items = Detect(SENSITIVE).on_items([evaluations(market(0, 4_000))])
    # Options have markets of their own: tests/operators/options.
    named = {name for name in (*KINDS, *VETOES) if not name.startswith("option_")}
    assert {one.detector for one in found_in(items)} == named


# Recalibration


TWO = Calibration(
    version="made",
    flow=Steps((-2.0, 0.4055), (0.3, 0.7), (0.2, 0.6), (0.4, 0.8)),
    move=Steps((0.0,), (0.4,), (0.3,), (0.5,)),
    move_horizon_s=60,
    alarms=(Alarms(0.4055, 1.0),),
)
ANEW = move_table("made", 30, Steps((0.0,), (0.45,), (0.4,), (0.5,)))


def test_a_recalibration_holds_from_its_place_on_and_so_does_the_way_back():
    given = [
        evaluations([sweep(1)]),
        *calibration_controls(FEED, ns(2), ANEW),
        evaluations([sweep(3, levels=8)]),
        *calibration_controls("other", ns(4), MoveTable(version="made")),
        evaluations([sweep(5, levels=10)]),
        *calibration_controls(FEED, ns(6), MoveTable(version="made")),
        evaluations([iceberg(7, 8)]),
    ]
    config = AnalyzeConfig(calibration=TWO)
    out = through(ESH4, ES, *given, config=config)
    found = [m.value for m in out if isinstance(m, Message) and m.stream == SIGNALS]
    assert [(one.calibration, one.p_move, one.p_move_horizon_s) for one in found] == [
        ("made", 0.4, 60),
        (ANEW.version, 0.45, 30),
        (ANEW.version, 0.45, 30),
        ("made", 0.4, 60),
    ]
    assert {one.probability for one in found} == {0.7}
    # The control goes on: what comes after may need it.
    assert [one for one in out if isinstance(one, Control)] == [
        one for one in given if isinstance(one, Control)
    ]


def test_a_recalibration_is_carried_into_a_new_generation_of_the_same_calibration():
    config = AnalyzeConfig(calibration=TWO)
    first = Analyze(config)
    first.on_items(calibration_controls(FEED, ns(2), ANEW))
    carried = Analyze.carried(first.snapshot())
    (one,) = _signals_of(Analyze(config, carried))
    assert one.calibration == ANEW.version
    other = Analyze(AnalyzeConfig(calibration=replace(TWO, version="next")), carried)
    (one,) = _signals_of(other)
    assert (one.calibration, other.report().facts["calibrations_refused"]) == ("next", 1)


def _signals_of(analyze):
    items = Detect(DetectConfig()).on_items([evaluations([sweep(3)])])
    out = analyze.on_items(items)
    return [m.value for m in out if isinstance(m, Message) and m.stream == SIGNALS]

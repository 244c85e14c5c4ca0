"""The report: equal false alarms, groups, look-alikes, remarks; its table and its page."""

import json
from dataclasses import replace
from xml.etree import ElementTree as ET

import pytest

from evaluation.cases import statements
from evaluation.plots import page, plots
from evaluation.report import EngineSpec, report
from evaluation.svg import Axis, Series, bars, chart
from evaluation.sweep import Setting, best_within, curve, equal_rate, recall_within
from evaluation.table import table
from tests.evaluation.made import case, event, scored
from tests.evaluation.test_following import told

SPECS = [
    EngineSpec(name="ifd", threshold=0.6, thresholds=(0.6, 0.7), text="ours"),
    EngineSpec(name="v3_reference", threshold=0.6, thresholds=(0.6, 0.7), text="v3"),
    EngineSpec(name="z2", threshold=2.0, thresholds=(2.0,), text="z"),
]
FIGURES = (
    "precision",
    "recall",
    "recall_at_equal_false_alarms",
    "false_alarms_per_hour",
    "median_delay_fraction",
    "ece",
    "brier_skill",
)


@pytest.fixture
def two_tapes():
    """Four labels: ours finds three, v3 one, z2 two of them amid many false alarms."""
    labels = [
        event(100, 200, 1),
        event(500, 600, -1, kind="iceberg", difficulty="hard"),
        event(900, 1000, 0, kind="two_sided", institutional=False),
    ]
    engines = {
        "ifd": scored([(110, 1, 0.9), (125, 1, 0.95), (550, -1, 0.65), (2000, 1, 0.62)]),
        "v3_reference": scored([(150, 1, 0.65), (3000, -1, 0.61)]),
        "z2": scored(
            [(s, 1, 2 + s / 1e5) for s in range(2000, 3000, 100)] + [(110, 1, 2.5)], p=0.9
        ),
    }
    second = {
        "ifd": scored([(150, 1, 0.8), (950, 1, 0.75)]),
        "v3_reference": scored([]),
        "z2": scored([(120, 1, 2.4)], p=0.9),
    }
    others = [replace(label, tape="u") for label in labels]
    return [case(labels, engines), case(others, second, regime="news", tape="u")]


def test_figures_of_a_hand_made_case(two_tapes):
    found = report(two_tapes, SPECS, {"seeds": [1, 2]})
    ours = found["engines"]["ifd"]
    assert ours["counts"]["labels"] == 4
    assert ours["recall"] == 0.75
    assert ours["precision"] == 0.6  # three found; one false, one misled; one repeated
    assert (ours["counts"]["repeated"], ours["counts"]["look_alike"]) == (1, 1)
    # 130 s each of two labels and a look-alike are no unlabelled time.
    assert ours["false_alarms_per_hour"] == pytest.approx(1 / (2 * (3600 - 390) / 3600), abs=1e-4)
    assert ours["median_delay_fraction"] == 0.5
    assert found["labels"] == 4
    assert found["tapes"] == 2
    assert found["seeds"] == [1, 2]


def test_the_json_has_the_promised_form(two_tapes):
    found = json.loads(json.dumps(report(two_tapes, SPECS, {}), allow_nan=False))
    assert list(found["engines"]) == ["ifd", "v3_reference", "z2"]
    for engine in found["engines"].values():
        assert set(FIGURES) <= set(engine)
        assert set(engine["by_kind"]) == {"twap", "iceberg", "two_sided"}
        assert set(engine["by_difficulty"]) == {"easy", "hard"}
        assert set(engine["by_regime"]) == {"calm", "news"}
        assert set(engine["by_root"]) == {"ES"}
        for group in ("by_kind", "by_difficulty", "by_regime", "by_root"):
            for each in engine[group].values():
                assert set(FIGURES) <= set(each)
    assert set(found["engines"]["v3_reference"]["at_thresholds"]) == {"0.6", "0.7"}


def test_groups_count_what_belongs_to_them(two_tapes):
    ours = report(two_tapes, SPECS, {})["engines"]["ifd"]
    assert ours["by_kind"]["twap"]["recall"] == 1.0
    assert ours["by_kind"]["iceberg"]["recall"] == 0.5
    innocent = ours["by_kind"]["two_sided"]
    assert innocent["recall"] is None
    # One signal in twice 130 s.
    assert innocent["false_alarms_per_hour"] == pytest.approx(3600 / 260, abs=1e-3)
    assert ours["by_regime"]["calm"]["recall"] == 1.0
    assert ours["by_regime"]["news"]["counts"]["false"] == 0


def test_look_alikes_and_strength_are_counted_at_high(two_tapes):
    ours = report(two_tapes, SPECS, {})["engines"]["ifd"]
    assert (ours["look_alikes"]["hits"], ours["look_alikes"]["n"]) == (1, 2)
    assert ours["reach_high"]["by_difficulty"]["easy"]["ratio"] == 1.0
    assert ours["reach_high"]["by_difficulty"]["hard"]["ratio"] == 0.0


def test_engines_are_compared_at_the_highest_rate_at_which_references_find_a_third(two_tapes):
    found = report(two_tapes, SPECS, {})
    # z2 finds one label without a false alarm, and both are half: more than 35 %.
    assert found["equal_false_alarms_per_hour"] == 0.0
    assert found["engines"]["ifd"]["recall_at_equal_false_alarms"] == 0.75
    row = found["comparison"][0]
    assert row["false_alarms_per_hour"] == 0.0
    assert row["recall"] == {"ifd": 0.75, "v3_reference": 0.25, "z2": 0.5}
    assert row["recall_ratio"] == 1.5
    assert row["miss_ratio"] == 0.5


def test_the_equal_rate_is_where_the_better_reference_reaches_the_share():
    a = (Setting(3, 0.0, 0.1), Setting(2, 2.0, 0.3), Setting(1, 5.0, 0.6))
    b = (Setting(9, 1.0, 0.2), Setting(8, 3.0, 0.35))
    assert equal_rate({"a": a, "b": b}) == 3.0
    assert equal_rate({"a": (Setting(1, 4.0, 0.9),)}) == 4.0
    assert equal_rate({"a": ()}) is None
    assert best_within(a, 4.9) == a[1]
    assert best_within(b, 0.5) is None
    assert recall_within(b, 0.5) == 0.0


def test_a_tighter_threshold_never_gives_more_signals(two_tapes):
    settings = curve(two_tapes, "z2")
    assert [s.threshold for s in settings] == sorted((s.threshold for s in settings), reverse=True)
    rates = [s.false_alarms_per_hour for s in settings]
    assert rates == sorted(rates)


def test_looser_budgets_go_on_where_what_was_published_ends(two_tapes):
    everything = two_tapes[0].scores["z2"]
    looser = [replace(each, looser={"ifd": {-8.0: everything}}) for each in two_tapes]
    settings = curve(looser, "ifd")
    assert settings[-1].threshold == -8.0
    assert settings[:-1] == curve(two_tapes, "ifd")
    assert looser[0].alarms("ifd", -8.0) == everything.alarms(-1e9)


def test_statements_are_true_while_an_institution_of_their_side_is_at_work(two_tapes):
    stated = statements(two_tapes[0], "ifd", 0.6)
    assert sorted(zip(stated.p.tolist(), stated.y.tolist(), strict=True)) == [
        (0.62, False),
        (0.65, True),
        (0.9, True),
        (0.95, True),
    ]
    within = statements(two_tapes[1], "ifd", 0.6, within=two_tapes[1].events[2:])
    assert within.y.tolist() == [False]
    assert statements(two_tapes[0], "ifd", 0.6, root="NQ").p.size == 0


def test_what_limits_the_figures_is_said(two_tapes):
    quality = report(two_tapes, SPECS, {}, ["no baseline"])["quality"]
    assert quality[0] == "no baseline"
    assert any("only 4 labels" in line for line in quality)
    assert any("probabilities stated" in line for line in quality)


def test_engines_that_never_speak_have_no_invented_numbers():
    silent = {spec.name: scored([]) for spec in SPECS}
    found = report([case([event(10, 20)], silent)], SPECS, {})
    ours = found["engines"]["ifd"]
    assert (ours["precision"], ours["recall"], ours["ece"]) == (None, 0.0, None)
    assert ours["brier_skill"] is None
    assert any("raised no signal" in line for line in found["quality"])


def test_the_table_names_engines_groups_and_remarks(two_tapes):
    text = table(report(two_tapes, SPECS, {}, ["something is missing"]))
    for word in ("v3_reference", "ifd by kind", "iceberg", "note: something is missing"):
        assert word in text
    assert "ifd: 1 of 2 look-alikes" in text


def test_simulated_trades_and_rank_correlations_are_told_as_such(two_tapes):
    first, second = two_tapes
    cases = [replace(first, outcomes=told("sweep")), replace(second, outcomes=told("iceberg"))]
    found = report(cases, SPECS, {})
    assert found["engines"]["ifd"]["followed"][-1]["trades"] == 24
    assert "followed" not in found["engines"]["z2"]
    text = table(json.loads(json.dumps(found, allow_nan=False)))
    for words in ("simulation: one contract", "60 s, USD", "60 s, iceberg, ticks", "rank corr."):
        assert words in text
    assert "simulation" in page(found)
    assert "simulation" not in table(report(two_tapes, SPECS, {}))


def test_the_page_holds_its_plots_and_fetches_nothing(two_tapes):
    found = report(two_tapes, SPECS, {"seeds": [1]})
    for svg in plots(found).values():
        ET.fromstring(svg)
    text = page(found)
    assert text.count("<svg") == 4
    assert "<script" not in text
    assert "src=" not in text
    assert "seeds: 1" in text


def test_charts_keep_what_lies_outside_at_their_edges_and_escape_names():
    axis = Axis("x", 0.1, 100, log=True)
    assert axis.place(0) == 0.0
    assert axis.place(1000) == 1.0
    assert axis.place(10) == pytest.approx(2 / 3)
    assert axis.ticks() == pytest.approx([0.1, 0.3, 1, 3, 10, 30, 100])
    unit = Axis("y", 0, 1)
    drawn = chart("<t>", axis, unit, [Series("a&b", ((1, 0.5), (2, 0.7)))], diagonal=True)
    ET.fromstring(drawn)
    ET.fromstring(bars("b", unit, ["one", "<two>"], [Series("a", ((0, 0.2), (1, 0.9)))]))

"""Figures of one engine, where groups are empty and where it has no threshold."""

from evaluation.figures import Subject, figures
from tests.evaluation.made import case, event, scored


def test_an_engine_without_a_threshold_within_the_rate_finds_nothing_there():
    cases = [case([event(100, 200)], {"e": scored([(110, 1, 0.9)])})]
    found = figures(cases, Subject(engine="e", threshold=0.6, threshold_equal=None))
    assert found["recall"] == 1.0
    assert found["recall_at_equal_false_alarms"] == 0.0


def test_delays_have_a_median_and_a_ninetieth_percentile():
    labels = [event(1000 * k, 1000 * k + 100) for k in range(3)]
    points = [(1000 * k + 10 * (k + 1), 1, 0.9) for k in range(3)]
    found = figures(
        [case(labels, {"e": scored(points)})],
        Subject(engine="e", threshold=0.6, threshold_equal=0.6),
    )
    assert found["median_delay_fraction"] == 0.2
    assert found["p90_delay_fraction"] == 0.28
    assert found["intervals"]["recall"][1] == 1.0


def test_tapes_of_unknown_regime_have_no_group():
    cases = [case([event(1, 2, difficulty="")], {"e": scored([])}, regime="")]
    found = figures(cases, Subject(engine="e", threshold=0.6, threshold_equal=0.6))
    assert found["by_regime"] == {}
    assert found["by_difficulty"] == {}
    assert found["by_kind"]["twap"]["counts"]["events"] == 1

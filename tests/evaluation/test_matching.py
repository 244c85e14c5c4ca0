"""Signals and labels are laid beside each other: what counts as found, and what as wrong."""

import pytest

from evaluation.alarms import FOREVER, scores
from evaluation.matching import Verdict, joined, labelled_hours, match, unlabelled_hours
from tests.evaluation.made import alarm, event, facts, ns, scored


def verdicts(events, alarms):
    return [judged.verdict for judged in match(events, alarms).judged]


def test_a_label_is_found_from_its_start_to_half_a_minute_after_its_end():
    label = event(100, 160)
    for s, verdict in (
        (99.9, Verdict.FALSE),
        (100, Verdict.FOUND),
        (190, Verdict.FOUND),
        (190.1, Verdict.FALSE),
    ):
        assert verdicts([label], [alarm(s)]) == [verdict]


def test_the_delay_is_a_share_of_the_duration():
    (find,) = match([event(100, 160)], [alarm(115), alarm(130)]).finds
    assert find.delay_fraction == pytest.approx(0.25)
    (missed,) = match([event(100, 160)], []).finds
    assert missed.delay_fraction is None


def test_a_label_is_found_once_and_a_repetition_is_neither_good_nor_bad():
    found = verdicts([event(100, 160)], [alarm(130), alarm(110), alarm(150)])
    assert found == [Verdict.FOUND, Verdict.REPEATED, Verdict.REPEATED]


def test_one_signal_finds_one_label_the_one_that_ends_first():
    labels = [event(100, 200, kind="long"), event(100, 150, kind="short")]
    matched = match(labels, [alarm(110)])
    assert [find.event.kind for find in matched.finds if find.ts is not None] == ["short"]
    assert all(find.ts for find in match(labels, [alarm(110), alarm(111)]).finds)


def test_side_and_root_must_agree():
    label = event(100, 160, 1)
    assert verdicts([label], [alarm(110, -1)]) == [Verdict.OPPOSED]
    assert verdicts([label], [alarm(110, root="NQ")]) == [Verdict.FALSE]


def test_an_institution_without_a_side_is_not_sought_and_opposes_every_side():
    straddle = event(100, 160, 0, kind="straddle")
    matched = match([straddle], [alarm(110)])
    assert matched.finds == ()
    assert matched.judged[0].verdict is Verdict.OPPOSED


def test_a_signal_in_a_look_alike_is_misled_unless_an_institution_is_there_too():
    innocent = event(100, 160, 1, kind="hedge", institutional=False)
    assert verdicts([innocent], [alarm(110)]) == [Verdict.LOOK_ALIKE]
    assert verdicts([innocent, event(100, 160)], [alarm(110)]) == [Verdict.FOUND]


def test_tapes_are_joined_without_meeting():
    whole = joined([match([event(0, 10)], [alarm(5)]), match([event(0, 10)], [])])
    assert [find.ts is not None for find in whole.finds] == [True, False]


def test_unlabelled_hours_leave_out_labels_their_grace_and_overlaps():
    events = [event(0, 100), event(60, 150), event(1000, 1070), event(3590, 3700)]
    free = unlabelled_hours(events, facts(roots=("ES", "NQ")))
    assert free["ES"] == pytest.approx((820 + 3590 - 1100) / 3600)
    assert free["NQ"] == pytest.approx(1)
    assert labelled_hours(events) == pytest.approx((180 + 100 + 140) / 3600)
    assert labelled_hours([]) == 0


def test_points_above_the_threshold_are_one_alarm_while_they_hold():
    found = scored([(0, 1, 3), (20, 1, 2.5), (60, 1, 3), (61, -1, 3), (95, 1, 1)], hold_s=30)
    assert [(each.ts, each.side) for each in found.alarms(2)] == [
        (ns(0), 1),
        (ns(60), 1),
        (ns(61), -1),
    ]
    assert [each.ts for each in found.alarms(2.8)] == [ns(0), ns(60), ns(61)]
    assert found.alarms(9) == []


def test_a_signal_with_an_id_is_one_alarm_at_its_first_point_above_the_threshold():
    rows = [(0, 1, 7, ns(0), 0.6, 0.6), (0, 1, 7, ns(500), 0.8, 0.8), (0, 1, 8, ns(2), 0.9, 0.9)]
    found = scores(("ES",), rows, FOREVER)
    assert [each.ts for each in found.alarms(0.6)] == [ns(0), ns(2)]
    assert [each.ts for each in found.alarms(0.7)] == [ns(2), ns(500)]

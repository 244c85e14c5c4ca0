"""Evidence over a window that ends with a pane."""

import numpy as np
import pytest

from operators.detectors.points import points_of
from operators.detectors.window_evidence import window_evidence
from operators.model.records import NS_PER_S
from tests.evaluations import evaluations, pane


@pytest.mark.parametrize(
    ("judged", "told"),
    [
        ((2.5, 0.001), (False, 2.5, 0.001)),
        ((None, None), (False, None, None)),
        (None, (True, None, None)),
    ],
)
def test_it_ends_with_the_pane_and_says_what_decided(judged, told):
    points = points_of(evaluations([pane(10, sequence_first=4, sequence_last=9)]), {}, 0.0)
    (row,) = points.facts(np.array([0]))
    evidence = window_evidence(
        points,
        0,
        row,
        detector="one",
        group="veto",
        side="none",
        strength=2.0,
        judged=judged,
        window_s=30,
        size=7,
        measure=3.0,
        threshold=1.0,
        unit="lots",
        price_e9=5,
        text="so",
    )
    assert (evidence.structural, evidence.z, evidence.tail_p) == told
    assert evidence.ts_last == row.ts_event
    assert evidence.ts_first == row.ts_event - 30 * NS_PER_S
    assert (evidence.sequence_first, evidence.sequence_last) == (4, 9)
    assert evidence.symbol == str(row.instrument_id)
    assert evidence.order_ids == ()
    assert evidence.quality == round(float(points.quality[0]), 6)

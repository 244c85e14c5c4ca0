from collections import Counter

from dataflows.recalibration_view import lines
from evaluation.recalibrate import Held, Kept, Recalibrated
from tests.evaluation.test_recalibrate import ONE
from tests.operators.model.test_calibration_record import BASE, CALIBRATION, table


def test_it_shows_counts_both_tables_and_how_they_held():
    kept = Kept(
        (ONE, ONE._replace(sampled=True)), Counter({"not known": 1234, "another horizon": 5})
    )
    found = Recalibrated(
        table=table(2), judged=500, before=Held(0.08, 0.251), after=Held(0.012, 0.2466)
    )
    told = list(lines(kept, found, CALIBRATION))
    assert told[0] == "outcomes   1 of signals, 1 of samples"
    assert told[1] == "left out   5 another horizon, 1,234 not known"
    assert told[2:4] == [f"in force   {BASE}", f"new        {table(2).version}"]
    assert [line.split() for line in told[6:9]] == [
        ["-99.9999", "0.4000", "0.2001", "0.1111", "to", "0.3333"],
        ["-98.9999", "0.4000", "0.2101", "0.1211", "to", "0.3433"],
        ["0.0000", "0.4000", "0.2101", "0.1211", "to", "0.3433"],
    ]
    assert " ".join(told[-2].split()) == "in force calibration error 0.0800, Brier score 0.2510"
    assert " ".join(told[-1].split()) == "new calibration error 0.0120, Brier score 0.2466"

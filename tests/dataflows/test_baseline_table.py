"""What a file holds, against plain arithmetic on the values that went in."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataflows.baseline_table import SHOWN, bucket_rows, json_object, table_text
from operators.baseline_history import HISTORY_DTYPE, table
from operators.histogram import ZERO_BINS, bin_of
from operators.model.errors import ConfigError
from operators.model.evaluations import JUDGED

SIZE = JUDGED.index("size")
PRESSURE = JUDGED.index("pressure_60")


def history(values, *, metric=SIZE, bucket=31, class_=0, sessions=(20_549,)):
    cells = np.zeros(len(values) * len(sessions), HISTORY_DTYPE)
    for number, session in enumerate(sessions):
        for at, value in enumerate(values):
            row = cells[number * len(values) + at]
            row["session"], row["class"], row["bucket"] = session, class_, bucket
            row["metric"], row["bin"] = metric, bin_of(metric, value) - ZERO_BINS[metric]
            row["count"] = 1
    return table([("ES", cells)], 1800, 5)


def rows(of, **given):
    return bucket_rows(of, **{"roll_s": 17 * 3600, "sessions_min": 2, **given})


@given(st.lists(st.integers(-12, 12), min_size=1, max_size=40))
def test_median_and_spread_are_those_of_the_values(values):
    (row,) = rows(history(values, metric=PRESSURE))
    found = row.metrics["pressure_60"]
    ordered = sorted(values)
    n = len(values)
    assert found.count == n
    assert found.median == (ordered[(n - 1) // 2] + ordered[n // 2]) / 2 / 64
    quarter = (n + 3) // 4
    assert found.spread == pytest.approx((ordered[n - quarter] - ordered[quarter - 1]) / 1.349 / 64)


def test_a_part_of_the_day_is_warm_from_enough_sessions_on():
    (row,) = rows(history([1, 2, 3], sessions=(20_548, 20_549)))
    assert (row.sessions, row.is_warm, row.begins) == (2, True, "08:30")
    (row,) = rows(history([1, 2, 3], bucket=0))
    assert (row.sessions, row.is_warm, row.begins) == (1, False, "17:00")


def test_the_table_reads_as_one():
    of = history([1, 2, 3, 4], sessions=(20_548, 20_549))
    text = table_text(of, rows(of), ("size", "hidden"))
    heading, names, line = text.strip().splitlines()
    assert heading == "ES FUT: 2 sessions, 2026-04-05 to 2026-04-06"
    assert names.split() == ["begins", "sessions", "state", "size", "hidden"]
    assert line.split() == ["08:30", "2", "warm", "2.5", "±", "2.22", "–"]
    assert set(SHOWN) <= set(JUDGED)


def test_json_has_all_metrics():
    of = history([5])
    found = json_object(of, rows(of))
    assert found["roots"]["ES"]["sessions"] == ["2026-04-06"]
    (row,) = found["roots"]["ES"]["rows"]
    assert row["state"] == "WARMING"
    assert row["metrics"] == {"size": {"count": 1, "median": 5.0, "spread": 0.0}}


def test_what_the_file_does_not_have_is_named():
    of = history([5])
    with pytest.raises(ConfigError, match="--root: expected one of ES, found NQ"):
        rows(of, root="NQ")
    with pytest.raises(ConfigError, match=r"--metric: expected one of .*size.*, found sizes"):
        table_text(of, rows(of), ("sizes",))

"""A recalibration survives its way through the tape and a file, whole or not at all."""

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.databento.messages import CONTROL_PREFIX, decode_message, system_record
from operators.model.calibration import Calibration, Steps
from operators.model.calibration_record import (
    STEPS_MAX,
    STEPS_PER_RECORD,
    MoveTable,
    calibration_controls,
    completed_by,
    move_table,
    read_table,
    recalibrated,
    taken,
)
from operators.model.items import Control

BASE = "6ebf1fe06a36"
CALIBRATION = Calibration(
    version=BASE, flow=Steps((0.0,), (0.5,), (0.4,), (0.6,)),
    move=Steps((0.0,), (0.4,), (0.3,), (0.5,)), move_horizon_s=60,
)  # fmt: skip


def table(count=6, follows=BASE):
    places = range(count)
    return move_table(
        follows, 60,
        Steps(
            tuple(round(-99.9999 + n, 4) for n in places),
            tuple(round(0.2001 + n / 100, 4) for n in places),
            tuple(round(0.1111 + n / 100, 4) for n in places),
            tuple(round(0.3333 + n / 100, 4) for n in places),
        ),
    )  # fmt: skip


def taped(control):
    """The control as a reader of the tape finds it."""
    raw = system_record(control.ts_event, f"{CONTROL_PREFIX}{control.name} {control.value}")
    return decode_message(control.feed, raw)


def read(controls):
    parts, found = (), None
    for one in controls:
        assert found is None, "the last part alone completes a table"
        parts, found = taken(parts, one.value)
    return found


@pytest.mark.parametrize("count", [1, STEPS_PER_RECORD, STEPS_PER_RECORD + 1, STEPS_MAX])
def test_a_table_is_read_from_the_tape_as_it_was_written(count):
    # A table that follows a recalibrated one has the longest records.
    given = table(count, follows=table(2).version)
    controls = [taped(one) for one in calibration_controls("cme", 2**63 - 1, given)]
    assert all(isinstance(one, Control) for one in controls)
    assert len(controls) == -(-count // STEPS_PER_RECORD)
    assert read(controls) == given
    *first, last = [completed_by(one) for one in controls]
    assert set(first) <= {None}
    assert last == given.version


def test_the_way_back_names_the_calibration_alone():
    back = MoveTable(version=BASE)
    (control,) = calibration_controls("cme", 1, back)
    assert read([taped(control)]) == back
    assert read_table(back.text()) == back
    assert recalibrated(CALIBRATION, back) == CALIBRATION


def test_a_version_names_the_content_and_what_it_follows():
    first = table()
    second = table(follows=first.version)
    assert first.version.startswith(f"{BASE}.")
    assert (second.follows, second.base) == (first.version, BASE)
    assert second.version != first.version == table().version


def test_a_calibration_takes_up_its_own_tables_only():
    found = recalibrated(CALIBRATION, table())
    assert found is not None
    assert (found.version, found.flow) == (table().version, CALIBRATION.flow)
    assert found.move is not None
    assert len(found.move.p) == 6
    assert recalibrated(found, table(2)).version == table(2).version
    assert recalibrated(CALIBRATION, table(follows="0123456789ab")) is None


def test_a_file_is_read_and_one_changed_by_hand_refused():
    text = table().text({"outcomes": 3})
    assert read_table(text) == table()
    assert json.loads(text)["about"] == {"outcomes": 3}
    with pytest.raises(ValueError, match="the content has"):
        read_table(text.replace("0.2001", "0.2002"))


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"version": ""}, "name a calibration"),
        ({"version": "a.b"}, "name a calibration"),
        ({"version": "a" * 26}, "version must be"),
        ({"follows": "a b"}, "follows must be"),
        ({"rows": ((0.0, 0.5, 0.4, 0.6),)}, "horizon_s must be"),
        ({"rows": ((0.0, 0.5, 0.4, 0.6),), "horizon_s": 60}, "the content has"),
        ({"rows": ((0.00001, 0.5, 0.4, 0.6),), "horizon_s": 60}, "decimals"),
        ({"rows": ((float("nan"), 0.5, 0.4, 0.6),), "horizon_s": 60}, "decimals"),
        ({"rows": ((0.0, 0.5, 0.6, 0.7),), "horizon_s": 60}, "within low and high"),
        ({"rows": ((0.0, 0.5, 0.4, 0.6),) * 33, "horizon_s": 60}, "at most 32"),
    ],
)
def test_what_is_out_of_bounds_is_refused(changes, text):
    with pytest.raises(ValueError, match=text):
        replace(MoveTable(version=BASE), **changes)


def test_parts_out_of_order_or_of_another_table_are_refused():
    one, two, three = [c.value for c in calibration_controls("cme", 1, table(12))]
    parts, _ = taken((), one)
    other = calibration_controls("cme", 1, table(11))[1].value
    for value in (three, one, other):
        with pytest.raises(ValueError, match="no table of p_move"):
            taken(parts, value)
    with pytest.raises(ValueError, match="no table of p_move"):
        taken((), two)
    parts, none = taken(parts, two)
    assert none is None
    assert taken(parts, three) == ((), table(12))
    repeated, _ = taken((one,), one.replace('"part":1', '"part":2'))
    with pytest.raises(ValueError, match="log_odds must ascend"):
        taken(repeated, three)


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["version", "part", "of", "steps", "follows", "horizon_s"]), inner
        )
    ),
    max_leaves=12,
)


@given(JSON.map(json.dumps) | st.text(max_size=20) | st.just("[" * 10_000))
def test_nothing_else_gets_through(text):
    for known in ((), (calibration_controls("cme", 1, table())[0].value,)):
        try:
            parts, found = taken(known, text)
        except ValueError:
            continue
        assert len(parts) == 1 or found.version
    completed_by(Control("cme", 1, "calibration", text))

"""What a control says survives its way through the tape."""

import pytest

from connectors.databento.messages import CONTROL_PREFIX, decode_message, system_record
from operators.model.controls import (
    DELAYED,
    GAP,
    INSTRUMENTS_MAX,
    REASONS,
    FeedGap,
    delayed_control,
    delayed_of,
    gap_controls,
    gap_of,
)
from operators.model.items import Control

LATE = 2**63 - 1
"""The longest instant."""


def gap(**changes):
    given = {"reason": "seam", "from_ns": 5, "to_ns": 9, "instruments": (3, 7)} | changes
    return FeedGap(**given)


def taped(control):
    """The control as a reader of the tape finds it."""
    raw = system_record(control.ts_event, f"{CONTROL_PREFIX}{control.name} {control.value}")
    return decode_message(control.feed, raw)


@pytest.mark.parametrize("instruments", [None, (), (42,), (0, 2**32 - 1)])
@pytest.mark.parametrize("reason", REASONS)
def test_a_gap_is_read_as_it_was_written(reason, instruments):
    given = gap(reason=reason, instruments=instruments)
    found = [gap_of(taped(one)) for one in gap_controls("cme", 11, given)]
    assert found == ([] if instruments == () else [given])


def test_a_gap_of_many_instruments_fits_into_system_records():
    ids = tuple(range(2**32 - 100, 2**32))
    given = gap(reason="aged_out", from_ns=LATE, to_ns=LATE, instruments=ids)
    controls = [taped(one) for one in gap_controls("cme", 11, given)]
    assert len(controls) == -(-len(ids) // INSTRUMENTS_MAX)
    assert tuple(id_ for one in controls for id_ in gap_of(one).instruments) == ids
    assert {one.name for one in controls} == {GAP}


@pytest.mark.parametrize(
    "value",
    ["", "{", "[]", "7", "null", "{}", '{"reason":"seam","from_ns":1,"to_ns":2}', "[" * 10_000,
     '{"reason":"seam","from_ns":1e999,"to_ns":2,"instruments":null}',
     '{"reason":"seam","from_ns":1,"to_ns":2,"instruments":["x"]}',
     '{"reason":[],"from_ns":"x","to_ns":2,"instruments":null}'],
)  # fmt: skip
def test_a_gap_that_cannot_be_read_is_taken_for_the_worst(value):
    assert gap_of(Control("cme", 11, GAP, value)) == gap(
        reason="gap", from_ns=11, to_ns=11, instruments=None
    )


def test_a_reason_that_nobody_knows_is_a_gap_all_the_same():
    (control,) = gap_controls("cme", 11, gap(reason="eclipse"))
    assert gap_of(control) == gap(reason="gap")


@pytest.mark.parametrize("on", [True, False])
def test_where_history_begins_and_ends_is_read_as_it_was_written(on):
    control = taped(delayed_control("cme", 11, on=on))
    assert (control.name, control.feed, control.ts_event) == (DELAYED, "cme", 11)
    assert delayed_of(control) is on


@pytest.mark.parametrize("value", ["", "7", "{}", '{"on":null}'])
def test_what_says_nothing_clear_is_history(value):
    assert delayed_of(Control("cme", 11, DELAYED, value))

import pickle

from operators.calibration_scales import Scales
from operators.model.accuracy import UNCALIBRATED
from operators.model.calibration_record import MoveTable, calibration_controls
from operators.model.items import Control
from tests.operators.model.test_calibration_record import BASE, CALIBRATION, table

TABLE = table(6)
"""In two records."""


def scales(calibration=CALIBRATION, state=None):
    return Scales(calibration, 46.0, state)


def give(to, given, feed="cme"):
    return [to.on_control(one) for one in calibration_controls(feed, 1, given)]


def test_a_table_holds_with_its_last_record_on_its_feed_alone():
    found = scales()
    first, last = calibration_controls("cme", 1, TABLE)
    assert not found.on_control(first)
    assert found.of("cme").version == BASE
    assert found.on_control(last)
    assert found.of("cme").version == TABLE.version
    assert found.of("cme").move(-99.0).p == 0.2001
    assert found.of("cme").log_odds_min == found.of("ice").log_odds_min
    assert found.of("ice").version == BASE
    assert found.of("ice").move(-99.0).p == 0.4
    assert found.refused == 0


def test_an_older_table_and_the_calibration_itself_come_back():
    found, newer = scales(), table(3, follows=TABLE.version)
    for one in (TABLE, newer, TABLE):
        give(found, one)
        assert found.of("cme").version == one.version
    assert give(found, MoveTable(version=BASE)) == [True]
    assert found.of("cme").version == BASE
    assert found.of("cme").move(-99.0).p == 0.4


def test_a_state_goes_on_between_any_two_records():
    found = scales()
    for control in calibration_controls("cme", 1, table(12)):
        found.on_control(control)
        state = found.pack()
        found = scales(state=pickle.loads(pickle.dumps(state)))
        assert found.pack() == state
    assert found.of("cme").version == table(12).version


def test_tables_of_another_calibration_are_refused_and_counted():
    found = scales()
    give(found, table(2, follows="0123456789ab"))
    assert (found.of("cme").version, found.refused) == (BASE, 1)
    bare = scales(None)
    give(bare, table(2))
    assert (bare.of("cme").version, bare.refused) == (UNCALIBRATED, 1)


def test_a_state_of_another_calibration_is_left():
    found = scales()
    give(found, TABLE)
    other = scales(None, found.pack())
    assert (other.of("cme").version, other.refused) == (UNCALIBRATED, 1)


def test_a_table_that_was_cut_off_has_no_effect_and_the_next_one_has():
    found = scales()
    found.on_control(calibration_controls("cme", 1, table(12))[0])
    give(found, TABLE)
    assert (found.of("cme").version, found.refused) == (TABLE.version, 1)


def test_a_record_that_says_nothing_takes_what_it_interrupts_with_it():
    found = scales()
    first, last = calibration_controls("cme", 1, TABLE)
    found.on_control(first)
    assert not found.on_control(Control("cme", 1, "calibration", "{"))
    assert not found.on_control(last)
    assert found.of("cme").version == BASE
    # The table, the record, and the part that follows nothing.
    assert found.refused == 3

import databento_dbn as dbn
import numpy as np
import pytest

from connectors.databento.intake import (
    REPLAY_BEGAN,
    REPLAY_ENDED,
    SNAPSHOT_OWED,
    SNAPSHOT_WHOLE,
    Intake,
    IntakeConfig,
)
from connectors.databento.messages import Notice, Skipped, SymbolMapping, decode_message
from connectors.databento.week import Week
from connectors.root_rules import RootsConfig
from connectors.tape.config import TapeConfig
from connectors.tape.segments import TapePosition
from connectors.tape.tape import Tape
from connectors.tape.writer import TapeFull
from operators.model.calibration_record import calibration_controls
from operators.model.controls import GAP, delayed_control, gap_of
from operators.model.errors import StateError
from operators.model.items import Control, MboRows, Tick
from operators.model.records import NS_PER_S
from tests.connectors.dbn_bytes import mbo, rare
from tests.operators.model.test_calibration_record import table

MONDAY_NS = 1_775_484_000_000_000_000
CONFIG = IntakeConfig("glbx", NS_PER_S, RootsConfig(shards=2), Week(offset_s=-6 * 3600))


def rows(count, *, start_s=0.0, step_s=0.1, first=0):
    """Records of one instrument, one each step."""
    found = mbo(count, start=first).copy()
    found["instrument_id"] = 1
    times = MONDAY_NS + (start_s + step_s * np.arange(count)) * NS_PER_S
    found["ts_event"] = found["ts_recv"] = times.astype(np.uint64)
    found.flags.writeable = False
    return found


def mapping(instrument_id, symbol="ESM6", asked="ES.FUT"):
    raw = rare(
        dbn.SymbolMappingMsg,
        instrument_id=instrument_id,
        ts_event=MONDAY_NS,
        stype_in_symbol=asked,
        stype_out_symbol=symbol,
    )
    return decode_message("glbx", raw), raw


@pytest.fixture
def tape(tmp_path):
    found = Tape(TapeConfig(directory=str(tmp_path), reserve_bytes=0, reserve_bytes_min=0), "glbx")
    found.open()
    yield found
    found.close()


def given(out):
    """What went out, without shards; neighbouring records joined."""
    found = []
    for _, item in out:
        if isinstance(item, MboRows) and found and isinstance(found[-1], np.ndarray):
            found[-1] = np.concatenate((found[-1], item.rows))
        else:
            found.append(item.rows if isinstance(item, MboRows) else item)
    return found


def fill(intake, *, heartbeat=True):
    """Some of everything; what it gave."""
    out = []
    for item, raw in (mapping(1), mapping(2, "ESU6")):
        intake.item(item, raw)
    intake.rows(rows(25))
    out += intake.flush()
    stat = rare(dbn.StatMsg, instrument_id=1, ts_event=MONDAY_NS)
    intake.item(decode_message("glbx", stat), stat)
    intake.gap("seam", MONDAY_NS + 3 * NS_PER_S)
    if heartbeat:
        intake.clock(MONDAY_NS + 7 * NS_PER_S + 1)
    intake.rows(rows(25, start_s=7.5, first=25))
    return out + intake.flush()


def test_ticks_stand_where_the_clock_passes_them():
    intake = Intake(CONFIG, None)
    found = given(fill(intake))
    ticks = [item.ts_event for item in found if isinstance(item, Tick)]
    seconds = [(each - MONDAY_NS) / NS_PER_S for each in dict.fromkeys(ticks)]
    assert seconds == [0, 1, 6, 7, 8]
    assert intake.counts.records == 50


def test_the_tape_holds_what_went_out_and_gives_it_again(tape):
    begin = tape.end
    intake = Intake(CONFIG, tape)
    first = given(fill(intake))
    again = Intake(CONFIG, None)
    reader = tape.read(begin, tape.end)
    out = []
    while recorded := reader.next(7):
        out += again.again(recorded)
    second = given(out)
    assert [type(item) for item in first] == [type(item) for item in second]
    for one, other in zip(first, second, strict=True):
        assert np.array_equal(one, other) if isinstance(one, np.ndarray) else one == other
    assert state(again) == state(intake)
    # And both go on alike.
    for each in (intake, again):
        each.rows(rows(30, start_s=10.0, first=50))
    assert repr(given(intake.flush())) == repr(given(again.flush()))


def state(intake):
    """The state, but for the clock's reading between two ticks, which a heartbeat may move."""
    found = intake.snapshot()
    found["ticks"] = found["ticks"]["second"]
    return found


def test_a_state_goes_on_where_it_was_taken():
    whole, cut = Intake(CONFIG, None), Intake(CONFIG, None)
    fill(whole)
    fill(cut)
    cut = Intake(CONFIG, None, cut.snapshot())
    for each in (whole, cut):
        each.rows(rows(30, start_s=12.0, first=50))
    assert repr(given(whole.flush())) == repr(given(cut.flush()))
    assert cut.snapshot() == whole.snapshot()


def test_a_state_of_another_version_is_refused():
    with pytest.raises(StateError, match="fresh recovery store"):
        Intake(CONFIG, None, {**Intake(CONFIG, None).snapshot(), "version": 0})


def test_a_full_disk_holds_everything_and_changes_no_state():
    class Full:
        def append(self, data):
            raise TapeFull("full")

    tape = Full()
    intake = Intake(CONFIG, tape)
    before = intake.snapshot()
    intake.item(*mapping(1))
    intake.rows(rows(25))
    assert intake.flush() == []
    assert intake.is_blocked
    after = intake.snapshot()
    assert {**after, "mapped": ()} == before
    taken = []
    tape.append = taken.append
    assert given(intake.flush())
    assert not intake.is_blocked
    assert len(taken) == 1


def test_a_mapping_is_kept_once_and_a_new_contract_is_told():
    intake = Intake(CONFIG, None)
    asked = "ES.c.0"
    assert not intake.item(*mapping(1, "ESM6", asked))
    assert not intake.item(*mapping(1, "ESM6", asked))
    assert intake.counts.others == {"mapping-repeated": 1}
    resumed = Intake(CONFIG, None, intake.snapshot())
    for each in (intake, resumed):
        assert each.item(*mapping(2, "ESU6", asked))
        assert not each.item(*mapping(2, "ESU6", asked))
    # A parent's many instruments are no roll.
    assert not intake.item(*mapping(3))
    assert not intake.item(*mapping(4))


def test_what_is_of_no_use_is_counted_and_goes_nowhere():
    intake = Intake(CONFIG, None)
    intake.item(Notice("system", 1, "x", 1), b"")
    intake.item(Skipped(32, "ohlcv-1s"), b"")
    assert intake.flush() == []
    assert intake.counts.others == {"system": 1, "ohlcv-1s": 1}


def test_marks_tell_what_was_under_way(tape):
    begin = tape.end
    intake = Intake(CONFIG, tape)
    seen = []
    for text in (SNAPSHOT_OWED + "aged_out", SNAPSHOT_WHOLE, REPLAY_BEGAN, REPLAY_ENDED):
        intake.mark(text)
        intake.flush()
        seen.append((intake.owed, intake.positions.replaying))
        again = Intake(CONFIG, None)
        assert again.again(tape.read(begin, tape.end).next(100)) == []
        assert (again.owed, again.positions.replaying) == seen[-1]
    assert seen == [("aged_out", False), ("", False), ("", True), ("", False)]


def test_gaps_and_other_controls_are_on_the_tape(tape):
    begin = tape.end
    intake = Intake(CONFIG, tape)
    intake.rows(rows(5))
    intake.gap("roll", MONDAY_NS + 9, (7,))
    intake.control(delayed_control("glbx", MONDAY_NS, on=True))
    out = given(intake.flush())
    controls = [item for item in out if isinstance(item, Control)]
    assert gap_of(controls[0]).instruments == (7,)
    assert gap_of(controls[0]).from_ns == int(rows(5)["ts_event"][-1])
    recorded = tape.read(begin, tape.end).next(100)
    names = [p[0].name for _, p in recorded if isinstance(p, tuple) and isinstance(p[0], Control)]
    assert names == [GAP, "delayed"]


def test_the_table_that_went_out_last_is_known_also_from_the_tape(tape):
    begin = tape.end
    intake = Intake(CONFIG, tape)
    first, last = calibration_controls("glbx", MONDAY_NS, table(6))
    intake.control(first)
    intake.flush()
    assert intake.calibration == ""
    intake.control(last)
    assert intake.calibration == ""
    intake.flush()
    again = Intake(CONFIG, None)
    again.again(tape.read(begin, tape.end).next(100))
    resumed = Intake(CONFIG, None, intake.snapshot())
    assert {each.calibration for each in (intake, again, resumed)} == {table(6).version}


def test_what_happened_on_a_weekend_is_left_out():
    intake = Intake(CONFIG, None)
    saturday = rows(5).copy()
    saturday["ts_event"] += np.uint64(5 * 86_400 * NS_PER_S)
    intake.rows(saturday)
    assert intake.flush() == []
    assert intake.hours.closed_rows == 5


def test_a_position_on_the_tape_is_after_what_went_out(tape):
    intake = Intake(CONFIG, tape)
    assert tape.end == TapePosition(1, 128)
    intake.rows(rows(5))
    assert tape.end == TapePosition(1, 128)
    intake.flush()
    assert tape.end.offset >= 128 + 5 * 56
    assert isinstance(mapping(1)[0], SymbolMapping)

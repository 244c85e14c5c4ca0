import pickle
from dataclasses import replace
from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.databento import positions as module
from connectors.databento.positions import Positions, as_words
from connectors.databento.positions_kernel import (
    ANCHOR_NS,
    ANCHORS,
    CHANNELS_MAX,
    COUNT,
    HASH,
    KEY,
    TS,
)
from operators.model.errors import FeedError, StateError
from operators.model.records import F_BAD_TS_RECV, F_SNAPSHOT, TS_UNDEF
from tests.connectors.databento.market import START_NS, Row, batch, by_instrument, market

HOUR_NS = 3_600_000_000_000


def entries(positions: Positions) -> dict[int, tuple[int, ...]]:
    """By instrument: newest ts_event, count, hash."""
    table = positions.table()
    used = table[table[:, KEY] != 0]
    return {
        int(row[KEY]) - 1: tuple(int(row[column]) for column in (TS, COUNT, HASH)) for row in used
    }


def noted(*rows: Row, **options) -> Positions:
    positions = Positions(**options)
    positions.note(batch(list(rows)))
    return positions


def place(positions: Positions, instrument: int = 1) -> tuple[int, int]:
    return entries(positions)[instrument][:2]


def oracle(rows: list[Row]) -> tuple[int, list[Row]]:
    """Position of one instrument's records: its instant, and the records since the first at it."""
    newest = max(row.ts for row in rows)
    first = next(index for index, row in enumerate(rows) if row.ts == newest)
    return newest, rows[first:]


@given(st.integers(0, 2**32), st.integers(1, 120), st.integers(1, 9), st.integers(1, 120))
def test_the_kernel_finds_what_a_plain_loop_finds_however_the_rows_are_cut(
    seed, count, instruments, cut
):
    rows = market(
        Random(seed), count, instruments=instruments, channels=3, disorder_ns=40, channel_lag_ns=90
    )
    positions = noted(*rows[:cut])
    positions.note(batch(rows[cut:]))
    whole = noted(*rows)
    assert positions.snapshot() == whole.snapshot()
    expected = {each: oracle(own) for each, own in by_instrument(rows).items()}
    assert {each: (ts, n) for each, (ts, n, *_) in entries(positions).items()} == {
        each: (ts, len(group)) for each, (ts, group) in expected.items()
    }
    assert positions.newest_ns == max(row.ts for row in rows)
    newest: dict[int, int] = {}
    for row in rows:
        newest[row.channel] = max(newest.get(row.channel, 0), row.ts)
    assert sorted(ts for _, ts in positions.channels()) == sorted(newest.values())
    # Equal groups have equal hashes, whatever was before them.
    for each, (_, group) in expected.items():
        assert entries(noted(*group))[each] == entries(positions)[each]


def test_hashes_differ_by_every_fact_of_the_exchange_and_by_order_alone():
    one, two = Row(1, START_NS, 5), Row(1, START_NS, 6)
    facts = ("instrument", "order", "channel", "publisher", "flags", "sequence")
    changed = [replace(one, **{name: getattr(one, name) ^ 1}) for name in facts]
    changed += [replace(one, ts=START_NS + 1, recv=START_NS)]
    groups = [(one, two), (two, one), (one,), (one, one), (), *((each,) for each in changed)]
    hashes = [entries(noted(*group)) for group in groups]
    found = {next(iter(each.values()))[2] if each else 0 for each in hashes}
    assert len(found) == len(groups)


@pytest.mark.parametrize("name", ["price", "size", "action", "side"])
def test_hashes_differ_by_what_a_record_says(name):
    rows = batch([Row(1, START_NS, 5)])
    other = rows.copy()
    other[name] = b"C" if other[name].dtype.kind == "S" else other[name] + 1
    found = set()
    for each in (rows, other):
        positions = Positions()
        positions.note(each)
        found.add(entries(positions)[1][2])
    assert len(found) == 2


def test_what_the_capture_adds_is_no_part_of_a_hash():
    one = Row(1, START_NS, 5)
    late = replace(one, recv=START_NS + 99)
    marked = replace(late, flags=one.flags | F_BAD_TS_RECV)
    assert entries(noted(one)) == entries(noted(late)) == entries(noted(marked))


def test_a_record_that_goes_back_in_time_counts_with_those_it_follows():
    rows = (Row(1, START_NS, 1), Row(1, START_NS - 5, 2), Row(1, START_NS, 3))
    assert place(noted(*rows)) == (START_NS, 3)
    assert place(noted(*rows, Row(1, START_NS + 1, 4))) == (START_NS + 1, 1)


@pytest.mark.parametrize("ts", [0, TS_UNDEF, 2**63, START_NS + HOUR_NS + 1])
def test_an_impossible_instant_is_no_place_to_resume_at(ts):
    positions = noted(Row(1, START_NS, 1), Row(1, ts, 2, recv=START_NS))
    assert place(positions) == (START_NS, 2)
    assert (positions.newest_ns, positions.unplaced) == (START_NS, 1)
    assert positions.resume_ns(10, 100) == START_NS - 10


def test_without_a_sound_ts_recv_any_possible_ts_event_is_believed():
    for recv, flags in ((0, 0), (TS_UNDEF, 0), (5, F_BAD_TS_RECV)):
        assert noted(Row(1, START_NS, 1, recv=recv, flags=flags)).newest_ns == START_NS


def test_a_snapshot_is_no_position_and_its_time_is_kept_until_something_is_delivered():
    positions = noted(
        Row(7, START_NS - HOUR_NS, 1, flags=F_SNAPSHOT | F_BAD_TS_RECV, recv=START_NS)
    )
    assert entries(positions)[7] == (0, 0, START_NS)
    assert positions.newest_ns == 0
    assert positions.resume_ns(1, 1) is None
    positions.note(batch([Row(7, START_NS + 1, 2)]))
    assert entries(positions)[7] == entries(noted(Row(7, START_NS + 1, 2)))[7]
    # Of several the newest counts; they take the place of what was delivered before.
    for recv in (START_NS + 9, START_NS + 8):
        positions.note(batch([Row(7, START_NS, 1, flags=F_SNAPSHOT | F_BAD_TS_RECV, recv=recv)]))
    assert entries(positions)[7] == (0, 0, START_NS + 9)
    # What is delivered after it may be without a time.
    positions.note(batch([Row(7, 0, 2)]))
    assert place(positions, 7) == (0, 1)


def test_a_replay_begins_a_margin_before_the_channel_furthest_behind():
    positions = noted(Row(1, START_NS, 1, channel=0), Row(2, START_NS + 500, 2, channel=1))
    assert positions.resume_ns(10, 1_000) == START_NS - 10
    # A channel of another publisher is another channel.
    positions.note(batch([Row(3, START_NS - 100, 3, channel=0, publisher=2)]))
    assert positions.resume_ns(10, 1_000) == START_NS - 110


def test_a_replay_begins_no_further_back_than_the_reach_or_the_margin():
    positions = noted(Row(1, START_NS, 1, channel=0), Row(2, START_NS + 500, 2, channel=1))
    assert positions.resume_ns(10, 300) == START_NS + 200
    assert positions.resume_ns(400, 300) == START_NS + 100
    assert positions.resume_ns(2**62, 2**62) == 0


def test_while_a_replay_is_under_way_the_next_would_begin_as_early():
    positions = noted(Row(1, START_NS, 1))
    positions.replay_began()
    positions.note(batch([Row(2, START_NS + 9_000, 2), Row(3, START_NS + 9_000, 3, channel=4)]))
    positions.replay_began()
    for each in (positions, Positions(positions.snapshot())):
        assert each.replaying
        assert each.resume_ns(10, 100) == START_NS - 10
        assert len(each.channels()) == 1
        each.replay_ended()
        assert each.resume_ns(10, 100) == START_NS + 8_990
        assert not each.replaying


def test_a_snapshot_is_plain_small_and_no_live_view():
    positions = noted(*market(Random(1), 3_000, instruments=700, channels=5))
    positions.note_rare(19, 5, START_NS, b"definition".ljust(64))
    positions.replay_began()
    state = positions.snapshot()
    raw = pickle.dumps(state)
    assert len(raw) < 40 * 700 + 3_000
    positions.note(batch([Row(9_999, START_NS + HOUR_NS, 1)]))
    positions.note_rare(19, 5, START_NS, b"again".ljust(64))
    assert pickle.dumps(state) == raw
    again = Positions(pickle.loads(raw))
    assert again.snapshot() == state
    assert again.instruments == positions.instruments - 1 > 600
    again.note(batch([Row(9_999, START_NS + HOUR_NS, 1)]))
    again.note_rare(19, 5, START_NS, b"again".ljust(64))
    assert again.snapshot() == positions.snapshot()


def test_a_snapshot_of_another_version_is_refused():
    state = {**Positions().snapshot(), "version": 99}
    with pytest.raises(StateError, match="feed cme: positions have version 99, expected 1; start"):
        Positions(state, feed="cme")


def test_the_table_grows_with_its_instruments_and_keeps_them():
    rows = [Row(instrument * 65_537 % 2**32, START_NS + 1, 1) for instrument in range(5_000)]
    positions = noted(*rows)
    assert entries(positions).keys() == {row.instrument for row in rows}
    assert positions.instruments == 5_000


def test_what_no_replay_reaches_is_forgotten_when_room_is_needed():
    old = [Row(instrument, START_NS, 1) for instrument in range(256)]
    new_ns = START_NS + module.REPLAY_NS_MAX + 1
    positions = noted(*old, Row(1_000, new_ns, 1), Row(1_001, new_ns, 1))
    # The first newer record did not fit, and by then nothing was out of reach yet.
    assert positions.instruments == 258
    positions.note(batch([Row(instrument, new_ns, 1) for instrument in range(2_000, 2_600)]))
    assert positions.instruments == 602


def test_more_instruments_than_allowed_are_refused_in_one_line():
    positions = noted(*(Row(each, START_NS, 1) for each in range(3)), feed="cme", instruments_max=3)
    with pytest.raises(FeedError, match="feed cme: expected at most 3 instruments in a week"):
        positions.note(batch([Row(9, START_NS, 1)]))
    for each in range(9):
        positions.note_rare(19, each, START_NS, bytes(64))
    with pytest.raises(FeedError, match="expected at most 3 instruments"):
        positions.note_rare(19, 9, START_NS, bytes(64))


def test_channels_are_bounded_and_the_rest_is_counted():
    rows = [Row(1, START_NS + each, 1, each % 256, 1 + each // 256) for each in range(300)]
    positions = noted(*rows)
    assert len(positions.channels()) == CHANNELS_MAX
    assert positions.unfollowed == 300 - CHANNELS_MAX
    assert positions.newest_ns == START_NS + 299


def test_anchors_are_instants_of_deliveries_apart_and_few():
    step = ANCHOR_NS // 3
    rows = [Row(1, START_NS + each * step, each) for each in range(4 * ANCHORS)]
    anchors = noted(*rows).anchors()
    assert set(anchors) <= {row.ts for row in rows}
    assert len(anchors) == ANCHORS + (rows[-1].ts not in anchors[:-1])
    gaps = np.diff(anchors[:-1])
    assert gaps.min() >= ANCHOR_NS
    assert gaps.max() < ANCHOR_NS + step
    assert anchors[-1] == rows[-1].ts
    assert Positions().anchors() == []


def test_rarer_records_have_positions_by_type_and_instrument():
    positions = Positions()
    for rtype, instrument, ts in ((19, 1, 5), (19, 1, 5), (24, 1, 5), (19, 2, 6), (19, 2, 5)):
        positions.note_rare(rtype, instrument, ts, bytes(80))
    assert {key: each[:2] for key, each in positions.rare().items()} == {
        (19, 1): (5, 2),
        (24, 1): (5, 1),
        (19, 2): (6, 2),
    }


def test_the_capture_s_times_are_no_part_of_a_rarer_record_s_hash():
    def hashed(rtype: int, changed: int) -> int:
        raw = bytearray(80)
        raw[changed] = 1
        return module.rare_chained(0, rtype, bytes(raw))

    assert hashed(24, 16) == hashed(24, 23) == hashed(24, 52) == hashed(24, 55)
    assert len({hashed(24, 15), hashed(24, 16), hashed(24, 24), hashed(24, 56)}) == 4
    assert hashed(18, 52) != hashed(18, 16)


def test_rows_are_never_written_to_and_may_lie_apart():
    rows = batch(market(Random(3), 50, instruments=4))
    before = rows.tobytes()
    positions, other = Positions(), Positions()
    positions.note(rows[::2])
    other.note(np.ascontiguousarray(rows[::2]))
    assert positions.snapshot() == other.snapshot()
    assert rows.tobytes() == before
    assert not as_words(rows.copy()).flags.writeable

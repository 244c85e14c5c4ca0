from dataclasses import replace
from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.databento.positions import Positions
from connectors.databento.positions_kernel import ANCHOR_NS
from connectors.databento.seam import Seam
from operators.model.records import F_BAD_TS_RECV, F_SNAPSHOT, MboBatch
from tests.connectors.databento.market import (
    START_NS,
    Row,
    batch,
    by_instrument,
    market,
    reordered,
)

SEEDS = st.integers(0, 2**32)
REACH_NS = 10**12


def pieces(chance: Random, rows: list[Row]) -> list[MboBatch]:
    """The rows as batches of any sizes."""
    out = []
    while rows:
        size = chance.choice((1, 2, 7, 50))
        out.append(batch(rows[:size]))
        rows = rows[size:]
    return out


def joined(parts: list[MboBatch]) -> MboBatch:
    return np.concatenate(parts) if parts else batch([])


def split(rows: MboBatch) -> dict[int, bytes]:
    """Bytes of each instrument's records."""
    return {
        int(each): rows[rows["instrument_id"] == each].tobytes()
        for each in np.unique(rows["instrument_id"])
    }


def resumed(positions: Positions, margin_ns: int = 10, reach_ns: int = REACH_NS) -> Seam:
    start_ns = positions.resume_ns(margin_ns, reach_ns)
    assert start_ns is not None
    return Seam(positions, start_ns)


def delivered(*rows: Row) -> Positions:
    positions = Positions()
    positions.note(batch(list(rows)))
    return positions


def orders(rows: MboBatch) -> list[int]:
    return rows["order_id"].tolist()


# Replays that are what they should be.


@given(SEEDS, st.integers(1, 9), st.integers(1, 3), st.integers(0, 60), st.integers(0, 80))
def test_after_any_cuts_every_record_has_come_once_and_in_its_order(
    seed, instruments, channels, disorder_ns, lag_ns
):
    chance = Random(seed)
    rows = market(
        chance,
        200,
        instruments=instruments,
        channels=channels,
        disorder_ns=disorder_ns,
        channel_lag_ns=lag_ns,
    )
    # Of a channel of which nothing was delivered nothing can be known: let all have begun.
    begun = 1 + max(
        next(i for i, row in enumerate(rows) if row.channel == each)
        for each in {row.channel for row in rows}
    )
    positions, out = Positions(), []
    at = chance.randint(begun, len(rows))
    for part in pieces(chance, rows[:at]):
        positions.note(part)
        out.append(part)
    while True:
        margin_ns = 2 * disorder_ns + 2 + chance.randint(0, 200)
        seam = resumed(positions, margin_ns)
        at = chance.randint(at, len(rows))
        replay = [row for row in rows[:at] if row.ts >= seam._start_ns]
        stream = reordered(chance, replay)
        cut = chance.choice((None, chance.randint(0, len(stream))))
        for part in pieces(chance, stream[:cut]):
            passed = seam.accept(part)
            positions.note(passed)
            out.append(passed)
        assert (seam.reason, seam.short) == ("", False)
        if cut is not None:
            if chance.random() < 0.3:
                positions = Positions(positions.snapshot())
            continue
        assert seam.state == "proven"
        seam.close()
        assert seam.state == "proven"
        assert seam.broken_instruments == ()
        assert not positions.replaying
        stop = chance.randint(at, len(rows))
        for part in pieces(chance, rows[at:stop]):
            passed = seam.accept(part)
            positions.note(passed)
            out.append(passed)
        at = stop
        if at == len(rows):
            break
    assert split(joined(out)) == split(batch(rows))
    assert entries_of(positions) == entries_of(delivered(*rows))


def entries_of(positions: Positions) -> bytes:
    return positions.snapshot()["instruments"]


def test_equal_records_are_told_apart_by_their_number():
    one = Row(1, START_NS, 5)
    seam = resumed(delivered(one, one))
    assert orders(seam.accept(batch([one, one, one, replace(one, order=6)]))) == [5, 6]
    assert (seam.state, seam.repeated) == ("proven", 2)


def test_a_cut_inside_an_event_is_no_cut():
    event = [Row(1, START_NS, order, flags=0) for order in range(4)] + [Row(1, START_NS, 9)]
    for cut in range(1, 5):
        seam = resumed(delivered(*event[:cut]))
        assert orders(seam.accept(batch(event))) == [row.order for row in event[cut:]]
        assert seam.state == "proven"


def test_records_that_went_back_in_time_are_repeated_as_they_were():
    rows = [Row(1, START_NS + ts, order) for order, ts in enumerate((0, 5, 3, 5, 4, 6))]
    for cut in (1, 5, 6):
        seam = resumed(delivered(*rows[:cut]))
        assert orders(seam.accept(batch(rows))) == list(range(cut, 6))
        assert seam.state == "proven"


def test_a_missing_record_that_goes_back_in_time_passes_and_breaks_the_seam():
    """The same could be one delivered before, out of its order: nothing tells them apart."""
    rows = [Row(1, START_NS + ts, order) for order, ts in enumerate((0, 5, 3, 6))]
    for replay, expected in ((rows, [2, 3]), ([rows[1], rows[0], rows[3]], [0, 3])):
        seam = resumed(delivered(*rows[:2]))
        assert orders(seam.accept(batch(replay))) == expected
        assert seam.reason == (
            "instrument 1: expected nothing older after its position, found a record that is"
        )


def test_a_record_without_its_time_is_told_by_its_place():
    rows = [Row(1, START_NS, 1), Row(1, 2**63, 2, recv=START_NS), Row(1, START_NS + 1, 3)]
    for cut in (1, 2, 3):
        seam = resumed(delivered(*rows[:cut]))
        assert orders(seam.accept(batch(rows))) == [1, 2, 3][cut:]
        assert seam.state == "proven"
    # Where its place is not replayed it is taken for new.
    seam = resumed(delivered(Row(1, START_NS, 1), Row(2, START_NS + 500, 2)))
    assert orders(seam.accept(batch([rows[1], Row(2, START_NS + 500, 2)]))) == [2]


def test_records_of_a_snapshot_pass_untouched():
    old = Row(1, START_NS - 99, 3, flags=F_SNAPSHOT | F_BAD_TS_RECV, recv=START_NS + 9)
    seam = resumed(delivered(Row(1, START_NS, 5)))
    assert orders(seam.accept(batch([old, Row(1, START_NS, 5), old]))) == [3, 3]


def test_what_is_in_a_snapshot_is_not_taken_again():
    def snapshot(instrument, recv):
        return Row(instrument, START_NS - 99, 1, flags=F_SNAPSHOT | F_BAD_TS_RECV, recv=recv)

    positions = delivered(snapshot(1, START_NS), snapshot(2, START_NS), Row(2, START_NS + 5, 3))
    seam = resumed(positions, 100)
    replay = [
        Row(1, START_NS - 3, 20, recv=START_NS - 1),
        Row(1, START_NS - 1, 21, recv=START_NS + 1),
        Row(2, START_NS - 3, 22, recv=START_NS - 1),
        Row(2, START_NS + 5, 3),
        Row(1, START_NS + 1, 23, recv=START_NS + 2),
        Row(1, START_NS + 1, 24, recv=START_NS - 2, flags=F_BAD_TS_RECV),
    ]
    assert orders(seam.accept(batch(replay))) == [21, 23, 24]
    assert (seam.state, seam.repeated, seam.short) == ("proven", 3, False)


def test_an_instrument_that_is_new_passes_whole():
    seam = resumed(delivered(Row(1, START_NS, 1)))
    assert orders(seam.accept(batch([Row(2, START_NS + 1, 7), Row(1, START_NS, 1)]))) == [7]


def test_a_replay_may_hold_more_than_was_asked_for():
    rows = [Row(1, START_NS, 1), Row(1, START_NS, 2), Row(2, START_NS + 500, 3)]
    seam = resumed(delivered(*rows))
    assert seam.assumed == 1
    assert orders(seam.accept(batch([*rows, Row(1, START_NS + 1, 4)]))) == [4]
    assert seam.state == "proven"


def test_with_nothing_delivered_there_is_nothing_to_prove():
    seam = Seam(Positions(), START_NS)
    assert seam.state == "proven"
    assert orders(seam.accept(batch([Row(1, START_NS, 1)]))) == [1]
    seam.close()
    assert seam.state == "proven"


def test_after_the_replay_all_passes_as_it_is():
    seam = resumed(delivered(Row(1, START_NS, 1)))
    seam.accept(batch([Row(1, START_NS, 1)]))
    seam.close()
    rows = batch([Row(1, START_NS, 1)])
    assert seam.accept(rows) is rows


def test_rows_given_are_never_written_to_and_those_that_pass_are_read_only():
    rows = batch([Row(1, START_NS, 1), Row(1, START_NS + 1, 2)])
    before = rows.tobytes()
    seam = resumed(delivered(Row(1, START_NS, 1)))
    passed = seam.accept(rows)
    assert not passed.flags.writeable
    assert rows.tobytes() == before
    assert seam.accept(passed) is passed


# Replays that are not.


def test_fewer_records_at_a_position_than_delivered_break_it():
    one, two, later = Row(1, START_NS, 1), Row(1, START_NS, 2), Row(1, START_NS + 1, 3)
    for replay in ([one, later], [later]):
        seam = resumed(delivered(one, two))
        assert orders(seam.accept(batch(replay))) == [3]
        missing = 3 - len(replay)
        assert seam.state == "broken"
        assert seam.reason == f"instrument 1: expected {missing} more records at its position"
        assert seam.broken_instruments == (1,)


def test_other_records_at_a_position_than_delivered_break_it():
    one, two = Row(1, START_NS, 1), Row(1, START_NS, 2)
    for replay in ([two, one], [one, replace(two, order=7)], [one, one]):
        seam = resumed(delivered(one, two))
        assert seam.accept(batch(replay)).size == 0
        assert seam.state == "broken"
        assert "found others" in seam.reason


def test_a_replay_without_an_instrument_is_broken_when_it_ends():
    positions = delivered(Row(1, START_NS, 1), Row(2, START_NS, 2), Row(3, START_NS, 3))
    seam = resumed(positions)
    seam.accept(batch([Row(2, START_NS, 2)]))
    assert seam.state == "open"
    seam.close()
    assert seam.state == "broken"
    assert seam.reason == (
        "instrument 1: expected the records delivered at its position, found none "
        "(2 such instruments)"
    )
    assert seam.broken_instruments == (1, 3)
    assert positions.replaying


def test_an_empty_replay_is_broken():
    seam = resumed(delivered(Row(1, START_NS, 1)))
    seam.close()
    assert seam.state == "broken"


def test_a_start_after_all_that_was_delivered_proves_nothing():
    seam = Seam(delivered(Row(1, START_NS, 1)), START_NS + 1)
    seam.accept(batch([Row(1, START_NS + 1, 2)]))
    assert seam.state == "open"
    seam.close()
    assert seam.state == "broken"
    assert seam.reason.startswith("nothing delivered lies at or after the start")
    assert seam.broken_instruments is None


def test_a_replay_that_begins_too_late_is_broken_even_where_every_position_fits():
    early, late = Row(1, START_NS, 1), Row(1, START_NS + 2 * ANCHOR_NS, 2)
    seam = Seam(delivered(early, late), START_NS - 10)
    seam.accept(batch([late]))
    assert seam.state == "open"
    seam.close()
    assert seam.state == "broken"
    assert seam.reason == (
        f"expected a replay from {early.ts} or before, found {late.ts} as its first"
    )
    assert seam.broken_instruments is None


def test_many_faults_are_counted_and_the_first_is_told():
    rows = [Row(each, START_NS, each) for each in range(1, 101)]
    seam = resumed(delivered(*rows))
    seam.accept(batch([replace(row, order=0) for row in rows]))
    assert seam.reason.startswith("instrument 1: ")
    assert seam.reason.endswith(" (and 99 more)")
    assert seam.broken_instruments is None


@given(SEEDS, st.integers(1, 6), st.sampled_from(["drop", "change", "late", "swap"]))
def test_a_replay_that_is_not_what_was_delivered_is_never_silent(seed, instruments, kind):
    """Either all comes out as it should, or the seam says that it does not fit.

    Where neighbours are equal, one missing is the same as the next one missing, which nobody knows.
    """
    chance = Random(seed)
    rows = market(chance, 60, instruments=instruments, step_ns=ANCHOR_NS, equal=False)
    cut = chance.randint(1, len(rows))
    seam = resumed(delivered(*rows[:cut]), chance.randint(1, 20) * ANCHOR_NS)
    repeats = [row for row in rows[:cut] if row.ts >= seam._start_ns]
    fresh = [row for row in rows[cut:] if row.ts >= seam._start_ns]
    at = chance.randrange(len(repeats))
    if kind == "drop":
        del repeats[at]
    elif kind == "change":
        name = chance.choice(("order", "ts", "flags"))
        repeats[at] = replace(repeats[at], **{name: getattr(repeats[at], name) + 1})
    elif kind == "late":
        start_ns = chance.randint(seam._start_ns, rows[-1].ts + 1)
        repeats, fresh = ([row for row in each if row.ts >= start_ns] for each in (repeats, fresh))
    else:
        other = chance.randrange(len(repeats))
        repeats[at], repeats[other] = repeats[other], repeats[at]
    out = [batch(rows[:cut])]
    out += [seam.accept(part) for part in pieces(chance, repeats + fresh)]
    seam.close()
    fits = seam.state == "proven" and not seam.short
    assert not fits or split(joined(out)) == split(batch(rows))


@given(SEEDS, st.integers(1, 6), st.integers(0, 8))
def test_the_kernel_judges_as_a_plain_loop_does_whatever_is_replayed(seed, instruments, faults):
    chance = Random(seed)
    rows = market(chance, 80, instruments=instruments, channels=2, disorder_ns=30)
    cut = chance.randint(1, len(rows))
    seam = resumed(delivered(*rows[:cut]), chance.randint(0, 300))
    replay = reordered(chance, [row for row in rows if row.ts >= seam._start_ns - 20])
    for _ in range(faults):
        at = chance.randrange(len(replay) + 1)
        if chance.random() < 0.5:
            replay.insert(at, chance.choice(rows))
        elif at < len(replay):
            replay[at : at + 1] = chance.choice(([], [replace(replay[at], order=99)]))
    expected, broken = plain(by_instrument(rows[:cut]), replay, seam._start_ns)
    passed = joined([seam.accept(part) for part in pieces(chance, replay)])
    assert passed.tobytes() == batch(expected).tobytes()
    assert set(seam.broken_instruments or ()) == broken


def plain(before: dict[int, list[Row]], replay: list[Row], start_ns: int):
    """What passes, and the instruments that do not fit: one record after the other."""
    groups, seen, done, passed, broken = {}, {}, set(), [], set()
    for instrument, own in before.items():
        newest = max(row.ts for row in own)
        first = next(index for index, row in enumerate(own) if row.ts == newest)
        groups[instrument] = newest, own[first:]
    for row in replay:
        if row.instrument not in groups or row.instrument in done:
            if row.instrument in done and row.ts < groups[row.instrument][0]:
                broken.add(row.instrument)
            passed.append(row)
            continue
        newest, group = groups[row.instrument]
        repeats = seen.setdefault(row.instrument, [])
        if row.ts > newest:
            if repeats or newest >= start_ns:
                broken.add(row.instrument)
            done.add(row.instrument)
            passed.append(row)
        elif repeats or row.ts == newest:
            repeats.append(row)
            if len(repeats) == len(group):
                done.add(row.instrument)
                if [replace(r, recv=0) for r in repeats] != [replace(r, recv=0) for r in group]:
                    broken.add(row.instrument)
    return passed, broken


# The margin and the disorder it must cover.


def short(delivered_rows: list[Row], missing: Row, margin_ns: int) -> tuple[bool, int]:
    seam = resumed(delivered(*delivered_rows), margin_ns)
    seam.accept(batch([*delivered_rows, missing]))
    assert seam.state == "proven"
    return seam.short, seam.disorder_ns


def test_a_missing_record_in_the_older_half_of_the_window_says_that_the_margin_is_short():
    newest = Row(1, START_NS, 1)
    for behind_ns, expected in ((0, False), (49, False), (50, False), (51, True), (100, True)):
        missing = Row(2, START_NS - behind_ns, 2)
        assert short([newest], missing, 100) == (expected, behind_ns)


def test_each_channel_is_judged_by_its_own_newest_record():
    ahead, behind = Row(1, START_NS + 1_000, 1, channel=0), Row(2, START_NS, 2, channel=1)
    # The window of the channel ahead is as much longer.
    assert short([behind, ahead], Row(3, START_NS + 10, 3, channel=0), 100) == (True, 990)
    assert short([behind, ahead], Row(3, START_NS + 500, 3, channel=0), 100) == (False, 500)
    assert short([behind, ahead], Row(3, START_NS + 10, 3, channel=1), 100) == (False, 0)


def test_what_is_new_of_a_quiet_instrument_is_no_disorder():
    quiet = Row(1, START_NS - 10_000, 1)
    seam = resumed(delivered(quiet, Row(2, START_NS, 2)), 100)
    seam.accept(batch([Row(2, START_NS, 2), Row(1, START_NS, 3), Row(1, START_NS + 9, 4)]))
    assert (seam.short, seam.disorder_ns, seam.assumed) == (False, 0, 1)


def test_a_channel_quiet_beyond_the_reach_is_not_judged():
    positions = delivered(Row(1, START_NS - 10_000, 1, channel=1), Row(2, START_NS, 2))
    seam = resumed(positions, 10, 100)
    seam.accept(batch([Row(2, START_NS, 2), Row(1, START_NS - 60, 3, channel=1)]))
    assert (seam.short, seam.state) == (False, "proven")


def test_records_still_to_be_replayed_after_a_second_cut_are_no_disorder():
    positions = delivered(Row(1, START_NS, 1), Row(2, START_NS, 2))
    seam = resumed(positions, 100)
    first = [Row(1, START_NS, 1), Row(1, START_NS + 5_000, 3)]
    positions.note(seam.accept(batch(first)))
    seam = resumed(positions, 100)
    assert seam._start_ns == START_NS - 100
    rest = [Row(2, START_NS, 2), Row(2, START_NS + 40, 4), *first, Row(2, START_NS + 6_000, 5)]
    assert orders(seam.accept(batch(rest))) == [4, 5]
    assert (seam.state, seam.short) == ("proven", False)


# The rarer records.


def rares(*seen: tuple[int, int, int, bytes]) -> Positions:
    positions = delivered(Row(9, START_NS, 9))
    for rtype, instrument, ts, text in seen:
        positions.note_rare(rtype, instrument, START_NS + ts, text.ljust(80))
    return positions


def accepted(seam: Seam, *replay: tuple[int, int, int, bytes]) -> list[bool]:
    return [
        seam.accept_rare(rtype, instrument, START_NS + ts, text.ljust(80))
        for rtype, instrument, ts, text in replay
    ]


def test_rarer_records_are_taken_once_by_type_and_instrument():
    seen = [(19, 1, 5, b"a"), (24, 1, 6, b"b"), (24, 1, 6, b"b"), (18, 1, 6, b"c")]
    seam = resumed(rares(*seen))
    new = [(24, 1, 6, b"b"), (24, 2, 6, b"b"), (19, 1, 7, b"d")]
    assert accepted(seam, (24, 1, 5, b"z"), *seen, *new) == [False] * 5 + [True] * 3
    assert seam.rare_repeated == 5
    seam.accept(batch([Row(9, START_NS, 9)]))
    assert seam.state == "proven"


def test_mappings_always_pass():
    seam = resumed(rares((22, 1, 5, b"a")))
    assert accepted(seam, (22, 1, 5, b"a"), (22, 1, 1, b"a")) == [True, True]


def test_what_is_said_again_from_before_the_replay_passes():
    seam = Seam(rares((19, 1, 5, b"a")), START_NS + 6)
    assert accepted(seam, (19, 1, 5, b"changed"), (19, 1, 4, b"old")) == [True, True]


@pytest.mark.parametrize(
    ("replay", "text"),
    [
        ([(24, 1, 6, b"b"), (24, 1, 7, b"c")], "record type 24: expected 1 more records"),
        ([(24, 1, 7, b"c")], "record type 24: expected 2 more records"),
        ([(24, 1, 6, b"b"), (24, 1, 6, b"x")], "record type 24: expected the records delivered"),
        ([], "instrument 1: expected the records delivered at its position, found none"),
    ],
)
def test_rarer_records_that_do_not_fit_break_the_seam(replay, text):
    seam = resumed(rares((24, 1, 6, b"b"), (24, 1, 6, b"b")))
    accepted(seam, *replay)
    seam.accept(batch([Row(9, START_NS, 9)]))
    seam.close()
    assert seam.state == "broken"
    assert text in seam.reason
    assert seam.broken_instruments == (1,)


def test_a_feed_of_rarer_records_alone_can_be_proven():
    positions = Positions()
    positions.note_rare(19, 1, START_NS, bytes(80))
    seam = Seam(positions, START_NS - 1)
    assert seam.state == "open"
    assert not seam.accept_rare(19, 1, START_NS, bytes(80))
    seam.close()
    assert seam.state == "proven"

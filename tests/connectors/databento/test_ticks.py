from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.databento.ticks import TickMaker
from operators.model.errors import StateError
from operators.model.items import Tick
from operators.model.records import F_BAD_TS_RECV, F_SNAPSHOT, NS_PER_S
from tests.connectors.databento.market import START_NS, Row, batch

GRACE_NS = NS_PER_S


def at(*seconds: float, flags: int = 0, lag_s: float = 0) -> list[Row]:
    """A record received at each instant, in seconds after START_NS, `lag_s` after it happened."""
    return [
        Row(
            1,
            START_NS + int((each - lag_s) * NS_PER_S),
            order,
            flags=flags,
            recv=START_NS + int(each * NS_PER_S),
        )
        for order, each in enumerate(seconds)
    ]


def told(parts: list) -> list[str]:
    """Records as their order id, ticks as the second after START_NS."""
    out = []
    for part in parts:
        if isinstance(part, Tick):
            out.append(f"tick {(part.ts_event - START_NS) // NS_PER_S}")
        else:
            out += [str(order) for order in part["order_id"]]
    return out


def cut(rows: list[Row], grace_ns: int = GRACE_NS) -> list[str]:
    return told(TickMaker("f", grace_ns).cut(batch(rows)))


def test_a_tick_stands_before_the_record_that_reaches_its_second_and_the_grace():
    assert cut(at(0, 0.5, 1.999, 2, 2.5, 3.1)) == [
        *("0", "1", "tick 0", "2", "tick 1", "3", "4", "tick 2", "5")
    ]
    assert cut(at(0, 0.5, 1, 1.5), 0) == [*"01", "tick 1", *"23"]


def test_of_several_due_at_once_the_newest_is_made():
    assert cut(at(0, 7.5)) == ["0", "tick 6", "1"]


def test_the_first_reading_sets_the_clock_only():
    assert cut(at(5, 5.5)) == ["0", "1"]
    ticks = TickMaker("f", GRACE_NS)
    assert ticks.on_clock(START_NS) is None
    assert ticks.on_clock(START_NS + NS_PER_S) == Tick("f", START_NS)


def test_the_clock_never_goes_back():
    assert cut(at(0, 3, 1, 2.5, 3.5, 4)) == ["0", "tick 2", *"1234", "tick 3", "5"]


def test_heartbeats_are_readings_too():
    ticks = TickMaker("f", GRACE_NS)
    assert told(ticks.cut(batch(at(0)))) == ["0"]
    assert ticks.on_clock(START_NS + NS_PER_S - 1) is None
    assert ticks.on_clock(START_NS + 30 * NS_PER_S) == Tick("f", START_NS + 29 * NS_PER_S)
    assert ticks.on_clock(START_NS + 30 * NS_PER_S) is None
    assert told(ticks.cut(batch(at(29, 30, 31)))) == ["0", "1", "tick 30", "2"]
    assert ticks.clock_ns == START_NS + 31 * NS_PER_S


@pytest.mark.parametrize("flags", [F_SNAPSHOT, F_BAD_TS_RECV])
def test_records_without_a_time_of_their_own_do_not_move_the_clock(flags):
    assert cut([*at(0), *at(9, flags=flags), *at(0.9)]) == ["0", "0", "0"]


def test_a_record_received_long_from_its_event_does_not_move_the_clock():
    assert cut([*at(0), *at(90, lag_s=61), *at(0.9)]) == ["0", "0", "0"]
    assert cut([*at(0), *at(90, lag_s=-61), *at(0.9)]) == ["0", "0", "0"]
    far = Row(1, START_NS, 0, recv=2**64 - 1)
    assert cut([*at(0), far, *at(0.9)]) == ["0", "0", "0"]


def test_an_empty_batch_is_nothing():
    assert TickMaker("f", 0).cut(batch([])) == []


def test_parts_are_views_of_what_was_given():
    rows = batch(at(0, 0.5, 2))
    first, _, last = TickMaker("f", GRACE_NS).cut(rows)
    assert np.shares_memory(first, rows)
    assert np.shares_memory(last, rows)
    assert not first.flags.writeable


@given(st.integers(0, 2**32), st.integers(0, 60), st.sampled_from([0, 300_000_000, GRACE_NS]))
def test_places_do_not_depend_on_how_the_stream_is_cut(seed, count, grace_ns):
    chance = Random(seed)
    steps = (0.0, 0.1, 0.3, 1.0, 5.0)
    now, stream = 0.0, []
    for order in range(count):
        now += chance.choice(steps)
        flags = chance.choice((0, 0, 0, F_SNAPSHOT, F_BAD_TS_RECV))
        recv = START_NS + int((now - chance.choice((0, 0, 0.4))) * NS_PER_S)
        # A heartbeat is one number.
        stream.append(Row(1, recv - 5, order, flags=flags, recv=recv))
        if chance.random() < 0.1:
            stream.append(recv)
    expected = plain(stream, grace_ns)
    ticks, out = TickMaker("f", grace_ns), []
    while stream:
        size = chance.choice((1, 2, 20))
        part = []
        while stream and isinstance(stream[0], Row) and len(part) < size:
            part.append(stream.pop(0))
        out += told(ticks.cut(batch(part)))
        if stream and not isinstance(stream[0], Row) and (not part or chance.random() < 0.5):
            tick = ticks.on_clock(stream.pop(0))
            out += told([tick] if tick else [])
        if chance.random() < 0.2:
            ticks = TickMaker("f", grace_ns, ticks.snapshot())
    assert out == expected


def plain(stream: list, grace_ns: int) -> list[str]:
    clock, second, out = 0, None, []
    for each in stream:
        if not isinstance(each, Row):
            clock = max(clock, each)
        elif each.flags & (F_SNAPSHOT | F_BAD_TS_RECV) == 0:
            clock = max(clock, each.recv)
        reached = (clock - grace_ns) // NS_PER_S if clock else None
        if second is not None and reached > second:
            out.append(f"tick {reached - START_NS // NS_PER_S}")
        second = reached
        if isinstance(each, Row):
            out.append(str(each.order))
    return out


def test_a_snapshot_of_another_version_is_refused():
    state = {**TickMaker("f", 0).snapshot(), "version": 9}
    with pytest.raises(StateError, match="feed f: ticks have version 9, expected 1; start"):
        TickMaker("f", 0, state)

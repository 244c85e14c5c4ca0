"""Selecting, against a plain loop over records."""

import numpy as np
from databento_dbn import StatMsg, StatusMsg, SystemMsg
from hypothesis import given
from hypothesis import strategies as st

from operators.model.records import F_LAST, RTYPE_SYMBOL_MAPPING
from simulator.gateway import records
from simulator.gateway.select_kernel import (
    LIVE_ONLY,
    NEVER,
    advance,
    first_mbo_ns,
    mbo_run,
    measure,
    select,
)
from tests.connectors.dbn_bytes import mbo, rare, with_ts_out

COLUMN = {160: 0, 19: 1, 24: 2, 18: 3}


def one(kind: str, instrument_id: int, ts: int) -> bytes:
    if kind == "mbo":
        rows = mbo(1, ids=(instrument_id,), ts=ts)
        return rows.tobytes()
    if kind == "mapping":
        return records.mapping(ts, instrument_id, "A", "B")
    types = {"statistics": StatMsg, "status": StatusMsg, "system": SystemMsg}
    times = {} if kind == "system" else {"ts_recv": ts + 5}
    return rare(types[kind], instrument_id=instrument_id, ts_event=ts, **times)


STREAMS = st.lists(
    st.builds(
        one,
        st.sampled_from(["mbo", "mbo", "statistics", "status", "system", "mapping"]),
        st.integers(1, 5),
        st.integers(1, 100),
    ),
    max_size=30,
)
STARTS = st.sampled_from([NEVER, LIVE_ONLY, 0, 30, 70])
ROWS = st.dictionaries(st.integers(1, 4), st.lists(STARTS, min_size=4, max_size=4))


def words_of(raw: bytes):
    return np.frombuffer(raw, np.uint32)


@given(
    STREAMS,
    ROWS,
    st.lists(STARTS, min_size=4, max_size=4),
    st.integers(0, 600),
    st.integers(1, 40),
    st.booleans(),
)
def test_what_is_selected_is_what_a_plain_loop_selects(
    stream, rows, other, live_from, most, ts_out
):
    ids = np.array(sorted(rows), np.int64)
    starts = np.array([rows[each] for each in sorted(rows)], np.int64).reshape(-1, 4)
    out = np.zeros(10_000, np.uint32)
    sent_ns = 2**40 + 1 if ts_out else -1
    raw = b"".join(stream)
    at, written, count, mbo_count, mapped = select(
        words_of(raw), 0, live_from, ids, starts, np.array(other, np.int64), sent_ns, most, out
    )
    expected, offset, mbo_expected, stopped = [], 0, 0, False
    for record in stream:
        if record[1] == RTYPE_SYMBOL_MAPPING:
            stopped = True
            break
        column = COLUMN.get(record[1])
        instrument_id, ts = (
            np.frombuffer(record[4:8], "<u4")[0],
            int.from_bytes(record[8:16], "little"),
        )
        if column is not None:
            start = rows.get(int(instrument_id), other)[column]
            passes = start != NEVER and (
                offset >= live_from or (start != LIVE_ONLY and ts >= start)
            )
            if passes and len(expected) == most:
                break
            if passes:
                expected.append(with_ts_out(record, sent_ns) if ts_out else record)
                mbo_expected += column == 0
        offset += len(record) // 4
    assert out[:written].tobytes() == b"".join(expected)
    assert (at, count, mbo_count, mapped) == (offset, len(expected), mbo_expected, stopped)


def test_a_record_that_is_cut_or_has_no_room_waits():
    raw = mbo(3).tobytes()
    nobody = np.zeros(0, np.int64), np.zeros((0, 4), np.int64), np.zeros(4, np.int64)
    cut = words_of(raw[:-4])
    assert select(cut, 0, 0, *nobody, -1, 100, np.zeros(99, np.uint32))[:3] == (28, 28, 2)
    assert select(words_of(raw), 0, 0, *nobody, -1, 100, np.zeros(29, np.uint32))[:3] == (28, 28, 2)


@given(STREAMS, st.integers(0, 120))
def test_records_are_out_when_their_time_or_one_before_has_come(stream, clock_ns):
    at, newest_ns, due_ns, _ = advance(words_of(b"".join(stream)), clock_ns, 0)
    expected, newest, due = 0, 0, 0
    for record in stream:
        own = int.from_bytes(record[8:16], "little")
        if record[1] == 160:
            own = int.from_bytes(record[40:48], "little")
        elif record[1] in COLUMN:
            own = int.from_bytes(record[16:24], "little")
        if max(newest, own) > clock_ns:
            due = max(newest, own)
            break
        newest = max(newest, own)
        expected += len(record) // 4
    assert (at, newest_ns, due_ns) == (expected, newest, due)


def test_the_end_of_an_event_is_seen():
    rows = mbo(2).copy()
    assert advance(words_of(rows.tobytes()), 2**62, 0)[3]
    rows["flags"][1] &= ~np.uint8(F_LAST)
    assert not advance(words_of(rows.tobytes()), 2**62, 0)[3]


@given(STREAMS, st.integers(0, 3))
def test_whole_records_are_measured(stream, left_over):
    raw = b"".join(stream) + b"\x0e\xa0\0\0" * left_over
    size, newest_ns = measure(words_of(raw))
    assert size == len(b"".join(stream)) // 4
    assert newest_ns == max((int.from_bytes(r[8:16], "little") for r in stream), default=0)


def test_runs_and_the_first_time_are_found():
    raw = one("system", 0, 1) + mbo(3, ts=77).tobytes()
    octets = np.frombuffer(raw, np.uint8)
    assert mbo_run(octets, 0, 56) == 0
    assert mbo_run(octets, 320, 56) == 3
    assert mbo_run(octets[:-1], 320, 56) == 2
    assert first_mbo_ns(words_of(raw)) == 77
    assert first_mbo_ns(words_of(raw[:320])) == 0

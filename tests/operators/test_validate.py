import itertools
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from operators.model.evaluations import (
    WIRE_BAD_BOOK,
    WIRE_FIELD,
    WIRE_LATENCY,
    WIRE_NAMES,
    WIRE_RECV,
    WIRE_SEQUENCE,
    WIRE_TIME,
)
from operators.model.items import MboRows, Tick
from operators.model.records import (
    F_BAD_TS_RECV,
    F_LAST,
    F_MAYBE_BAD_BOOK,
    F_SNAPSHOT,
    MBO_DTYPE,
    PRICE_UNDEF,
    SIZE_UNDEF,
    TS_UNDEF,
)
from operators.validate import Validate
from operators.validate_config import ValidateConfig
from operators.validate_kernel import RECENT, WORDS_DTYPE
from tests.tape import mbo, tape

START_NS = 1_700_000_000_000_000_000
SMALL = ValidateConfig(
    tolerance_ns=1, latency_ns_max=5, ahead_ns_max=20, size_max=9, instruments_max=3
)


def check(*items, config=None):
    validate = Validate(config or ValidateConfig())
    return [item for one in items for item in validate.on_items([one])], validate


def faults_of(text, **options):
    (item,), _ = check(mbo(text, start_ns=START_NS, **options))
    return item.faults.tolist()


# What a trader can read.


def test_sound_records_pass_as_the_same_array_without_faults():
    item = mbo(
        "1 A B 10 3 #11\n--\n2 T A 10 1 #12\n2 F B 10 1 #11\n2 C B 10 1 #11", start_ns=START_NS
    )
    (out,), validate = check(item)
    assert out.rows is item.rows
    assert out.faults.tolist() == [0, 0, 0, 0]
    assert not out.faults.flags.writeable
    assert validate.report().facts["records"] == 4


def test_other_items_pass_in_their_place():
    tick = Tick("test", START_NS)
    rows = mbo("1 A B 10 3 #11", start_ns=START_NS)
    out = Validate(ValidateConfig()).on_items([tick, rows, tick])
    assert out[0] is tick
    assert out[2] is tick
    assert len(out) == 3


def test_a_jump_of_sequence_is_no_fault_and_a_step_back_is_one():
    text = "1 A B 10 3 #11 seq=7\n--\n2 A B 10 3 #12 seq=900\n--\n3 A B 10 3 #13 seq=899\n--\n"
    assert faults_of(text + "4 A B 10 3 #14 seq=900") == [0, 0, WIRE_SEQUENCE, 0]


def test_time_falls_behind_a_closed_event():
    text = "5 A B 10 3 #11\n--\n5 A B 10 3 #12\n--\n4 A B 10 3 #13 recv=6"
    assert faults_of(text) == [0, WIRE_TIME, WIRE_TIME]


def test_inside_an_event_time_may_stand_still():
    assert faults_of("5 A B 10 3 #11\n5 A B 10 3 #12\n5 A B 10 3 #13") == [0, 0, 0]


def test_receive_time_going_down_is_a_fault():
    assert faults_of("5 A B 10 3 #11 recv=9\n--\n6 A B 10 3 #12 recv=8") == [0, WIRE_TIME]


def test_receive_time_said_to_be_bad_is_not_judged():
    bad = f"flags={F_BAD_TS_RECV}"
    assert faults_of(f"5 A B 10 3 #11 recv=9\n--\n60 A B 10 3 #12 recv=1 {bad}") == [0, 0]


def test_received_before_the_event_beyond_the_tolerance():
    assert faults_of("5 A B 10 3 #11 recv=4\n--\n7 A B 10 3 #12 recv=5.9") == [0, WIRE_RECV]


def test_late_receipt_is_a_fault_of_latency():
    assert faults_of("5 A B 10 3 #11 recv=5005\n--\n6 A B 10 3 #12 recv=5006.1") == [
        0,
        WIRE_LATENCY,
    ]


def test_the_feed_says_its_book_may_be_bad():
    assert faults_of(f"5 A B 10 3 #11 flags={F_MAYBE_BAD_BOOK}") == [WIRE_BAD_BOOK]


@pytest.mark.parametrize(
    "line",
    [
        "1 A N 10 3 #11",
        "1 C N 10 3 #11",
        "1 A B 10 3 #0",
        "1 M B - 3 #11",
        "1 A B 10 0 #11",
        "1 M B 10 0 #11",
        "1 T A 10 0 #11",
        "1 F A - 3 #11",
        f"1 C A 10 {SIZE_UNDEF} #11",
        "1 T A 10 10000001 #11",
        "3600002 A B 10 3 #11 recv=1",
    ],
)
def test_an_impossible_record_is_kept_and_marked(line):
    (out,), validate = check(mbo(line, start_ns=START_NS))
    assert out.faults.tolist() == [WIRE_FIELD]
    assert out.rows.size == 1
    assert validate.report().facts["field"] == 1


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("action", b"X"),
        ("action", b"\xc1"),
        ("side", b"C"),
        ("side", b"\0"),
        ("rtype", 1),
        ("length", 12),
        ("ts_event", 0),
        ("ts_event", TS_UNDEF),
        ("ts_recv", TS_UNDEF),
    ],
)
def test_an_impossible_value_is_marked(name, value):
    rows = tape("1 A B 10 3 #11", start_ns=START_NS).copy()
    rows[name] = value
    assert check(MboRows("test", rows))[0][0].faults.tolist() == [WIRE_FIELD]


@pytest.mark.parametrize(
    "line",
    ["1 R", "1 N", "1 T N 10 3 #0", "1 F N 10 3 #0", "1 A B -10 3 #11", "1 T A 0 10000000 #1"],
)
def test_an_unusual_record_is_possible(line):
    assert faults_of(line) == [0]


def test_a_record_sent_with_ts_out_keeps_its_length():
    rows = tape("1 A B 10 3 #11", start_ns=START_NS).copy()
    rows["length"] = 16
    assert check(MboRows("test", rows))[0][0].faults.tolist() == [0]


def test_an_impossible_record_tells_neither_time_nor_sequence():
    text = "1 A B 10 3 #11\n--\n9 A B 10 0 #12 seq=90\n--\n2 A B 10 3 #13 seq=2"
    assert faults_of(text) == [0, WIRE_FIELD, 0]


def test_an_event_ends_with_an_impossible_record_too():
    text = "1 A B 10 3 #11\n9 A B 10 0 #12\n--\n1 A B 10 3 #13 recv=3"
    assert faults_of(text) == [0, WIRE_FIELD, WIRE_TIME]


def test_a_replayed_event_is_removed_and_counted():
    event = mbo("1 T A 10 1 #12\n1 F B 10 1 #11\n1 C B 10 1 #11", start_ns=START_NS)
    out, validate = check(event, event)
    assert len(out) == 1
    assert out[0].rows is event.rows
    assert validate.report().facts["duplicates"] == 3
    assert validate.report().facts["records"] == 6


def test_a_replayed_record_between_new_ones_is_taken_out():
    rows = tape("1 A B 10 3 #11\n--\n2 A B 10 3 #12\n--\n3 A B 10 3 #13", start_ns=START_NS)
    (out,), _ = check(MboRows("test", rows[[0, 1, 0, 1, 2]]))
    assert out.rows["order_id"].tolist() == [11, 12, 13]
    assert not out.rows.flags.writeable
    assert out.faults.tolist() == [0, 0, 0]


def test_a_record_twice_in_a_row_is_a_duplicate():
    rows = tape("1 A B 10 3 #11\n1 A B 10 3 #12", start_ns=START_NS)[[0, 0, 1]]
    assert check(MboRows("test", rows))[0][0].rows.size == 2


def test_fills_and_anonymous_trades_of_one_event_may_look_alike():
    rows = tape("1 T N 10 1 #0\n1 F B 10 1 #11\n1 C B 10 1 #11", start_ns=START_NS)[[0, 0, 1, 1, 2]]
    assert check(MboRows("test", rows))[0][0].rows.size == 5


def test_a_replay_longer_than_the_memory_shows_as_steps_back():
    text = "\n--\n".join(f"{n} A B 10 3 #{n}" for n in range(1, 400))
    rows = mbo(text, start_ns=START_NS)
    out, _ = check(rows, rows)
    assert out[1].rows.size > 300
    assert out[1].faults[0] == WIRE_SEQUENCE | WIRE_TIME
    assert not out[1].faults[1:].any()


def test_a_snapshot_tells_no_times_and_repeats_freely():
    snapshot = f"flags={F_SNAPSHOT | F_BAD_TS_RECV}"
    text = f"""
        9 A B 10 3 #11 seq=50
        --
        1 A B 10 3 #11 seq=9 recv=90 {snapshot}
        1 A B 10 3 #12 seq=5 recv=90000 {snapshot}
        --
        1 A B 10 3 #11 seq=9 recv=90 {snapshot}
        10 A B 10 3 #13 seq=51
    """
    assert faults_of(text) == [0, 0, 0, 0, 0]


def test_a_clear_begins_a_new_life():
    assert faults_of("9 A B 10 3 #11 seq=50\n--\n2 R seq=1\n--\n2 A B 10 3 #12 seq=1") == [0, 0, 0]


def test_instruments_and_feeds_do_not_meet():
    rows = mbo("9 A B 10 3 #11 seq=50\n--\n2 A B 10 3 #11 seq=5 i=2", start_ns=START_NS)
    other = MboRows("other", tape("2 A B 10 3 #11 seq=5", start_ns=START_NS))
    out, _ = check(rows, other)
    assert out[0].faults.tolist() == [0, 0]
    assert out[1].faults.tolist() == [0]


def test_instruments_beyond_the_bound_are_refused_and_counted():
    text = "\n".join(f"{n} A B 10 3 #11 i={n}" for n in (1, 2, 3, 4, 4, 1, 5))
    (out,), validate = check(mbo(text, start_ns=START_NS), config=ValidateConfig(instruments_max=3))
    assert out.rows["instrument_id"].tolist() == [1, 2, 3, 1]
    assert validate.report().facts["refused"] == 3
    assert validate.report().facts["instruments"] == 3


def test_thousands_of_instruments_are_remembered():
    rows = np.repeat(tape("1 A B 10 3 #11 seq=9", start_ns=START_NS), 5000)
    rows["instrument_id"] = np.arange(5000) * 64
    back = rows.copy()
    back["sequence"], back["ts_event"], back["ts_recv"] = 8, START_NS + 5, START_NS + 10**7
    out, _ = check(MboRows("test", rows), MboRows("test", back))
    assert not out[0].faults.any()
    assert (out[1].faults & WIRE_SEQUENCE).all()


def test_latency_percentiles_are_within_a_quarter_octave():
    text = "\n--\n".join(f"{n} A B 10 3 #11 recv={n}.1" for n in range(1, 100))
    _, validate = check(mbo(text + "\n--\n100 A B 10 3 #11 recv=101", start_ns=START_NS))
    facts = validate.report().facts
    assert 100_000 <= facts["latency_ns_p50"] < 125_000
    assert 100_000 <= facts["latency_ns_p99"] < 125_000
    assert Validate(ValidateConfig()).report().facts["latency_ns_p50"] is None


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("tolerance_ns", -1),
        ("latency_ns_max", 0),
        ("ahead_ns_max", 2**63),
        ("size_max", SIZE_UNDEF),
        ("instruments_max", 0),
    ],
)
def test_a_config_refuses_nonsense(name, value):
    with pytest.raises(ValueError, match=rf"{name} must be from .* was {value}"):
        ValidateConfig(**{name: value})


def test_the_two_es_files_are_sound(real_data):
    files = [
        MboRows("file", _records(real_data / f"esh4-glbx-mdp3-202312{day}.mbo.dbn.zst"))
        for day in (24, 25)
    ]
    out, validate = check(*files)
    facts = validate.report().facts
    assert [item.rows for item in out] == [item.rows for item in files]
    assert facts["records"] == 8_725 + 68_792
    assert not any(facts[name] for name in (*WIRE_NAMES, "duplicates", "refused"))
    assert 118_000 <= facts["latency_ns_p50"] <= 150_000


def _records(path):
    import databento_dbn
    import zstandard

    with path.open("rb") as file:
        data = zstandard.ZstdDecompressor().stream_reader(file, read_across_frames=True).read()
    assert databento_dbn.Metadata.decode(data).dataset == "GLBX.MDP3"
    return np.frombuffer(data[8 + int.from_bytes(data[4:8], "little") :], MBO_DTYPE)


# The slow, obvious twin.

MASK = 2**64 - 1
FACTORS = (
    0x9E3779B97F4A7C15,
    0xC2B2AE3D27D4EB4F,
    0x165667B19E3779F9,
    0xD6E8FEB86659FD93,
    0xA0761D6478BD642F,
    0xE7037ED1A0B428DB,
    0x8EBC6AF09C88C6E3,
)


def _hash(row):
    words = np.array([row]).view(WORDS_DTYPE)[0].item()
    total = sum((word ^ word >> 32) * factor for word, factor in zip(words, FACTORS, strict=True))
    total &= MASK
    total = (total ^ total >> 32) * 0x589965CC75374CC3 & MASK
    return total or 1


class Oracle:
    """One dict per instrument, one `if` per rule."""

    def __init__(self, config):
        self.config, self.instruments = config, {}
        self.duplicates = self.refused = 0

    def faults(self, feed, row):
        """WIRE_* bits of the row, or None if it goes no further."""
        key = feed, int(row["instrument_id"])
        if key not in self.instruments:
            if len(self.instruments) == self.config.instruments_max:
                self.refused += 1
                return None
            self.instruments[key] = {"recent": {}, "last": None, **self._new_life()}
        return self._judge(self.instruments[key], row)

    @staticmethod
    def _new_life():
        return {"sequence": -1, "ts_recv": 0, "closed": 0, "open": None}

    def _judge(self, state, row):
        flags, action = int(row["flags"]), row["action"]
        bad_book = WIRE_BAD_BOOK if flags & F_MAYBE_BAD_BOOK else 0
        if flags & F_SNAPSHOT:
            state["open"] = state["last"] = None
            if self._impossible(row):
                return bad_book | WIRE_FIELD
            if action == b"R":
                state.update(self._new_life())
            return bad_book
        if self._is_duplicate(state, row):
            self.duplicates += 1
            return None
        state["last"] = _hash(row)
        state["recent"][_hash(row) * RECENT >> 64] = _hash(row)
        if self._impossible(row) or self._impossible_time(row):
            if flags & F_LAST and state["open"] is not None:
                state["closed"], state["open"] = state["open"], None
            return bad_book | WIRE_FIELD
        if action == b"R":
            state.update(self._new_life())
            return bad_book | self._receipt(row)
        return bad_book | self._order(state, row) | self._receipt(row)

    def _is_duplicate(self, state, row):
        if state["recent"].get(_hash(row) * RECENT >> 64) != _hash(row):
            return False
        if int(row["ts_event"]) <= state["closed"]:
            return True
        may_repeat = row["action"] == b"F" or (row["action"] == b"T" and row["order_id"] == 0)
        return _hash(row) == state["last"] and not may_repeat

    def _impossible(self, row):
        if row["rtype"] != 160 or row["length"] not in (14, 16):
            return True
        if row["action"] not in tuple(b"%c" % c for c in b"ACMRTFN"):
            return True
        if row["side"] not in (b"A", b"B", b"N"):
            return True
        if row["action"] in (b"R", b"N"):
            return False
        if row["action"] in (b"A", b"C", b"M") and (row["order_id"] == 0 or row["side"] == b"N"):
            return True
        return row["price"] == PRICE_UNDEF or not 1 <= row["size"] <= self.config.size_max

    def _impossible_time(self, row):
        ts_event, ts_recv = int(row["ts_event"]), int(row["ts_recv"])
        return (
            not 0 < ts_event < 2**63
            or ts_recv >= 2**63
            or ts_event > ts_recv + self.config.ahead_ns_max
        )

    def _order(self, state, row):
        bits, ts_event, ts_recv = 0, int(row["ts_event"]), int(row["ts_recv"])
        if row["sequence"] < state["sequence"]:
            bits |= WIRE_SEQUENCE
        state["sequence"] = int(row["sequence"])
        if state["open"] is None and ts_event <= state["closed"]:
            bits |= WIRE_TIME
        if not row["flags"] & F_BAD_TS_RECV:
            if ts_recv < state["ts_recv"]:
                bits |= WIRE_TIME
            state["ts_recv"] = ts_recv
        state["open"] = ts_event
        if row["flags"] & F_LAST:
            state["closed"], state["open"] = ts_event, None
        return bits

    def _receipt(self, row):
        latency_ns = int(row["ts_recv"]) - int(row["ts_event"])
        if row["flags"] & F_BAD_TS_RECV:
            return 0
        if latency_ns > self.config.latency_ns_max:
            return WIRE_LATENCY
        return WIRE_RECV if -latency_ns > self.config.tolerance_ns else 0


TIMES = st.sampled_from([*range(100, 112)]) | st.sampled_from([0, 1, 200, 2**63, TS_UNDEF])
FIELDS = {
    "length": st.sampled_from([14] * 8 + [16, 0]),
    "rtype": st.sampled_from([160] * 9 + [1]),
    "instrument_id": st.sampled_from([1, 1, 1, 2, 3, 4]),
    "ts_event": TIMES,
    "order_id": st.sampled_from([0, 1, 2, 3]),
    "price": st.sampled_from([-5, 0, 10, PRICE_UNDEF]),
    "size": st.sampled_from([1, 2, 3, 9, 0, 10, SIZE_UNDEF]),
    "flags": st.sampled_from([0, F_LAST, F_LAST, 130]) | st.integers(0, 255),
    "action": st.sampled_from(
        [b"A", b"C", b"M", b"R", b"T", b"F", b"N", b"T", b"F", b"Z", b"\x81"]
    ),
    "side": st.sampled_from([b"A", b"B", b"A", b"B", b"N", b"", b"\xc1"]),
    "ts_recv": TIMES,
    "sequence": st.integers(0, 4) | st.just(2**32 - 1),
}


@st.composite
def hostile(draw):
    """Two feeds' records out of a small pool, so that they meet and repeat."""
    pool = draw(st.lists(st.fixed_dictionaries(FIELDS), min_size=1, max_size=12))
    picks = draw(st.lists(st.integers(0, len(pool) - 1), max_size=60))
    rows = np.zeros(len(picks), MBO_DTYPE)
    for row, pick in zip(rows, picks, strict=True):
        for name, value in pool[pick].items():
            row[name] = value
    rows.flags.writeable = False
    feeds = draw(
        st.lists(st.sampled_from(["a", "a", "a", "b"]), min_size=len(picks), max_size=len(picks))
    )
    return rows, feeds


def _pieces(rows, feeds, cuts):
    """Items of one feed each, cut further at `cuts`."""
    stops = {i for i in range(1, len(feeds)) if feeds[i] != feeds[i - 1]} | set(cuts)
    edges = sorted({0, len(feeds), *(stop for stop in stops if stop < len(feeds))})
    return [MboRows(feeds[first], rows[first:stop]) for first, stop in itertools.pairwise(edges)]


def _joined(out):
    rows = [item.rows for item in out] or [np.zeros(0, MBO_DTYPE)]
    faults = [item.faults for item in out] or [np.zeros(0, np.uint16)]
    return np.concatenate(rows).tobytes(), np.concatenate(faults).tolist()


def _bytes(state):
    return {name: np.array(value).tobytes() for name, value in state.items()}


@given(hostile())
def test_the_kernel_equals_the_oracle(stream):
    rows, feeds = stream
    oracle = Oracle(SMALL)
    expected = [oracle.faults(feed, row) for feed, row in zip(feeds, rows, strict=True)]
    validate = Validate(SMALL)
    out = validate.on_items(_pieces(rows, feeds, ()))
    kept = np.array([bits is not None for bits in expected], bool)
    assert _joined(out) == (rows[kept].tobytes(), [bits for bits in expected if bits is not None])
    facts = validate.report().facts
    assert (facts["records"], facts["duplicates"], facts["refused"]) == (
        len(rows),
        oracle.duplicates,
        oracle.refused,
    )
    for index, name in enumerate(WIRE_NAMES):
        assert facts[name] == sum(bits >> index & 1 for bits in expected if bits is not None)


@given(hostile(), st.sets(st.integers(0, 60)))
def test_any_cut_and_a_resume_at_each_gives_the_same(stream, cuts):
    rows, feeds = stream
    whole = Validate(SMALL)
    expected = whole.on_items(_pieces(rows, feeds, ()))
    out, state = [], None
    for piece in _pieces(rows, feeds, cuts):
        validate = Validate(SMALL, None if state is None else pickle.loads(state))
        out += validate.on_items([piece])
        state = pickle.dumps(validate.snapshot())
    assert _joined(out) == _joined(expected)
    if state is not None:
        assert _bytes(pickle.loads(state)) == _bytes(whole.snapshot())


@given(hostile())
def test_a_snapshot_is_no_live_view(stream):
    rows, feeds = stream
    validate = Validate(SMALL)
    validate.on_items(_pieces(rows[:20], feeds[:20], ()))
    state = validate.snapshot()
    before = _bytes(state)
    resumed = Validate(SMALL, state)
    resumed.on_items(_pieces(rows[20:], feeds[20:], ()))
    validate.on_items(_pieces(rows[20:], feeds[20:], ()))
    assert _bytes(state) == before

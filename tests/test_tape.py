import numpy as np
import pytest

from operators.model.records import F_LAST, F_SNAPSHOT, MBO_DTYPE, PRICE_UNDEF, event_stops
from tests.tape import instruments, mbo, tape

MARKET = """
    ; one order rests, then meets an aggressor
    10   A B 5000.25 3 #11
    --
    10.5 T A 5000.25 1 #12 seq=7
    10.5 F B 5000.25 1 #11 seq=7 i=2
    10.5 C B 5000.25 1 #11 recv=11
    --
    11   R
    12   A A - 3 #13 flags=0x20
"""


def test_a_tape_reads_as_the_records_it_says():
    batch = tape(MARKET)
    assert batch.dtype == MBO_DTYPE
    assert batch["action"].tobytes() == b"ATFCRA"
    assert batch["side"].tobytes() == b"BABBNA"
    assert batch["price"][:2].tolist() == [5_000_250_000_000] * 2
    assert batch["price"][-1] == PRICE_UNDEF
    assert batch["ts_event"].tolist() == [10_000_000, *[10_500_000] * 3, 11_000_000, 12_000_000]
    assert batch["ts_recv"][3] == 11_000_000
    assert batch["order_id"].tolist() == [11, 12, 11, 11, 0, 13]
    assert batch["sequence"].tolist() == [1, 7, 7, 4, 5, 6]
    assert batch["instrument_id"].tolist() == [1, 1, 2, 1, 1, 1]
    assert event_stops(batch).tolist() == [1, 4, 6]
    assert batch["flags"][-1] == F_LAST | F_SNAPSHOT


def test_a_tape_is_read_only_and_may_stay_open():
    batch = tape(MARKET, closed=False)
    assert not batch.flags.writeable
    assert np.flatnonzero(batch["flags"] & F_LAST).tolist() == [0, 3]


def test_a_tape_may_start_anywhere():
    rows = mbo("10 R", 5, start_ns=1_000, sequence=9).rows
    assert (rows["ts_event"][0], rows["sequence"][0]) == (10_001_000, 9)


@pytest.mark.parametrize("line", ["10", "10 X B 1 1 #1", "10 A B 1 1 #1 what=1", "10 A B 1 1 #1 7"])
def test_a_line_that_is_no_record_is_named(line):
    with pytest.raises(ValueError, match="not a record"):
        tape(line)


def test_roots_come_from_symbols():
    assert [(i.symbol, i.root) for i in instruments({1: "ESH4", 2: "NQH4"})] == [
        ("ESH4", "ES"),
        ("NQH4", "NQ"),
    ]

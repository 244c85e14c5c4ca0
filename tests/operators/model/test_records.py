import json
import subprocess
import sys

import databento_dbn as dbn
import numpy as np
import pytest

from operators.model import records
from operators.model.records import F_LAST, MBO_DTYPE, MBO_DTYPE_TS_OUT, event_stops
from tests.tape import tape

CODE = """
import json, databento_dbn, numpy
print(json.dumps(numpy.dtype(databento_dbn.MBOMsg._dtypes).descr))
"""


def test_the_record_is_the_feeds_own():
    """Asked of a fresh process: the client appends `ts_out` to its shared list in place."""
    shown = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=True)
    theirs = np.dtype([tuple(field) for field in json.loads(shown.stdout)])
    assert theirs.names == MBO_DTYPE.names
    assert theirs.itemsize == MBO_DTYPE.itemsize == 56
    for name in MBO_DTYPE.names or ():
        ours, his = MBO_DTYPE.fields[name], theirs.fields[name]  # type: ignore[index]
        assert (ours[1], ours[0].itemsize) == (his[1], his[0].itemsize), name
        assert ours[0].kind == his[0].kind, name


def test_a_record_made_by_the_client_reads_the_same():
    message = dbn.MBOMsg(
        publisher_id=1,
        instrument_id=17077,
        ts_event=1_703_548_799_446_821_072,
        order_id=2**63 + 5,
        price=-250_000_000,
        size=7,
        action=dbn.Action.ADD,  # type: ignore[arg-type]
        side=dbn.Side.BID,  # type: ignore[arg-type]
        ts_recv=1_703_548_799_446_999_999,
        flags=F_LAST,
        channel_id=3,
        ts_in_delta=-1,
        sequence=59_585,
    )
    (row,) = np.frombuffer(bytes(message), MBO_DTYPE)
    assert (row["length"], row["rtype"]) == (14, records.RTYPE_MBO)
    assert (row["order_id"], row["price"], row["size"]) == (2**63 + 5, -250_000_000, 7)
    assert (row["action"], row["side"], row["flags"]) == (b"A", b"B", F_LAST)
    assert (row["ts_event"], row["ts_recv"]) == (message.ts_event, message.ts_recv)
    assert (row["ts_in_delta"], row["sequence"], row["channel_id"]) == (-1, 59_585, 3)


def test_the_feeds_numbers_are_ours():
    assert records.PRICE_UNDEF == dbn.UNDEF_PRICE
    assert records.TS_UNDEF == dbn.UNDEF_TIMESTAMP
    assert records.PRICE_SCALE == dbn.FIXED_PRICE_SCALE
    for name, flag in (("LAST", 0x80), ("TOB", 0x40), ("SNAPSHOT", 0x20), ("MBP", 0x10)):
        assert getattr(records, f"F_{name}") == flag == getattr(dbn, f"F_{name}", flag)
    for ours, theirs in (("ADD", "ADD"), ("CANCEL", "CANCEL"), ("MODIFY", "MODIFY")):
        assert chr(getattr(records, ours)) == str(getattr(dbn.Action, theirs))
    for ours, theirs in (("CLEAR", "CLEAR"), ("TRADE", "TRADE"), ("FILL", "FILL")):
        assert chr(getattr(records, ours)) == str(getattr(dbn.Action, theirs))
    assert (chr(records.ASK), chr(records.BID)) == (str(dbn.Side.ASK), str(dbn.Side.BID))
    assert MBO_DTYPE_TS_OUT.itemsize == 64


def test_an_event_stops_after_its_last_record():
    assert event_stops(tape("1 R\n--\n2 A B 1 1 #1\n2 A B 1 1 #2")).tolist() == [1, 3]
    assert event_stops(tape("")).tolist() == []


def test_a_batch_that_ends_inside_an_event_is_our_mistake():
    with pytest.raises(AssertionError, match="inside an event"):
        event_stops(tape("1 R\n--\n2 A B 1 1 #1", closed=False))

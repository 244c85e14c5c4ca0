import json
import pickle

import numpy as np
import pytest

from dataflows.summary import SummarySink, collect
from operators.model.errors import StateError
from operators.model.items import Report, Tick
from operators.model.signals import FeedStatus
from operators.model.streams import EVENT_STREAMS, STATUS, Message
from sinks.codec import encode
from sinks.digest import Digest
from tests.sinks.messages import gap, signal

STATE = Message(
    STATUS, "f", 0, FeedStatus(feed="f", state="live", ts_event=1, records=1, lag_ns=0, text="")
)
MESSAGES = [signal("ES", 1), gap("ES", 1), signal("ES", 2)]
BOOK = {
    "records": np.int64(10),
    "trades": 2,
    "aggressors": 1,
    "swept_2": 1,
    "swept_3_or_more": 0,
    "stops": 0,
    "iceberg_refills": 0,
    "iceberg_orders": 0,
    "hidden_size": 0,
    "traded_size": 7,
}
INSTRUMENT = {"symbol": "ESH4", "orders": 3, "best_bid": 4_810_000_000_000, "best_ask": None}


def written(folder, shard, items, state=None):
    part = SummarySink(folder, 12).build_part("summary", f"{shard:03d}", state)
    part.write_batch(items)
    return part


def test_parts_of_all_shards_are_put_together_in_the_order_of_instruments(tmp_path):
    for shard, instrument_id, root in ((0, 17, "ES"), (11, 5, "NQ")):
        book = Report("book", {**BOOK, "instruments": {instrument_id: INSTRUMENT}})
        bins = Report("validate", {"records": 5, "duplicates": 1, "latency_bins": [0, 4]})
        written(tmp_path, shard, [book, bins, signal(root, 1), Tick("f", 1)]).close()
    found = collect(tmp_path)
    assert list(found["instruments"]) == ["5", "17"]
    assert found["instruments"]["17"] == {"orders": 3, "best_bid": "4810.00", "best_ask": None}
    assert found["records"] == 20
    assert found["executions"]["traded_size"] == 14
    assert (found["quality"]["records"], found["quality"]["duplicates"]) == (10, 2)
    assert found["signals"]["count"] == 2
    digest = Digest()
    for root in ("ES", "NQ"):
        digest.add("signals", root, encode(signal(root, 1)))
    assert found["signals"]["digest"] == digest.hex()


@pytest.mark.parametrize("cut", range(4))
def test_a_part_goes_on_from_a_snapshot(tmp_path, cut):
    whole, halves = tmp_path / "whole", tmp_path / "halves"
    whole.mkdir()
    halves.mkdir()
    written(whole, 0, MESSAGES).close()
    state = pickle.loads(pickle.dumps(written(halves, 0, MESSAGES[:cut]).snapshot()))
    written(halves, 0, MESSAGES[cut:], state).close()
    assert collect(halves) == collect(whole)


def test_state_streams_are_no_part_of_it(tmp_path):
    written(tmp_path, 0, [STATE, *MESSAGES]).close()
    assert collect(tmp_path)["streams"] == {
        **dict.fromkeys(EVENT_STREAMS, 0), "signals": 2, "gaps": 1,
    }  # fmt: skip


def test_nothing_read_is_a_summary_too(tmp_path):
    found = collect(tmp_path)
    assert (found["records"], found["instruments"], found["signals"]["count"]) == (0, {}, 0)
    json.dumps(found)


@pytest.mark.parametrize("text", ["", "{", "\xff"])
def test_a_damaged_part_is_named(tmp_path, text):
    (tmp_path / "000.json").write_text(text, "latin-1")
    with pytest.raises(StateError, match=r"000\.json: expected part of a summary, found: "):
        collect(tmp_path)

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from connectors.shard_table import ShardTable
from operators.model.records import MBO_DTYPE
from tests.connectors.dbn_bytes import mbo


def rows_of(ids):
    rows = mbo(len(ids)).copy()
    rows["instrument_id"] = ids
    rows.flags.writeable = False
    return rows


def naive(rows, shards):
    """The obvious way: one pass for each shard."""
    return [
        (shard, rows[[int(i) % shards == shard for i in rows["instrument_id"]]])
        for shard in range(shards)
        if any(int(i) % shards == shard for i in rows["instrument_id"])
    ]


def table_of(shards):
    table = ShardTable(shards)
    met = []

    def on_unknown(instrument_id, ts_event):
        met.append((instrument_id, ts_event))
        table.enter(instrument_id, instrument_id % shards)

    return table, on_unknown, met


IDS = st.one_of(st.integers(0, 5), st.integers(0, 2**32 - 1))


@given(st.lists(st.lists(IDS, min_size=1, max_size=60), max_size=6), st.sampled_from([1, 2, 7, 16]))
def test_a_split_is_what_the_obvious_way_gives(batches, shards):
    table, on_unknown, met = table_of(shards)
    for ids in batches:
        rows = rows_of(ids)
        parts = table.split(rows, on_unknown)
        expected = naive(rows, shards)
        assert [shard for shard, _ in parts] == [shard for shard, _ in expected]
        for (_, part), (_, other) in zip(parts, expected, strict=True):
            assert np.array_equal(part, other)
            assert part.dtype == MBO_DTYPE
            assert not part.flags.writeable
    ids_met = [instrument_id for instrument_id, _ in met]
    assert ids_met == list(dict.fromkeys(i for ids in batches for i in ids))


def test_rows_of_one_shard_are_not_copied():
    table, on_unknown, _ = table_of(4)
    rows = rows_of([4, 8, 4, 12])
    ((shard, part),) = table.split(rows, on_unknown)
    assert shard == 0
    assert part is rows


def test_an_instrument_is_met_at_the_time_of_its_first_row():
    table, on_unknown, met = table_of(4)
    rows = rows_of([9, 9, 5])
    table.split(rows, on_unknown)
    assert met == [(9, int(rows["ts_event"][0])), (5, int(rows["ts_event"][2]))]


def test_the_table_grows_and_ids_that_collide_stay_apart():
    table, on_unknown, _ = table_of(16)
    ids = [n << 20 for n in range(4_000)]
    rows = rows_of(ids)
    table.split(rows, on_unknown)
    parts = dict(table.split(rows, lambda *_: 1 / 0))
    assert sum(part.size for part in parts.values()) == 4_000
    assert all((part["instrument_id"] % 16 == shard).all() for shard, part in parts.items())


def test_an_instrument_may_move():
    table, on_unknown, _ = table_of(4)
    rows = rows_of([1, 2])
    table.split(rows, on_unknown)
    table.enter(1, 2)
    assert [shard for shard, _ in table.split(rows, on_unknown)] == [2]


def test_no_rows_give_no_parts():
    table, on_unknown, _ = table_of(4)
    assert table.split(rows_of([]), on_unknown) == []

import numpy as np

from connectors.split_kernel import WORDS, put, route, scatter, slot_of
from tests.connectors.dbn_bytes import mbo


def empty(slots):
    return np.zeros(slots, np.uint32), np.full(slots, -1, np.int16)


def test_a_full_neighbourhood_is_probed_onwards_and_around_the_end():
    ids, shards = empty(8)
    for n, instrument_id in enumerate((0, 2**32 - 1, 7, 8, 16, 24)):
        put(instrument_id, n, ids, shards)
    assert [int(shards[slot_of(i, ids, shards)]) for i in (0, 2**32 - 1, 7, 8, 16, 24)] == [
        *range(6)
    ]
    assert shards[slot_of(99, ids, shards)] == -1


def test_putting_again_replaces():
    ids, shards = empty(8)
    put(5, 1, ids, shards)
    put(5, 3, ids, shards)
    assert shards[slot_of(5, ids, shards)] == 3
    assert (shards >= 0).sum() == 1


def test_routing_stops_at_an_unknown_instrument_and_goes_on_there():
    ids, shards = empty(8)
    put(1, 0, ids, shards)
    rows = mbo(6, ids=(1, 1, 2))
    words = rows.view("<u8").reshape(-1, WORDS)
    routes, counts = np.empty(6, np.int16), np.zeros(2, np.int64)
    assert route(words, 0, ids, shards, routes, counts) == 2
    put(2, 1, ids, shards)
    assert route(words, 2, ids, shards, routes, counts) == 6
    assert routes.tolist() == [0, 0, 1, 0, 0, 1]
    assert counts.tolist() == [4, 2]
    out = np.zeros((6, WORDS), np.uint64)
    scatter(words, routes, np.array([0, 4]), out)
    assert np.array_equal(out.reshape(-1).view(rows.dtype), rows[[0, 1, 3, 4, 2, 5]])

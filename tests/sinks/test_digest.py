import pickle
from hashlib import sha256

import pytest

from operators.model.errors import StateError
from operators.model.streams import EVENT_STREAMS
from sinks.digest import Digest

VALUES = [
    ("signals", "ES", b"s1"),
    ("executions", "ES", b"e1"),
    ("signals", "NQ", b"n1"),
    ("signals", "ES", b"s2"),
    ("pressure", "ES", b"not part of it"),
]


def digest_of(values, state=None):
    digest = Digest(state)
    for value in values:
        digest.add(*value)
    return digest


def test_it_is_the_hash_of_root_hashes_in_root_order():
    def chain(*values):
        h = bytes(32)
        for value in values:
            h = sha256(h + sha256(value).digest()).digest()
        return h

    def root_hash(root, chains):
        return sha256(root + b"\0" + b"".join(chains.get(s, bytes(32)) for s in EVENT_STREAMS))

    es = root_hash(b"ES", {"executions": chain(b"e1"), "signals": chain(b"s1", b"s2")}).digest()
    nq = root_hash(b"NQ", {"signals": chain(b"n1")}).digest()
    assert digest_of(VALUES).hex() == sha256(es + nq).hexdigest()
    assert digest_of(VALUES).count == 4


def test_roots_and_streams_may_interleave_in_any_way():
    assert digest_of(sorted(VALUES, key=lambda value: value[1])).hex() == digest_of(VALUES).hex()


def test_the_order_within_a_stream_matters():
    assert digest_of([VALUES[3], *VALUES[:3]]).hex() != digest_of(VALUES).hex()


@pytest.mark.parametrize("cut", range(len(VALUES) + 1))
def test_it_goes_on_from_a_snapshot_that_is_no_live_view(cut):
    first = digest_of(VALUES[:cut])
    state = first.snapshot()
    stored = pickle.dumps(state)
    first.add("signals", "ES", b"later")
    assert pickle.dumps(state) == stored
    assert digest_of(VALUES[cut:], pickle.loads(stored)).hex() == digest_of(VALUES).hex()


def test_the_parts_of_several_workers_combine():
    es, nq = (digest_of(v for v in VALUES if v[1] == root) for root in ("ES", "NQ"))
    both = Digest.combine([nq.snapshot(), es.snapshot()])
    assert (both.hex(), both.count) == (digest_of(VALUES).hex(), 4)


def test_a_root_sent_by_two_workers_is_refused():
    part = digest_of(VALUES).snapshot()
    with pytest.raises(StateError, match="came from two workers"):
        Digest.combine([part, part])

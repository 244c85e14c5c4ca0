from dataclasses import fields, is_dataclass
from zlib import crc32

import pytest
from hypothesis import given
from hypothesis import strategies as st

from operators.model import errors, evaluations, items, signals, streams
from operators.model.hashing import shard_key, shard_of, stable_hash


@given(st.text(), st.integers(1, 1000))
def test_a_root_has_one_shard(root, shards):
    assert stable_hash(root) == crc32(root.encode())
    assert 0 <= shard_of(root, shards) < shards
    assert shard_of(root, shards, {root: 0}) == 0


def test_hashes_never_change():
    """A recovery store outlives a release: another hash would look for state in the wrong shard."""
    hashes = [stable_hash(root) for root in ("ES", "NQ", "CL")]
    assert hashes == [1_052_092_913, 860_819_734, 3_857_122_178]
    assert [shard_key(n) for n in (0, 12, 999)] == ["000", "012", "999"]


def test_rows_and_names_agree():
    assert evaluations.EVAL_DTYPE["faults"].shape == (len(evaluations.FAULT_NAMES),)
    assert evaluations.EVAL_DTYPE["ofi"].shape == (evaluations.OFI_LEVELS,)
    assert len(set(evaluations.FAULT_NAMES)) == evaluations.FAULTS
    assert len(evaluations.AGGRESSOR_NAMES) == evaluations.AUCTION + 1
    assert 1 << len(evaluations.WIRE_NAMES) == evaluations.WIRE_BAD_BOOK * 2
    assert list(evaluations.WINDOWS_S) == sorted(evaluations.WINDOWS_S)


def test_every_stream_has_a_topic_and_a_type():
    assert set(streams.VALUE_TYPES) == {*streams.EVENT_STREAMS, *streams.STATE_STREAMS}
    assert sorted(streams.EVENT_STREAMS) == list(streams.EVENT_STREAMS)
    assert streams.topic(streams.SIGNALS) == "ifd.signals.v1"
    assert streams.DEAD_LETTERS == "ifd.dlq.v1"


@pytest.mark.parametrize("module", [items, signals, streams])
def test_what_travels_is_frozen(module):
    classes = [c for c in vars(module).values() if isinstance(c, type) and is_dataclass(c)]
    assert len(classes) >= 1
    for cls in classes:
        assert cls.__dataclass_params__.frozen, cls  # type: ignore[attr-defined]
        assert set(cls.__slots__) == {f.name for f in fields(cls)}, cls  # type: ignore[attr-defined]


def test_errors_are_one_tree():
    for name in ("ConfigError", "DecodeError", "GatewayError", "FeedLost", "StateError"):
        assert issubclass(getattr(errors, name), errors.IfdError)
    assert errors.DeliveryError("full", 2.0).retry_after_s == 2.0

import numpy as np
import pytest
import zstandard

from connectors.databento.incoming import Incoming
from connectors.databento.messages import tick_record
from operators.model.errors import DecodeError
from tests.connectors.dbn_bytes import header, mbo, mbo_with_ts_out, with_ts_out


def incoming(**given):
    words = {"ts_out": False, "is_compressed": False} | given
    return Incoming("glbx", words.pop("dataset", "GLBX.MDP3"), **words)


def session(*, ts_out=False):
    rows = mbo(9)
    parts = [header(schema=None, ts_out=ts_out), tick_record(5), rows.tobytes()]
    if ts_out:
        parts[1:] = [with_ts_out(parts[1], 11), mbo_with_ts_out(rows)]
    return b"".join(parts)


def flushed(data, frames=1):
    """As a gateway sends: blocks flushed on the way, of one frame or of several."""
    out, step = b"", max(1, len(data) // (frames * 4))
    for frame in range(frames):
        part = data[frame * len(data) // frames : (frame + 1) * len(data) // frames]
        compressor = zstandard.ZstdCompressor().compressobj()
        for start in range(0, len(part), step):
            out += compressor.compress(part[start : start + step])
            out += compressor.flush(zstandard.COMPRESSOBJ_FLUSH_BLOCK)
        if frames > 1:
            out += compressor.flush()
    return out


def rows_of(found):
    return np.concatenate([piece for piece in found if isinstance(piece, np.ndarray)])


@pytest.mark.parametrize("size", [1, 7, 64, 65_536])
@pytest.mark.parametrize("ts_out", [False, True])
@pytest.mark.parametrize("frames", [0, 1, 3])
def test_any_reads_of_any_form_give_the_records(size, ts_out, frames):
    data = session(ts_out=ts_out)
    sent = flushed(data, frames) if frames else data
    reader = incoming(ts_out=ts_out, is_compressed=frames > 0)
    found = []
    for start in range(0, len(sent), size):
        found += reader.pieces(sent[start : start + size])
    assert np.array_equal(rows_of(found), mbo(9))
    assert reader.bytes_in == len(data)
    assert (reader.sent_ns > 0) == ts_out
    assert reader.has_header


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"dataset": "XNAS.ITCH"}, "expected dataset XNAS.ITCH, found GLBX.MDP3"),
        ({"ts_out": True}, "expected ts_out True, found False"),
    ],
)
def test_another_session_than_asked_for_is_refused(given, said):
    reader = incoming(**given)
    with pytest.raises(DecodeError, match=said):
        reader.pieces(session())
    assert not reader.has_header


def test_another_version_is_refused():
    with pytest.raises(DecodeError, match="expected DBN version 3, found 2"):
        incoming().pieces(header(version=2))


def test_damage_is_told_after_what_stood_before_it():
    reader = incoming()
    found = reader.pieces(session() + bytes(64))
    assert rows_of(found).size == 9
    assert reader.fault is not None


def test_damaged_zstd_is_damage():
    reader = incoming(is_compressed=True)
    with pytest.raises(DecodeError, match="zstd"):
        reader.pieces(b"\x28\xb5\x2f\xfd" + b"\xff" * 64)


def test_a_bomb_is_refused_with_little_of_it_unpacked():
    bomb = zstandard.ZstdCompressor(level=19).compress(bytes(512 * 1024 * 1024))
    reader = incoming(is_compressed=True)
    with pytest.raises(DecodeError, match="compressed ones"):
        reader.pieces(bomb)

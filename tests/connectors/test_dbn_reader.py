import os
import tracemalloc

import pytest
import zstandard

from connectors.dbn_reader import DbnReader
from operators.model.errors import DecodeError, FeedError
from tests.connectors.dbn_bytes import zstd

DATA = bytes(range(256)) * 1_000


def reader_of(tmp_path, raw: bytes) -> DbnReader:
    path = tmp_path / "a.dbn"
    path.write_bytes(raw)
    return DbnReader(str(path))


def read_all(reader: DbnReader, step: int = 10_000) -> bytes:
    out = b""
    while data := reader.read(step):
        out += data
    reader.close()
    return out


SKIPPABLE = b"\x53\x2a\x4d\x18\x05\x00\x00\x00hello"


@pytest.mark.parametrize(
    "raw",
    [
        DATA,
        zstd(DATA),
        zstd(DATA[:206], DATA[206:]),
        zstd(*(DATA[i : i + 1_000] for i in range(0, len(DATA), 1_000))),
        SKIPPABLE + zstd(DATA[:7]) + SKIPPABLE + zstd(b"", DATA[7:]),
        zstandard.ZstdCompressor(write_checksum=True).compress(DATA),
        zstandard.ZstdCompressor(write_content_size=False).compress(DATA),
    ],
)
def test_plain_and_compressed_files_give_the_same_bytes(tmp_path, raw):
    reader = reader_of(tmp_path, raw)
    assert read_all(reader) == DATA
    assert reader.fault is None
    assert reader.done_bytes == reader.size_bytes == len(raw)


@pytest.mark.parametrize("pack", [bytes, zstd])
def test_skipping_is_reading_and_forgetting(tmp_path, pack):
    reader = reader_of(tmp_path, pack(DATA))
    reader.read(100)
    reader.skip(50_000)
    assert reader.read(10) == DATA[50_100:50_110]
    with pytest.raises(FeedError, match=r"a\.dbn: expected the file read before the stop"):
        reader.skip(len(DATA))
    reader.close()


def test_a_frame_cut_short_is_told_after_all_it_gave(tmp_path):
    whole = zstd(DATA[:1_000], DATA[1_000:])
    for cut in range(1, len(whole), 7):
        reader = reader_of(tmp_path, whole[:cut])
        if not reader.compressed:
            reader.close()
            continue
        assert DATA.startswith(read_all(reader))
        boundary = cut == len(zstd(DATA[:1_000]))
        assert isinstance(reader.fault, DecodeError) is not boundary, cut
        if not boundary:
            assert f"byte {cut}: expected the rest of a zstd frame" in str(reader.fault)


def test_garbage_behind_a_frame_is_told_after_every_byte_before_it(tmp_path):
    reader = reader_of(tmp_path, zstd(DATA) + b"garbage!")
    assert read_all(reader, 1_000_000) == DATA
    assert f"decompressed byte {len(DATA)}: expected zstd data, found damage" in str(reader.fault)


def test_damage_inside_keeps_what_stands_before_it(tmp_path):
    noise = os.urandom(400_000)
    raw = bytearray(zstd(noise[:200_000]) + zstd(noise[200_000:]))
    raw[len(zstd(noise[:200_000]))] ^= 0xFF
    reader = reader_of(tmp_path, bytes(raw))
    assert read_all(reader, 150_000) == noise[:200_000]
    assert "decompressed byte 200000" in str(reader.fault)


def test_a_bomb_is_read_in_bounded_pieces(tmp_path):
    compressor = zstandard.ZstdCompressor(level=1)
    bomb = compressor.compress(bytes(500_000_000))
    assert len(bomb) < 100_000
    reader = reader_of(tmp_path, bomb)
    tracemalloc.start()
    for _ in range(20):
        assert len(reader.read(1_000_000)) == 1_000_000
    assert tracemalloc.get_traced_memory()[1] < 20_000_000
    tracemalloc.stop()
    reader.close()


@pytest.mark.parametrize("name", ["missing.dbn", "folder"])
def test_what_cannot_be_opened_is_told_in_one_line(tmp_path, name):
    (tmp_path / "folder").mkdir()
    with pytest.raises(FeedError) as error:
        DbnReader(str(tmp_path / name))
    assert str(error.value).startswith(f"{tmp_path / name}: expected a ")
    assert "\n" not in str(error.value)


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may read everything")
def test_a_file_that_may_not_be_read_is_told(tmp_path):
    path = tmp_path / "a.dbn"
    path.write_bytes(DATA)
    path.chmod(0)
    with pytest.raises(FeedError, match="Permission denied"):
        DbnReader(str(path))

import numpy as np
import pytest

from connectors.dbn_stream import DbnStream, stored_bytes
from operators.model.errors import DecodeError, FeedError, StateError
from tests.connectors.dbn_bytes import header, mbo, zstd


def stream_of(tmp_path, *files: bytes, chunk_rows: int = 10) -> DbnStream:
    return DbnStream("f", paths_of(tmp_path, *files), chunk_rows=chunk_rows)


def paths_of(tmp_path, *files: bytes) -> tuple[str, ...]:
    paths = [tmp_path / f"{n}.dbn" for n, _ in enumerate(files)]
    for path, data in zip(paths, files, strict=True):
        path.write_bytes(data)
    return tuple(map(str, paths))


def rows_left(stream: DbnStream) -> int:
    rows = 0
    while stream.fill():
        rows += stream.head.size if isinstance(stream.head, np.ndarray) else 0
        stream.advance()
    return rows


DATA = header() + mbo(35).tobytes()


def test_files_follow_each_other(tmp_path):
    stream = stream_of(tmp_path, DATA, zstd(DATA), header())
    assert rows_left(stream) == 70
    assert stream.position() == {"file": 3, "name": "", "offset": 0, "crc": 0}
    assert stream.stored_bytes_done == stream.stored_bytes_total > len(DATA)


def test_a_position_lies_at_any_record(tmp_path):
    stream = stream_of(tmp_path, zstd(DATA))
    stream.fill()
    stream.advance()
    stream.fill()
    stream.advance(3)
    position = stream.position()
    assert position["offset"] == len(header()) + 3 * 56
    again = stream_of(tmp_path, zstd(DATA))
    assert again.go_to(position).schema == "mbo"
    assert rows_left(again) == rows_left(stream) == 32
    assert again.position() == stream.position()


def test_other_files_are_refused(tmp_path):
    stream = stream_of(tmp_path, DATA)
    stream.fill()
    stream.advance()
    position = stream.position()
    wrong_name = position | {"name": "other.dbn"}
    with pytest.raises(StateError, match=r"expected other\.dbn as file 1, found 0\.dbn; give"):
        stream_of(tmp_path, DATA).go_to(wrong_name)
    with pytest.raises(StateError, match="expected the header"):
        stream_of(tmp_path, header(symbols=[("ESH4", [])]) + DATA).go_to(position)
    with pytest.raises(StateError, match="expected the header"):
        stream_of(tmp_path, b"").go_to(position)
    with pytest.raises(FeedError, match="found only"):
        stream_of(tmp_path, DATA[:-56]).go_to(position | {"offset": len(DATA)})


@pytest.mark.parametrize("pack", [bytes, zstd])
def test_faults_name_file_and_byte_after_all_before_them(tmp_path, pack):
    stream = stream_of(tmp_path, DATA, pack(DATA + bytes(64)))
    with pytest.raises(DecodeError) as error:
        rows_left(stream)
    assert stream.position()["offset"] == len(DATA)
    kind = "decompressed byte" if pack is zstd else "byte"
    assert str(error.value) == (
        f"{tmp_path / '1.dbn'}: {kind} {len(DATA)}: "
        "expected a record of at least 16 bytes, found a length of 0 bytes"
    )
    with pytest.raises(DecodeError):
        stream.fill()


def test_the_size_of_what_is_not_there_is_an_error(tmp_path):
    with pytest.raises(FeedError, match="found nothing there"):
        stored_bytes(str(tmp_path / "none"))

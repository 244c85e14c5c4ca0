import os
import shutil
import tempfile
import threading
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.tape.checkpoint import FILE_NAME, Checkpoint, read_checkpoint
from connectors.tape.segments import HEADER_BYTES, TapePosition, segment_path, segments_of
from connectors.tape.tape import Tape
from connectors.tape.torn import cut_torn
from operators.model.errors import StateError
from tests.connectors.dbn_bytes import mbo
from tests.connectors.tape.tapes import BEGIN, FEED, config_of, held, opened, records

MEMORY = Path("/dev/shm")
PAGE = 4_096
DAY_NS = 86_400 * 10**9


def written(folder: Path, *, synced: int, unsynced: int) -> tuple[Path, TapePosition]:
    """A tape as a kill leaves it; its segment and how far it was synced."""
    live = folder / "live"
    tape = opened(live, sync_interval_s=3_600)
    tape.append(b"".join(records(synced)))
    tape.wait_synced(tape.end)
    until = tape.synced
    if unsynced:
        tape.append(b"".join(records(unsynced, start=synced)))
    shutil.copytree(live, folder / "left")
    tape.close()
    return segment_path(folder / "left" / FEED, 1), until


@pytest.fixture
def in_memory():
    """A folder where a sync costs nothing, if there is one."""
    with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as folder:
        yield Path(folder)


def test_any_cut_of_the_tail_leaves_the_whole_records_before_it(in_memory):
    path, synced = written(in_memory, synced=5, unsynced=8)
    data = path.read_bytes()
    all_of_them = records(13)
    ends = np.cumsum([HEADER_BYTES, *map(len, all_of_them)])
    assert ends[-1] == len(data)
    for size in {*range(synced.offset, len(data) + 1, 5), *ends[6:].tolist()}:
        for rest in (b"", bytes(700)):
            path.write_bytes(data[:size] + rest)
            cut = cut_torn(path.parent, segments_of(path.parent))
            whole = int(ends[ends <= size][-1])
            assert cut.end.offset <= whole
            # Zeros may be the end of the record before them: then that one goes too.
            assert cut.end.offset == whole or (rest and ends[ends < whole][-1] == cut.end.offset)
            assert cut.end >= synced
            assert path.stat().st_size == cut.end.offset
            assert cut.cut_bytes == size + len(rest) - cut.end.offset


def test_a_record_that_reaches_into_a_missing_page_goes_too(tmp_path):
    path, synced = written(tmp_path, synced=1, unsynced=0)
    rows = mbo(200)
    for missing in range(1, 12):
        data = bytearray(path.read_bytes() + rows.tobytes())
        data[missing * 512 : (missing + 1) * 512] = bytes(512)
        torn = path.parent / "torn"
        path.rename(torn)
        path.write_bytes(data)
        cut = cut_torn(path.parent, segments_of(path.parent))
        kept = np.frombuffer(path.read_bytes()[synced.offset :], rows.dtype)
        assert np.array_equal(kept, rows[: kept.size])
        assert missing * 512 - 2 * 56 <= cut.end.offset <= missing * 512
        (aside,) = cut.aside
        assert aside.read_bytes() == data[cut.end.offset :]
        torn.rename(path)


def test_a_torn_header_is_written_anew(in_memory):
    tape = opened(in_memory)
    tape.append(b"".join(records(4)))
    tape.close()
    for left in (b"", b"DBN\x03", bytes(HEADER_BYTES), bytes(3_000)):
        segment_path(in_memory / FEED, 2).write_bytes(left)
        again = Tape(config_of(in_memory), FEED)
        assert again.open() == TapePosition(2, HEADER_BYTES)
        assert again.counters.cut_bytes == len(left)
        assert held(again) == b"".join(records(4))
        again.close()
        segment_path(in_memory / FEED, 2).unlink()
        (in_memory / FEED / FILE_NAME).unlink()


def test_what_was_synced_and_is_gone_is_told(tmp_path):
    path, synced = written(tmp_path, synced=5, unsynced=3)
    os.truncate(path, synced.offset - 1)
    with pytest.raises(
        StateError, match=rf"at least the {synced.offset} bytes that were synced, f"
    ):
        opened(tmp_path / "left")
    path.unlink()
    tape = opened(tmp_path / "left")
    assert tape.end == TapePosition(2, HEADER_BYTES)
    with pytest.raises(StateError, match=r"found segment 2 as the first"):
        tape.read(synced, tape.end)
    tape.close()
    segment_path(path.parent, 2).rename(path)
    with pytest.raises(StateError, match=r"expected segment 2, which was synced, found none after"):
        opened(tmp_path / "left")


def test_damage_before_what_was_synced_is_not_cut_but_told_where_it_is_read(tmp_path):
    path, synced = written(tmp_path, synced=20, unsynced=0)
    data = bytearray(path.read_bytes())
    data[HEADER_BYTES + 56] = 0
    path.write_bytes(data)
    tape = opened(tmp_path / "left")
    assert tape.end == synced
    with pytest.raises(
        Exception, match=r"byte 184: expected a record of at least 16 b.*from a copy"
    ):
        held(tape)
    tape.close()


def test_a_checkpoint_half_written_leaves_the_one_before(tmp_path):
    checkpoint = Checkpoint(tmp_path)
    assert read_checkpoint(tmp_path) is None
    places = [TapePosition(1, 128), TapePosition(1, 240), TapePosition(2, 128)]
    for place in places:
        checkpoint.write(place)
    checkpoint.close()
    assert read_checkpoint(tmp_path) == places[-1]
    data = bytearray((tmp_path / FILE_NAME).read_bytes())
    for at in range(20):
        torn = bytearray(data)
        torn[at] ^= 0x40
        (tmp_path / FILE_NAME).write_bytes(torn)
        assert read_checkpoint(tmp_path) == places[1]
    (tmp_path / FILE_NAME).write_bytes(data[:3])
    assert read_checkpoint(tmp_path) is None


class Market:
    """A tape that is appended to, synced, rotated, killed and cut off its power; what must be."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.life = 0
        self.records: list[bytes] = []
        self.number = 0
        self.safe = 0
        self.ts_ns = DAY_NS
        self.places: dict[TapePosition, int] = {}
        self.tape = self._opened()

    def _opened(self) -> Tape:
        tape = opened(self.folder / str(self.life), sync_interval_s=3_600)
        self.may_sync = threading.Event()
        sync_all = tape._syncer._sync_all
        # Rotations would have everything synced, and power cuts would find nothing to take.
        tape._syncer._sync_all = lambda: sync_all() if self.may_sync.is_set() else None
        return tape

    def append(self, count: int) -> None:
        new = records(count, start=self.number)
        self.number += count
        for part in (new[: count // 2], new[count // 2 :]):
            self.tape.append(b"".join(part))
            self.records += part
            self.places[self.tape.end] = len(self.records)

    def sync(self) -> None:
        self.may_sync.set()
        assert self.tape.wait_idle()
        self.may_sync.clear()
        self.safe = len(self.records)

    def rotate(self) -> None:
        self.tape.rotate_if_due(self.ts_ns)
        self.ts_ns += DAY_NS
        self.tape.rotate_if_due(self.ts_ns)

    def stop(self) -> None:
        self.close()
        self.safe = len(self.records)
        self.tape = self._opened()
        self.check()

    def fail(self, tear) -> None:
        """Take a picture of the disk as it is, tear what was not synced, go on from that."""
        left = self.folder / str(self.life + 1)
        assert self.tape._keeper.wait_idle(60)
        shutil.copytree(self.folder / str(self.life), left)
        synced = read_checkpoint(left / FEED)
        self.close()
        self.life += 1
        for segment in segments_of(left / FEED):
            if segment.number >= synced.segment and not segment.is_packed:
                begin = synced.offset if segment.number == synced.segment else 0
                tear(segment.path, begin)
        self.tape = self._opened()
        self.check()

    def check(self) -> None:
        """The tape holds a beginning of what was appended, and all that was synced."""
        found = held(self.tape)
        count = int(np.searchsorted(np.cumsum([0, *map(len, self.records)]), len(found)))
        assert found == b"".join(self.records[:count])
        assert count >= self.safe
        self.records = self.records[:count]
        self.places = {at: index for at, index in self.places.items() if at <= self.tape.end}

    def close(self) -> None:
        self.may_sync.set()
        self.tape.close()

    def check_places(self) -> None:
        """Every position still means the same, whatever has been compressed since."""
        self.sync()
        for place, index in self.places.items():
            assert held(self.tape, place) == b"".join(self.records[index:])


def shorten(at: int):
    def tear(path: Path, begin: int) -> None:
        os.truncate(path, begin + at % (path.stat().st_size - begin + 1))

    return tear


def lose_page(at: int):
    def tear(path: Path, begin: int) -> None:
        data = bytearray(path.read_bytes())
        page = (begin + at % (len(data) - begin + 1)) // PAGE * PAGE
        start, stop = max(page, begin), min(page + PAGE, len(data))
        data[start:stop] = bytes(stop - start)
        path.write_bytes(data)

    return tear


def lose_all(at: int):
    def tear(path: Path, begin: int) -> None:
        if begin == 0:
            path.unlink()
        else:
            os.truncate(path, begin)

    return tear


def keep(_at: int):
    return lambda _path, _begin: None


STEPS = st.one_of(
    st.tuples(st.just("append"), st.integers(2, 150)),
    st.tuples(st.sampled_from(["sync", "rotate", "stop"]), st.none()),
    st.tuples(
        st.just("fail"),
        st.tuples(st.sampled_from([shorten, lose_page, lose_all, keep]), st.integers(0, 30_000)),
    ),
)


@settings(max_examples=int(os.environ.get("IFD_SOAK_TAPES", "40")))
@given(st.lists(STEPS, min_size=1, max_size=14))
def test_whatever_happens_a_tape_holds_a_beginning_and_all_that_was_synced(steps):
    with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as folder:
        market = Market(Path(folder))
        try:
            for step, argument in steps:
                if step == "fail":
                    tear, at = argument
                    market.fail(tear(at))
                else:
                    getattr(market, step)(*([] if argument is None else [argument]))
            market.check()
            market.check_places()
            assert held(market.tape, BEGIN, rows_max=3) == b"".join(market.records)
        finally:
            market.close()

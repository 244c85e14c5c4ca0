"""A live feed's signals replayed from state kept beside its tape, and from its beginning."""

import gc
import json
import shutil
import time
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from bytewax.recovery import RecoveryConfig
from bytewax.testing import run_main

from config.settings import params_version
from connectors.databento.header import header_bytes
from connectors.dbn_file import Hooks
from connectors.tape.segments import HEADER_BYTES, TapePosition
from connectors.tape.tape import Tape
from connectors.tape.walk_kernel import whole_bytes
from dataflows.archive import archives_of
from dataflows.archivist import Archivist, archive_due
from dataflows.detect import build
from dataflows.evaluation import CallingSink
from dataflows.published_signal import find
from dataflows.store import store_of
from dataflows.why_replay import replay
from dataflows.why_start import start_of
from dataflows.why_view import Answer
from operators.model.errors import FeedError, StateError
from operators.model.records import RTYPE_MBO
from operators.model.streams import SIGNALS, Message
from sinks.codec import encode
from tests.flows import market
from tests.live import SHARDS, live_settings, live_source, tape_of

pytestmark = pytest.mark.slow

DAY_NS = 86_400 * 10**9
DEADLINE_S = 240.0
"""Kernels may be compiled on the way."""

MARKET_NS = 1_775_482_200 * 10**9
"""When the market begins: no further segment does while it is read."""
PARTS = 2
"""Segments of the tape."""
STEP_ROWS = 1_000
"""Records read from it at once."""


def record(settings, path):
    """The records of a market as a feed's tape; its id."""
    data = path.read_bytes()
    tape = Tape(settings.tape, "glbx")
    tape.open()
    at = header_bytes(data)
    for part in range(PARTS):
        tape.rotate_if_due(MARKET_NS + (part - 1) * DAY_NS)
        stop = len(data) if part == PARTS - 1 else at + len(data) // PARTS
        size, _ = whole_bytes(memoryview(data)[at:stop])
        tape.append(memoryview(data)[at : at + size])
        at += size
    assert at == len(data)
    assert tape.wait_idle()
    id_ = tape.id
    tape.close()
    return id_


def place_of(part):
    """Where on its tape a partition reads."""
    assert part._reader is not None
    return part._reader.position


def run(settings, life, until, out):
    """One life of the worker, up to so many records; what it published goes to `out`."""
    end_s = time.monotonic() + DEADLINE_S
    parts = []

    def stop():
        assert time.monotonic() < end_s, "the market does not come to its end"
        return bool(source.built) and until(source.built[-1])

    source = live_source(settings, Hooks(stop=stop), life=life)
    flow = build(settings, source, {"out": CallingSink(SHARDS, out.append)})
    store = RecoveryConfig(settings.recovery.directory)
    try:
        run_main(flow, epoch_interval=timedelta(seconds=0.05), recovery_config=store)
    finally:
        parts = [part.close() for part in source.built]
        assert parts
        source.built.clear()
        del flow
        gc.collect()


@pytest.fixture(scope="module")
def lived(tmp_path_factory):
    """Settings of a feed that was stopped after its tape's second segment began, and went on."""
    folder = tmp_path_factory.mktemp("live")
    given = {"recovery.directory": str(folder / "store"), "recovery.reserve_bytes": 0}
    given["rows_per_epoch_max"] = STEP_ROWS
    # The tape is all there is to be read: nobody is connected to.
    settings = live_settings(folder, "127.0.0.1", 1, "db-" + "k" * 29, **given)
    id_ = record(settings, market(folder / "market.dbn", duration_s=120.0))
    life = store_of(settings, params_version(settings)).generation
    begun = {"life": life, "tape": id_, "segment": 1, "offset": HEADER_BYTES}
    (tape_of(folder) / "begin.json").write_text(json.dumps(begun))
    out = []
    run(settings, life, lambda part: place_of(part).segment == PARTS, out)
    with Archivist(lambda: settings, pytest.fail) as archivist:
        deadline = time.monotonic() + DEADLINE_S
        while not archives_of(tape_of(folder)):
            assert time.monotonic() < deadline
            archivist._end.wait(0.02)
    assert archive_due(settings) == []
    end = (tape_of(folder) / "segment-000002.dbn").stat().st_size - STEP_ROWS * 60
    run(settings, life, lambda part: place_of(part) > TapePosition(PARTS, end), out)
    path = folder / "published.ndjson"
    values = [encode(one) for one in out if isinstance(one, Message) and one.stream == SIGNALS]
    # A life that was stopped says nothing twice.
    assert len(values) == len(set(values))
    path.write_bytes(b"\n".join(values))
    return settings, path


def revisions(path):
    """(id, revision, seq by root) of all, in order."""
    return [json.loads(line) for line in path.read_bytes().splitlines()]


def answer(settings, path, told):
    signal = find(settings, told["id"], file=str(path))
    asked = signal.chosen(told["revision"])
    return Answer(signal, asked, replay(settings, start_of(settings, asked, (), None), asked))


def before_and_after(settings, path):
    (about,) = archives_of(tape_of(Path(settings.tape.directory).parent))
    before, after = [], []
    for told in revisions(path):
        (after if about.seqs.get(told["root"], 0) < told["seq"] else before).append(told)
    return before, after


def test_every_signal_is_made_again_from_the_nearest_state(lived):
    settings, path = lived
    before, after = before_and_after(settings, path)
    assert min(len(before), len(after)) > 2, (len(before), len(after))
    for told in (before[0], before[-1]):
        found = answer(settings, path, told)
        assert found.is_same
        assert "began" in found.replayed.start.text or "beginning" in found.replayed.start.text
    for told in (after[0], after[-1]):
        found = answer(settings, path, told)
        assert found.is_same
        assert "the state kept at segment 2" in found.replayed.start.text
        assert found.replayed.start.seq < told["seq"]
    opened = next(told for told in after if told["change"] == "opened" and told["evidence"])
    found = answer(settings, path, opened)
    evidence = opened["evidence"][-1]
    sequences = found.replayed.rows["sequence"][: found.replayed.at_row].tolist()
    if evidence["instrument_id"] == opened["contract"]["instrument_id"]:
        assert evidence["sequence_last"] in sequences
    assert found.replayed.book is not None
    assert all(found.replayed.book)


@pytest.fixture
def copied(lived, tmp_path):
    """The same with a tape of its own, to be harmed."""
    settings, path = lived
    folder = tmp_path / "tape"
    shutil.copytree(settings.tape.directory, folder)
    tape = replace(settings.tape, directory=str(folder))
    return settings.model_copy(update={"tape": tape}), path, folder / "glbx"


def test_a_changed_tape_gives_another_signal(copied):
    settings, path, folder = copied
    _, after = before_and_after(settings, path)
    segment = folder / "segment-000002.dbn"
    data = bytearray(segment.read_bytes())
    told = [each for each in after if each["change"] in ("opened", "updated")][-1]
    assert answer(settings, path, told).is_same
    at, trades = HEADER_BYTES, 0
    while at < len(data):
        if data[at + 1] == RTYPE_MBO and data[at + 38 : at + 39] == b"T":
            data[at + 32] = (data[at + 32] + 1) % 256  # contracts
            trades += 1
        at += 4 * data[at]
    assert trades
    segment.write_bytes(data)
    found = answer(settings, path, told)
    assert not found.is_same


def test_what_is_gone_or_damaged_is_said_in_a_line(copied):
    settings, path, folder = copied
    before, after = before_and_after(settings, path)
    for name in ("segment-000001.dbn", "segment-000001.dbn.zst"):
        (folder / name).unlink(missing_ok=True)
    assert answer(settings, path, after[0]).is_same
    with pytest.raises(StateError, match=r"deleted \(tape\.retention_days"):
        answer(settings, path, before[0])
    segment = folder / "segment-000002.dbn"
    data = bytearray(segment.read_bytes())
    data[20_000:20_400] = bytes(400)
    segment.write_bytes(data)
    with pytest.raises(FeedError, match=r"segment-000002\.dbn") as told:
        answer(settings, path, after[-1])
    assert "\n" not in str(told.value)

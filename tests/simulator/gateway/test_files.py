import databento_dbn as dbn
import numpy as np
import pytest

from operators.model.errors import FeedError
from simulator.gateway.directory import Directory
from simulator.gateway.files import load
from simulator.gateway.log import Log
from tests.connectors.dbn_bytes import (
    header,
    mbo,
    mbo_with_ts_out,
    rare,
    with_ts_out,
    zstd,
)

SYMBOLS = [("ESH4", [("2024-01-01", "2024-03-01", "17077")])]


@pytest.fixture
def log():
    made = Log()
    yield made
    made.close()


def loaded(log, tmp_path, *contents):
    """Everything in the log after loading files of these bytes, and the directory."""
    paths = []
    for number, content in enumerate(contents):
        paths.append(tmp_path / f"{number}.dbn")
        paths[-1].write_bytes(content)
    directory = Directory()
    load(paths, log, directory)
    raw = b""
    while len(raw) < log.stop * 4:
        raw += log.read(len(raw) // 4, 1 << 20).tobytes()
    return raw, directory


def test_files_follow_one_another(log, tmp_path):
    one, two = mbo(50_000, ids=(17077,)), mbo(3, start=50_000, ids=(17078,))
    plain = header(symbols=SYMBOLS) + one.tobytes()
    packed = zstd(header(), two.tobytes())
    raw, directory = loaded(log, tmp_path, plain, packed)
    assert raw == one.tobytes() + two.tobytes()
    assert directory.symbol(17077) == "ESH4"
    assert [each.instrument_id for each in directory.everything()] == [17077, 17078]


def test_send_times_are_taken_off(log, tmp_path):
    rows = mbo(5)
    status = rare(dbn.StatusMsg, instrument_id=1, ts_event=7)
    content = header(ts_out=True) + with_ts_out(status, 9) + mbo_with_ts_out(rows)
    assert loaded(log, tmp_path, content)[0] == status + rows.tobytes()


def test_old_versions_become_the_newest(log, tmp_path):
    old = rare(dbn.StatMsgV1, instrument_id=5, ts_event=7, quantity=12, price=3)
    raw, _ = loaded(log, tmp_path, header(version=1) + old)
    (record,) = dbn.DBNDecoder(has_metadata=False, input_version=3).write_and_decode(raw)
    assert (len(raw), record.instrument_id, record.quantity) == (80, 5, 12)


def test_definitions_and_mappings_fill_the_directory(log, tmp_path):
    definition = rare(
        dbn.InstrumentDefMsg,
        instrument_id=3,
        raw_symbol=b"ESM6 C5000",
        asset=b"ES",
        instrument_class=b"C",
        expiration=99,
    )
    mapping = rare(dbn.SymbolMappingMsg, instrument_id=4, stype_out_symbol=b"NQM6")
    _, directory = loaded(log, tmp_path, header() + definition + mapping)
    (option,) = directory.resolve("parent", "ES.OPT", 0)
    assert (option.instrument_id, option.symbol, option.expiration_ns) == (3, "ESM6 C5000", 99)
    assert directory.symbol(4) == "NQM6"


def test_what_the_gateway_says_itself_is_left_out(log, tmp_path):
    said = rare(dbn.SystemMsg, msg=b"ifd tick") + rare(dbn.ErrorMsg) + rare(dbn.OHLCVMsg)
    assert loaded(log, tmp_path, header() + said + mbo(1).tobytes())[0] == mbo(1).tobytes()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"no dbn at all",
        header()[:50],
        header() + mbo(1).tobytes()[:-1],
        header() + bytes(64),
        zstd(header())[:-5],
        b"\x28\xb5\x2f\xfd" + b"x" * 40,
    ],
)
def test_a_damaged_file_is_one_clear_error(log, tmp_path, content):
    with pytest.raises(FeedError, match=r"0\.dbn: expected"):
        loaded(log, tmp_path, content)


def test_a_missing_file_is_one_clear_error(log, tmp_path):
    with pytest.raises(FeedError, match="nowhere"):
        load([tmp_path / "nowhere.dbn"], log, Directory())


def test_real_data_is_served_as_it_is(log, real_data):
    path = real_data / "esh4-glbx-mdp3-20231225.mbo.dbn.zst"
    directory = Directory()
    load([path], log, directory)
    assert log.stop == 68_792 * 14
    (instrument,) = directory.resolve("parent", "ES.FUT", 0)
    assert (instrument.instrument_id, instrument.symbol) == (17077, "ESH4")
    assert np.frombuffer(log.read(0, 14).tobytes(), np.uint32)[1] == 17077

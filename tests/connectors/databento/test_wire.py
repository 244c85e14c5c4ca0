import random
import tracemalloc
from contextlib import suppress

import databento_dbn as dbn
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.databento.messages import Notice, Skipped, SymbolMapping, tick_record
from connectors.databento.wire import Decoder, WithRaw
from operators.model.errors import DecodeError
from operators.model.items import Tick
from operators.model.records import MBO_DTYPE
from tests.connectors.dbn_bytes import header, mbo, mbo_with_ts_out, rare, unzstd, with_ts_out

MAPPING = rare(dbn.SymbolMappingMsg, instrument_id=1, ts_event=2, stype_out_symbol="ESH4")
BAR = rare(dbn.OHLCVMsg)


def mixed(*, ts_out: bool = False) -> bytes:
    """Records of all kinds in one stream: 3 and 9 and 1 market-by-order records among them."""

    def rows(count, start):
        batch = mbo(count, start=start)
        return mbo_with_ts_out(batch) if ts_out else batch.tobytes()

    others = (MAPPING, tick_record(7), BAR, rare(dbn.StatMsg), rare(dbn.InstrumentDefMsg))
    mapping, tick, bar, stat, definition = (
        with_ts_out(raw, 11) if ts_out else raw for raw in others
    )
    first, second, third = rows(3, 0), rows(9, 3), rows(1, 12)
    start = header(schema=None, ts_out=ts_out)
    return b"".join((start, mapping, first, bar, bar, stat, tick, second, definition, third))


def split(data: bytes, cuts: list[int]) -> list:
    """Everything given for `data` cut at these places, neighbouring records joined."""
    decoder = Decoder("f")
    out: list = []
    for start, stop in zip([0, *cuts], [*cuts, len(data)], strict=True):
        for _, piece in decoder.decode(data[start:stop]):
            if isinstance(piece, np.ndarray) and out and isinstance(out[-1], np.ndarray):
                out[-1] = np.concatenate((out[-1], piece))
            else:
                out.append(piece)
    decoder.finish()
    return out


def same(one: list, other: list) -> bool:
    return len(one) == len(other) and all(
        np.array_equal(a, b) if isinstance(a, np.ndarray) else a == b
        for a, b in zip(one, other, strict=True)
    )


def test_everything_comes_in_its_place():
    pieces = split(mixed(), [])
    kinds = [type(piece).__name__ for piece in pieces[1:]]
    assert kinds == [
        *("SymbolMapping", "ndarray", "Skipped", "Skipped", "Statistic", "Tick", "ndarray"),
        *("Definition", "ndarray"),
    ]
    rows = np.concatenate([piece for piece in pieces if isinstance(piece, np.ndarray)])
    assert np.array_equal(rows, mbo(13))
    assert pieces[1] == SymbolMapping(1, 2, "", "ESH4")
    assert pieces[6] == Tick("f", 7)


def test_a_bar_of_the_same_length_is_no_record():
    assert len(BAR) == 56
    assert [type(p) for p in split(header() + BAR, [])[1:]] == [Skipped]


def test_send_times_are_stripped_and_kept_apart():
    plain, timed = split(mixed(), []), split(mixed(ts_out=True), [])
    assert same(plain[1:], timed[1:])
    decoder = Decoder("f")
    decoder.decode(mixed(ts_out=True))
    assert decoder.ts_out_last == int(mbo(13)["ts_recv"][-1]) + 5


def test_arrays_are_read_only_aligned_and_of_the_record_type():
    data = header() + mbo(100).tobytes()
    for cut in range(1, 80, 7):
        decoder = Decoder("f")
        for piece in (data[:cut], data[cut:]):
            for _, rows in decoder.decode(piece):
                if isinstance(rows, np.ndarray):
                    assert rows.dtype == MBO_DTYPE
                    assert not rows.flags.writeable
                    assert rows.ctypes.data % 8 == 0


@pytest.mark.parametrize("ts_out", [False, True])
def test_a_cut_at_any_byte_changes_nothing(ts_out):
    data = mixed(ts_out=ts_out)
    whole = split(data, [])
    for cut in range(1, len(data)):
        assert same(split(data, [cut]), whole), cut


def test_byte_by_byte_changes_nothing():
    data = mixed()
    assert same(split(data, list(range(1, len(data)))), split(data, []))


@given(st.lists(st.integers(1, len(mixed()) - 1), unique=True, max_size=30).map(sorted))
def test_cuts_at_random_change_nothing(cuts):
    assert same(split(mixed(), cuts), split(mixed(), []))


def test_each_piece_tells_where_it_ends():
    data = mixed()
    stops = [stop for stop, _ in Decoder("f").decode(data)]
    assert stops[-1] == len(data)
    for stop in stops[:-1]:
        start = Decoder("f").decode(header(schema=None))[0][1]
        rest = Decoder("f", header=start, offset=stop)
        pieces = rest.decode(data[stop:])
        rest.finish()
        assert [each for each, _ in pieces] == [each for each in stops if each > stop]


def refused(data: bytes, **options) -> tuple[int, str]:
    """Records given before the fault, and its text."""
    decoder = Decoder("f", **options)
    pieces = decoder.decode(data)
    rows = sum(piece.size for _, piece in pieces if isinstance(piece, np.ndarray))
    with pytest.raises(DecodeError) as error:
        decoder.finish()
    with pytest.raises(DecodeError):
        decoder.finish()
    return rows, str(error.value)


HEAD = header()
FIVE = mbo(5).tobytes()
AT = len(HEAD) + len(FIVE)


@pytest.mark.parametrize(
    ("bad", "text"),
    [
        (bytes(64), "expected a record of at least 16 bytes, found a length of 0 bytes"),
        (b"\x03\xa0", "expected a record of at least 16 bytes, found a length of 12 bytes"),
        (b"\xff\xa0" + bytes(1018), "expected 56 bytes for a record of type mbo, found 1020"),
        (b"\x10\xa0" + bytes(62), "expected 56 bytes for a record of type mbo, found 64"),
        (b"\x0f\x13" + bytes(58), "expected 360 or 400 or 520 bytes for a record of type"),
        (b"\x08\x63" + bytes(30), "expected a DBN record, found unknown record type 99"),
        (FIVE[:20], "expected 56 bytes of a record, found the end of the input after 20"),
        (b"\x0e", "expected 56 bytes of a record, found the end of the input after 1"),
    ],
)
def test_bad_records_are_refused_where_they_stand_after_all_before_them(bad, text):
    rows, found = refused(HEAD + FIVE + bad)
    assert rows == 5
    assert found.startswith(f"byte {AT}: {text}")


def test_a_record_of_the_wrong_size_for_send_times_is_refused():
    rows, found = refused(header(ts_out=True) + FIVE)
    assert (rows, found) == (
        0,
        f"byte {len(HEAD)}: expected 64 bytes for a record of type mbo, found 56",
    )


def test_nothing_is_read_past_a_fault():
    decoder = Decoder("f")
    assert len(decoder.decode(HEAD + FIVE + bytes(64) + FIVE)) == 2
    with pytest.raises(DecodeError, match="length of 0 bytes"):
        decoder.decode(FIVE)


def test_unknown_types_may_be_skipped_and_told():
    data = HEAD + FIVE + b"\x08\x63" + bytes(30) + FIVE
    pieces = [piece for _, piece in Decoder("f", skip_unknown=True).decode(data)]
    assert pieces[2] == Skipped(99, None)
    assert [piece.size for piece in pieces[1::2]] == [5, 5]


def test_another_schema_an_empty_input_and_a_short_header_are_refused():
    assert refused(header(schema=dbn.Schema.TRADES) + FIVE) == (
        0,
        "byte 24: expected schema mbo, found schema trades",
    )
    assert refused(b"") == (0, "byte 0: expected DBN metadata, found an empty input")
    size = len(HEAD)
    assert refused(HEAD[:50]) == (
        0,
        f"byte 0: expected {size} bytes of DBN metadata, found the end after 50",
    )
    assert refused(b"DB")[1].endswith("found the end after 2")


@given(st.data())
def test_damaged_bytes_raise_nothing_but_decode_errors(data):
    whole = mixed()
    places = data.draw(st.lists(st.integers(0, len(whole) - 1), min_size=1, max_size=8))
    raw = bytearray(whole)
    for place in places:
        raw[place] = data.draw(st.integers(0, 255))
    sound = min(*places, data.draw(st.integers(0, len(raw))))
    before, found = (one_by_one(source) for source in (whole[:sound], bytes(raw)))
    # What stood before the damage came all the same.
    assert found[: len(before)] == before


def test_a_thousand_damaged_streams_raise_nothing_but_decode_errors():
    chance = random.Random(7)
    sources = [mixed(), mixed(ts_out=True), HEAD + FIVE]
    outcomes = [0, 0]
    for _ in range(1_000):
        raw = bytearray(chance.choice(sources))
        for _ in range(chance.choice((1, 3, 30))):
            raw[chance.randrange(len(raw))] = chance.choice((0, 255, chance.randrange(256)))
        outcomes[survives(bytes(raw))] += 1
    assert min(outcomes) > 50


def one_by_one(raw: bytes) -> list:
    """What is given for some bytes before a fault, rows as bytes of their own."""
    decoder = Decoder("f", skip_unknown=True)
    out: list = []
    with suppress(DecodeError):
        for start in range(0, len(raw), 333):
            for _, piece in decoder.decode(raw[start : start + 333]):
                is_rows = isinstance(piece, np.ndarray)
                out += [row.tobytes() for row in piece] if is_rows else [piece]
        decoder.finish()
    return out


def survives(raw: bytes) -> bool:
    decoder = Decoder("f", skip_unknown=True)
    try:
        for start in range(0, len(raw), 333):
            for _, piece in decoder.decode(raw[start : start + 333]):
                assert not isinstance(piece, Notice) or piece.text is not None
        decoder.finish()
    except DecodeError:
        return False
    return True


def test_a_header_that_claims_much_takes_no_memory_before_it_is_there():
    decoder = Decoder("f")
    tracemalloc.start()
    decoder.decode(b"DBN\x03" + (200 * 1024 * 1024).to_bytes(4, "little") + bytes(100))
    assert tracemalloc.get_traced_memory()[1] < 1024 * 1024
    tracemalloc.stop()
    with pytest.raises(DecodeError, match="expected 209715208 bytes of DBN metadata"):
        decoder.finish()


def test_the_official_live_session_is_read_as_the_library_reads_it(real_data):
    raw = unzstd((real_data / "official/test_data.live.dbn.zst").read_bytes())
    decoder = dbn.DBNDecoder()
    theirs: dict[str, int] = {}
    for record in decoder.write_and_decode(raw):
        name = type(record).__name__
        theirs[name] = theirs.get(name, 0) + 1
    ours: dict[str, int] = {}
    for _, piece in Decoder("f").decode(raw):
        count = piece.size if isinstance(piece, np.ndarray) else 1
        name = piece.name if isinstance(piece, Skipped) else type(piece).__name__
        ours[name] = ours.get(name, 0) + count
    assert ours["ndarray"] == theirs["MBOMsg"] == 5
    assert ours["SymbolMapping"] == theirs["SymbolMappingMsg"] == 20
    assert ours["Statistic"] == theirs["StatMsg"] == 9
    assert ours["Definition"] == theirs["InstrumentDefMsg"] == 2
    bars = ours["ohlcv-1s"] + ours["ohlcv-1m"]
    skipped = bars + ours["mbp-1"] + ours["mbp-10"] + ours["trades"]
    assert skipped == sum(theirs[n] for n in ("OHLCVMsg", "MBP1Msg", "MBP10Msg", "TradeMsg"))


def test_real_files_are_read_whole_or_refused_for_their_schema(real_data):
    counts = {}
    for file in sorted(real_data.rglob("*.dbn.zst")):
        decoder = Decoder("f")
        pieces = decoder.decode(unzstd(file.read_bytes()))
        if decoder.fault is not None:
            assert "expected schema mbo, found schema" in str(decoder.fault)
            continue
        decoder.finish()
        counts[file.name] = sum(p.size for _, p in pieces if isinstance(p, np.ndarray))
    assert counts["esh4-glbx-mdp3-20231224.mbo.dbn.zst"] == 8_725
    assert counts["esh4-glbx-mdp3-20231225.mbo.dbn.zst"] == 68_792
    assert counts["dbn_test_data.mbo.v1.dbn.zst"] == 2
    assert len(counts) >= 5


@pytest.mark.parametrize("ts_out", [False, True])
def test_the_rarer_records_bytes_come_along_where_they_are_wanted(ts_out):
    decoder = Decoder("f", with_raw=True)
    pieces = [piece for _, piece in decoder.decode(mixed(ts_out=ts_out))]
    raws = [piece.raw for piece in pieces if isinstance(piece, WithRaw)]
    expected = [MAPPING, BAR, BAR, rare(dbn.StatMsg), tick_record(7), rare(dbn.InstrumentDefMsg)]
    assert raws == expected
    plain = [piece for _, piece in Decoder("f").decode(mixed(ts_out=ts_out))]
    assert same(plain, [p.item if isinstance(p, WithRaw) else p for p in pieces])

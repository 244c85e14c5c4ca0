import databento_dbn as dbn
import numpy as np
import pytest

from connectors.databento.messages import (
    RTYPES,
    Notice,
    Skipped,
    SymbolMapping,
    decode_message,
    system_record,
    tick_record,
)
from operators.model.items import Control, Definition, MarketStatus, Statistic, Tick
from operators.model.records import PRICE_UNDEF, TS_UNDEF
from tests.connectors.dbn_bytes import rare

DEFINITIONS = [dbn.InstrumentDefMsgV1, dbn.InstrumentDefMsgV2, dbn.InstrumentDefMsg]
OPTION = {
    "instrument_id": 42,
    "ts_event": 7,
    "raw_symbol": "EW2F4 C4800",
    "instrument_class": "C",
    "asset": "EW2",
    "min_price_increment": PRICE_UNDEF,
    "tick_rule": 4,
    "unit_of_measure_qty": 50 * 10**9,
    "currency": "USD",
    "expiration": 1_704_000_000 * 10**9,
    "strike_price": 4_800 * 10**9,
    "underlying": "ESH4",
    "underlying_id": 17077,
}


def test_record_types_and_sizes_are_those_of_the_library():
    theirs = {int(rtype) for rtype in dbn.RType.variants()}
    assert set(RTYPES) == theirs
    sizes = {
        19: {c.size_hint for c in DEFINITIONS},
        24: {dbn.StatMsgV1.size_hint, dbn.StatMsg.size_hint},
        22: {dbn.SymbolMappingMsgV1.size_hint, dbn.SymbolMappingMsg.size_hint},
        23: {dbn.SystemMsgV1.size_hint, dbn.SystemMsg.size_hint},
        21: {dbn.ErrorMsgV1.size_hint, dbn.ErrorMsg.size_hint},
        0: {48},
        1: {80},
        10: {368},
        18: {40},
        20: {112},
        160: {56},
    }
    for rtype, expected in sizes.items():
        assert set(RTYPES[rtype][1]) == expected
    others = {dbn.OHLCVMsg.size_hint, dbn.BBOMsg.size_hint, dbn.CBBOMsg.size_hint}
    assert {s for r, (_, ss) in RTYPES.items() if r not in sizes for s in ss} == others


@pytest.mark.parametrize("kind", DEFINITIONS)
def test_a_definition_reads_the_same_in_every_version(kind):
    assert decode_message("f", rare(kind, **OPTION)) == Definition(
        feed="f",
        instrument_id=42,
        ts_event=7,
        symbol="EW2F4 C4800",
        instrument_class="C",
        asset="EW2",
        tick_e9=None,
        tick_rule=4,
        point_value_e9=50 * 10**9,
        currency="USD",
        expiration_ns=1_704_000_000 * 10**9,
        strike_price_e9=4_800 * 10**9,
        underlying="ESH4",
        underlying_id=17077,
    )


@pytest.mark.parametrize("kind", DEFINITIONS)
def test_undefined_fields_of_a_definition_are_none(kind):
    undefined = rare(
        kind,
        min_price_increment=-5,
        tick_rule=255,
        unit_of_measure_qty=PRICE_UNDEF,
        expiration=TS_UNDEF,
        strike_price=PRICE_UNDEF,
    )
    found = decode_message("f", undefined)
    fields = (found.tick_e9, found.tick_rule, found.point_value_e9, found.expiration_ns)
    assert (*fields, found.strike_price_e9, found.underlying_id) == (None,) * 6


def test_statistics_of_both_layouts():
    given = {"instrument_id": 3, "ts_event": 9, "price": -5, "stat_type": 7}
    for kind, undefined in ((dbn.StatMsgV1, 2**31 - 1), (dbn.StatMsg, 2**63 - 1)):
        assert decode_message("f", rare(kind, **given, quantity=12)) == Statistic(
            "f", 3, 9, 7, -5, 12
        )
        found = decode_message("f", rare(kind, price=PRICE_UNDEF, quantity=undefined))
        assert (found.price_e9, found.quantity) == (None, None)


@pytest.mark.parametrize(("letter", "trading"), [("Y", True), ("N", False), ("~", None)])
def test_status(letter, trading):
    raw = rare(dbn.StatusMsg, instrument_id=3, ts_event=9, action=7, is_trading=letter)
    assert decode_message("f", raw) == MarketStatus("f", 3, 9, 7, trading)


@pytest.mark.parametrize("kind", [dbn.SymbolMappingMsgV1, dbn.SymbolMappingMsg])
def test_symbol_mappings_of_both_layouts(kind):
    raw = rare(kind, instrument_id=3, ts_event=9, stype_in_symbol="ES.FUT", stype_out_symbol="ESH4")
    assert decode_message("f", raw) == SymbolMapping(3, 9, "ES.FUT", "ESH4")


def test_messages_of_the_gateway_are_notices():
    for new, old, code in ((True, dbn.SystemMsg, 1), (False, dbn.SystemMsgV1, 255)):
        raw = rare(old, ts_event=9, msg="Heartbeat", **({"code": 1} if new else {}))
        assert decode_message("f", raw) == Notice("system", 9, "Heartbeat", code)
    assert decode_message("f", rare(dbn.ErrorMsg, ts_event=9, err="no", code=7)) == Notice(
        "error", 9, "no", 7
    )
    assert decode_message("f", rare(dbn.ErrorMsgV1, ts_event=9, err="no")) == Notice(
        "error", 9, "no", 255
    )


def test_ticks_and_controls_are_system_records():
    assert decode_message("f", tick_record(9)) == Tick("f", 9)
    control = system_record(9, 'ifd control silence {"root": "ES"}')
    assert decode_message("f", control) == Control("f", 9, "silence", '{"root": "ES"}')
    theirs = dbn.SystemMsg(9, "ifd tick")
    assert tick_record(9)[:300] == bytes(theirs)[:300]
    decoder = dbn.DBNDecoder(has_metadata=False, input_version=3)
    (read,) = decoder.write_and_decode(tick_record(9))
    assert (read.msg, read.ts_event) == ("ifd tick", 9)


def test_records_of_no_use_are_named():
    assert decode_message("f", rare(dbn.OHLCVMsg)) == Skipped(33, "ohlcv-1m")


def test_text_that_is_no_utf8_is_still_text():
    raw = rare(dbn.SystemMsg, msg=np.bytes_(b"\xff\xfe"))
    assert decode_message("f", raw).text == "��"

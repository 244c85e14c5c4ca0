import struct

from databento_dbn import (
    DBNDecoder,
    Metadata,
    SType,
    SymbolMappingMsg,
    SystemMsg,
)

from connectors.databento.history_records import upgraded
from connectors.databento.messages import SymbolMapping, decode_message, mapping_record


def test_a_mapping_is_what_a_live_gateway_sends():
    raw = mapping_record(17, 5, "ES.FUT", "ESM6")
    assert decode_message("f", raw) == SymbolMapping(17, 5, "ES.FUT", "ESM6")
    decoder = DBNDecoder()
    head = Metadata("GLBX.MDP3", 0, None, SType("instrument_id"), None, version=3).encode()
    decoder.write(bytes(head) + raw)
    (message,) = [each for each in decoder.decode() if isinstance(each, SymbolMappingMsg)]
    assert bytes(message) == raw
    assert (message.stype_in_symbol, message.stype_out_symbol) == ("ES.FUT", "ESM6")
    assert raw[16] == raw[88] == 255


def test_records_that_are_the_same_in_all_versions_are_left_as_they_are():
    status = struct.pack("<BB", 10, 18) + bytes(38)
    assert upgraded(status, 1) is status
    system = bytes(SystemMsg(5, "Heartbeat"))
    assert upgraded(system, 3) is system


def test_older_definitions_grow_to_the_size_of_today():
    old = bytes([90, 19]) + struct.pack("<HIQ", 1, 17, 5) + bytes(344)
    new = upgraded(old, 1)
    assert len(new) == 520
    assert new[:4] == bytes([130, 19, 1, 0])

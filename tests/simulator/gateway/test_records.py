import databento_dbn as dbn

from simulator.gateway import records

TS = 1_775_482_200_000_000_000


def decoded(raw: bytes):
    (record,) = dbn.DBNDecoder(has_metadata=False, input_version=3).write_and_decode(raw)
    assert bytes(record) == raw
    return record


def test_the_header_is_that_of_a_live_session():
    metadata = dbn.Metadata.decode(records.header("GLBX.MDP3", TS, ts_out=True))
    assert (metadata.version, metadata.dataset, metadata.schema) == (3, "GLBX.MDP3", None)
    assert (metadata.stype_in, metadata.stype_out) == (None, dbn.SType.INSTRUMENT_ID)
    assert (metadata.ts_out, metadata.symbols, metadata.end) == (True, [], None)


def test_a_mapping_is_read_by_the_publisher_s_library():
    raw = records.mapping(TS, 17077, "ES.FUT", "ESH4")
    found = decoded(raw)
    assert (found.instrument_id, found.ts_event) == (17077, TS)
    assert (found.stype_in_symbol, found.stype_out_symbol) == ("ES.FUT", "ESH4")
    assert (found.start_ts, found.end_ts) == (dbn.UNDEF_TIMESTAMP, dbn.UNDEF_TIMESTAMP)
    assert records.mapped(raw) == (17077, "ESH4")


def test_errors_have_their_codes():
    for code in records.ErrorCode:
        found = decoded(records.error(TS, code, "why", is_last=False))
        assert (found.err, found.code, found.is_last) == ("why", dbn.ErrorCode.from_int(code), 0)


def test_system_messages_have_their_codes_and_texts():
    for raw, code, text in (
        (records.heartbeat(TS), 0, "Heartbeat"),
        (
            records.acknowledgement(TS, 3, "mbo"),
            1,
            "Subscription request 3 for mbo data succeeded",
        ),
        (
            records.slow_reader(TS, "mbo"),
            2,
            "Warning: slow reading, not keeping pace with mbo data",
        ),
        (records.replay_completed(TS, "mbo"), 3, "Finished mbo replay"),
    ):
        found = decoded(raw)
        assert (found.code, found.msg, found.ts_event) == (
            dbn.SystemCode.from_int(code),
            text,
            TS,
        )
    assert decoded(records.heartbeat(TS)).is_heartbeat()


def test_long_texts_are_cut():
    assert len(records.error(TS, records.ErrorCode.INTERNAL_ERROR, "x" * 1000)) == 320
    assert len(records.system(TS, records.SystemCode.HEARTBEAT, "x" * 1000)) == 320

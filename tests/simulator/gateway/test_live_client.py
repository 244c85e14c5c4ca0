"""The publisher's own client, unmodified, against the gateway."""

import io
import threading
import time
from collections import Counter
from contextlib import suppress

import databento as db
import numpy as np
import pytest
from databento.common.error import BentoError
from databento_dbn import Compression, DBNDecoder, ErrorCode, SystemCode

from operators.model.records import F_LAST, F_SNAPSHOT, MBO_DTYPE, RTYPE_MBO
from simulator.gateway.market import MarketConfig
from simulator.gateway.open import market_of_exchange
from simulator.simulation import SimulationConfig
from tests.connectors.dbn_bytes import header, mbo, mbo_with_ts_out
from tests.gateways import running_gateway
from tests.simulator.gateway.markets import TS, market_of

SYMBOLS = [
    ("ESM6", [("2026-04-01", "2026-05-01", "11")]),
    ("ESU6", [("2026-04-01", "2026-05-01", "12")]),
    ("NQM6", [("2026-04-01", "2026-05-01", "13")]),
]
DATASET = "GLBX.MDP3"
ES = {"schema": "mbo", "symbols": "ES.FUT", "stype_in": "parent"}
ALL = {"schema": "mbo", "symbols": "ALL_SYMBOLS"}


@pytest.fixture
def rows():
    return mbo(3_000, ids=(11, 12), ts=TS, step=1000)


@pytest.fixture
def tape(tmp_path, rows):
    path = tmp_path / "tape.dbn"
    path.write_bytes(header(symbols=SYMBOLS) + rows.tobytes())
    return path


def live(gateway, **options):
    return db.Live(key=gateway.key, gateway=gateway.host, port=gateway.port, **options)


def captured(gateway, *subscriptions, **options) -> bytes:
    """All that a client receives until the gateway closes."""
    client = live(gateway, **options)
    stream = io.BytesIO()
    client.add_stream(stream)
    for each in subscriptions:
        client.subscribe(DATASET, **each)
    client.start()
    # A client that was told an error of any kind says so at the end.
    with suppress(BentoError):
        client.block_for_close(timeout=30)
    return stream.getvalue()


def decoded(raw: bytes):
    return list(DBNDecoder().write_and_decode(raw))[1:]


def rows_in(raw: bytes):
    return np.frombuffer(
        b"".join(bytes(each) for each in decoded(raw) if each.rtype == RTYPE_MBO), MBO_DTYPE
    )


@pytest.mark.parametrize("compression", [Compression.NONE, Compression.ZSTD])
def test_every_record_arrives_byte_for_byte(tape, rows, compression):
    with running_gateway([tape], close_at_end=True) as gateway:
        assert captured(gateway, ES, compression=compression).endswith(rows.tobytes())


@pytest.mark.parametrize("compression", [Compression.NONE, Compression.ZSTD])
def test_send_times_are_appended_where_asked_for(tape, rows, compression):
    with running_gateway([tape], close_at_end=True) as gateway:
        raw = captured(gateway, ES, ts_out=True, compression=compression)
    expected = np.frombuffer(mbo_with_ts_out(rows), np.uint64).reshape(-1, 8)
    received = np.frombuffer(raw[-expected.nbytes :], np.uint64).reshape(-1, 8)
    assert (received[:, :7] == expected[:, :7]).all()
    assert (received[:, 7] >= rows["ts_recv"]).all()


def test_a_whole_simulated_market_arrives_byte_for_byte():
    simulation = SimulationConfig(roots=("ES", "NQ"), instruments=8, duration_s=2.0)
    market = market_of_exchange(simulation, MarketConfig(speed=None))
    every = [
        {"schema": schema, "symbols": "ALL_SYMBOLS", "start": 0}
        for schema in ("mbo", "definition", "statistics", "status")
    ]
    with running_gateway(market=market) as gateway:
        gateway.faults.add("fin", at=20_000)
        raw = captured(gateway, *every)
        served = market.log.read(0, 400_000).tobytes()
    received = b"".join(bytes(each) for each in decoded(raw) if each.rtype in (160, 19, 24, 18))
    assert len(received) > 20_000 * 56
    assert served.startswith(received)


def test_callbacks_have_mappings_before_data(tape, rows):
    got = []
    with running_gateway([tape], close_at_end=True) as gateway:
        client = live(gateway)
        client.add_callback(got.append)
        client.subscribe(DATASET, **ES)
        client.subscribe(DATASET, "mbo", "NQ.c.0", stype_in="continuous")
        client.start()
        client.block_for_close(timeout=20)
    kinds = [type(each).__name__ for each in got]
    assert kinds[:5] == ["SystemMsg"] * 2 + ["SymbolMappingMsg"] * 3
    assert Counter(kinds)["MBOMsg"] == rows.size
    assert {e.instrument_id: e.stype_in_symbol for e in got if "stype_in_symbol" in dir(e)} == {
        11: "ES.FUT",
        12: "ES.FUT",
        13: "NQ.c.0",
    }
    assert client.symbology_map == {11: "ESM6", 12: "ESU6", 13: "NQM6"}


def test_iteration(tape, rows):
    with running_gateway([tape], close_at_end=True) as gateway:
        client = live(gateway)
        client.subscribe(DATASET, **ES)
        got = [record for record in client if isinstance(record, db.MBOMsg)]
    assert [record.order_id for record in got] == rows["order_id"].tolist()


@pytest.mark.parametrize(
    ("stype_in", "symbols", "ids"),
    [
        ("raw_symbol", ["ESU6", "NQM6"], [12]),
        ("instrument_id", [11], [11]),
        ("parent", "ES.FUT", [11, 12]),
        ("continuous", "ES.c.1", [12]),
        ("raw_symbol", "ALL_SYMBOLS", [11, 12]),
    ],
)
def test_only_what_was_subscribed_to_arrives(tape, rows, stype_in, symbols, ids):
    with running_gateway([tape], close_at_end=True) as gateway:
        raw = captured(gateway, {"schema": "mbo", "symbols": symbols, "stype_in": stype_in})
    assert rows_in(raw).tobytes() == rows[np.isin(rows["instrument_id"], ids)].tobytes()


def test_more_symbols_than_a_line_holds_are_one_subscription(tape, rows):
    symbols = [f"XX{number}" for number in range(1_100)] + ["ESM6"]
    with running_gateway([tape], close_at_end=True) as gateway:
        records = decoded(captured(gateway, {"schema": "mbo", "symbols": symbols}))
    errors = [each for each in records if isinstance(each, db.ErrorMsg)]
    acks = [e for e in records if isinstance(e, db.SystemMsg) and e.code == 1]
    assert len(acks) == 1
    assert len(errors) == 1_100
    assert {each.code for each in errors} == {ErrorCode.SYMBOL_RESOLUTION_FAILED}
    assert "XX7" in errors[7].err
    assert sum(isinstance(each, db.MBOMsg) for each in records) == rows.size // 2


def test_a_replay_is_inclusive_and_ends_with_a_message(tape, rows):
    with running_gateway([tape], close_at_end=True) as gateway:
        captured(gateway, ES)
        start = int(rows["ts_event"][1_000])
        records = decoded(captured(gateway, ES | {"start": start}))
        assert [e.order_id for e in records if isinstance(e, db.MBOMsg)] == list(
            range(1_001, 3_001)
        )
        assert records[-1].code == SystemCode.REPLAY_COMPLETED
        assert records[-1].msg == "Finished mbo replay"
        # Without a start, what has happened is not told again.
        assert rows_in(captured(gateway, ES)).size == 0


def test_a_start_counts_only_before_the_start_of_the_session(tape, rows):
    with running_gateway([tape]) as gateway:
        captured_all = live(gateway)
        got = []
        captured_all.add_callback(got.append)
        captured_all.subscribe(DATASET, **ES)
        captured_all.start()
        wait_for(lambda: sum(isinstance(e, db.MBOMsg) for e in got) == rows.size)
        captured_all.subscribe(DATASET, "mbo", "NQM6", start=0)
        wait_for(lambda: got[-1].rtype == 22)
        assert got[-1].stype_out_symbol == "NQM6"
        assert not any(isinstance(e, db.SystemMsg) and e.code == 3 for e in got)
        captured_all.terminate()


def book_of(rows):
    """Resting orders after `rows`: order → (instrument, side, price, size)."""
    book = {}
    for row in rows:
        key, action = (int(row["instrument_id"]), int(row["order_id"])), row["action"]
        if action == b"R":
            book = {k: v for k, v in book.items() if k[0] != key[0]}
        elif action in (b"A", b"M"):
            book[key] = (row["side"], int(row["price"]), int(row["size"]))
        elif action == b"C":
            side, price, size = book[key]
            book[key] = (side, price, size - int(row["size"]))
            if book[key][2] <= 0:
                del book[key]
    return book


def test_a_snapshot_and_what_follows_make_the_same_book():
    simulation = SimulationConfig(
        roots=("ES",), instruments=2, duration_s=600.0, resting_orders=300, records_per_s=2_000
    )
    market = market_of_exchange(simulation, MarketConfig(speed=None))
    with running_gateway(market=market) as gateway:
        gateway.faults.add("fin", at=3_000, session=1)
        gateway.faults.add("fin", at=2_000, session=2)
        captured(gateway, ALL)
        joined = market.released
        later = rows_in(captured(gateway, ALL | {"snapshot": True}))
        shot = later[(later["flags"] & F_SNAPSHOT) != 0]
        live_rows = later[shot.size :]
        assert (shot["flags"] & ~np.uint8(F_LAST) == 40).all()
        assert np.flatnonzero(shot["flags"] & F_LAST).size == 2
        assert (later["action"][: shot.size] != b"C").all()
        assert live_rows.size == 2_000
        log = market.log.read(0, 400_000).tobytes()
        at = log.index(live_rows[:50].tobytes())
        before = np.frombuffer(log[:at], np.uint8)
    opening = before[2 * (520 + 40 + 160) :].tobytes()
    whole = np.frombuffer(opening, MBO_DTYPE)
    assert joined * 4 <= at
    assert book_of(shot) == book_of(whole)
    assert book_of(later) == book_of(np.concatenate([whole, live_rows]))


def test_errors_of_a_subscription_close_the_session(tape):
    with running_gateway([tape]) as gateway:
        records = decoded(captured(gateway, {"schema": "mbp-10", "symbols": "ESM6"}))
    assert [type(each).__name__ for each in records] == ["ErrorMsg"]
    assert records[0].code == ErrorCode.INVALID_SUBSCRIPTION
    assert "mbp-10" in records[0].err


@pytest.mark.parametrize("code", [1, 2, 3, 5, 6, 8])
def test_a_fatal_error_ends_the_client_with_its_text(tape, code):
    with running_gateway([tape]) as gateway:
        gateway.faults.add("error", at=10, code=code, text="told so")
        client = live(gateway)
        client.subscribe(DATASET, **ES)
        client.add_callback(lambda _record: None)
        client.start()
        with pytest.raises(BentoError, match="told so"):
            client.block_for_close(timeout=20)


def test_a_wrong_key_is_refused(tape):
    with running_gateway([tape]) as gateway:
        client = db.Live(key="db-" + "x" * 29, gateway=gateway.host, port=gateway.port)
        with pytest.raises(BentoError, match="Authentication failed"):
            client.subscribe(DATASET, **ES)
        client = live(gateway)
        with pytest.raises(BentoError, match="not entitled to dataset XNAS"):
            client.subscribe("XNAS.ITCH", **ES)


def test_sessions_have_places_of_their_own(tape, rows):
    with running_gateway([tape], close_at_end=True, sessions_first=3) as gateway:
        found = [b""] * 3
        threads = []
        for number in range(3):

            def capture(number=number):
                found[number] = captured(gateway, ES)

            threads.append(threading.Thread(target=capture))
            threads[-1].start()
        for thread in threads:
            thread.join(30)
    # One may have joined when the others had read on, but none before its start.
    assert rows_in(found[0]).size == rows.size or max(rows_in(f).size for f in found) == rows.size
    for each in found:
        assert rows.tobytes().endswith(rows_in(each).tobytes())


@pytest.mark.slow
def test_silence_is_filled_with_heartbeats():
    """At the client's shortest interval, 5 s; they show the market's own clock."""
    with running_gateway(
        market=market_of(mbo(1, ids=(11,), ts=TS).tobytes(), speed=1.0)
    ) as gateway:
        client = live(gateway, heartbeat_interval_s=5)
        beats = []
        client.add_callback(lambda record: beats.append((time.monotonic(), record)))
        client.subscribe(DATASET, **ES)
        client.start()
        wait_for(lambda: any(is_heartbeat(record) for _, record in beats), 12)
        client.terminate()
    (last_s, last), (beat_s, beat) = beats[-2:]
    assert isinstance(last, db.MBOMsg)
    assert 4.9 <= beat_s - last_s
    assert beat.code == SystemCode.HEARTBEAT
    assert TS + 4.8e9 <= beat.ts_event <= TS + 12e9


def is_heartbeat(record) -> bool:
    return isinstance(record, db.SystemMsg) and record.is_heartbeat()


def wait_for(condition, timeout_s=20.0) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "it did not come"
        time.sleep(0.005)

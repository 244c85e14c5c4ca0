"""The publisher's own client, unmodified, against the gateway."""

import io

import databento as db
import numpy as np
import pytest
from databento_dbn import Compression

from tests.connectors.dbn_bytes import header, mbo, mbo_with_ts_out
from tests.gateways import running_gateway

SYMBOLS = [
    ("ESH4", [("2024-01-01", "2024-03-01", "17077")]),
    ("ESM4", [("2024-01-01", "2024-03-01", "17078")]),
]
TS = 1_705_000_000 * 10**9


@pytest.fixture
def rows():
    return mbo(3_000, ids=(17077, 17078), ts=TS, step=1000)


@pytest.fixture
def tape(tmp_path, rows):
    path = tmp_path / "tape.dbn"
    path.write_bytes(header(symbols=SYMBOLS) + rows.tobytes())
    return path


def captured(gateway, *subscriptions, **options) -> bytes:
    """All that a client receives until the gateway closes."""
    client = db.Live(key=gateway.key, gateway=gateway.host, port=gateway.port, **options)
    stream = io.BytesIO()
    client.add_stream(stream)
    for each in subscriptions:
        client.subscribe("GLBX.MDP3", **each)
    client.start()
    client.block_for_close(timeout=20)
    return stream.getvalue()


ES = {"schema": "mbo", "symbols": "ES.FUT", "stype_in": "parent"}


@pytest.mark.parametrize("compression", [Compression.NONE, Compression.ZSTD])
def test_every_record_arrives_byte_for_byte(tape, rows, compression):
    with running_gateway([tape], close_at_end=True) as gateway:
        assert captured(gateway, ES, compression=compression).endswith(rows.tobytes())


def test_send_times_are_appended_where_asked_for(tape, rows):
    with running_gateway([tape], close_at_end=True) as gateway:
        raw = captured(gateway, ES, ts_out=True)
    expected = np.frombuffer(mbo_with_ts_out(rows), np.uint64).reshape(-1, 8)
    received = np.frombuffer(raw[-expected.nbytes :], np.uint64).reshape(-1, 8)
    assert (received[:, :7] == expected[:, :7]).all()
    assert (received[:, 7] >= rows["ts_recv"]).all()

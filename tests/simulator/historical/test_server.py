import databento
import numpy as np
import pytest
from databento.common.error import BentoClientError, BentoError, BentoHttpError

from operators.model.records import NS_PER_S
from simulator.historical.faults import Fault
from simulator.historical.server import HistoricalConfig, HistoricalServer
from tests.historicals import DATASET, KEY, START, archive_of, market, running_historical

NOW = START + 3_600 * NS_PER_S
FUTURES = {"symbols": ["ES.FUT"], "stype_in": "parent"}
SPAN = {"start": START + 5 * NS_PER_S, "end": START + 10 * NS_PER_S}


@pytest.fixture(scope="module")
def archive():
    return archive_of(market(4_000))


@pytest.fixture
def service(archive, monkeypatch):
    with running_historical(archive, NOW, monkeypatch) as server:
        yield server


@pytest.fixture
def client(service):
    return databento.Historical(KEY, service.address)


def expected(archive, start, stop, ids):
    rows = np.concatenate(list(archive.rows(frozenset(ids), start, stop)))
    assert rows.size > 100
    return rows


def test_the_unmodified_client_gets_what_the_archive_holds(archive, client):
    store = client.timeseries.get_range(DATASET, schema="mbo", **SPAN, **FUTURES)
    rows = expected(archive, *SPAN.values(), (1001, 1002))
    assert store.to_ndarray().tobytes() == rows.tobytes()
    assert rows["ts_recv"][0] >= SPAN["start"]
    assert rows["ts_recv"][-1] < SPAN["end"]
    assert {name: each[0]["symbol"] for name, each in store.metadata.mappings.items()} == {
        "ESM6": "1001",
        "ESU6": "1002",
    }


@pytest.mark.parametrize(
    ("stype", "symbols", "found"),
    [
        ("raw_symbol", ["ESM6"], {"ESM6": "1001"}),
        ("instrument_id", [1002], {"ESU6": "1002"}),
        ("continuous", ["ES.c.1"], {"ES.c.1": "1002"}),
        ("raw_symbol", None, None),
    ],
)
def test_symbols_of_every_kind_are_resolved(client, stype, symbols, found):
    span = {"start": START, "end": START + NS_PER_S}
    facts = {"dataset": DATASET, "stype_in": stype, "symbols": symbols, **span}
    store = client.timeseries.get_range(schema="definition", **facts)
    mappings = {name: each[0]["symbol"] for name, each in store.metadata.mappings.items()}
    assert len(list(store)) == len(mappings) == (4 if found is None else len(found))
    assert found in (None, mappings)


def test_the_questions_about_a_range_agree_with_it(archive, client):
    facts = {"dataset": DATASET, "schema": "mbo", **SPAN, **FUTURES}
    rows = expected(archive, *SPAN.values(), (1001, 1002))
    assert client.metadata.get_record_count(**facts) == rows.size
    assert client.metadata.get_billable_size(**facts) == rows.nbytes
    assert client.metadata.get_cost(**facts) == pytest.approx(rows.nbytes / 2**30 * 2)
    assert client.metadata.get_dataset_range(DATASET)["end"].startswith("2026-04-06T14:10:00")
    store = client.timeseries.get_range(limit=7, **facts)
    assert store.to_ndarray().tobytes() == rows[:7].tobytes()


def test_nothing_newer_than_the_licence_delay_is_served(client):
    with pytest.raises(BentoClientError, match="data_end_after_available_end") as caught:
        client.timeseries.get_range(DATASET, start=START, end=NOW, schema="mbo", **FUTURES)
    assert caught.value.http_status == 422
    payload = caught.value.json_body["detail"]["payload"]
    assert payload["available_end"] == "2026-04-06T14:10:00.000000000Z"


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"dataset": "XNAS.ITCH"}, 403),
        ({"symbols": ["ZZZZ9"], "stype_in": "raw_symbol"}, 422),
        ({"schema": "trades"}, 422),
        ({"end": START}, 422),
        ({"start": "yesterday"}, 400),
    ],
)
def test_what_cannot_be_asked_is_refused(client, change, status):
    asked = {"dataset": DATASET, "schema": "mbo", **SPAN, **FUTURES, **change}
    with pytest.raises(BentoClientError) as caught:
        client.timeseries.get_range(**asked)
    assert caught.value.http_status == status


def test_another_key_is_refused(service):
    with pytest.raises(BentoClientError, match="401 auth_authentication_failed"):
        databento.Historical("db-wrong", service.address).metadata.get_dataset_range(DATASET)


@pytest.mark.parametrize("status", [401, 402, 403, 422, 429, 500])
def test_a_status_on_command_comes_once(service, client, status):
    service.faults.add(Fault(status=status, endpoint="get_cost", retry_after_s=3))
    facts = {"dataset": DATASET, "schema": "mbo", **SPAN, **FUTURES}
    with pytest.raises(BentoHttpError) as caught:
        client.metadata.get_cost(**facts)
    assert caught.value.http_status == status
    assert caught.value.headers["Retry-After"] == "3"
    assert client.metadata.get_cost(**facts) > 0


@pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")
def test_a_body_is_cut_on_command(service, client, tmp_path):
    service.faults.add(Fault(endpoint="get_range", schema="mbo", cut_bytes=1_000))
    facts = {"dataset": DATASET, "schema": "mbo", **SPAN, **FUTURES}
    with pytest.raises(BentoError, match="Error streaming response"):
        client.timeseries.get_range(path=tmp_path / "cut.dbn.zst", **facts)
    assert service.log[-1].status == 0
    assert client.timeseries.get_range(**facts).to_ndarray().size > 0


def test_a_client_that_does_not_trust_the_authority_is_no_harm(service, client, monkeypatch):
    trusted = str(service.ca_file)
    monkeypatch.delenv("REQUESTS_CA_BUNDLE")
    monkeypatch.delenv("CURL_CA_BUNDLE", raising=False)
    with pytest.raises(OSError, match="certificate verify failed"):
        client.metadata.get_dataset_range(DATASET)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", trusted)
    assert client.metadata.get_dataset_range(DATASET)


def test_a_config_refuses_nonsense_and_hides_the_key():
    with pytest.raises(ValueError, match="host must be a loopback address, was 0"):
        HistoricalConfig(key=KEY, host="0.0.0.0")
    with pytest.raises(ValueError, match="key must be a key"):
        HistoricalConfig(key="")
    assert KEY not in repr(HistoricalConfig(key=KEY))


def test_closing_leaves_no_file_behind(archive):
    server = HistoricalServer(archive, HistoricalConfig(key=KEY), lambda: NOW)
    server.start()
    assert server.ca_file.exists()
    server.close()
    assert not server.ca_file.exists()

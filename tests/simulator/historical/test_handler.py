"""What comes over the wire that no client of the vendor would send."""

import base64
import http.client
import json
import socket
import ssl
from contextlib import suppress

import pytest

from simulator.historical.faults import Fault, Faults
from simulator.historical.handler import BODY_BYTES_MAX, Asked
from tests.historicals import KEY, START, archive_of, market, running_historical

AUTH = {"Authorization": "Basic " + base64.b64encode(f"{KEY}:".encode()).decode()}


@pytest.fixture(scope="module")
def archive():
    return archive_of(market(50))


@pytest.fixture
def service(archive, monkeypatch):
    with running_historical(archive, START + 10**15, monkeypatch) as server:
        yield server


def asked(server, method, path, body=None, headers=None):
    """Status and JSON of one request."""
    context = ssl.create_default_context(cafile=str(server.ca_file))
    connection = http.client.HTTPSConnection("127.0.0.1", server.port, context=context, timeout=10)
    try:
        connection.request(method, path, body, AUTH if headers is None else headers)
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())
    finally:
        connection.close()


@pytest.mark.parametrize(
    "header",
    ["", "Basic", "Basic !!!", "Basic /w==", "Bearer " + KEY, "Basic " + "A" * 1_000],
)
def test_what_is_no_authorisation_is_401(service, header):
    status, body = asked(
        service, "GET", "/v0/metadata.get_dataset_range", headers={"Authorization": header}
    )
    assert (status, body["detail"]["case"]) == (401, "auth_authentication_failed")


def test_a_form_may_stand_in_the_address(service):
    fields = f"dataset=GLBX.MDP3&schema=mbo&start={START}&end={START + 10**9}"
    status, count = asked(service, "GET", f"/v0/metadata.get_record_count?{fields}")
    assert (status, count > 0) == (200, True)
    assert service.log[-1] == Asked("get_record_count", "mbo", str(START), str(START + 10**9), 200)


@pytest.mark.parametrize("path", ["/", "/v0/batch.submit_job", "/v0/metadata.list_datasets"])
def test_what_is_not_there_is_404(service, path):
    fields = f"?dataset=GLBX.MDP3&schema=mbo&start={START}&end={START + 10**9}"
    assert asked(service, "GET", path + fields)[0] == 404


def test_a_form_that_is_too_large_is_not_read(service):
    headers = {**AUTH, "Content-Length": str(BODY_BYTES_MAX + 1)}
    assert asked(service, "POST", "/v0/timeseries.get_range", b"", headers)[0] == 413


def test_a_form_of_too_many_fields_is_an_empty_one(service):
    body = "&".join(f"f{n}=1" for n in range(1_000))
    status, said = asked(service, "POST", "/v0/metadata.get_cost", body)
    assert (status, said["detail"]["case"]) == (403, "license_not_found_unauthorized")


def test_bytes_that_are_no_tls_end_their_connection_alone(service):
    with socket.create_connection(("127.0.0.1", service.port), timeout=10) as plain:
        plain.sendall(b"GET / HTTP/1.1\r\n\r\n")
        with suppress(ConnectionResetError):
            while plain.recv(4_096):
                continue
    assert asked(service, "GET", "/v0/metadata.get_dataset_range")[0] == 200


def test_a_silent_connection_holds_up_neither_others_nor_the_end(service):
    with socket.create_connection(("127.0.0.1", service.port), timeout=10) as silent:
        assert asked(service, "GET", "/v0/metadata.get_dataset_range")[0] == 200
        service.close()
        assert silent.recv(1) == b""


def test_faults_come_in_order_to_the_requests_they_fit():
    faults = Faults()
    first, second = Fault(endpoint="get_cost", status=500), Fault(schema="mbo", status=429)
    faults.add(first, times=2)
    faults.add(second)
    assert faults.take("get_range", "status") is None
    assert faults.take("get_range", "mbo") is second
    assert faults.take("get_cost", "mbo") is first
    faults.clear()
    assert faults.take("get_cost", "mbo") is None
    assert faults.done == [second, first]

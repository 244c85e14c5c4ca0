import logging
from collections import deque
from datetime import UTC, datetime
from email.utils import format_datetime

import pytest

from sinks.alerts.channels.channel import Secrets, SendError
from sinks.alerts.channels.http import RESPONSE_BYTES_MAX, HttpPost, retry_after_s, tls_context
from tests.sinks.alerts.servers import HttpServer

NOW = datetime(2026, 1, 15, 15, 0, tzinfo=UTC)
SECRET = "T0000SECRETTOKEN"


def post(server, path="/", timeout_s=5.0, ca_file="", secrets=(SECRET,)):
    sender = HttpPost(str(ca_file), timeout_s, Secrets(secrets))
    return sender.send(server.url + path, {"X-Test": "1"}, b"body")


def failure(answer, **given):
    with HttpServer(deque([answer])) as server, pytest.raises(SendError) as caught:
        post(server, **given)
    return caught.value


def test_a_2xx_answer_is_the_receipt():
    with HttpServer(deque([201])) as server:
        assert post(server, "/hook") == b"ok"
        (request,) = server.requests
    assert (request.path, request.body) == ("/hook", b"body")
    assert request.headers["Connection"] == "close"


@pytest.mark.parametrize("status", [429, 500, 503])
def test_what_may_pass_is_tried_again(status):
    error = failure((status, {"Retry-After": "7"}, b"later"))
    assert (error.retry_after_s, error.may_have_arrived) == (7.0, False)
    assert str(error) == f"answered {status}: later"


def test_a_gateway_that_gave_up_may_have_passed_it_on():
    assert failure(504).may_have_arrived


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410, 413])
def test_what_will_not_pass_is_given_up(status):
    assert failure(status).retry_after_s is None


def test_a_redirect_is_not_followed():
    with HttpServer() as elsewhere:
        error = failure((302, {"Location": elsewhere.url}, b""))
        assert error.retry_after_s is None
        assert "redirected" in str(error)
        assert not elsewhere.requests


def test_a_server_that_hangs_or_drips_is_left_after_the_time_out():
    with HttpServer() as server:
        for answer in (server.hang, server.drip):
            server.answers = deque([answer])
            with pytest.raises(SendError, match=r"no answer within 0\.3 s") as caught:
                post(server, timeout_s=0.3)
            assert caught.value.retry_after_s == 0.0
            assert caught.value.may_have_arrived


def test_garbage_and_a_cut_connection_are_tried_again_and_uncertain():
    for answer in (HttpServer.garbage, HttpServer.vanish):
        error = failure(answer)
        assert error.retry_after_s == 0.0
        assert error.may_have_arrived


def test_a_port_where_nobody_listens_is_certain_not_to_have_taken_it():
    with HttpServer() as server:
        url = server.url
    with pytest.raises(SendError, match="no connection") as caught:
        HttpPost("", 2.0, Secrets(())).send(url, {}, b"")
    assert (caught.value.retry_after_s, caught.value.may_have_arrived) == (0.0, False)


def test_an_endless_answer_is_read_in_part():
    with HttpServer(deque([(200, {}, b"x" * 10 * RESPONSE_BYTES_MAX)])) as server:
        assert len(post(server)) == RESPONSE_BYTES_MAX


def test_secrets_of_an_answer_are_hidden_and_nothing_is_logged(caplog):
    caplog.set_level(logging.DEBUG)
    said = f"no such hook {SECRET}\r\nX: y".encode()
    error = failure((404, {}, said), path=f"/{SECRET}")
    assert str(error) == "answered 404: no such hook ******** X: y"
    assert SECRET not in caplog.text


def test_certificates_are_verified(authority):
    with HttpServer(context=authority.context) as server:
        assert post(server, ca_file=authority.file) == b"ok"
        with pytest.raises(SendError, match=r"no connection: .*certificate") as caught:
            post(server)
    assert not caught.value.may_have_arrived


def test_a_file_of_no_certificates_is_refused(tmp_path):
    (tmp_path / "ca.pem").write_text("nothing")
    for name in ("ca.pem", "none.pem"):
        with pytest.raises(ValueError, match=r"ca_file .* cannot be used"):
            tls_context(str(tmp_path / name))


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("120", 120.0), ("", 0.0), ("soon", 0.0), ("-1", 0.0), ("99999999999999", 3600.0),
        (format_datetime(NOW.replace(minute=1)), 60.0), ("Thu, 01 Jan 1970 00:00:00 GMT", 0.0),
        ("²", 0.0), ("Thu, 99 Foo 9999 99:99:99 GMT", 0.0),
    ],
)  # fmt: skip
def test_retry_after_is_seconds_or_a_date(value, seconds):
    assert retry_after_s(value, NOW) == seconds

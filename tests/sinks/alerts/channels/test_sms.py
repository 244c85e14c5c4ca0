from base64 import b64decode
from collections import deque
from urllib.parse import parse_qs

import pytest

from sinks.alerts.channels.channel import SendError
from sinks.alerts.channels.channel_config import SmsConfig
from sinks.alerts.channels.sms import Sms
from tests.sinks.alerts.notices import notice
from tests.sinks.alerts.servers import HttpServer

TOKEN = "0123456789abcdef"


def sms(server, sender="+13125550199"):
    config = SmsConfig(
        to=("+13125550100",), sender=sender, account_sid="AC1", token_secret="token",
        base_url=server.url,
    )  # fmt: skip
    return Sms(config, {"token": TOKEN}.__getitem__)


def test_a_form_with_basic_authentication():
    with HttpServer(deque([201])) as server:
        sms(server).send(notice(reasons=("x" * 300,)))
        sms(server, "MG" + "0" * 32).send(notice(repeat=True))
        first, second = server.requests
    assert first.path == "/2010-04-01/Accounts/AC1/Messages.json"
    assert first.headers["Content-Type"] == "application/x-www-form-urlencoded"
    login = b64decode(first.headers["Authorization"].removeprefix("Basic ")).decode()
    assert login == f"AC1:{TOKEN}"
    form = parse_qs(first.body.decode())
    assert (form["To"], form["From"]) == (["+13125550100"], ["+13125550199"])
    (text,) = form["Body"]
    assert text.startswith("ES BUY 5000.25 - sweep HIGH 78% (uncalibrated) - 420 lots over 5")
    assert text.isascii()
    assert len(text) <= 160
    form = parse_qs(second.body.decode())
    assert form["MessagingServiceSid"] == ["MG" + "0" * 32]
    assert form["Body"][0].startswith("[possible repeat] ES BUY")


def test_the_token_stands_in_no_error():
    answers = deque([(401, {}, f"bad token {TOKEN}".encode())])
    with HttpServer(answers) as server, pytest.raises(SendError) as caught:
        sms(server).send(notice())
    assert str(caught.value) == "answered 401: bad token ********"
    assert caught.value.retry_after_s is None

import hashlib
import hmac
import json

import pytest

from sinks.alerts.channels.channel_config import WebhookConfig
from sinks.alerts.channels.webhook import Webhook
from tests.sinks.alerts.notices import notice
from tests.sinks.alerts.servers import HttpServer

SECRETS = {"sign": "k" * 32, "bearer": "b" * 20, "address": "ftp://not-usable-secret/x"}


def test_the_body_is_signed_with_its_time_and_has_its_key():
    with HttpServer() as server:
        config = WebhookConfig(url=f"{server.url}/in", hmac_secret="sign", bearer_secret="bearer")
        given = notice(repeat=True, dashboard_url="http://127.0.0.1:8080/")
        Webhook(config, SECRETS.__getitem__, lambda: 1_700_000_000.9).send(given)
        (request,) = server.requests
    assert request.headers["Idempotency-Key"] == given.intent.id
    assert request.headers["X-IFD-Possible-Repeat"] == "true"
    assert request.headers["Authorization"] == f"Bearer {SECRETS['bearer']}"
    signed = b"1700000000." + request.body
    expected = hmac.new(SECRETS["sign"].encode(), signed, hashlib.sha256).hexdigest()
    assert request.headers["X-IFD-Signature"] == f"t=1700000000,v1={expected}"
    body = json.loads(request.body)
    assert body["version"] == 1
    assert body["possible_repeat"] is True
    assert body["signals"][0]["url"] == "http://127.0.0.1:8080/#signal=a"
    assert body["signals"][0]["ts_event"] == str(given.intent.briefs[0].ts_event)


def test_a_secret_address_that_cannot_be_used_is_refused_without_being_told():
    config = WebhookConfig(url_secret="address")
    with pytest.raises(ValueError, match="address must be a URL") as caught:
        Webhook(config, SECRETS.__getitem__)
    assert "not-usable" not in str(caught.value)

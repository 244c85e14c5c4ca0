import json
from dataclasses import replace

import pytest

from sinks.alerts.channels.channel import SendError
from sinks.alerts.channels.channel_config import SlackConfig
from sinks.alerts.channels.slack import TEXT_CHARACTERS_MAX, Slack, document, escaped
from tests.sinks.alerts.notices import intent, notice
from tests.sinks.alerts.servers import HttpServer


def test_the_first_line_is_the_notification_and_the_reasons_follow():
    with HttpServer() as server:
        url = f"{server.url}/services/T1/B2/SECRETSECRET"
        Slack(SlackConfig(url_secret="hook"), lambda _: url).send(
            notice(dashboard_url="https://ifd.example.com", reasons=("5 levels < 1 ms",))
        )
        (request,) = server.requests
    body = json.loads(request.body)
    assert body["text"].startswith("ES BUY 5000.25 · sweep HIGH 78 % (uncalibrated) · 420 lots")
    assert body["blocks"][1]["text"]["text"] == "- 5 levels &lt; 1 ms"
    assert "https://ifd.example.com/#signal=a" in body["blocks"][2]["text"]["text"]


def test_what_a_signal_says_is_no_mention_link_or_format():
    assert escaped("<!channel> & *x*") == "&lt;!channel&gt; &amp; *\u200bx*\u200b"


def test_a_long_text_is_cut():
    given = intent()
    many = tuple(replace(given.briefs[0], id=f"s{n}") for n in range(200))
    blocks = document(notice(replace(given, briefs=many)))["blocks"]
    assert len(blocks[1]["text"]["text"]) == TEXT_CHARACTERS_MAX + 1


def test_the_address_stands_in_no_error():
    with HttpServer() as server:
        server.answers[0] = (404, {}, b"no_service /services/T1/B2/SECRETSECRET")
        url = f"{server.url}/services/T1/B2/SECRETSECRET"
        with pytest.raises(SendError) as caught:
            Slack(SlackConfig(url_secret="hook"), lambda _: url).send(notice())
    assert "SECRETSECRET" not in str(caught.value)

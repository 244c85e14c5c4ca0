import sys

import pytest

from operators.model.errors import ConfigError
from sinks.alerts.channels.apprise import Apprise
from sinks.alerts.channels.channel import SendError
from sinks.alerts.channels.channel_config import AppriseConfig
from tests.sinks.alerts.notices import notice
from tests.sinks.alerts.servers import HttpServer

# Its plug-ins import what Python is about to drop.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")
CONFIG = AppriseConfig(url_secret="place")


def test_without_the_extra_the_message_names_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "apprise", None)
    with pytest.raises(ConfigError, match=r"pip install 'ifd\[alerts\]'"):
        Apprise(CONFIG, lambda _: "json://127.0.0.1")


def test_a_url_it_does_not_know_is_refused_and_shown_nowhere(caplog, capfd):
    caplog.set_level("DEBUG")
    with pytest.raises(ValueError, match="place is no URL that Apprise knows"):
        Apprise(CONFIG, lambda _: "nonsense://secret-part")
    assert "secret-part" not in caplog.text + capfd.readouterr().err


def test_it_hands_over_and_hides_the_url_when_it_fails():
    with HttpServer() as server:
        url = f"json://127.0.0.1:{server.server.server_address[1]}/a-secret-path"
        channel = Apprise(CONFIG, lambda _: url)
        channel.send(notice())
        assert b"ES BUY 5000.25" in server.requests[0].body
        server.answers[0] = 500
        with pytest.raises(SendError) as caught:
            channel.send(notice())
    assert caught.value.retry_after_s == 0.0
    assert caught.value.may_have_arrived
    assert "a-secret-path" not in str(caught.value)

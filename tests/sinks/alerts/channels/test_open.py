import pytest

from operators.model.errors import ConfigError
from sinks.alerts.channels.apprise import Apprise
from sinks.alerts.channels.channel_config import (
    AppriseConfig,
    EmailConfig,
    SlackConfig,
    SmsConfig,
    WebhookConfig,
)
from sinks.alerts.channels.email import Email
from sinks.alerts.channels.open import open_channel
from sinks.alerts.channels.slack import Slack
from sinks.alerts.channels.sms import Sms
from sinks.alerts.channels.webhook import Webhook
from sinks.alerts.config import AlertsConfig
from sinks.alerts.policy_config import ReceiverConfig
from tests.sinks.alerts.channels.test_channel_config import EMAIL, SMS

SECRETS = {"T": "token", "HOOK": "https://hooks.example.com/x", "PLACE": "json://127.0.0.1"}


@pytest.mark.parametrize(
    ("receiver", "kind"),
    [
        (ReceiverConfig(email=EmailConfig(**EMAIL)), Email),
        (ReceiverConfig(slack=SlackConfig(url_secret="hook")), Slack),
        (ReceiverConfig(sms=SmsConfig(**SMS)), Sms),
        (ReceiverConfig(webhook=WebhookConfig(url="https://x.y/")), Webhook),
        (ReceiverConfig(apprise=AppriseConfig(url_secret="place")), Apprise),
    ],
)
def test_each_receiver_has_its_transport_with_its_secrets(receiver, kind):
    assert isinstance(open_channel("desk", receiver, AlertsConfig(secrets=SECRETS)), kind)


def test_what_cannot_be_used_is_named_with_its_place():
    receiver = ReceiverConfig(slack=SlackConfig(url_secret="t"))
    with pytest.raises(ConfigError, match=r"^receivers\.desk\.slack: t must be a URL such as"):
        open_channel("desk", receiver, AlertsConfig(secrets=SECRETS))

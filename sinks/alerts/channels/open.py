"""Opens the channel of a receiver with its secrets."""

from operators.model.errors import ConfigError
from sinks.alerts.channels.apprise import Apprise
from sinks.alerts.channels.channel import Channel
from sinks.alerts.channels.channel_config import (
    AppriseConfig,
    EmailConfig,
    SlackConfig,
    SmsConfig,
    WebhookConfig,
)
from sinks.alerts.channels.email import Email
from sinks.alerts.channels.slack import Slack
from sinks.alerts.channels.sms import Sms
from sinks.alerts.channels.webhook import Webhook
from sinks.alerts.config import AlertsConfig
from sinks.alerts.policy_config import ReceiverConfig


def open_channel(name: str, receiver: ReceiverConfig, config: AlertsConfig) -> Channel:
    """The transport of a receiver; nothing is connected yet.

    Raises:
        ConfigError: A secret, a file or an address cannot be used, or an extra is missing.
    """
    try:
        match receiver.channel:
            case EmailConfig() as email:
                return Email(email, config.secret)
            case SlackConfig() as slack:
                return Slack(slack, config.secret)
            case SmsConfig() as sms:
                return Sms(sms, config.secret)
            case WebhookConfig() as webhook:
                return Webhook(webhook, config.secret)
            case AppriseConfig() as apprise:
                return Apprise(apprise, config.secret)
    except ValueError as error:
        raise ConfigError(f"receivers.{name}.{receiver.channel_name}: {error}") from None
    except ConfigError as error:
        raise ConfigError(f"receivers.{name}.{receiver.channel_name}: {error}") from None
    raise AssertionError("every channel is one of these")

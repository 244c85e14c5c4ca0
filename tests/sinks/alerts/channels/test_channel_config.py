import pytest

from sinks.alerts.channels.channel_config import (
    AppriseConfig,
    EmailConfig,
    SlackConfig,
    SmsConfig,
    WebhookConfig,
    is_loopback,
    secrets_of,
)

EMAIL = {"to": ("a@b.c",), "sender": "d@e.f", "host": "smtp.example.com"}
SMS = {"to": ("+13125550100",), "sender": "IFD", "account_sid": "AC1", "token_secret": "t"}


@pytest.mark.parametrize(
    ("config", "given", "said"),
    [
        (EmailConfig, EMAIL | {"to": ()}, "to must be from 1 to 50 entries, was 0"),
        (EmailConfig, EMAIL | {"to": ("a@b.c\nBcc: x@y.z",)}, "to must be an address"),
        (EmailConfig, EMAIL | {"sender": "nobody"}, "sender must be an address, was 'nobody'"),
        (EmailConfig, EMAIL | {"security": "none"}, "security must not be none for another"),
        (EmailConfig, EMAIL | {"user": "u"}, "user and password_secret must be given together"),
        (EmailConfig, EMAIL | {"port": 0}, "host and port must be a server"),
        (EmailConfig, EMAIL | {"timeout_s": 0}, "timeout_s must be above 0 and at most 120, was 0"),
        (SlackConfig, {"url_secret": ""}, "url_secret must name a secret"),
        (SmsConfig, SMS | {"to": ("555",)}, "to must be a number such as"),
        (SmsConfig, SMS | {"sender": "?"}, "sender must be a number or a name"),
        (SmsConfig, SMS | {"account_sid": "../x"}, "account_sid must be letters and digits"),
        (SmsConfig, SMS | {"base_url": "http://example.com"}, "base_url must begin with https://"),
        (WebhookConfig, {}, "url or url_secret must be given"),
        (WebhookConfig, {"url": "https://u:p@x.y/"}, "url must not hold a user or password"),
        (WebhookConfig, {"url": "file:///etc/passwd"}, "url must be a URL such as"),
        (WebhookConfig, {"url": "https://x.y:99999/"}, "url must be a URL such as"),
        (WebhookConfig, {"url": "https://x.y/\r\nHost: z"}, "url must be a URL such as"),
        (AppriseConfig, {"url_secret": ""}, "url_secret must name a secret"),
    ],
)
def test_nonsense_is_refused(config, given, said):
    with pytest.raises(ValueError, match=said):
        config(**given)


def test_the_secrets_that_a_channel_needs_are_named():
    assert secrets_of(SlackConfig(url_secret="a")) == ["a"]
    assert secrets_of(WebhookConfig(url="https://x.y", hmac_secret="b", bearer_secret="c")) == [
        "b",
        "c",
    ]
    assert secrets_of(EmailConfig(**EMAIL)) == []


def test_this_machine_has_several_names():
    assert all(map(is_loopback, ("127.0.0.1", "127.9.9.9", "::1", "localhost", "LOCALHOST")))
    assert not any(map(is_loopback, ("127.0.0.1.example.com", "10.0.0.1", "")))

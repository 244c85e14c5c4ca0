"""Settings of the channels. They name secrets; the values come by environment only."""

import re
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Final, Literal
from urllib.parse import urlsplit

_ADDRESS: Final = re.compile(r"[^\s@<>,;:\"()\[\]\\]+@[^\s@<>,;:\"()\[\]\\]+\Z")
_NUMBER: Final = re.compile(r"\+[1-9]\d{6,14}\Z")
_SENDER: Final = re.compile(r"(\+[1-9]\d{6,14}|[A-Za-z0-9 ]{1,11}|MG[0-9a-f]{32})\Z")
TO_MAX: Final = 50
TIMEOUT_S_MAX: Final = 120.0


@dataclass(frozen=True, slots=True, kw_only=True)
class EmailConfig:
    """A mailbox reached over SMTP."""

    to: tuple[str, ...]
    """Addresses, 1…50."""
    sender: str
    """Address it comes from; its domain is that of the Message-IDs."""
    host: str
    port: int = 587
    security: Literal["starttls", "tls", "none"] = "starttls"
    """`tls` from the first byte (port 465); `none` only to this machine."""
    user: str = ""
    """Empty: no login."""
    password_secret: str = ""
    """Name of the secret."""
    ca_file: str = ""
    """PEM file of the authority that signed the server's certificate; empty: the system's."""
    timeout_s: float = 15.0
    """For one attempt, above 0, at most 120."""

    def __post_init__(self) -> None:
        _check_to(self.to, _ADDRESS, "an address such as desk@example.com")
        if not _ADDRESS.match(self.sender):
            raise ValueError(f"sender must be an address, was {self.sender!r}")
        if not self.host or not 1 <= self.port <= 65_535:
            raise ValueError(f"host and port must be a server, were {self.host!r}, {self.port}")
        if bool(self.user) != bool(self.password_secret):
            raise ValueError("user and password_secret must be given together")
        if self.security == "none" and not is_loopback(self.host):
            raise ValueError("security must not be none for another machine: use starttls or tls")
        _check_timeout(self.timeout_s)


@dataclass(frozen=True, slots=True, kw_only=True)
class SlackConfig:
    """An incoming webhook of Slack."""

    url_secret: str
    """Name of the secret that holds the webhook's URL: who knows it may post."""
    ca_file: str = ""
    """As for email."""
    timeout_s: float = 10.0
    """As for email."""

    def __post_init__(self) -> None:
        if not self.url_secret:
            raise ValueError("url_secret must name a secret, was empty")
        _check_timeout(self.timeout_s)


@dataclass(frozen=True, slots=True, kw_only=True)
class SmsConfig:
    """Text messages over Twilio's REST API, or another with its form."""

    to: tuple[str, ...]
    """One number in international form, such as +13125550100: a receiver each for more."""
    sender: str
    """Number, alphanumeric sender or messaging service id."""
    account_sid: str
    token_secret: str
    """Name of the secret that holds the auth token."""
    base_url: str = "https://api.twilio.com"
    ca_file: str = ""
    """As for email."""
    timeout_s: float = 10.0
    """As for email."""

    def __post_init__(self) -> None:
        _check_to(self.to, _NUMBER, "a number such as +13125550100", count_max=1)
        if not _SENDER.match(self.sender):
            raise ValueError(f"sender must be a number or a name, was {self.sender!r}")
        if not re.match(r"[A-Za-z0-9]{2,64}\Z", self.account_sid):
            raise ValueError(f"account_sid must be letters and digits, was {self.account_sid!r}")
        if not self.token_secret:
            raise ValueError("token_secret must name a secret, was empty")
        check_url(self.base_url, "base_url")
        _check_timeout(self.timeout_s)


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookConfig:
    """Any HTTP server that takes JSON."""

    url: str = ""
    """Or `url_secret`."""
    url_secret: str = ""
    """Name of the secret that holds the URL, where the URL itself is one."""
    hmac_secret: str = ""
    """Name of the secret that signs the body; empty: unsigned."""
    bearer_secret: str = ""
    """Name of the secret sent as bearer token; empty: none."""
    ca_file: str = ""
    """As for email."""
    timeout_s: float = 10.0
    """As for email."""

    def __post_init__(self) -> None:
        if bool(self.url) == bool(self.url_secret):
            raise ValueError("url or url_secret must be given, and not both")
        if self.url:
            check_url(self.url, "url")
        _check_timeout(self.timeout_s)


@dataclass(frozen=True, slots=True, kw_only=True)
class AppriseConfig:
    """Anything Apprise knows, by its URL. Needs the extra `alerts`."""

    url_secret: str
    """Name of the secret that holds the Apprise URL."""

    def __post_init__(self) -> None:
        if not self.url_secret:
            raise ValueError("url_secret must name a secret, was empty")


ChannelConfig = EmailConfig | SlackConfig | SmsConfig | WebhookConfig | AppriseConfig


def secrets_of(config: ChannelConfig) -> list[str]:
    """Names of the secrets that a channel needs."""
    slots = ("password_secret", "url_secret", "token_secret", "hmac_secret", "bearer_secret")
    return [name for slot in slots if (name := getattr(config, slot, ""))]


def check_url(url: str, name: str) -> None:
    """Refuse what is no URL of ours to call; the text does not repeat it, it may be a secret.

    Raises:
        ValueError: No http or https URL, or plain http to another machine.
    """
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        raise ValueError(f"{name} must be a URL such as https://example.com/hook") from None
    if parts.scheme not in ("http", "https") or not host or re.search(r"[\s\x00-\x1f]", url):
        raise ValueError(f"{name} must be a URL such as https://example.com/hook")
    if parts.username is not None:
        raise ValueError(f"{name} must not hold a user or password")
    if parts.scheme == "http" and not is_loopback(host):
        raise ValueError(f"{name} must begin with https:// for another machine")


def is_loopback(host: str) -> bool:
    """Whether a host's name means this machine."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def _check_to(
    values: tuple[str, ...], form: re.Pattern[str], example: str, *, count_max: int = TO_MAX
) -> None:
    if not 1 <= len(values) <= count_max:
        raise ValueError(f"to must be from 1 to {count_max} entries, was {len(values)}")
    for value in values:
        if not form.match(value) or not value.isascii():
            raise ValueError(f"to must be {example}, was {value!r}")


def _check_timeout(timeout_s: float) -> None:
    if not 0 < timeout_s <= TIMEOUT_S_MAX:
        raise ValueError(
            f"timeout_s must be above 0 and at most {TIMEOUT_S_MAX:g}, was {timeout_s}"
        )

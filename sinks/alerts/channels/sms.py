"""SMS over Twilio's REST API."""

from base64 import b64encode
from collections.abc import Callable
from urllib.parse import quote, urlencode

from sinks.alerts.channels.channel import Notice, Secrets
from sinks.alerts.channels.channel_config import SmsConfig
from sinks.alerts.channels.http import HttpPost
from sinks.alerts.texts import short


class Sms:
    """Delivery: at least once; a possible repeat is marked in words.

    References:
        Twilio, "Messages resource": POST /2010-04-01/Accounts/{sid}/Messages.json, a form with To,
        From and Body, basic authentication by account and token.
    """

    def __init__(self, config: SmsConfig, secret: Callable[[str], str]) -> None:
        token = secret(config.token_secret)
        login = b64encode(f"{config.account_sid}:{token}".encode()).decode()
        account = quote(config.account_sid, safe="")
        self._config = config
        self._url = f"{config.base_url.rstrip('/')}/2010-04-01/Accounts/{account}/Messages.json"
        self._authorization = f"Basic {login}"
        self._post = HttpPost(config.ca_file, config.timeout_s, Secrets((token, login)))

    def send(self, notice: Notice) -> None:
        """Post it; 201 is its receipt. Raises SendError."""
        is_service = self._config.sender.startswith("MG") and len(self._config.sender) == 34
        form = {
            "To": self._config.to[0],
            "MessagingServiceSid" if is_service else "From": self._config.sender,
            "Body": short(notice.intent, notice.zone, possible_repeat=notice.possible_repeat),
        }
        headers = {
            "Content-Type": "application/x-www-form-urlencoded",
            "Authorization": self._authorization,
            "Idempotency-Key": notice.intent.id,
        }
        self._post.send(self._url, headers, urlencode(form).encode())

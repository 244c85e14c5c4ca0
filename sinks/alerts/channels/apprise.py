"""Apprise: any of its services, as an extra that is imported when it is used."""

import logging
from collections.abc import Callable
from typing import Any

from operators.model.errors import ConfigError
from sinks.alerts.channels.channel import Notice, Secrets, SendError
from sinks.alerts.channels.channel_config import AppriseConfig
from sinks.alerts.texts import plain, subject

MISSING = "apprise is not installed: install the extra with pip install 'ifd[alerts]'"


class Apprise:
    """Delivery: at least once; Apprise says only whether it worked, so a failure is uncertain.

    References:
        Apprise, "Developing with the API": Apprise.add, Apprise.notify, LogCapture.
    """

    def __init__(self, config: AppriseConfig, secret: Callable[[str], str]) -> None:
        """Raises ConfigError without the extra, ValueError for a URL it does not know."""
        self._library = _library()
        url = secret(config.url_secret)
        self._secrets = Secrets((url,))
        self._service = self._library.Apprise()
        if not self._service.add(url):
            raise ValueError(f"{config.url_secret} is no URL that Apprise knows")

    def send(self, notice: Notice) -> None:
        """Hand it over. Raises SendError."""
        title = subject(notice.intent, notice.zone, possible_repeat=notice.possible_repeat)
        body = plain(
            notice.intent,
            notice.zone,
            notice.dashboard_url,
            possible_repeat=notice.possible_repeat,
        )
        try:
            with self._library.LogCapture(level=self._library.logging.WARNING) as said:
                worked = self._service.notify(title=title, body=body)
                text = said.getvalue()
        except Exception as error:  # noqa: BLE001 - 170 services of others
            worked, text = False, f"{type(error).__name__}: {error}"
        if not worked:
            hidden = self._secrets.hidden(text or "the service did not take it")
            raise SendError(hidden, 0.0, may_have_arrived=True)


def _library() -> Any:
    try:
        import apprise
    except ImportError:
        raise ConfigError(MISSING) from None
    # Its log lines show URLs, which are secrets: only our captures see them.
    logger = logging.getLogger("apprise")
    logger.propagate = False
    if not logger.handlers:
        logger.addHandler(logging.NullHandler())
    return apprise

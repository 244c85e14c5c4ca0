"""Slack: an incoming webhook with blocks."""

import json
from collections.abc import Callable
from typing import Any, Final

from sinks.alerts.channels.channel import Notice, Secrets
from sinks.alerts.channels.channel_config import SlackConfig, check_url
from sinks.alerts.channels.http import HttpPost
from sinks.alerts.texts import lines, link, subject

TEXT_CHARACTERS_MAX: Final = 2_900
"""Slack takes 3,000 in a section."""


class Slack:
    """Delivery: at least once; Slack knows no idempotency, so a possible repeat is marked in words.

    References:
        Slack, "Sending messages using incoming webhooks"; "Formatting text for app surfaces":
        `&`, `<` and `>` are escaped, which leaves no mention or link to be smuggled in.
    """

    def __init__(self, config: SlackConfig, secret: Callable[[str], str]) -> None:
        """Raises ValueError for an address that cannot be used, without repeating it."""
        self._url = secret(config.url_secret)
        check_url(self._url, config.url_secret)
        self._post = HttpPost(config.ca_file, config.timeout_s, Secrets((self._url,)))

    def send(self, notice: Notice) -> None:
        """Post it. Raises SendError."""
        headers = {"Content-Type": "application/json", "Idempotency-Key": notice.intent.id}
        self._post.send(self._url, headers, json.dumps(document(notice)).encode())


def document(notice: Notice) -> dict[str, Any]:
    """Text for the notification, blocks for the channel."""
    intent = notice.intent
    first = subject(intent, notice.zone, possible_repeat=notice.possible_repeat)
    blocks = [_section(f"*{escaped(first)}*")]
    body = lines(intent, notice.zone)
    if body:
        blocks.append(_section("\n".join(map(escaped, body))))
    if notice.dashboard_url and len(intent.briefs) == 1:
        address = escaped(link(notice.dashboard_url, intent.briefs[0].id))
        blocks.append(_section(f"<{address}|Open in the dashboard>"))
    blocks.append({"type": "context", "elements": [_text(f"IFD {intent.id}")]})
    return {"text": escaped(first), "blocks": blocks, "unfurl_links": False}


def escaped(text: str) -> str:
    """Text in which Slack sees no mention, link or format of ours."""
    plain = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return "".join(f"{c}\u200b" if c in "*_~`" else c for c in plain)


def _section(text: str) -> dict[str, Any]:
    cut = text if len(text) <= TEXT_CHARACTERS_MAX else f"{text[:TEXT_CHARACTERS_MAX]}…"
    return {"type": "section", "text": _text(cut)}


def _text(text: str) -> dict[str, str]:
    return {"type": "mrkdwn", "text": text}

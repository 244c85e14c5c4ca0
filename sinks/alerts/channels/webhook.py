"""Webhook: the intent as JSON to any HTTP server, signed."""

import hashlib
import hmac
import json
import time
from collections.abc import Callable
from typing import Any

from sinks.alerts.channels.channel import Notice, Secrets
from sinks.alerts.channels.channel_config import WebhookConfig, check_url
from sinks.alerts.channels.http import HttpPost
from sinks.alerts.texts import lines, link, subject


class Webhook:
    """Delivery: at least once; `Idempotency-Key` is the same for every attempt.

    `X-IFD-Signature: t=<unix seconds>,v1=<hex>` is HMAC-SHA256 of `<t>.<body>`; a receiver refuses
    what is older than it tolerates.
    """

    def __init__(
        self,
        config: WebhookConfig,
        secret: Callable[[str], str],
        now_s: Callable[[], float] = time.time,
    ) -> None:
        """Raises ValueError for an address that cannot be used, without repeating it."""
        self._url = config.url or secret(config.url_secret)
        check_url(self._url, config.url_secret or "url")
        self._hmac = secret(config.hmac_secret).encode() if config.hmac_secret else b""
        self._bearer = secret(config.bearer_secret) if config.bearer_secret else ""
        self._now_s = now_s
        hidden = [self._hmac.decode(), self._bearer, self._url if config.url_secret else ""]
        secrets = Secrets(tuple(value for value in hidden if value))
        self._post = HttpPost(config.ca_file, config.timeout_s, secrets)

    def send(self, notice: Notice) -> None:
        """Post it; any 2xx answer is its receipt. Raises SendError."""
        body = json.dumps(document(notice), ensure_ascii=False, separators=(",", ":")).encode()
        headers = {
            "Content-Type": "application/json",
            "Idempotency-Key": notice.intent.id,
            "X-IFD-Possible-Repeat": "true" if notice.possible_repeat else "false",
        }
        if self._bearer:
            headers["Authorization"] = f"Bearer {self._bearer}"
        if self._hmac:
            headers["X-IFD-Signature"] = signature(self._hmac, int(self._now_s()), body)
        self._post.send(self._url, headers, body)


def signature(key: bytes, ts_s: int, body: bytes) -> str:
    """Value of the header that signs a body."""
    digest = hmac.new(key, f"{ts_s}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={ts_s},v1={digest}"


def document(notice: Notice) -> dict[str, Any]:
    """What is posted, version 1. Instants are decimal strings of ns since the epoch."""
    intent = notice.intent
    signals = []
    for brief in intent.briefs:
        signal = brief.plain() | {"ts_event": str(brief.ts_event)}
        if notice.dashboard_url:
            signal["url"] = link(notice.dashboard_url, brief.id)
        signals.append(signal)
    return {
        "version": 1,
        "id": intent.id,
        "kind": intent.kind,
        "receiver": intent.receiver,
        "possible_repeat": notice.possible_repeat,
        "ts_event": str(intent.ts_event),
        "title": subject(intent, notice.zone, possible_repeat=notice.possible_repeat),
        "lines": lines(intent, notice.zone),
        "signals": signals,
        "follows": intent.follows,
        "held_back": intent.totals,
        "held_back_reasons": intent.reasons,
    }

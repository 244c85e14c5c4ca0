"""One HTTP request with a bound on everything: time, size, redirects, what is tried again.

A transport of httpx without its client: no redirects, cookies, proxies of the environment, and no
log line that would show a URL, which may be a secret.
"""

import socket
import ssl
import time
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from threading import Timer
from typing import Any, Final

import httpx

from sinks.alerts.channels.channel import Secrets, SendError

RESPONSE_BYTES_MAX: Final = 16_384
RETRY_AFTER_S_MAX: Final = 3_600.0
RETRYABLE: Final = frozenset({408, 409, 425, 429, 500, 502, 503, 504})
UNCERTAIN: Final = frozenset({408, 502, 504})
"""A gateway gave up on a server that may have taken the message."""


def tls_context(ca_file: str) -> ssl.SSLContext:
    """Certificates are verified: by the system's authorities or those of a file.

    Raises:
        ValueError: The file cannot be read or holds no certificate.
    """
    try:
        context = ssl.create_default_context(cafile=ca_file or None)
    except (OSError, ssl.SSLError) as error:
        raise ValueError(f"ca_file {ca_file} cannot be used: {error}") from None
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


class HttpPost:
    """POSTs to one place."""

    def __init__(self, ca_file: str, timeout_s: float, secrets: Secrets) -> None:
        self._timeout_s = timeout_s
        self._secrets = secrets
        self._transport = httpx.HTTPTransport(
            verify=tls_context(ca_file), trust_env=False, limits=httpx.Limits(max_connections=4)
        )

    def send(self, url: str, headers: Mapping[str, str], content: bytes) -> bytes:
        """The answer's body; only a 2xx answer is one. Raises SendError."""
        watch = _Watch(self._timeout_s)
        extensions = {
            "timeout": dict.fromkeys(("connect", "read", "write", "pool"), self._timeout_s),
            "trace": watch.trace,
        }
        # A connection kept open may be dead, and then nobody knows what arrived.
        request = httpx.Request(
            "POST",
            url,
            headers={**headers, "Connection": "close", "User-Agent": "ifd"},
            content=content,
            extensions=extensions,
        )
        try:
            with watch:
                response = self._transport.handle_request(request)
                body = self._read(response)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
            raise self._error(f"no connection: {_said(error)}", 0.0) from None
        except httpx.TransportError as error:
            said = f"no answer within {self._timeout_s:g} s" if watch.expired else _said(error)
            raise self._error(said, 0.0, may_have_arrived=watch.sent) from None
        except (httpx.InvalidURL, httpx.StreamError, UnicodeError, ValueError) as error:
            raise self._error(f"not usable: {type(error).__name__}") from None
        self._check(response, body)
        return body

    def _read(self, response: httpx.Response) -> bytes:
        body = bytearray()
        try:
            assert isinstance(response.stream, httpx.SyncByteStream)
            for part in response.stream:
                body += part
                if len(body) > RESPONSE_BYTES_MAX:
                    break
        finally:
            response.close()
        return bytes(body[:RESPONSE_BYTES_MAX])

    def _check(self, response: httpx.Response, body: bytes) -> None:
        status = response.status_code
        if 200 <= status < 300:
            return
        said = body.decode("utf-8", "replace")[:200]
        if 300 <= status < 400:
            raise self._error(f"answered {status}: redirected; set the final address instead")
        wait_s = None
        if status in RETRYABLE:
            wait_s = retry_after_s(response.headers.get("retry-after", ""), datetime.now(UTC))
        raise self._error(
            f"answered {status}: {said}", wait_s, may_have_arrived=status in UNCERTAIN
        )

    def _error(
        self, said: str, wait_s: float | None = None, *, may_have_arrived: bool = False
    ) -> SendError:
        return SendError(self._secrets.hidden(said), wait_s, may_have_arrived=may_have_arrived)


def retry_after_s(value: str, now: datetime) -> float:
    """Seconds that a Retry-After header asks for (RFC 9110, 10.2.3); 0 if it says nothing."""
    text = value.strip()
    if text.isascii() and text.isdigit():
        return float(min(int(text[:9]), RETRY_AFTER_S_MAX))
    try:
        when = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError):
        return 0.0
    aware = when if when.tzinfo is not None else when.replace(tzinfo=UTC)
    return min(max((aware - now).total_seconds(), 0.0), RETRY_AFTER_S_MAX)


def _said(error: Exception) -> str:
    return str(error) or type(error).__name__


class _Watch:
    """Ends a request that takes too long as a whole: time-outs of a socket count each read anew."""

    def __init__(self, timeout_s: float) -> None:
        self._timer = Timer(timeout_s, self._expire)
        self._timer.daemon = True
        self._deadline = time.monotonic() + timeout_s
        self._socket: socket.socket | None = None
        self.sent = False
        """Whether all of the request went out, or may have."""
        self._expired = False

    @property
    def expired(self) -> bool:
        """Whether the time was up, whoever noticed."""
        return self._expired or time.monotonic() >= self._deadline

    def __enter__(self) -> None:
        self._timer.start()

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()

    def trace(self, event: str, info: Mapping[str, Any]) -> None:
        """Called by the transport at each step."""
        if event.endswith(("connect_tcp.complete", "start_tls.complete")):
            self._socket = info["return_value"].get_extra_info("socket")
        elif event.endswith("send_request_body.started"):
            self.sent = True

    def _expire(self) -> None:
        self._expired = True
        if self._socket is not None:
            with suppress(OSError):  # It may be over by itself.
                self._socket.shutdown(socket.SHUT_RDWR)

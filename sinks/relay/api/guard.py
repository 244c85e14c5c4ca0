"""Guard: the outermost layer. Every request passes it before a route sees it, every answer after.

In this order: shape of the request, Host, rate, method, token; then the route, which sees GET only.
What goes wrong below and is no problem of the client's is a 500 that says nothing, logged here.
"""

import logging
import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import monotonic
from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sinks.relay.api import security
from sinks.relay.api.config import HttpConfig
from sinks.relay.api.problems import Problem, fault, problem_response
from sinks.relay.api.rate import Buckets

READ: Final = "GET, HEAD"
ALLOWED: Final = "GET, HEAD, OPTIONS"
log = logging.getLogger("ifd.relay.http")


@dataclass(slots=True)
class GuardCounters:
    """What was answered without asking a route, and what failed in one."""

    requests: int = 0
    """Requests, all of them."""
    malformed: int = 0
    """Too long, with a body, of a method that changes something, or for another host."""
    limited: int = 0
    """Over a client's rate."""
    unauthorized: int = 0
    """Without a valid token."""
    failed: int = 0
    """Answered 500: a fault of ours."""


class Guard:
    """ASGI application around another."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        config: HttpConfig,
        bound: str,
        tokens: Sequence[str],
        origins: Sequence[str],
        counters: GuardCounters,
        now_s: Callable[[], float] = monotonic,
    ) -> None:
        """`bound` is the address the server listens on; no `tokens`: everybody may read."""
        self._app = app
        self._config = config
        self._bound = bound
        self._tokens = security.Tokens(tokens)
        self._origins = tuple(origins)
        self._counters = counters
        self._now_s = now_s
        self._buckets = Buckets(config.rate_per_s, config.burst, config.clients_max)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; connections that are not HTTP are refused."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1002})
            return
        self._counters.requests += 1
        headers = Headers(scope=scope)
        extra = security.cors_headers(headers.get("origin"), self._origins)
        answer = _Answer(send, extra, has_body=scope["method"] != "HEAD")
        try:
            answer.extra |= self._admit(scope, headers)
            if scope["method"] == "OPTIONS":
                answer.extra |= self._options(headers)
                await Response(status_code=204)(scope, receive, answer)
            else:
                await self._app({**scope, "method": "GET"}, receive, answer)
        except Problem as problem:
            await problem_response(problem)(scope, receive, answer)
        except Exception:
            self._counters.failed += 1
            log.exception("%s %r failed", scope["method"], scope["path"])
            if not answer.is_started:
                await problem_response(fault())(scope, receive, answer)

    def _options(self, headers: Headers) -> dict[str, str]:
        allow = {"Allow": ALLOWED}
        if headers.get("origin") not in self._origins:
            return allow
        return allow | security.preflight_headers(READ)

    def _admit(self, scope: Scope, headers: Headers) -> dict[str, str]:
        """Headers that the answer gets besides its own.

        Raises:
            Problem: The request goes no further.
        """
        try:
            self._check_shape(scope, headers)
        except Problem:
            self._counters.malformed += 1
            raise
        if scope["path"] in security.OPEN_PATHS:
            return {}
        limits = self._check_rate(scope)
        # A browser's preflight cannot carry the token.
        if scope["method"] == "OPTIONS":
            return limits
        if security.needs_token(scope["path"]) and self._tokens:
            if not self._tokens.match(security.bearer(headers.get("authorization"))):
                self._counters.unauthorized += 1
                raise Problem(
                    401,
                    "token",
                    "expected a valid token in the header `Authorization: Bearer …`",
                    headers={"WWW-Authenticate": 'Bearer realm="ifd"'} | limits,
                )
        return limits

    def _check_shape(self, scope: Scope, headers: Headers) -> None:
        if scope["method"] not in ALLOWED.split(", "):
            detail = f"expected one of {ALLOWED}: everything here is only read"
            raise Problem(405, "method", detail, headers={"Allow": ALLOWED})
        target_bytes = len(scope.get("raw_path") or b"") + len(scope["query_string"])
        if target_bytes > (most := self._config.target_bytes_max):
            raise Problem(
                414, "target", f"path and query had {target_bytes} bytes, expected at most {most}"
            )
        if not security.host_allowed(headers.get("host"), self._bound):
            raise Problem(
                403, "host", "the Host header names a host that this relay does not answer to"
            )
        # Nothing here reads a body, so nothing of it is ever kept; what announces one is refused.
        length = headers.get("content-length", "0")
        known = re.fullmatch("[0-9]{1,18}", length) and "transfer-encoding" not in headers
        if not known or int(length) > self._config.body_bytes_max:
            raise Problem(
                413, "body", f"expected a body of at most {self._config.body_bytes_max} bytes"
            )

    def _check_rate(self, scope: Scope) -> dict[str, str]:
        client = (scope.get("client") or ("unknown", 0))[0]
        wait_s = self._buckets.take(client, self._now_s())
        config = self._config
        window_s = max(1, math.ceil(config.burst / config.rate_per_s))
        limits = {
            "RateLimit-Policy": f'"client";q={config.burst};w={window_s}',
            "RateLimit": f'"client";r={self._buckets.left(client)};t={math.ceil(wait_s)}',
        }
        if wait_s:
            self._counters.limited += 1
            again_s = math.ceil(wait_s)
            raise Problem(
                429,
                "rate",
                f"more than {config.burst} requests at once or {config.rate_per_s:g} a second "
                f"from one address; try again in {again_s} s",
                headers={"Retry-After": str(again_s)} | limits,
            )
        return limits


class _Answer:
    """Sends on what a route sends, with the headers that every answer has; for HEAD no body."""

    def __init__(self, send: Send, extra: dict[str, str], *, has_body: bool) -> None:
        self._send = send
        self._has_body = has_body
        self.extra = extra
        self.is_started = False

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.is_started = True
            message.setdefault("headers", [])
            headers = MutableHeaders(scope=message)
            for name, value in (security.ALWAYS | self.extra).items():
                headers[name] = value
            headers.setdefault("Content-Security-Policy", security.DATA_POLICY)
            headers.setdefault("Cache-Control", "no-store")
        elif message["type"] == "http.response.body" and not self._has_body:
            message = {**message, "body": b""}
        await self._send(message)

"""Who may ask, from where, and what a browser may do with the answer. Pure decisions."""

import hmac
import ipaddress
import re
from collections.abc import Sequence
from hashlib import sha256
from typing import Final

LOOPBACK_NAMES: Final = frozenset({"localhost", "127.0.0.1", "[::1]"})
"""Names under which a browser on this machine may reach a relay that listens on loopback."""
OPEN_PATHS: Final = frozenset({"/healthz", "/readyz"})
"""Asked by orchestrators every second: neither a token nor a rate."""
CORS_HEADERS: Final = "Authorization, If-None-Match"
EXPOSED: Final = "ETag, Link, RateLimit, RateLimit-Policy, Retry-After"

ALWAYS: Final = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}
DATA_POLICY: Final = "default-src 'none'; frame-ancestors 'none'"
"""For JSON: a browser that shows it loads and runs nothing."""

_HOST: Final = re.compile(r"(?P<name>[A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::\d{1,5})?")


def host_name(host: str | None) -> str | None:
    """Name in a Host header without the port, lower case; None if it is no host."""
    found = _HOST.fullmatch(host or "")
    return found["name"].lower() if found else None


def is_loopback(address: str) -> bool:
    """Whether a server bound to `address` is reached from its own machine only."""
    if address == "localhost":
        return True
    try:
        return ipaddress.ip_address(address.strip("[]")).is_loopback
    except ValueError:
        return False


def host_allowed(host: str | None, bound: str) -> bool:
    """Whether a Host header may be answered by a server bound to address `bound`.

    A page of another site can have its own name resolve to 127.0.0.1 (DNS rebinding); its requests
    then carry that name. So loopback answers to loopback's names and its own address alone.
    """
    name = host_name(host)
    if name is None:
        return False
    return not is_loopback(bound) or name in LOOPBACK_NAMES or name.strip("[]") == bound


def bearer(authorization: str | None) -> str | None:
    """Token of an Authorization header; None if it holds none."""
    scheme, _, token = (authorization or "").partition(" ")
    return token.strip() or None if scheme.lower() == "bearer" else None


class Tokens:
    """The tokens that open the API, as hashes. Takes the same time whichever is tried."""

    def __init__(self, tokens: Sequence[str]) -> None:
        self._hashes = tuple(_hash(token) for token in tokens)

    def __bool__(self) -> bool:
        return bool(self._hashes)

    def match(self, token: str | None) -> bool:
        """Whether it is one of them."""
        tried = _hash(token or "")
        found = False
        for expected in self._hashes:
            found |= hmac.compare_digest(expected, tried)
        return found and token is not None


def page_policy(host: str | None, ws_port: int) -> str:
    """Content-Security-Policy of the dashboard: all from here, and the WebSocket beside it."""
    name = host_name(host) or "localhost"
    return (
        f"default-src 'self'; connect-src 'self' ws://{name}:{ws_port} wss://{name}:{ws_port}; "
        "object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )


def cors_headers(origin: str | None, allowed: Sequence[str]) -> dict[str, str]:
    """What lets pages of an allowed origin read the answer; nothing for any other."""
    if origin is None or origin not in allowed:
        return {"Cross-Origin-Resource-Policy": "same-origin"}
    return {
        "Access-Control-Allow-Origin": origin,
        "Access-Control-Expose-Headers": EXPOSED,
        "Cross-Origin-Resource-Policy": "cross-origin",
        "Vary": "Origin",
    }


def preflight_headers(methods: str) -> dict[str, str]:
    """Further headers of the answer to an allowed origin's preflight."""
    return {
        "Access-Control-Allow-Methods": methods,
        "Access-Control-Allow-Headers": CORS_HEADERS,
        "Access-Control-Max-Age": "600",
    }


def needs_token(path: str) -> bool:
    """Data does; the dashboard's files, the two documents, the probes and the version do not."""
    return path != "/v1/version" and (path == "/v1" or path.startswith("/v1/"))


def _hash(token: str) -> bytes:
    return sha256(token.encode("utf-8", "surrogateescape")).digest()

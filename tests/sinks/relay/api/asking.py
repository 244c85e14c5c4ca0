"""Ask an ASGI application in process, as a client would over the wire."""

import asyncio
from contextlib import asynccontextmanager

import httpx


@asynccontextmanager
async def client(app, *, host="localhost:8080", address="127.0.0.1", headers=None):
    """A client on `address`; an exception that leaves the application is the test's."""
    transport = httpx.ASGITransport(app, client=(address, 5000))
    async with httpx.AsyncClient(
        transport=transport, base_url=f"http://{host}", headers=headers
    ) as found:
        yield found


def ask(app, target, method="GET", **parts):
    """One request and its answer."""
    words = {name: parts.pop(name) for name in ("host", "address") if name in parts}

    async def one():
        async with client(app, **words) as found:
            return await found.request(method, target, **parts)

    return asyncio.run(one())


def problem(answer):
    """The problem that an answer is; asserts that it is one and has every header it must."""
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    assert answer.headers["cache-control"] == "no-store"
    body = answer.json()
    assert body["status"] == answer.status_code
    assert body["type"].startswith("urn:ifd:problem:")
    assert body["title"]
    assert body["detail"]
    return body

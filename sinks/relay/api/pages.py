"""Pages: the dashboard's files, from this host alone."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse
from starlette.staticfiles import StaticFiles
from starlette.types import Message, Receive, Scope, Send

from sinks.relay.api.security import page_policy

FOLDER: Final = Path(__file__).parent.parent / "static"
VENDOR: Final = "vendor"

UNBUILT: Final = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>IFD</title></head><body>
<h1>The dashboard is not built yet</h1>
<p>Its chart libraries are not part of the checkout. Run <code>make dashboard</code> once, then
reload this page. The API is here already: <a href="/openapi.json">/openapi.json</a>,
<a href="/asyncapi.json">/asyncapi.json</a>, <a href="/readyz">/readyz</a>.</p>
</body></html>
"""


class Pages:
    """ASGI application over a folder; `/` is its index.html, or how to get the dashboard."""

    def __init__(self, ws_port: int, folder: Path = FOLDER) -> None:
        self._ws_port = ws_port
        self._folder = folder
        self._files = StaticFiles(directory=folder, html=True, check_dir=False)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One file, with an ETag, to be asked for again each time; 404 if there is none."""
        policy = page_policy(Headers(scope=scope).get("host"), self._ws_port)
        answer = _with_headers(
            send, {"Content-Security-Policy": policy, "Cache-Control": "no-cache"}
        )
        if scope["path"] in ("/", "/index.html") and not self.is_built():
            await HTMLResponse(UNBUILT)(scope, receive, answer)
            return
        # A name with a NUL or longer than the file system allows is no file either.
        try:
            if not self._folder.is_dir():
                raise HTTPException(404)
            await self._files(scope, receive, answer)
        except (ValueError, OSError) as error:
            raise HTTPException(404) from error

    def is_built(self) -> bool:
        """Whether the page and the libraries beside it are there."""
        vendor = self._folder / VENDOR
        has_vendor = vendor.is_dir() and any(vendor.iterdir())
        return has_vendor and (self._folder / "index.html").is_file()


def _with_headers(send: Send, headers: Mapping[str, str]) -> Send:
    async def answer(message: Message) -> None:
        if message["type"] == "http.response.start":
            found = MutableHeaders(scope=message)
            for name, value in headers.items():
                found[name] = value
        await send(message)

    return answer

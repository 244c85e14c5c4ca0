"""A real browser before the real relay; every page is held to its own rules until the test ends."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, sync_playwright

from sinks.relay.api.pages import FOLDER
from tests.dashboard.relay import BrowserRelay

SHOTS = Path(__file__).resolve().parents[2] / "build" / "screenshots"
ARGUMENTS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
DEADLINE_MS = 20_000


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Headless Chromium; skips where there is none.

    Not for the whole session: while it runs so does its event loop, in which no other test could
    start one.
    """
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("chromium is not on the path")
    if not (FOLDER / "vendor" / "SHA256SUMS").is_file():
        pytest.fail("the dashboard is not built: run `make dashboard`")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=list(ARGUMENTS))
        yield browser
        browser.close()


@pytest.fixture
def relay() -> Iterator[BrowserRelay]:
    """A relay without a store."""
    relay = BrowserRelay().start()
    yield relay
    relay.stop()


class Watched:
    """What a page did that it must not do."""

    def __init__(self, origin: str) -> None:
        self.origin = origin
        self.faults: list[str] = []
        self.may_lose_relay = False
        self.requests: list[str] = []

    def watch(self, page: Page) -> Page:
        """Note errors, violations and requests of this page from now on."""
        page.on("console", self._on_console)
        page.on("pageerror", lambda error: self.faults.append(f"exception: {error}"))
        page.on("request", lambda request: self._on_request(request.url))
        page.on("websocket", lambda socket: self._on_request(socket.url))
        page.set_default_timeout(DEADLINE_MS)
        return page

    def _on_console(self, message: ConsoleMessage) -> None:
        # A browser reports each connection that it could not make; no page can prevent it.
        is_loss = "WebSocket connection to" in message.text
        if message.type in ("error", "warning") and not (is_loss and self.may_lose_relay):
            self.faults.append(f"{message.type}: {message.text}")

    def _on_request(self, url: str) -> None:
        self.requests.append(url)
        if not url.startswith((self.origin, "ws://127.0.0.1:", "blob:")):
            self.faults.append(f"request to {url}")


@pytest.fixture
def watched(relay: BrowserRelay) -> Iterator[Watched]:
    """Asserts at the end that no page broke a rule."""
    watched = Watched(relay.url)
    yield watched
    assert not watched.faults


@pytest.fixture
def open_page(
    browser: Browser, relay: BrowserRelay, watched: Watched
) -> Iterator[Callable[..., Page]]:
    """Opens the dashboard; keywords are those of a browser context."""
    contexts = []

    def open_page(**given: Any) -> Page:
        given.setdefault("viewport", {"width": 1440, "height": 900})
        given.setdefault("color_scheme", "dark")
        context = browser.new_context(**given)
        contexts.append(context)
        page = watched.watch(context.new_page())
        page.goto(relay.url)
        page.wait_for_function("() => document.body.classList.contains('connected')")
        return page

    yield open_page
    for context in contexts:
        context.close()


@pytest.fixture
def page(open_page: Callable[..., Page]) -> Page:
    """The dashboard, connected."""
    return open_page()


@pytest.fixture
def shoot() -> Callable[[Page, str], None]:
    """Keeps what a page looks like in build/screenshots."""
    SHOTS.mkdir(parents=True, exist_ok=True)

    def shoot(page: Page, name: str) -> None:
        page.screenshot(path=SHOTS / f"{name}.png")

    return shoot

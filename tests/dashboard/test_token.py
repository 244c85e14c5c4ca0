"""A relay that asks for a token: the page asks for it, and never puts it in an address."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import expect

from tests.dashboard.relay import BrowserRelay
from tests.dashboard.told import signal

pytestmark = pytest.mark.servers

TOKEN = "correct-horse-battery"


@pytest.fixture
def relay() -> Iterator[BrowserRelay]:
    relay = BrowserRelay(tokens={"desk": TOKEN}).start()
    yield relay
    relay.stop()


def test_a_wrong_token_is_told_and_the_right_one_opens(browser, relay, watched):
    context = browser.new_context()
    page = watched.watch(context.new_page())
    page.goto(relay.url)
    dialog = page.get_by_role("dialog", name="This relay asks for a token")
    expect(dialog).to_be_visible()
    page.get_by_label("Token", exact=True).fill("wrong-horse-battery")
    page.get_by_role("button", name="Connect", exact=True).click()
    expect(page.locator("#token-reason")).to_have_text(re.compile("token"))
    expect(page.locator("#mode")).to_have_text("LOCKED")
    expect(dialog).to_be_visible()
    page.get_by_label("Token", exact=True).fill(TOKEN)
    page.keyboard.press("Enter")
    page.wait_for_function("() => document.body.classList.contains('connected')")
    relay.publish([signal(1)])
    expect(page.locator("#signal-rows tr[data-id]")).to_have_count(1)
    # A reload in the same tab does not ask again.
    page.reload()
    expect(page.locator("#signal-rows tr[data-id]")).to_have_count(1)
    assert not [url for url in watched.requests if "horse" in url]
    context.close()

"""A simulated market through the real chain, relay and browser: what is said is seen."""

import pytest
from playwright.sync_api import expect

from operators.model.streams import SIGNALS
from tests.dashboard.flow import messages_of
from tests.dashboard.told import status
from tests.flows import market

pytestmark = [pytest.mark.servers, pytest.mark.slow]


def test_what_the_chain_says_is_what_the_page_shows(page, relay, tmp_path, shoot):
    messages = messages_of(market(tmp_path / "tape.dbn"))
    newest = {one.value.id: one.value for one in messages if one.stream == SIGNALS}
    assert 3 < len(newest) <= 150
    relay.publish([status("replay", "simulated")])
    for start in range(0, len(messages), 20):
        relay.publish(messages[start : start + 20])
    rows = page.locator("#signal-rows tr[data-id]")
    expect(rows).to_have_count(len(newest))
    shown = rows.evaluate_all("rows => rows.map((row) => [row.dataset.id, row.dataset.life])")
    lives = {"opened": "open", "updated": "open"}
    assert dict(shown) == {name: lives.get(one.change, one.change) for name, one in newest.items()}
    # Every one of them adds up.
    for name in newest:
        page.locator(f"tr[data-id='{name}'] .open").click()
        told = page.locator("#why-sum")
        expect(told).to_have_attribute("data-id", name)
        expect(told).to_have_attribute("data-whole", "true")
    shoot(page, "test-flow")

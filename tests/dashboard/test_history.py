"""The dashboard with a store behind the relay: outcomes, older signals, earlier revisions."""

import re
from collections.abc import Iterator
from dataclasses import replace

import pytest
from playwright.sync_api import expect

from operators.model.streams import OUTCOMES, Message
from sinks.published import published
from tests.dashboard.relay import BORN_MS, GENERATION, BrowserRelay
from tests.dashboard.told import revision, signal
from tests.sinks.messages import OUTCOME
from tests.sinks.relay.api.world import MemoryStore

pytestmark = pytest.mark.servers


class Store(MemoryStore):
    """Rows in memory; outcomes as they are, not as a constant."""

    def hold(self, messages):
        self.rows += [published(one, GENERATION, BORN_MS, 1) for one in messages]

    def outcomes(self):
        return self.told


def outcome(seq: int, horizon_s: int, ticks: float) -> Message:
    value = replace(
        OUTCOME, signal_id=f"ES-{seq}", horizon_s=horizon_s, markout_ticks=ticks, hit=ticks > 0
    )
    return Message(OUTCOMES, "ES", seq, value)


@pytest.fixture
def store() -> Store:
    store = Store()
    store.told = []
    return store


@pytest.fixture
def relay(store) -> Iterator[BrowserRelay]:
    relay = BrowserRelay(store).start()
    yield relay
    relay.stop()


def test_no_outcomes_yet_is_an_answer(page):
    page.get_by_role("tab", name="Reliability").click()
    expect(page.locator("#view-reliability")).to_contain_text("No outcomes yet.")
    page.get_by_role("tab", name="Markout").click()
    expect(page.locator("#view-markout")).to_contain_text("No outcomes yet.")
    expect(page.locator("#quality canvas")).to_have_count(0)


def test_outcomes_become_plots(page, store, shoot):
    for seq in range(1, 41):
        store.hold([outcome(2 * seq, 60, seq % 3 - 0.5), outcome(2 * seq + 1, 300, seq % 5 - 1.0)])
        store.told += [(60, 0.55 + 0.01 * seq, seq % 3 != 0), (300, 0.5, seq % 2 == 0)]
    page.get_by_role("tab", name="Reliability").click()
    expect(page.locator("#view-reliability canvas")).to_be_visible()
    expect(page.locator("#view-reliability")).to_contain_text("80 outcomes")
    shoot(page, "test-reliability")
    page.get_by_label("Horizon").select_option("300")
    page.get_by_role("tab", name="Markout").click()
    expect(page.locator("#view-markout canvas")).to_be_visible()
    expect(page.locator("#view-markout")).to_contain_text(re.compile(r"1 min: \+0\.5 ticks"))
    shoot(page, "test-markout")


def test_trades_and_ranks_of_the_record_are_told_and_a_simulation_says_so(page, store, shoot):
    for seq in range(1, 21):
        for horizon_s, ticks in ((1, 0.0), (900, seq % 4 - 1.0)):
            made = outcome(seq, horizon_s, ticks)
            value = replace(made.value, move_ticks=ticks + 0.5, probability=0.6 + seq / 100)
            control = replace(value, signal_id="", sampled=True, kind="control", probability=0.1)
            store.hold([Message(OUTCOMES, "ES", 4 * seq, value)])
            store.hold([Message(OUTCOMES, "ES", 4 * seq + 1, control)])
    page.get_by_role("tab", name="Markout").click()
    told = page.locator("#view-markout")
    # Half a tick on average, less a tick of spread and 0.4 of fees.
    expect(told).to_contain_text(
        re.compile(r"Simulation \(one contract a signal.*\): −0\.9 ticks \(.*USD a trade of 20")
    )
    expect(told).to_contain_text(re.compile(r"Rank correlation .* 20 signals beside 20 controls"))
    shoot(page, "test-record")


def test_older_signals_come_from_history_when_asked(relay, store, open_page):
    everything = [signal(seq) for seq in range(1, 31)]
    store.hold(everything)
    relay.publish(everything[20:])
    page = open_page()
    rows = page.locator("#signal-rows tr[data-id]")
    expect(rows).to_have_count(10)
    page.get_by_role("button", name="Older signals").click()
    expect(rows).to_have_count(30)
    expect(rows.last).to_have_attribute("data-id", "ES-1")


def test_revisions_from_before_the_page_are_history_s(relay, store, open_page):
    opened = signal(1)
    later = [revision(opened, 2), revision(revision(opened, 2), 3, change="closed")]
    store.hold([opened, *later])
    relay.publish(later[1:])
    page = open_page()
    page.locator("#signal-rows .open").click()
    expect(page.locator(".timeline li")).to_have_count(3)
    expect(page.locator(".timeline li").first).to_contain_text("opened")

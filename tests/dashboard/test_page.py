"""The dashboard in a real browser: what a trader sees of what the relay was given."""

import re

import pytest
from playwright.sync_api import expect

from sinks.relay.api.pages import FOLDER
from tests.dashboard.told import (
    data_gap,
    execution,
    pressure,
    revision,
    signal,
    status,
)

pytestmark = pytest.mark.servers

ROWS = "#signal-rows tr[data-id]"


def ids(page):
    return page.locator(ROWS).evaluate_all("rows => rows.map((row) => row.dataset.id)")


def test_a_signal_appears_with_its_confidence_and_is_announced(page, relay):
    relay.publish([signal(1)])
    row = page.locator(ROWS)
    expect(row).to_have_count(1)
    expect(row).to_contain_text("78 %")
    expect(row).to_contain_text("Sweep")
    expect(row).to_contain_text("LONG")
    expect(row.locator(".confidence")).to_have_attribute("title", re.compile("uncalibrated"))
    expect(page.locator("#announcer")).to_have_text(re.compile("ESH4 buy, Sweep, 78 percent"))


def test_why_shows_evidence_and_parts_that_add_up(page, relay, shoot):
    relay.publish([signal(1)])
    page.locator(f"{ROWS} .open").click()
    drawer = page.get_by_role("dialog", name=re.compile("BUY ESH4"))
    expect(drawer).to_be_visible()
    expect(drawer).to_contain_text("120 contracts took 3 levels")
    expect(drawer).to_contain_text("18446744073709551615")
    expect(drawer).to_contain_text("10 – 14")
    told = page.locator("#why-sum")
    assert float(told.get_attribute("data-total")) == pytest.approx(1.25, abs=1e-6)
    expect(told).to_have_attribute("data-whole", "true")
    # What the eye adds: the figures beside the bars.
    figures = told.locator(".sum > .num").all_inner_texts()
    parts = [float(text.replace("−", "-")) for text in figures]
    assert sum(parts[:-1]) == pytest.approx(parts[-1], abs=0.011)
    shoot(page, "test-why")
    page.keyboard.press("Escape")
    expect(page.locator("#why")).to_be_hidden()


def test_what_is_said_of_the_price_stands_beside_the_confidence(page, relay, shoot):
    stated = {"p_move": 0.49, "p_move_low": 0.45, "p_move_high": 0.53, "p_move_horizon_s": 60}
    relay.publish([signal(1), signal(2, **stated)])
    page.locator(f"{ROWS}[data-id=ES-2] .open").click()
    expect(page.locator("#why .headline .move")).to_have_text(
        "49 % (45 – 53 %) that the price goes its way within 1 min"
    )
    shoot(page, "test-why-move")
    page.locator(f"{ROWS}[data-id=ES-1] .open").click()
    expect(page.locator("#why .headline")).to_contain_text("78 %")
    expect(page.locator("#why .headline .move")).to_have_count(0)


def test_parts_that_do_not_add_up_are_told(page, relay):
    relay.publish([signal(1, log_odds=9.0)])
    page.locator(f"{ROWS} .open").click()
    expect(page.locator("#why-sum")).to_contain_text("but the signal says 9.0000")


def test_a_restart_of_the_relay_loses_and_doubles_nothing(page, relay, watched):
    watched.may_lose_relay = True
    first = [signal(seq) for seq in range(1, 6)]
    relay.publish(first)
    expect(page.locator(ROWS)).to_have_count(5)
    relay.stop()
    expect(page.locator("#mode")).to_have_text("OFFLINE")
    expect(page.locator("#banner")).to_contain_text("nothing of it is live")
    relay.start()
    # The new one has everything again, as from Kafka or a worker, and two that came meanwhile.
    relay.publish([*first, signal(6), signal(7)])
    expect(page.locator(ROWS)).to_have_count(7)
    expect(page.locator("#banner")).to_be_hidden()
    assert ids(page) == [f"ES-{seq}" for seq in range(7, 0, -1)]
    expect(page.locator(".gap-row")).to_have_count(0)
    expect(page.locator("#gaps-count")).to_be_hidden()


def test_what_is_missing_is_said_on_list_and_panel(page, relay, shoot):
    relay.publish([signal(1), signal(2), signal(6)])
    expect(page.locator(".gap-row")).to_have_text(
        "Missing: ES signals seq 3 – 5 never reached this page"
    )
    expect(page.locator("#gaps-count")).to_have_text("3")
    page.get_by_role("tab", name="Gaps").click()
    expect(page.locator("#view-gaps")).to_contain_text("3 never reached this page")
    shoot(page, "test-gap")


def test_a_late_page_says_what_it_does_not_hold(relay, open_page):
    relay.publish([signal(seq) for seq in range(11, 31)])
    page = open_page()
    expect(page.locator(ROWS)).to_have_count(20)
    expect(page.locator(".gap-row")).to_have_count(0)
    expect(page.get_by_role("button", name="Older signals")).to_be_visible()
    page.get_by_role("tab", name="Gaps").click()
    expect(page.locator("#view-gaps")).to_contain_text("ES signals before seq 11")


def test_a_retracted_signal_is_struck_through_and_stays(page, relay, shoot):
    opened = signal(1)
    relay.publish([opened, revision(opened, 2, change="retracted", action="IGNORE")])
    row = page.locator(ROWS)
    expect(row).to_have_attribute("data-life", "retracted")
    expect(row).to_contain_text("RETRACTED")
    expect(row.locator(".kind")).to_have_css(
        "text-decoration-line", re.compile("none|line-through")
    )
    assert "line-through" in row.locator(".open").evaluate(
        "e => getComputedStyle(e).textDecorationLine"
    )
    row.locator(".open").click()
    steps = page.locator(".timeline li")
    expect(steps).to_have_count(2)
    expect(steps.last).to_contain_text("retracted")
    shoot(page, "test-retracted")


def test_revisions_change_the_row_in_its_place(page, relay):
    first, second = signal(1), signal(2)
    relay.publish([first, second])
    expect(page.locator(ROWS)).to_have_count(2)
    relay.publish([revision(first, 3, probability=0.91)])
    expect(page.locator(ROWS).last).to_contain_text("91 %")
    assert ids(page) == ["ES-2", "ES-1"]


def test_the_keyboard_does_what_the_mouse_does(page, relay):
    relay.publish([pressure(1), pressure(1, "NQ")])
    relay.publish([signal(1), signal(2), signal(1, "NQ")])
    expect(page.locator(ROWS)).to_have_count(3)
    page.keyboard.press("2")
    expect(page.get_by_role("button", name=re.compile("^NQ"))).to_have_attribute(
        "aria-pressed", "true"
    )
    page.keyboard.press("r")
    expect(page.locator(ROWS)).to_have_count(1)
    page.keyboard.press("r")
    expect(page.locator(ROWS)).to_have_count(3)
    page.keyboard.press("j")
    page.keyboard.press("j")
    chosen = page.locator("tr[aria-selected=true]")
    expect(chosen).to_have_count(1)
    second = ids(page)[1]
    expect(chosen).to_have_attribute("data-id", second)
    page.keyboard.press("k")
    expect(chosen).to_have_attribute("data-id", ids(page)[0])
    page.keyboard.press("Enter")
    expect(page.locator("#why")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#why")).to_be_hidden()
    page.keyboard.press("/")
    expect(page.locator("#filter")).to_be_focused()
    page.keyboard.type("root=NQ")
    expect(page.locator(ROWS)).to_have_count(1)
    page.keyboard.press("Escape")
    page.keyboard.press("m")
    expect(page.locator("#announcer")).to_have_text("Muted")
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keys")).to_be_visible()


def test_a_filter_that_means_nothing_is_told(page, relay):
    relay.publish([signal(1)])
    page.locator("#filter").fill("sdie=buy")
    expect(page.locator("#filter-error")).to_contain_text("sdie: expected one of root, side")
    expect(page.locator(ROWS)).to_have_count(1)
    page.locator("#filter").fill("min_confidence=0.9")
    expect(page.locator("#signals-empty")).to_have_text("No signal matches the filter.")


def test_dark_and_light_follow_the_system_until_chosen(open_page, relay, shoot):
    page = open_page(color_scheme="light")
    relay.publish([pressure(1), signal(1)])
    html = page.locator("html")
    expect(html).to_have_attribute("data-theme", "light")
    page.emulate_media(color_scheme="dark")
    expect(html).to_have_attribute("data-theme", "dark")
    page.keyboard.press("t")
    expect(html).to_have_attribute("data-theme", "light")
    page.emulate_media(color_scheme="light")
    page.emulate_media(color_scheme="dark")
    expect(html).to_have_attribute("data-theme", "light")
    expect(page.locator(ROWS)).to_have_count(1)
    shoot(page, "test-light")


def test_on_a_phone_everything_is_in_one_column(open_page, relay, shoot):
    page = open_page(
        viewport={"width": 390, "height": 844},
        is_mobile=True,
        has_touch=True,
        device_scale_factor=2,
    )
    relay.publish([status("live"), *(pressure(n, steps=n % 3) for n in range(3)), signal(1)])
    expect(page.locator(ROWS)).to_have_count(1)
    assert page.evaluate("() => document.documentElement.scrollWidth") <= 390
    lefts = page.locator("main > .panel").evaluate_all(
        "panels => panels.map((panel) => panel.getBoundingClientRect().left)"
    )
    assert len(set(lefts)) == 1
    page.locator(f"{ROWS} .open").tap()
    expect(page.locator("#why-close")).to_be_in_viewport(ratio=1)
    shoot(page, "test-phone")
    page.locator("#why-close").tap()
    expect(page.locator("#why")).to_be_hidden()


def test_the_badge_and_the_light_say_which_market_and_how_good(page, relay):
    expect(page.locator("#mode")).to_have_text("WAITING")
    relay.publish([status("preparing", "simulated", "learning what is normal: 12 %")])
    expect(page.locator("#mode")).to_have_text("PREPARING")
    expect(page.locator("#banner")).to_contain_text("learning what is normal: 12 %")
    relay.publish([status("replay", "simulated")])
    expect(page.locator("#mode")).to_have_text("SIMULATED")
    expect(page.locator("#light")).to_have_attribute("data-level", "ok")
    relay.publish([status("degraded", "simulated", "30 % of records lost")])
    expect(page.locator("#light")).to_have_attribute("data-level", "warn")
    expect(page.locator("#light")).to_contain_text("30 % of records lost")


def test_lag_of_a_live_feed_is_said(page, relay):
    relay.publish([status("live", lag_ns=12_000_000_000)])
    expect(page.locator("#mode")).to_have_text("DELAYED")
    expect(page.locator("#light")).to_contain_text("lags 12 s")
    relay.publish([status("live", late=True, receive_lag_ns=8_000_000_000)])
    expect(page.locator("#light")).to_contain_text("lags 8 s")
    relay.publish([status("live")])
    expect(page.locator("#mode")).to_have_text("LIVE")


def test_a_signal_made_from_history_says_so(page, relay):
    relay.publish([signal(1), signal(2, delayed=True)])
    expect(page.locator("#signals").get_by_text("DELAYED", exact=True)).to_have_count(1)


def test_the_chart_has_a_table_twin_and_a_name(page, relay):
    relay.publish([signal(3)])
    for second in range(6):
        relay.publish([pressure(second, steps=second)])
        # State conflates: each second is to be seen.
        expect(page.locator("#price")).to_have_text(f"{5000 + second / 4:.2f}")
    page.get_by_role("button", name="Table").click()
    table = page.get_by_role("table", name=re.compile("ESH4: the last"))
    expect(table).to_contain_text("5001.25")
    expect(table).to_contain_text("buy Sweep 78 % (opened)")


def test_faulty_data_of_the_front_future_lights_the_lamp(page, relay):
    relay.publish([status(), pressure(1), data_gap(1, "opened", 2)])
    expect(page.locator("#light")).to_contain_text("1 instrument with faulty data")
    expect(page.locator("#chart-note")).to_contain_text("data at fault now")
    relay.publish([status(), data_gap(2, "closed", 3)])
    expect(page.locator("#light")).to_contain_text("feed good")


def test_the_tape_is_filtered_by_size_and_kind(page, relay):
    relay.publish([pressure(1), execution(1, size=20), execution(2, size=150, tags=("stop",))])
    rows = page.locator("#tape-rows tr")
    expect(rows).to_have_count(2)
    page.get_by_label("Smallest size shown").fill("100")
    expect(rows).to_have_count(1)
    page.get_by_role("button", name="stop", exact=True).click()
    expect(page.locator("#tape-empty")).to_have_text("Nothing of this size and kind.")


def test_pressure_is_shown_by_contract_and_window(page, relay):
    relay.publish([pressure(1)])
    table = page.locator("table.pressure")
    expect(table.locator("th").nth(1)).to_have_text("5 s")
    expect(table.locator("tbody tr").first).to_contain_text("+9")
    expect(table.locator("tbody tr").first).to_contain_text("+31")


def test_without_outcomes_there_is_no_picture_of_any(page, watched):
    for tab in ("Reliability", "Markout"):
        # This relay has no store, and says so; the browser logs the answer 503.
        page.get_by_role("tab", name=tab).click()
        expect(page.locator(f"#view-{tab.lower()}")).to_contain_text("this relay has no store")
        expect(page.locator(f"#view-{tab.lower()} canvas")).to_have_count(0)
    watched.faults = [fault for fault in watched.faults if "503" not in fault]


def test_a_new_generation_starts_the_page_anew(page, relay):
    relay.publish([signal(1), signal(2)])
    expect(page.locator(ROWS)).to_have_count(2)
    relay.publish([signal(1, id="other")], generation="g-next", born_ms=2_000_000_000_000)
    expect(page.locator(ROWS)).to_have_count(1)
    expect(page.locator("#banner")).to_contain_text("A new run of the data flow began (g-next)")
    assert ids(page) == ["other"]


def test_text_of_a_message_is_never_markup(page, relay):
    evil = '<img src=x onerror="document.title=1">'
    relay.publish([signal(1, kind=evil, reasons=(evil,), params=evil, id="plain")])
    page.locator(f"{ROWS} .open").click()
    expect(page.locator("#why .reasons li").first).to_have_text(evil)
    assert page.locator("img").count() == 0


def test_ten_thousand_signals_take_bounded_room(page, relay):
    relay.publish([pressure(1)])
    page.evaluate("() => { window.longest = 0; }")
    for start in range(1, 10_001, 250):
        relay.publish([signal(seq) for seq in range(start, start + 250)])
        page.wait_for_function(
            f"() => document.querySelector('#signals-note').textContent.includes('') && "
            f"Boolean(document.querySelector('[data-id=\"ES-{start + 249}\"]'))"
        )
    assert page.locator(ROWS).count() <= 150
    assert page.locator("body *").count() < 6_000
    expect(page.locator("#signals-note")).to_contain_text("9,500 oldest let go, 500 are kept")
    assert ids(page)[0] == "ES-10000"


def test_every_control_has_a_name_and_the_page_its_landmarks(page, relay):
    relay.publish([pressure(1), signal(1)])
    expect(page.locator(ROWS)).to_have_count(1)
    for role in ("banner", "main", "contentinfo", "navigation"):
        expect(page.get_by_role(role)).to_have_count(1)
    nameless = page.evaluate(
        """() => [...document.querySelectorAll('button, input, select')].filter((one) =>
             !(one.getAttribute('aria-label') || one.textContent.trim() || one.labels?.length))
             .map((one) => one.outerHTML)"""
    )
    assert nameless == []
    expect(
        page.get_by_role("button", name=re.compile("Why: ES buy Sweep, 78 percent"))
    ).to_be_visible()


def test_the_policy_allows_nothing_from_elsewhere(page, relay):
    answer = page.request.get(relay.url)
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("default-src 'self'")
    assert "unsafe" not in policy
    texts = [path.read_text() for path in FOLDER.glob("*.*")]
    assert len(texts) > 20
    for text in texts:
        assert not re.search(
            r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(", text
        )
        assert not re.search(r"<[^>]+\sstyle=|<script>|\son\w+=\"", text)


def test_a_browser_that_prefers_less_motion_gets_none(open_page, relay):
    page = open_page(reduced_motion="reduce")
    relay.publish([signal(1)])
    row = page.locator(ROWS)
    expect(row).to_have_css("animation-name", "none")

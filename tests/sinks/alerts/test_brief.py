import json
from dataclasses import replace

from sinks.alerts.brief import (
    REASON_CHARACTERS_MAX,
    REASONS_MAX,
    brief_of,
    brief_of_plain,
    price_shown,
)
from tests.sinks.messages import SIGNAL


def test_what_is_kept_survives_json():
    brief = brief_of(SIGNAL, "notice")
    assert brief_of_plain(json.loads(json.dumps(brief.plain()))) == brief
    assert (brief.levels, brief.instrument_ids, brief.price) == (3, (5602,), "-0.25")
    assert not brief.calibrated


def test_reasons_are_bounded():
    brief = brief_of(replace(SIGNAL, reasons=("x" * 10_000,) * 100), "info")
    assert len(brief.reasons) == REASONS_MAX
    assert {len(reason) for reason in brief.reasons} == {REASON_CHARACTERS_MAX}


def test_a_price_has_the_decimals_of_its_tick():
    assert price_shown(5_000_500_000_000, 250_000_000) == "5000.50"
    assert price_shown(5_000_375_000_000, 250_000_000) == "5000.375"
    assert price_shown(17_000_000_000_000, None) == "17000"
    assert price_shown(-500_000_000, 10_000_000) == "-0.50"


def test_a_brief_says_whether_it_is_old_news():
    assert brief_of(replace(SIGNAL, delayed=True), "info", late=True).delayed
    assert brief_of(SIGNAL, "info", late=True).late
    plain = brief_of(SIGNAL, "info").plain()
    # A journal may be older than these fields.
    del plain["delayed"], plain["late"]
    assert brief_of_plain(plain) == brief_of(SIGNAL, "info")

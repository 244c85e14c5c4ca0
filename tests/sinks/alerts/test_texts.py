from dataclasses import replace
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sinks.alerts.intents import digest_of
from sinks.alerts.texts import headline, html, lines, link, one_line, plain, short, subject
from tests.sinks.alerts.notices import ZONE, brief, intent
from tests.sinks.alerts.signals import START


def first(given, *, repeat=False):
    return subject(given, ZONE, possible_repeat=repeat)


def test_a_trader_reads_it_in_one_second():
    assert headline(brief(), ZONE) == (
        "ES BUY 5000.25 · sweep HIGH 78 % (uncalibrated) · 420 lots over 5 levels · 09:13:20 CT"
    )
    calibrated = replace(brief(), calibrated=True, levels=0, side="sell", kind="stop_run")
    assert headline(calibrated, ZoneInfo("Asia/Tokyo")) == (
        "ES SELL 5000.25 · stop run HIGH 78 % · 420 lots · 00:13:20 JST"
    )


def test_reasons_and_a_link_follow():
    text = plain(intent(reasons=("a", "b")), ZONE, "http://x/", possible_repeat=False)
    assert text.splitlines()[1:] == ["- a", "- b", "http://x/#signal=a"]
    warming = intent(baseline="WARMING", reasons=())
    assert lines(warming, ZONE) == ["- Baseline still warming"]
    assert link("http://x", "a/b?") == "http://x/#signal=a%2Fb%3F"


def test_a_retraction_says_why_and_a_repeat_is_marked():
    taken = intent(kind="retracted", reasons=("Retracted: the data of ESH6 proved bad", "x"))
    assert first(taken, repeat=True).startswith("[possible repeat] RETRACTED ES BUY 5000.25")
    assert first(taken).endswith("09:13:20 CT: the data of ESH6 proved bad")
    closed = intent(kind="closed", reasons=("Closed: no further evidence for 30 s",))
    assert first(closed).endswith("CT: no further evidence for 30 s")
    assert first(intent(kind="repeat")).startswith("STILL OPEN ES BUY")
    assert first(intent(change="closed")).endswith("CT (over)")


def test_a_group_is_named_after_its_most_probable_signal():
    several = replace(intent(), briefs=(brief("a"), brief("b", root="NQ", probability=0.9)))
    assert first(several).startswith("NQ BUY")
    assert first(several).endswith("(+1 more)")
    assert len([line for line in lines(several, ZONE) if "BUY" in line]) == 2


def test_a_digest_counts_by_reason_and_lists():
    digest = digest_of("desk", START, [(brief(), "budget")], {"budget": 3, "bad_feed": 1})
    assert first(digest) == "Held back: 4 signals"
    shown = lines(digest, ZONE)
    assert shown[:2] == ["1 while the feed was bad", "3 beyond the hourly budget"]
    assert shown[2].endswith("09:13:20 CT: beyond the hourly budget")
    assert shown[3] == "and 3 more, less probable"


@given(st.text(), st.text(max_size=400))
def test_whatever_a_signal_says_headers_are_one_line_and_sms_fit(root, reason):
    given = intent(root=root, reasons=(reason,), kind="retracted")
    line = first(given)
    assert line == one_line(line)
    assert line.splitlines() == [line]
    text = short(given, ZONE, possible_repeat=True)
    assert text.isascii()
    assert len(text) <= 160
    assert all(len(shown.splitlines()) <= 1 for shown in lines(given, ZONE))


@pytest.mark.parametrize("bad", ["<script>alert(1)</script>", '"><a href=javascript:x>'])
def test_html_is_escaped(bad):
    page = html(intent(root=bad, reasons=(bad,)), ZONE, "http://x/", possible_repeat=False)
    assert bad not in page
    assert '<a href="http://x/#signal=a">' in page

"""Texts: what a trader reads in one second, the reasons below, and the same in 160 characters."""

from datetime import UTC, datetime
from html import escape
from typing import Final
from urllib.parse import quote
from zoneinfo import ZoneInfo

from sinks.alerts.brief import Brief
from sinks.alerts.intents import Intent

SMS_CHARACTERS_MAX: Final = 160
POSSIBLE_REPEAT: Final = "possible repeat"
_ZONES: Final = {"America/Chicago": "CT", "America/New_York": "ET", "Europe/London": "UK"}
"""What traders call them, whatever the season."""
_PLAIN: Final = str.maketrans(
    {"·": "-", "…": "...", "–": "-", "—": "-", "−": "-", "×": "x", "≥": ">=", "≤": "<=", "’": "'"}
)
_NS_PER_S: Final = 1_000_000_000


def headline(brief: Brief, zone: ZoneInfo) -> str:
    """`ES BUY 5000.25 · sweep HIGH 78 % (uncalibrated) · 420 lots over 5 levels · 14:31:07 CT`."""
    side = {"buy": "BUY", "sell": "SELL"}.get(brief.side, brief.side.upper())
    confidence = f"{100 * brief.probability:.0f} %" + (
        "" if brief.calibrated else " (uncalibrated)"
    )
    lots = f"{brief.size:,} lots" + (f" over {brief.levels} levels" if brief.levels > 1 else "")
    parts = (
        f"{brief.root} {side} {brief.price}",
        f"{brief.kind.replace('_', ' ')} {brief.strength.replace('_', ' ')} {confidence}",
        lots,
        clock(brief.ts_event, zone),
    )
    return one_line(" · ".join(parts))


def clock(ts_ns: int, zone: ZoneInfo) -> str:
    """Local time of day and what traders call the zone, such as `14:31:07 CT`."""
    local = datetime.fromtimestamp(ts_ns // _NS_PER_S, UTC).astimezone(zone)
    return f"{local:%H:%M:%S} {_ZONES.get(zone.key) or local.tzname()}"


def subject(intent: Intent, zone: ZoneInfo, *, possible_repeat: bool) -> str:
    """The first line: all that a phone shows."""
    mark = f"[{POSSIBLE_REPEAT}] " if possible_repeat else ""
    if intent.kind == "digest":
        return f"{mark}Held back: {_count(sum(intent.totals.values()), 'signal')}"
    first = headline(_leading(intent), zone)
    more = f" (+{len(intent.briefs) - 1} more)" if len(intent.briefs) > 1 else ""
    return one_line(f"{mark}{_PREFIXES[intent.kind]}{first}{_ending(intent)}{more}")


def lines(intent: Intent, zone: ZoneInfo, dashboard_url: str = "") -> list[str]:
    """What follows the first line: reasons of one signal, or the headlines of many."""
    if intent.kind == "digest":
        return _digest_lines(intent, zone)
    shown: list[str] = []
    for brief in intent.briefs:
        if len(intent.briefs) > 1:
            over = " (over)" if brief.change == "closed" else ""
            shown.append(headline(brief, zone) + over)
        shown += [f"- {one_line(reason)}" for reason in brief.reasons]
        if brief.warming:
            shown.append("- Baseline still warming")
        if dashboard_url:
            shown.append(link(dashboard_url, brief.id))
    return shown


def link(dashboard_url: str, signal_id: str) -> str:
    """Where the dashboard shows a signal."""
    return f"{dashboard_url.rstrip('/')}/#signal={quote(signal_id, safe='')}"


def plain(intent: Intent, zone: ZoneInfo, dashboard_url: str, *, possible_repeat: bool) -> str:
    """The whole message as text."""
    first = subject(intent, zone, possible_repeat=possible_repeat)
    return "\n".join([first, *lines(intent, zone, dashboard_url)]) + "\n"


def html(intent: Intent, zone: ZoneInfo, dashboard_url: str, *, possible_repeat: bool) -> str:
    """The whole message as a small page without anything from elsewhere."""
    first = subject(intent, zone, possible_repeat=possible_repeat)
    body = "".join(
        f'<p><a href="{escape(line)}">Open in the dashboard</a></p>'
        if dashboard_url and line.startswith(dashboard_url.rstrip("/") + "/#signal=")
        else f"<p>{escape(line)}</p>"
        for line in lines(intent, zone, dashboard_url)
    )
    return f"<!doctype html><html><body><p><b>{escape(first)}</b></p>{body}</body></html>\n"


def short(intent: Intent, zone: ZoneInfo, *, possible_repeat: bool) -> str:
    """At most 160 characters of ASCII: one text message of the oldest alphabet."""
    text = subject(intent, zone, possible_repeat=possible_repeat)
    text = text.translate(_PLAIN).replace(" %", "%")
    text = text.encode("ascii", "replace").decode()
    return text if len(text) <= SMS_CHARACTERS_MAX else f"{text[: SMS_CHARACTERS_MAX - 3]}..."


def one_line(text: str) -> str:
    """Without anything that could end a line, a header or a terminal's patience."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


_PREFIXES: Final = {
    "alert": "",
    "repeat": "STILL OPEN ",
    "closed": "CLOSED ",
    "retracted": "RETRACTED ",
    "test": "TEST ",
}


def _leading(intent: Intent) -> Brief:
    """The most probable, of equals the earlier."""
    return max(intent.briefs, key=lambda brief: brief.probability)


def _ending(intent: Intent) -> str:
    """Why it was taken back; that it is over already."""
    brief = _leading(intent)
    if intent.kind in ("retracted", "closed") and brief.reasons:
        return f": {one_line(brief.reasons[0].partition(': ')[2] or brief.reasons[0])}"
    return " (over)" if brief.change == "closed" else ""


def _digest_lines(intent: Intent, zone: ZoneInfo) -> list[str]:
    shown = [f"{count} {_WHY.get(reason, reason)}" for reason, count in intent.totals.items()]
    for brief, reason in zip(intent.briefs, intent.reasons, strict=True):
        shown.append(f"- {headline(brief, zone)}: {_WHY.get(reason, reason)}")
    unlisted = sum(intent.totals.values()) - len(intent.briefs)
    return [*shown, f"and {unlisted} more, less probable"] if unlisted > 0 else shown


_WHY: Final = {
    "confidence": "below the receiver's confidence",
    "severity": "below the receiver's severity",
    "silenced": "silenced",
    "inhibited": "inhibited by another signal",
    "bad_feed": "while the feed was bad",
    "delayed": "from history",
    "late": "delivered late",
    "quiet_hours": "in quiet hours",
    "cooldown": "in the cooldown of another",
    "group_full": "beyond what one message holds",
    "budget": "beyond the hourly budget",
    "retracted": "taken back before they were told",
}


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" + ("" if number == 1 else "s")

"""Notices as a lane makes them."""

from time import time_ns
from zoneinfo import ZoneInfo

from sinks.alerts.brief import brief_of
from sinks.alerts.channels.channel import Notice
from sinks.alerts.intents import intent_of
from tests.sinks.alerts.signals import value

ZONE = ZoneInfo("America/Chicago")


def brief(name="a", at_s=0, severity="warning", **fields):
    return brief_of(value(at_s, name, **fields), severity)


def intent(name="a", receiver="desk", kind="alert", follows=(), at_ns=None, **fields):
    at_ns = time_ns() if at_ns is None else at_ns
    return intent_of(kind, receiver, at_ns, [brief(name, **fields)], follows)


def notice(given=None, *, repeat=False, dashboard_url="", **fields):
    return Notice(
        intent=intent(**fields) if given is None else given,
        possible_repeat=repeat,
        zone=ZONE,
        dashboard_url=dashboard_url,
    )

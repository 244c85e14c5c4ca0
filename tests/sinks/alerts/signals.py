"""Signals and policies as short as a test wants them."""

from dataclasses import replace

from operators.model.items import Tick
from operators.model.signals import FeedStatus, Gap
from operators.model.streams import GAPS, SIGNALS, STATUS, Message
from sinks.alerts.policy import AlertPolicy
from sinks.alerts.policy_file import parse_policy
from tests.sinks.messages import EVIDENCE, SIGNAL

START = 1_768_490_000_000_000_000  # Thursday 2026-01-15 09:13:20 in Chicago
S = 1_000_000_000


def signal(at_s, name="a", **fields):
    """Message of a signal `at_s` seconds after START."""
    return Message(SIGNALS, fields.get("root", "ES"), 1, value(at_s, name, **fields))


def value(at_s, name="a", **fields):
    """The signal itself."""
    given = {
        "id": name,
        "root": "ES",
        "side": "buy",
        "kind": "sweep",
        "strength": "HIGH",
        "probability": 0.78,
        "ts_event": round(START + at_s * S),
        "ts_opened": START,
        "price_e9": 5_000_250_000_000,
        "evidence": (replace(EVIDENCE, measure=5.0),),
        "size": 420,
    }
    return replace(SIGNAL, **given | fields)


def tick(at_s):
    return Tick("glbx", round(START + at_s * S))


def status(at_s, state="live", lag_ms=1, feed="glbx"):
    given = FeedStatus(
        feed=feed, state=state, ts_event=round(START + at_s * S), records=1,
        lag_ns=round(lag_ms * 1e6), text="",
    )  # fmt: skip
    return Message(STATUS, feed, 0, given)


def gap(at_s, change="opened", *, root="ES", instrument_id=5602, reason="crossed", feed="glbx"):
    given = Gap(
        root=root, feed=feed, instrument_id=instrument_id, symbol="ESH4",
        ts_event=round(START + at_s * S), sequence=1, change=change, reason=reason, text="",
    )  # fmt: skip
    return Message(GAPS, root, 1, given)


RECEIVER = """
[receivers.{name}]
{keys}
[receivers.{name}.webhook]
url = "http://127.0.0.1:9/"
"""


def receiver(name="desk", keys=""):
    return RECEIVER.format(name=name, keys=keys)


def policy(route="", rest="", *, receivers=None, state=None):
    """A policy that tells `desk` of everything at once, but for what `route` says."""
    defaults = {
        "receivers": '["desk"]',
        "group_wait_s": "0",
        "group_interval_s": "0",
        "cooldown_s": "0",
    }
    own = {line.split("=")[0].strip() for line in route.partition("[[")[0].splitlines()}
    lines = [f"{name} = {given}" for name, given in defaults.items() if name not in own]
    told_of = receiver() if receivers is None else receivers
    text = "\n".join([rest, told_of, "[route]", *lines, route])
    return AlertPolicy(parse_policy(text), state)


def told(policy, *items):
    """(kind, receiver, ids of the signals) of every intent, in order."""
    return [shown(intent) for item in items for intent in policy.on_item(item)]


def shown(intent):
    return intent.kind, intent.receiver, "+".join(brief.id for brief in intent.briefs)


def held(policy):
    """Reason → revisions held back."""
    return {
        name.removeprefix("held."): count
        for name, count in policy.counts().items()
        if name.startswith("held.")
    }


def adds_up(policy):
    """Whether every routed revision has its one fate."""
    c = policy.counts()
    fates = sum(c.get(name, 0) for name in ("told", "merged", "known", "waiting"))
    return c.get("offered", 0) == fates + sum(held(policy).values())

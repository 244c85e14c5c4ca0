import pickle
import random
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from operators.model.errors import StateError
from operators.model.streams import EXECUTIONS, Message
from sinks.alerts.intents import intent_of_text
from sinks.alerts.policy import REASONS, AlertPolicy
from sinks.alerts.policy_file import parse_policy
from sinks.alerts.restraint import HOUR_NS, LISTED_MAX
from tests.sinks.alerts.signals import (
    START,
    S,
    adds_up,
    gap,
    held,
    policy,
    receiver,
    shown,
    signal,
    status,
    tick,
    told,
)
from tests.sinks.messages import EXECUTION


def test_a_signal_is_told_at_once_to_whom_the_route_says():
    p = policy()
    assert told(p, signal(0)) == [("alert", "desk", "a")]
    assert p.counts()["told"] == 1


def test_what_is_no_signal_says_nothing():
    assert told(policy(), Message(EXECUTIONS, "ES", 1, EXECUTION), tick(1), "?", gap(0)) == []


def test_nobody_is_told_by_default():
    p = policy("receivers = []")
    assert told(p, signal(0)) == []
    assert p.counts()["unrouted"] == 1


def test_a_group_waits_for_others_and_goes_as_one_message():
    p = policy('group_wait_s = 2\ngroup_by = ["root"]')
    assert told(p, signal(0, "a"), signal(1, "b", side="sell"), signal(1, "n", root="NQ")) == []
    assert told(p, tick(1.9)) == []
    assert told(p, tick(2)) == [("alert", "desk", "a+b")]
    assert told(p, tick(3)) == [("alert", "desk", "n")]


def test_without_group_by_each_signal_is_a_message():
    p = policy("group_wait_s = 1\ngroup_by = []")
    assert told(p, signal(0, "a"), signal(0, "b"), tick(1)) == [
        ("alert", "desk", "a"),
        ("alert", "desk", "b"),
    ]


def test_the_next_message_of_a_group_waits_for_the_interval():
    p = policy("group_interval_s = 60")
    assert told(p, signal(0, "a"), signal(5, "b"), signal(6, "c"), tick(59)) == [
        ("alert", "desk", "a")
    ]
    assert told(p, tick(60)) == [("alert", "desk", "b+c")]
    # A group that has been silent for an interval is new.
    assert told(p, tick(200), signal(201, "d")) == [("alert", "desk", "d")]


def test_an_update_is_no_news_unless_it_is_more_severe():
    p = policy()
    assert told(p, signal(0), signal(1, change="updated", revision=2)) == [("alert", "desk", "a")]
    assert p.counts()["known"] == 1
    worse = signal(2, change="updated", revision=3, strength="EXTREME")
    assert told(p, worse, worse) == [("alert", "desk", "a")]


def test_an_update_of_what_waits_takes_its_place():
    p = policy("group_wait_s = 2")
    p.on_item(signal(0))
    p.on_item(signal(1, change="updated", revision=2, size=999))
    (intent,) = p.on_item(tick(2))
    assert [b.size for b in intent.briefs] == [999]
    assert p.counts()["merged"] == 1


def test_the_first_matching_route_rules_and_continue_goes_on():
    text = receiver("desk") + receiver("phone") + receiver("log")
    p = policy(
        """group_by = []
        [[route.routes]]
        match = { severity_min = "critical" }
        receivers = ["phone"]
        continue = true
        [[route.routes]]
        match = { root = ["ES"] }
        receivers = ["log"]
        [[route.routes]]
        match = { side = ["buy"] }
        receivers = ["phone"]""",
        receivers=text,
    )
    # Messages due at the same instant go in the order of the routes.
    assert told(p, signal(0, "a", strength="EXTREME")) == [
        ("alert", "phone", "a"),
        ("alert", "log", "a"),
    ]
    assert told(p, signal(1, "b")) == [("alert", "log", "b")]
    assert told(p, signal(2, "c", root="NQ")) == [("alert", "phone", "c")]
    assert told(p, signal(3, "d", root="NQ", side="sell")) == [("alert", "desk", "d")]


def test_a_receiver_hears_only_of_what_is_probable_and_severe_enough():
    text = receiver("desk", 'confidence_min = 0.8\nseverity_min = "warning"')
    p = policy(receivers=text)
    assert told(p, signal(0, "a", probability=0.79)) == []
    assert told(p, signal(0, "b", probability=0.95, strength="LOW")) == []
    assert told(p, signal(0, "c", probability=0.80)) == [("alert", "desk", "c")]
    assert held(p) == {"confidence": 1, "severity": 1}


def test_cooldown_of_a_root_side_and_kind_unless_it_is_worse():
    p = policy("cooldown_s = 60\ngroup_by = []")
    assert told(p, signal(0, "a"), signal(59, "b")) == [("alert", "desk", "a")]
    assert held(p) == {"cooldown": 1}
    assert told(p, signal(59, "c", side="sell"), signal(59, "d", kind="iceberg")) == [
        ("alert", "desk", "c"),
        ("alert", "desk", "d"),
    ]
    assert told(p, signal(59.5, "e", strength="EXTREME")) == [("alert", "desk", "e")]
    assert told(p, signal(120, "f")) == [("alert", "desk", "f")]


def test_a_budget_holds_for_any_hour_and_the_digest_lists_the_rest():
    p = policy("group_by = []", receivers=receiver("desk", "budget_per_hour = 3\ndigest_s = 600"))
    intents = [i for n in range(10) for i in p.on_item(signal(n, f"s{n}"))]
    assert [shown(i) for i in intents] == [("alert", "desk", f"s{n}") for n in range(3)]
    assert held(p) == {"budget": 7}
    assert told(p, tick(602)) == []
    (digest,) = p.on_item(tick(603))
    assert digest.kind == "digest"
    assert digest.totals == {"budget": 7}
    assert [b.id for b in digest.briefs] == [f"s{n}" for n in range(3, 10)]
    assert told(p, signal(3599, "x")) == []
    assert told(p, signal(3600, "y")) == [("alert", "desk", "y")]


def test_a_digest_lists_the_most_probable_and_counts_the_others():
    keys = "confidence_min = 1.0\ndigest_s = 60"
    p = policy("group_by = []", receivers=receiver("desk", keys))
    for n in range(50):
        p.on_item(signal(n / 100, f"s{n}", probability=n / 100))
    (digest,) = p.on_item(tick(60))
    assert digest.totals == {"confidence": 50}
    assert [b.id for b in digest.briefs] == [f"s{n}" for n in range(50 - LISTED_MAX, 50)]


def test_a_signal_held_back_again_and_again_is_listed_once():
    p = policy(receivers=receiver("desk", "confidence_min = 0.9\ndigest_s = 60"))
    for n in range(5):
        p.on_item(signal(n, change="updated" if n else "opened", revision=n + 1))
    (digest,) = p.on_item(tick(60))
    assert digest.totals == {"confidence": 1}
    assert held(p) == {"confidence": 5}


def test_a_silence_holds_from_its_beginning_to_its_end():
    p = policy(
        "group_by = []",
        """[[silences]]
        match = { root = ["ES"] }
        from = 2026-01-15T09:14:00-06:00
        to = 2026-01-15T09:15:00-06:00
        """,
    )
    assert told(p, signal(39, "a"), signal(40, "b"), signal(41, "n", root="NQ")) == [
        ("alert", "desk", "a"),
        ("alert", "desk", "n"),
    ]
    assert held(p) == {"silenced": 1}
    assert told(p, signal(100, "c")) == [("alert", "desk", "c")]


def test_an_open_signal_inhibits_others_alike_until_it_ends():
    p = policy(
        "group_by = []",
        """[[inhibit]]
        source = { kind = ["sweep"] }
        target = { kind = ["pressure"] }
        equal = ["root", "side"]
        """,
    )
    p.on_item(signal(0, "a"))
    assert told(p, signal(1, "b", kind="pressure")) == []
    assert told(p, signal(1, "c", kind="pressure", side="sell")) == [("alert", "desk", "c")]
    assert told(p, signal(2, "a", change="closed", revision=2)) == []
    assert told(p, signal(3, "d", kind="pressure")) == [("alert", "desk", "d")]
    assert held(p) == {"inhibited": 1}


@pytest.mark.parametrize(
    "bad", [status(0, "degraded"), status(0, "connecting"), status(0, lag_ms=6_000), gap(0)]
)
def test_alerts_wait_while_the_feed_is_bad(bad):
    p = policy("group_by = []")
    p.on_item(bad)
    assert told(p, signal(1, "a")) == []
    assert held(p) == {"bad_feed": 1}
    p.on_item(status(2))
    p.on_item(gap(2, "closed"))
    assert told(p, signal(3, "b")) == [("alert", "desk", "b")]


def test_a_signal_of_poor_quality_or_a_feed_that_turns_bad_while_it_waits():
    p = policy("group_wait_s = 2")
    assert told(p, signal(0, "a", quality=0.4)) == []
    p.on_item(signal(1, "b"))
    p.on_item(gap(2))
    assert told(p, tick(3)) == []
    assert held(p) == {"bad_feed": 2}
    assert adds_up(p)


def test_quiet_hours_hold_all_but_the_critical_and_the_digest_comes_after():
    rest = """[quiet_hours.morning]
    from = 09:00:00
    to = 09:20:00
    """
    keys = 'quiet_hours = ["morning"]\ndigest_s = 60'
    p = policy("group_by = []", rest, receivers=receiver("desk", keys))
    assert told(p, signal(0, "a"), signal(1, "b", strength="EXTREME")) == [("alert", "desk", "b")]
    assert told(p, *[tick(n) for n in range(60, 400)]) == []
    assert told(p, *[tick(n) for n in range(400, 520)]) == [("digest", "desk", "a")]
    assert told(p, signal(520, "c")) == [("alert", "desk", "c")]


def test_a_retraction_follows_its_alert_whatever_the_hour_or_budget():
    keys = 'budget_per_hour = 1\nquiet_hours = ["later"]'
    rest = """[quiet_hours.later]
    from = 09:14:00
    to = 10:00:00
    through = "nothing"
    """
    p = policy(rest=rest, receivers=receiver("desk", keys))
    (alert,) = p.on_item(signal(0))
    p.on_item(gap(99))
    (intent,) = p.on_item(signal(100, change="retracted", revision=2, reasons=("Retracted: bad",)))
    assert shown(intent) == ("retracted", "desk", "a")
    assert intent.follows == (alert.id,)
    assert told(p, signal(101, change="retracted", revision=3)) == []


def test_a_retraction_after_the_end_follows_its_alert_too():
    p = policy()
    ended = [signal(0), signal(40, change="closed", revision=2)]
    assert told(p, *ended) == [("alert", "desk", "a")]
    again = policy(state=pickle.loads(pickle.dumps(p.snapshot())))
    for one in (p, again):
        taken_back = signal(100, change="retracted", revision=3)
        assert told(one, taken_back) == [("retracted", "desk", "a")]
        assert told(one, signal(101, change="retracted", revision=4)) == []


def test_a_retraction_after_the_end_follows_an_alert_that_told_of_the_end():
    p = policy("group_wait_s = 60")
    assert told(p, signal(0), signal(40, change="closed", revision=2)) == []
    assert told(p, tick(60)) == [("alert", "desk", "a")]
    assert told(p, signal(100, change="retracted", revision=3)) == [("retracted", "desk", "a")]


def test_what_was_closed_is_not_reminded_of():
    p = policy("repeat_interval_s = 60")
    told(p, signal(0), signal(5, change="closed", revision=2))
    assert told(p, tick(100)) == []


def test_a_signal_made_from_history_is_never_told():
    p = policy("", "[bad_feed]\ninhibit = false")
    assert told(p, signal(0, delayed=True), signal(5, delayed=True, strength="EXTREME")) == []
    assert held(p) == {"delayed": 2}
    assert adds_up(p)
    # One that was told live is heard of to its end.
    assert told(p, signal(10, "b"), signal(20, "b", delayed=True, change="retracted")) == [
        ("alert", "desk", "b"),
        ("retracted", "desk", "b"),
    ]


def late(message):
    """The same, delivered while its feed was late."""
    return replace(message, late=True)


def test_what_is_delivered_late_is_held_back_until_a_revision_is_in_time():
    p = policy()
    assert told(p, late(signal(0))) == []
    assert held(p) == {"late": 1}
    assert told(p, signal(5, revision=2)) == [("alert", "desk", "a")]
    assert adds_up(p)


def test_whoever_wants_alerts_of_bad_feeds_gets_late_ones():
    p = policy("", "[bad_feed]\ninhibit = false")
    assert told(p, late(signal(0))) == [("alert", "desk", "a")]


def test_what_is_retracted_before_it_was_told_is_not_told():
    p = policy("group_wait_s = 2", receivers=receiver("desk", "digest_s = 60"))
    assert told(p, signal(0), signal(1, change="retracted", revision=2), tick(10)) == []
    assert held(p) == {"retracted": 1}
    assert told(p, tick(61)) == [("digest", "desk", "a")]
    assert adds_up(p)


def test_the_end_is_told_where_the_route_wants_it():
    p = policy("send_resolved = true")
    assert told(p, signal(0), signal(9, change="closed", revision=2)) == [
        ("alert", "desk", "a"),
        ("closed", "desk", "a"),
    ]
    q = policy()
    assert told(q, signal(0), signal(9, change="closed", revision=2)) == [("alert", "desk", "a")]


def test_what_closes_while_it_waits_is_told_as_over():
    p = policy("group_interval_s = 60")
    p.on_item(signal(0, "a"))
    p.on_item(signal(1, "b"))
    p.on_item(signal(31, "b", change="closed", revision=2))
    (intent,) = p.on_item(tick(60))
    assert [(b.id, b.change) for b in intent.briefs] == [("b", "closed")]
    assert adds_up(p)


def test_what_stays_open_is_repeated():
    p = policy("repeat_interval_s = 60")
    p.on_item(signal(0))
    intents = [i for n in range(1, 190) for i in p.on_item(tick(n))]
    assert [shown(i) for i in intents] == [("repeat", "desk", "a")] * 3
    assert len({i.id for i in intents}) == 3
    p.on_item(signal(190, change="closed", revision=2))
    assert told(p, *[tick(n) for n in range(190, 400)]) == []


def test_a_state_of_another_version_is_refused():
    state = policy().snapshot() | {"version": 99}
    with pytest.raises(StateError, match=r"version was 99 .*expected 2"):
        policy(state=state)


def test_a_changed_policy_takes_the_state_and_counts_what_has_no_receiver():
    p = policy("group_wait_s = 100")
    p.on_item(signal(0))
    q = policy('receivers = ["other"]', receivers=receiver("other"), state=p.snapshot())
    assert told(q, tick(200), signal(201, "b")) == [("alert", "other", "b")]
    assert held(q) == {"receiver_gone": 1}
    assert adds_up(q)


# Laws.

RICH = (
    receiver(
        "desk", 'confidence_min = 0.3\nbudget_per_hour = 5\ndigest_s = 60\nquiet_hours = ["q"]'
    )
    + receiver("log", "budget_per_hour = 1000\ndigest_s = 0")
    + """
[quiet_hours.q]
from = 09:14:00
to = 09:15:00
[[inhibit]]
source = { kind = ["sweep"], strength_min = "HIGH" }
target = { kind = ["pressure"] }
[[silences]]
match = { root = ["NQ"] }
from = 2026-01-15T09:15:00-06:00
to = 2026-01-15T09:16:00-06:00
[route]
receivers = ["desk", "log"]
group_wait_s = 1
group_interval_s = 10
repeat_interval_s = 60
cooldown_s = 5
send_resolved = true
[[route.routes]]
match = { severity_min = "critical" }
group_wait_s = 0
group_by = []
"""
)
CONFIG = parse_policy(RICH)


def market(seed, count):
    """A random life of signals, ticks, gaps and status."""
    rng = random.Random(seed)
    open_, items, at = {}, [], 0.0
    for n in range(count):
        at += rng.choice([0, 0.1, 1, 5])
        draw = rng.random()
        if draw < 0.25:
            items.append(tick(at))
        elif draw < 0.3:
            items.append(status(at, rng.choice(["live", "live", "degraded"])))
        elif draw < 0.35:
            items.append(gap(at, rng.choice(["opened", "closed", "closed"])))
        elif draw < 0.6 and open_:
            name = rng.choice(list(open_))
            fields, revision = open_[name]
            change = rng.choice(["updated", "updated", "closed", "retracted"])
            if change == "updated":
                fields = fields | {"strength": rng.choice(["LOW", "HIGH", "EXTREME"])}
                open_[name] = (fields, revision + 1)
            else:
                del open_[name]
            items.append(signal(at, name, change=change, revision=revision + 1, **fields))
        else:
            fields = {
                "root": rng.choice(["ES", "NQ"]),
                "side": rng.choice(["buy", "sell"]),
                "kind": rng.choice(["sweep", "pressure", "iceberg"]),
                "strength": rng.choice(["LOW", "MODERATE", "HIGH", "EXTREME"]),
                "probability": round(rng.random(), 2),
            }
            open_[f"s{n}"] = (fields, 1)
            items.append(signal(at, f"s{n}", **fields))
    return items


def run(items, cuts=()):
    """All intents, with the state pickled and taken back before each cut."""
    p, intents = AlertPolicy(CONFIG), []
    for n, item in enumerate(items):
        if n in cuts:
            p = AlertPolicy(CONFIG, pickle.loads(pickle.dumps(p.snapshot())))
        intents += p.on_item(item)
    return p, intents


@given(st.integers(0, 10_000), st.sets(st.integers(0, 199), max_size=20))
def test_a_resume_anywhere_changes_no_intent(seed, cuts):
    items = market(seed, 200)
    whole, intents = run(items)
    parts, same = run(items, cuts)
    assert [i.text() for i in same] == [i.text() for i in intents]
    assert parts.snapshot() == whole.snapshot()
    assert parts.counts() == whole.counts()


@given(st.integers(0, 10_000))
def test_every_routed_revision_has_one_fate_and_every_intent_its_own_id(seed):
    p, intents = run(market(seed, 300))
    assert adds_up(p)
    assert set(held(p)) <= set(REASONS)
    assert len({i.id for i in intents}) == len(intents)
    assert [intent_of_text(i.text()) for i in intents] == intents
    alerts = [i.ts_event for i in intents if i.receiver == "desk" and i.kind in ("alert", "repeat")]
    assert all(b - a >= HOUR_NS for a, b in zip(alerts, alerts[5:], strict=False))
    assert all(a <= b for a, b in pairwise(alerts))


@given(st.integers(0, 10_000))
def test_a_retraction_reaches_exactly_those_who_were_told(seed):
    items = market(seed, 300)
    p, told_of, wanted, got = AlertPolicy(CONFIG), set(), set(), set()
    for item in items:
        intents = p.on_item(item)
        for intent in intents:
            pairs = {(b.id, intent.receiver) for b in intent.briefs}
            if intent.kind == "alert":
                told_of |= pairs
            elif intent.kind == "retracted":
                got |= pairs
        if isinstance(item, Message) and getattr(item.value, "change", "") == "retracted":
            wanted |= {pair for pair in told_of if pair[0] == item.value.id}
    assert got == wanted


def test_a_snapshot_is_no_live_view():
    p = policy("group_wait_s = 100")
    p.on_item(signal(0))
    state = p.snapshot()
    before = pickle.dumps(state)
    for n in range(1, 50):
        p.on_item(signal(n, f"s{n}"))
    assert pickle.dumps(state) == before


def test_a_storm_of_6000_signals_a_minute_keeps_to_budgets_and_loses_none():
    p, intents = AlertPolicy(CONFIG), []
    for n in range(6_000):
        fields = {"root": f"R{n % 40}", "kind": ("sweep", "iceberg")[n % 2]}
        intents += p.on_item(signal(n / 100, f"s{n}", **fields))
    intents += p.on_item(tick(200))
    assert sum(i.kind == "alert" and i.receiver == "desk" for i in intents) == 5
    assert p.counts()["signals"] == 6_000
    assert p.counts()["offered"] == 12_000
    assert adds_up(p)
    (digest,) = [i for i in intents if i.kind == "digest"]
    desk = sum(len(i.briefs) for i in intents if i.kind == "alert" and i.receiver == "desk")
    assert desk + sum(digest.totals.values()) == 6_000
    assert digest.ts_event <= START + 200 * S

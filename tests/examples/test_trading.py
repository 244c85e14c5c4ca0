import subprocess
import sys
from dataclasses import replace

import pytest

from examples.trading.intents import Intents, IntentsConfig, intent_id
from operators.model.records import NS_PER_S
from tests.examples.given import NOW_NS, life, played, read, signal, unread
from tests.flows import ROOT
from tests.sinks.messages import TS


def desk(age_s=0.0, **limits):
    return Intents(IntentsConfig(**limits), lambda: NOW_NS + int(age_s * NS_PER_S))


def kinds(entries):
    return [entry["kind"] for entry in entries]


def test_a_long_signal_becomes_one_intent_that_says_why():
    (entry,) = played(desk(contracts=2), [read(signal(1, id="a"))])
    assert entry["kind"] == "intent"
    assert (entry["side"], entry["contracts"], entry["limit_price"]) == ("buy", 2, "5000")
    assert (entry["symbol"], entry["instrument_id"]) == ("ESH4", 5602)
    assert entry["intent_id"] == intent_id("a")
    assert entry["because"] == list(signal(1).value.reasons)


def test_a_short_signal_sells():
    (entry,) = played(desk(), [read(signal(1, side="sell", action="SHORT"))])
    assert entry["side"] == "sell"


def test_a_signal_has_one_intent_however_often_it_is_revised():
    found = played(desk(), [read(m) for m in life("opened", "updated", "updated")])
    assert kinds(found) == ["intent"]


def test_monitor_and_ignore_begin_nothing():
    messages = [signal(1, action="MONITOR"), signal(2, action="IGNORE", change="closed")]
    assert played(desk(), [read(message) for message in messages]) == []


def test_monitor_neither_ends_an_intent_nor_keeps_a_later_one_from_opening():
    weak = signal(1, id="a", action="MONITOR")
    found = played(desk(), [read(weak), read(signal(2, id="a")), read(replace(weak, seq=3))])
    assert kinds(found) == ["intent"]


@pytest.mark.parametrize(("change", "kind"), [("closed", "exit"), ("retracted", "cancel")])
def test_the_end_of_a_signal_ends_its_intent_and_it_does_not_come_back(change, kind):
    messages = life("opened", change) + life("opened", "updated", first=3)
    found = played(desk(), [read(message) for message in messages])
    assert kinds(found) == ["intent", kind]
    assert found[1]["intent_id"] == found[0]["intent_id"]
    assert found[1]["reason"] == change


def test_a_missing_message_cancels_what_is_open_of_its_root_alone():
    mine = desk()
    other = signal(1, id="n", root="NQ")
    played(mine, [read(signal(1, id="a")), read(signal(2, id="b")), read(other)])
    found = played(mine, [read(signal(9, id="a"), missing=(3, 8))])
    assert kinds(found) == ["cancel", "cancel"]
    assert {entry["reason"] for entry in found} == {"message_missing"}
    assert mine.position("ES") == 0
    assert mine.position("NQ") == 1


def test_an_unreadable_message_may_have_been_a_retraction():
    found = played(desk(), [read(signal(1)), unread(2)])
    assert kinds(found) == ["intent", "cancel"]


def test_the_message_after_a_hole_that_closes_a_signal_ends_it_once():
    opened, closed = life("opened", "closed")
    found = played(desk(), [read(opened), read(closed, missing=(2, 4))])
    assert kinds(found) == ["intent", "cancel"]


def test_a_new_generation_cancels_what_is_open_and_the_same_signal_is_not_acted_on_twice():
    found = played(desk(), [read(signal(1, id="a")), read(signal(1, id="a"), "g2", replaced="g1")])
    assert kinds(found) == ["intent", "cancel"]
    assert found[1]["reason"] == "generation_ended"


def test_an_outdated_generation_begins_nothing():
    assert played(desk(), [read(signal(1), is_outdated=True)]) == []


def test_the_position_limit_counts_both_sides_and_frees_what_ended():
    mine = desk(contracts=2, contracts_max=3)
    first, end = life("opened", "closed", name="a")
    found = played(mine, [read(first), read(signal(2, id="b"))])
    assert kinds(found) == ["intent", "refused"]
    assert found[1]["reason"] == "position"
    assert found[1]["text"] == "4 contracts of ES, at most 3"
    sell = signal(3, id="c", side="sell", action="SHORT")
    assert kinds(played(mine, [read(sell)])) == ["intent"]
    assert mine.position("ES") == 0
    found = played(mine, [read(replace(end, seq=4)), read(signal(5, id="b"))])
    assert kinds(found) == ["exit", "intent"]


def test_the_rate_limit_looks_at_sixty_seconds_of_event_time():
    mine = desk(per_minute_max=2, contracts_max=9)
    times = [0, 10, 59, 61]
    found = played(
        mine,
        [
            read(signal(seq, id=str(seq), ts_event=TS + at * NS_PER_S))
            for seq, at in enumerate(times, 1)
        ],
    )
    assert kinds(found) == ["intent", "intent", "refused", "intent"]
    assert found[2]["reason"] == "rate"


@pytest.mark.parametrize(
    ("limits", "age_s", "fields", "reason"),
    [
        ({"age_s_max": 30.0}, 31.0, {}, "too_old"),
        ({"quality_min": 0.9}, 0.0, {"quality": 0.8}, "quality"),
        ({"probability_min": 0.9}, 0.0, {"probability": 0.8}, "probability"),
        ({}, 0.0, {"delayed": True}, "delayed"),
    ],
)
def test_what_a_limit_forbids_is_refused_with_its_reason_once(limits, age_s, fields, reason):
    mine = desk(age_s, **limits)
    found = played(mine, [read(m) for m in life("opened", "updated", **fields)])
    assert kinds(found) == ["refused"]
    assert found[0]["reason"] == reason


def test_what_was_published_late_is_refused_until_a_revision_is_in_time():
    late, in_time = life("opened", "updated")
    found = played(desk(), [read(late, is_late=True), read(in_time)])
    assert kinds(found) == ["refused", "intent"]
    assert found[0]["reason"] == "late"


def test_any_age_will_do_where_the_limit_is_zero():
    old = [read(signal(1), is_late=True)]
    assert kinds(played(desk(1e6, age_s_max=0.0), old)) == ["intent"]


def test_a_retraction_after_the_end_has_nothing_left_to_cancel():
    found = played(desk(), [read(m) for m in life("opened", "closed", "retracted")])
    assert kinds(found) == ["intent", "exit"]


def test_the_state_is_made_of_the_entries_alone():
    messages = [read(m) for m in [*life("opened", "updated", name="a"), signal(3, id="b")]]
    mine = desk(contracts_max=1)
    entries = played(mine, messages)
    again = desk(contracts_max=1)
    for entry in entries:
        again.apply(entry)
    after = [read(m) for m in [*life("closed", name="a", first=4), signal(5, id="b")]]
    assert played(again, after) == played(mine, after)


@pytest.mark.parametrize(
    ("field", "value"),
    [("contracts", 0), ("contracts_max", -1), ("per_minute_max", 0), ("quality_min", 1.5),
     ("probability_min", float("nan")), ("age_s_max", -1.0), ("age_s_max", float("nan"))],
)  # fmt: skip
def test_nonsense_limits_are_refused(field, value):
    with pytest.raises(ValueError, match=f"{field} must be"):
        IntentsConfig(**{field: value})


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["--max-contracts", "0"], "trading: contracts_max must be at least 1, was 0"),
        (["--client-config", "nowhere"], "trading: --client-config nowhere: "),
        (["--bootstrap-servers", ""], "trading: bootstrap_servers must not be empty"),
    ],
)
def test_what_a_user_can_put_right_is_one_line(words, text):
    done = subprocess.run(
        [sys.executable, "-m", "examples.trading", *words],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 2
    assert done.stderr.startswith(text)
    assert done.stderr.count("\n") == 1

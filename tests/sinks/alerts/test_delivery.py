import time
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from threading import Event

import pytest

from operators.model.errors import DeliveryError, StateError
from sinks.alerts.channels.channel import Channel, SendError
from sinks.alerts.config import AlertsConfig
from sinks.alerts.delivery import GONE, Delivery
from sinks.alerts.journal import JournalError, SqliteJournal, record_of
from sinks.alerts.policy_file import parse_policy
from sinks.gate import Gate
from tests.sinks.alerts.notices import intent
from tests.sinks.alerts.servers import until
from tests.sinks.alerts.signals import receiver

CONFIG = AlertsConfig(backoff_first_s=0.001, backoff_last_s=0.01, flush_timeout_s=2.0)


@dataclass
class Told(Channel):
    """A transport that remembers, and fails as told."""

    failures: list = field(default_factory=list)
    notices: list = field(default_factory=list)
    block: Event | None = None

    def send(self, notice):
        self.notices.append(notice)
        if self.block is not None:
            self.block.wait(20)
        if self.failures:
            failure = self.failures.pop(0)
            if failure is not None:
                raise failure

    @property
    def ids(self):
        return [(n.intent.id, n.possible_repeat) for n in self.notices]


class Failing(SqliteJournal):
    """A journal whose disk is full for a while."""

    failures = 0

    def _transaction(self, act):
        if self.failures:
            self.failures -= 1
            raise JournalError("disk full", 0.0)
        return super()._transaction(act)


@contextmanager
def delivery(tmp_path, channels, *, config=CONFIG, keys="", state=None, gate=None, failures=0):
    policy = parse_policy("".join(receiver(name, keys) for name in channels))
    journal = Failing(tmp_path / "j.sqlite3")
    journal.failures = failures
    given = Delivery(config, policy, channels, journal, gate or Gate(), state)
    given.start()
    try:
        yield given
    finally:
        for channel in channels.values():
            if channel.block is not None:
                channel.block.set()
        given.close()
        journal.close()


def recorded(tmp_path):
    journal = SqliteJournal(tmp_path / "j.sqlite3", exclusive=False)
    try:
        return {r.id: r for r in journal.recent(1_000_000)}
    finally:
        journal.close()


def test_each_intent_is_sent_once_in_order_and_recorded(tmp_path):
    desk, given = Told(), [intent(f"s{n}") for n in range(20)]
    with delivery(tmp_path, {"desk": desk}) as d:
        d.put(given)
        d.put(given)
        until(lambda: d.counters().sent == 20)
        d.put(given[:3])
        until(lambda: d.counters().repeated == 3)
        assert d.snapshot()["undelivered"] == ()
    assert desk.ids == [(i.id, False) for i in given]
    assert {r.state for r in recorded(tmp_path).values()} == {"sent"}


def test_a_dead_receiver_does_not_hold_up_another(tmp_path):
    desk, phone = Told(block=Event()), Told()
    with delivery(tmp_path, {"desk": desk, "phone": phone}) as d:
        d.put([intent(f"s{n}", who) for n in range(5) for who in ("desk", "phone")])
        until(lambda: len(phone.ids) == 5)
        assert len(desk.ids) == 1


def test_a_failure_is_tried_again_and_marked_only_if_it_may_have_arrived(tmp_path):
    desk = Told([SendError("no", 0.0), SendError("lost", 0.0, may_have_arrived=True)])
    with delivery(tmp_path, {"desk": desk}) as d:
        d.put([intent()])
        until(lambda: d.counters().sent)
        assert d.counters().failed == 2
        assert d.counters().possible_repeats == 1
        assert d.counters().last_error == "lost"
    assert [repeat for _, repeat in desk.ids] == [False, False, True]
    (record,) = recorded(tmp_path).values()
    assert (record.state, record.attempts, record.possible_repeat) == ("sent", 3, True)


def test_what_is_refused_is_a_dead_letter_and_the_next_goes_on(tmp_path):
    desk, a, b = Told([SendError("550 no")]), intent("a"), intent("b")
    with delivery(tmp_path, {"desk": desk}) as d:
        d.put([a, b])
        until(lambda: d.counters().sent)
        assert d.counters().dead == 1
    records = recorded(tmp_path)
    assert (records[a.id].state, records[a.id].error) == ("dead", "550 no")
    assert records[b.id].state == "sent"


def test_attempts_have_a_limit(tmp_path):
    desk = Told([SendError("later", 0.0)] * 9)
    with delivery(tmp_path, {"desk": desk}, keys="attempts_max = 3") as d:
        d.put([intent()])
        until(lambda: d.counters().dead)
    assert len(desk.ids) == 3


def test_a_channel_with_a_defect_is_a_failure_like_another(tmp_path):
    desk = Told([KeyError("x")])
    with delivery(tmp_path, {"desk": desk}) as d:
        d.put([intent()])
        until(lambda: d.counters().sent)
    assert [repeat for _, repeat in desk.ids] == [False, True]


def test_nothing_too_old_is_sent_and_what_gets_too_old_is_given_up(tmp_path):
    old = intent("old", at_ns=time.time_ns() - 11_000_000_000)
    late = intent("late", at_ns=time.time_ns() - 9_500_000_000)
    desk = Told([SendError("later", 3600.0)] * 99)
    with delivery(tmp_path, {"desk": desk}, keys="max_age_s = 10") as d:
        d.put([old, late])
        until(lambda: d.counters().expired == 2)
    assert {r.state for r in recorded(tmp_path).values()} == {"expired"}
    assert all(key == late.id for key, _ in desk.ids)


def test_what_follows_an_alert_that_never_arrived_is_moot(tmp_path):
    a, b = intent("a"), intent("b")
    after = [intent(i.briefs[0].id, kind="retracted", follows=(i.id,)) for i in (a, b)]
    desk = Told([SendError("550 no")])
    with delivery(tmp_path, {"desk": desk}) as d:
        d.put([a, b, *after])
        until(lambda: d.counters().moot and d.counters().sent == 2)
    assert [key for key, _ in desk.ids] == [a.id, b.id, after[1].id]
    assert recorded(tmp_path)[after[0].id].state == "moot"


def test_an_attempt_that_a_crash_cut_is_repeated_once_and_marked(tmp_path):
    a, b = intent("a"), intent("b")
    journal = SqliteJournal(tmp_path / "j.sqlite3")
    records = [record_of(i, "webhook", 1) for i in (a, b)]
    journal.add(records)
    journal.update(replace(records[0], state="sending", attempts=1))
    journal.close()
    desk, state = Told(), {"version": 1, "undelivered": (a.text(), b.text())}
    with delivery(tmp_path, {"desk": desk}, state=state) as d:
        until(lambda: d.counters().sent == 2)
        assert d.counters().resumed == 2
    assert desk.ids == [(a.id, True), (b.id, False)]


def test_what_was_only_in_the_snapshot_is_sent(tmp_path):
    a, desk = intent(), Told()
    state = {"version": 1, "undelivered": (a.text(),)}
    with delivery(tmp_path, {"desk": desk}, state=state) as d:
        until(lambda: d.counters().sent == 1)
    assert desk.ids == [(a.id, False)]


def test_a_state_of_another_version_is_refused():
    policy = parse_policy(receiver("desk"))
    state = {"version": 7, "undelivered": ()}
    with pytest.raises(StateError, match="version was 7"):
        Delivery(CONFIG, policy, {"desk": Told()}, None, Gate(), state)


def test_a_receiver_that_is_gone_makes_dead_letters(tmp_path):
    a, b = intent("a", "gone"), intent("b", "gone")
    journal = SqliteJournal(tmp_path / "j.sqlite3")
    journal.add([record_of(a, "webhook", 1), replace(record_of(b, "x", 1), id="x", payload="{")])
    journal.close()
    state = {"version": 1, "undelivered": (b.text(),)}
    with delivery(tmp_path, {"desk": Told()}, state=state) as d:
        until(lambda: d.counters().dead == 3)
        until(lambda: not d.snapshot()["undelivered"])
    assert {(r.state, r.error) for r in recorded(tmp_path).values()} == {("dead", GONE)}


def test_a_journal_that_cannot_be_written_delays_but_loses_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr("sinks.alerts.delivery.JOURNAL_WAIT_S", 0.001)
    monkeypatch.setattr("sinks.alerts.lane.JOURNAL_WAIT_S", 0.001)
    desk = Told()
    with delivery(tmp_path, {"desk": desk}, failures=7) as d:
        d.put([intent("a"), intent("b")])
        until(lambda: d.counters().sent == 2)
        d._journal.failures = 5
        d.put([intent("c")])
        until(lambda: d.counters().sent == 3)
        assert d.counters().journal_failed >= 7
        assert d.counters().waiting == 0
    assert len(desk.ids) == 3


def test_the_gate_is_held_while_much_waits_and_a_full_outbox_waits(tmp_path):
    gate, desk = Gate(), Told(block=Event())
    config = replace(CONFIG, outbox_count_max=8)
    with delivery(tmp_path, {"desk": desk}, config=config, gate=gate) as d:
        d.put([intent(f"s{n}") for n in range(5)])
        assert gate.is_open()
        d.put([intent("s5")])
        assert not gate.is_open()
        d.put([intent("s6"), intent("s7")])
        gate.drain()
        d.put([intent("s8")])  # A clean stop does not wait.
        assert len(d.snapshot()["undelivered"]) == 9
        desk.block.set()
        until(lambda: d.counters().sent == 9)
        until(gate.is_open)


def test_a_clean_stop_delivers_what_it_can_and_keeps_the_rest(tmp_path):
    desk = Told([SendError("later", 3600.0)] * 9)
    a = intent()
    with delivery(tmp_path, {"desk": desk}, config=replace(CONFIG, flush_timeout_s=0.05)) as d:
        d.put([a])
        until(lambda: d.counters().failed)
    assert d.snapshot()["undelivered"] == (a.text(),)
    (record,) = recorded(tmp_path).values()
    assert record.state == "retrying"


def test_a_lane_that_ends_by_a_defect_ends_the_flow(tmp_path):
    with delivery(tmp_path, {"desk": Told()}) as d:
        d._lanes["desk"]._receiver = None
        d.put([intent()])
        until(lambda: d._failure)
        with pytest.raises(DeliveryError, match="the lane of desk"):
            d.put([intent("b")])
        with pytest.raises(DeliveryError, match="the lane of desk"):
            d.snapshot()

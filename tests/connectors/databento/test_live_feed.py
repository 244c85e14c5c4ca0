"""A feed over connections that a test makes up: what is asked for, and what comes of it."""

import databento_dbn as dbn
import numpy as np
import pytest

from connectors.databento.budget import Budget, BudgetConfig
from connectors.databento.inbox import LinkEvent
from connectors.databento.intake import Intake, IntakeConfig
from connectors.databento.live_config import FeedConfig
from connectors.databento.live_feed import LiveFeed, Outside
from connectors.databento.loop import LoopThread
from connectors.databento.messages import system_record
from connectors.databento.week import Week
from connectors.root_rules import RootsConfig
from operators.model.controls import GAP, gap_of
from operators.model.items import Control, MboRows, Tick
from operators.model.records import F_LAST, F_SNAPSHOT, NS_PER_S
from tests.connectors.dbn_bytes import header, mbo, rare

MONDAY_NS = 1_775_484_000_000_000_000
HEADER = header(schema=None)
MAPPING = rare(
    dbn.SymbolMappingMsg,
    instrument_id=1,
    ts_event=MONDAY_NS,
    stype_in_symbol="ES.c.0",
    stype_out_symbol="ESM6",
)
REPLAYED = system_record(MONDAY_NS, "Finished mbo replay", 3)
CONNECTED = ("connected", "authenticated", "started")


def rows(first, stop, *, flags=F_LAST):
    """Records of one instrument, numbered, ten a second."""
    found = mbo(stop - first, start=first).copy()
    found["instrument_id"], found["flags"] = 1, flags
    times = MONDAY_NS + np.arange(first, stop) * (NS_PER_S // 10)
    found["ts_event"] = found["ts_recv"] = times.astype(np.uint64)
    return found


def snapshot(at):
    return rows(at, at + 1, flags=F_SNAPSHOT | F_LAST).tobytes()


class FakeLink:
    def __init__(self, plan, inbox, loop):
        self.plan, self.inbox = plan, inbox
        self.is_open = self.is_aborted = False

    def open(self):
        self.is_open = True

    def abort(self):
        self.is_aborted = True

    def tell(self, *kinds, text=""):
        for kind in kinds:
            self.inbox.tell(LinkEvent(kind, text))

    def bring(self, *parts):
        self.inbox.put(b"".join(parts))


class Harness:
    """A feed, its connections so far and what it gave."""

    def __init__(self, *, budget=0, **given):
        self.links: list[FakeLink] = []
        self.now_ns = 0
        self.out = []
        words = {"symbols": ("ES.FUT",), "ts_out": False, "backoff_least_ms": 0} | given
        self.config = FeedConfig(**words)
        self.intake = Intake(
            IntakeConfig("glbx", NS_PER_S, RootsConfig(shards=1), Week(offset_s=-6 * 3600)), None
        )
        self.budget = Budget(BudgetConfig(day_bytes_max=budget))
        self.begin()

    def begin(self):
        def link(*words):
            self.links.append(FakeLink(*words))
            return self.links[-1]

        outside = Outside(
            link=link, wall_ns=lambda: MONDAY_NS, mono_ns=lambda: self.now_ns, chance=lambda: 0.0
        )
        self.feed = LiveFeed(
            "glbx", self.config, "db-key", self.intake, self.budget, LoopThread(), outside
        )

    def poll(self):
        self.now_ns += 1
        self.out += [item for _, item in self.feed.poll(1_000_000)]
        return self

    def join(self, *parts):
        """Poll until a connection is opened; it begins, and brings these."""
        self.poll()
        link = self.links[-1]
        assert link.is_open
        assert not link.is_aborted
        link.tell(*CONNECTED)
        link.bring(HEADER, MAPPING, *parts)
        return self.poll()

    def lose(self, text="gone"):
        self.links[-1].tell("lost", text=text)
        return self.poll()

    @property
    def asked(self):
        """Start and snapshot of the last subscription to the books."""
        (books,) = [s for s in self.links[-1].plan.subscriptions if s.schema == "mbo"]
        return books.start_ns, books.snapshot

    @property
    def sequences(self):
        return [int(n) for i in self.out if isinstance(i, MboRows) for n in i.rows["sequence"]]

    @property
    def gaps(self):
        return [gap_of(i) for i in self.out if isinstance(i, Control) and i.name == GAP]

    @property
    def state(self):
        return self.feed.session.state


def numbered(*ranges):
    return [int(n) for first, stop in ranges for n in rows(first, stop)["sequence"]]


def test_the_first_start_is_a_snapshot_which_is_no_gap():
    feed = Harness().join(snapshot(0))
    assert feed.asked == (None, True)
    assert feed.state == "live"  # the only instrument has been cleared
    assert (feed.gaps, feed.intake.owed) == ([], "")


def test_or_the_week_s_replay():
    feed = Harness(first_start="replay").join(rows(0, 50).tobytes())
    assert feed.asked == (0, False)
    assert feed.state == "replaying"
    feed.links[-1].bring(REPLAYED, rows(50, 60).tobytes())
    assert feed.poll().state == "live"
    assert feed.sequences == numbered((0, 60))


def live(**given):
    """A feed that is live, with records 0 to 100."""
    feed = Harness(first_start="replay", **given).join(rows(0, 100).tobytes(), REPLAYED)
    assert feed.state == "live"
    return feed


def test_after_a_loss_the_replay_begins_a_margin_before_and_is_dropped_exactly():
    feed = live().lose()
    assert feed.links[0].is_aborted
    assert feed.state == "waiting"
    newest_ns = int(rows(99, 100)["ts_event"][0])
    feed.join(rows(49, 130).tobytes(), REPLAYED)
    assert feed.asked == (newest_ns - 5 * NS_PER_S, False)
    assert feed.state == "live"
    assert feed.sequences == numbered((0, 130))
    assert feed.feed.repeated == 51
    assert feed.gaps == []


def test_a_replay_that_is_cut_is_asked_for_from_as_early():
    feed = live().lose()
    feed.join(rows(49, 120).tobytes())
    start_ns, _ = feed.asked
    feed.lose().join(rows(49, 140).tobytes(), REPLAYED)
    assert feed.asked == (start_ns, False)
    assert feed.sequences == numbered((0, 140))


def test_heartbeats_move_the_clock_only_when_no_replay_is_under_way():
    feed = Harness(first_start="replay")
    late = system_record(MONDAY_NS + 3_600 * NS_PER_S, "Heartbeat", 0)
    feed.join(rows(0, 5).tobytes(), late)
    assert not [item for item in feed.out if isinstance(item, Tick)]
    feed.links[-1].bring(REPLAYED, late)
    feed.poll()
    assert [item for item in feed.out if isinstance(item, Tick)][
        -1
    ].ts_event == MONDAY_NS + 3599 * NS_PER_S


@pytest.mark.parametrize(("code", "reason"), [(7, "skipped"), (8, "aged_out")])
def test_what_the_gateway_cannot_bring_is_a_gap_ahead_of_the_new_books(code, reason):
    feed = live()
    error = bytes(dbn.ErrorMsg(MONDAY_NS, "no", is_last=True, code=dbn.ErrorCode.from_int(code)))
    feed.links[-1].bring(error)
    feed.poll()
    assert feed.intake.owed == ""
    feed.join(rows(200, 201, flags=F_SNAPSHOT | F_LAST).tobytes())
    assert feed.asked == (None, True)
    (gap,) = feed.gaps
    assert (gap.reason, gap.instruments) == (reason, None)
    assert gap.from_ns == int(rows(99, 100)["ts_event"][0])
    assert gap.to_ns == int(rows(200, 201)["ts_event"][0])
    kinds = [type(item) for item in feed.out if isinstance(item, Control | MboRows)]
    assert kinds[-2:] == [Control, MboRows]
    assert (feed.state, feed.intake.owed) == ("live", "")


def test_a_cut_snapshot_is_owed_also_to_a_process_that_starts_anew():
    feed = live()
    feed.links[-1].bring(bytes(dbn.ErrorMsg(1, "x", is_last=True, code=dbn.ErrorCode.from_int(8))))
    feed.poll()
    feed.poll()
    assert feed.intake.owed == "aged_out"
    feed.begin()
    feed.join(snapshot(200))
    assert feed.asked == (None, True)
    assert [gap.reason for gap in feed.gaps] == ["aged_out"]


def test_a_replay_that_does_not_join_is_a_gap():
    feed = live().lose()
    other = rows(49, 130)
    other["price"][50] += 1_000_000_000
    feed.join(other.tobytes())
    feed.join(snapshot(200))
    assert [gap.reason for gap in feed.gaps] == ["seam"]
    # What did not join was not given out, and is counted.
    assert feed.sequences[:100] == numbered((0, 100))
    assert feed.intake.counts.others["given-up"] > 0


def test_a_contract_that_rolls_begins_with_a_new_book():
    feed = live()
    rolled = rare(
        dbn.SymbolMappingMsg,
        instrument_id=2,
        ts_event=MONDAY_NS,
        stype_in_symbol="ES.c.0",
        stype_out_symbol="ESU6",
    )
    feed.links[-1].bring(rolled)
    feed.poll()
    feed.join(snapshot(200))
    assert feed.asked == (None, True)
    assert [gap.reason for gap in feed.gaps] == ["roll"]


def test_damage_is_a_loss_and_what_stood_before_it_counts():
    feed = live()
    feed.links[-1].bring(rows(100, 110).tobytes(), bytes(64))
    feed.poll()
    assert feed.state == "waiting"
    assert "damaged" in feed.feed.session.text
    feed.join(rows(60, 130).tobytes(), REPLAYED)
    assert feed.sequences == numbered((0, 130))


def test_a_spent_budget_stops_until_the_next_day():
    feed = live(budget=20_000)
    feed.links[-1].bring(rows(100, 400).tobytes())
    feed.poll()
    assert feed.state == "waiting"
    assert "budget_bytes_per_day" in feed.feed.session.text
    assert feed.feed.session.due_ns - feed.now_ns > 3_600 * NS_PER_S
    assert feed.sequences == numbered((0, 400))


def test_unknown_symbols_end_it_only_if_none_is_known():
    error = bytes(
        dbn.ErrorMsg(1, "Failed to resolve X", is_last=True, code=dbn.ErrorCode.from_int(4))
    )
    feed = Harness(symbols=("ES.FUT", "X"))
    feed.join(error)
    assert feed.state != "failed"
    assert "Failed to resolve X" in feed.feed.warning
    feed = Harness(symbols=("X",))
    feed.poll()
    feed.links[-1].tell(*CONNECTED)
    feed.links[-1].bring(HEADER, error)
    feed.poll()
    assert feed.state == "failed"
    assert feed.feed.session.text.startswith("live.feeds.glbx.symbols: none of X is known")


def test_late_words_of_a_connection_that_was_given_up_are_not_heard():
    feed = live().lose()
    feed.links[0].bring(rows(100, 110).tobytes())
    feed.links[0].tell("refused", text="no")
    feed.poll()
    assert feed.state == "connecting"
    assert feed.sequences == numbered((0, 100))


def test_a_stop_gives_the_connection_up():
    feed = live()
    feed.feed.stop()
    assert (feed.state, feed.links[-1].is_aborted) == ("stopped", True)
    assert feed.poll().state == "stopped"

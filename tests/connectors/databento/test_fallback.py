"""History while live is away: from the positions, through the seam, and back to live."""

import socket
import time
from dataclasses import dataclass

import numpy as np
import pytest

from connectors.databento.fallback import Fallback
from connectors.databento.history_config import HistoryConfig
from connectors.databento.intake import SNAPSHOT_OWED, Intake, IntakeConfig
from connectors.databento.live_config import FeedConfig, LiveConfig
from connectors.databento.live_feed import Outside
from connectors.databento.seam import Seam
from connectors.databento.source import LiveParts, LiveSource
from connectors.databento.week import Week
from connectors.root_rules import RootsConfig
from connectors.tape.config import TapeConfig
from operators.model.controls import DELAYED, delayed_of
from operators.model.items import Control, MboRows
from operators.model.records import NS_PER_S
from operators.model.signals import FeedStatus
from operators.model.streams import Message
from simulator.historical.faults import Fault
from tests.historicals import KEY, START, archive_of, frozen, market, running_historical

ROWS = market(4_000)
LIVE_UNTIL = START + 10 * NS_PER_S
DELAY_S = 1_200.0
LICENSED_UNTIL = START + 20 * NS_PER_S
NOW = LICENSED_UNTIL + round(DELAY_S * NS_PER_S)
WANTED = ROWS[ROWS["ts_recv"] < LICENSED_UNTIL]
DEADLINE_S = 60.0


@dataclass
class Session:
    """A live session that is where a test says."""

    state: str = "waiting"
    is_degraded: bool = True


class Case:
    """A feed that live brought up to LIVE_UNTIL, and its fallback."""

    def __init__(self, server, tmp_path, state=None, **options):
        options = {"cost_max_usd": 1.0, "free_bytes_min": 0, "delay_s": DELAY_S, **options}
        config = HistoryConfig(
            gateway=server.address, directory=str(tmp_path / "history"), **options
        )
        week = Week(offset_s=-5 * 3600)
        self.intake = Intake(
            IntakeConfig("glbx", NS_PER_S, RootsConfig(shards=1), week), None, state
        )
        self.session = Session()
        self.items = []
        self.now_ns, self.mono_ns = NOW, 0
        self.fallback = Fallback(
            config,
            FeedConfig(symbols=("ES.FUT", "NQ.FUT")),
            KEY,
            self.intake,
            wall_ns=lambda: self.now_ns,
            mono_ns=lambda: self.mono_ns,
        )

    def bring(self, rows):
        if rows.size:
            self.intake.rows(rows)
        self.keep(self.intake.flush())

    def keep(self, out):
        self.items += [item for _, item in out]

    def poll(self, rows_max=100_000):
        self.keep(self.fallback.poll(self.session, rows_max))

    def poll_until(self, done):
        deadline = time.monotonic() + DEADLINE_S
        while not done():
            assert time.monotonic() < deadline, self.fallback.text
            self.poll(500)
            run = self.fallback._run
            if run is not None:
                run.feed.join(0.002)

    def fill(self):
        self.poll()
        assert self.fallback.is_running
        self.poll_until(lambda: not self.fallback.is_running)

    def given(self):
        parts = [item.rows for item in self.items if isinstance(item, MboRows)]
        return np.concatenate(parts)

    def delayed(self):
        found = [i for i in self.items if isinstance(i, Control) and i.name == DELAYED]
        return [delayed_of(control) for control in found]


def before(rows, ts_recv):
    return rows[rows["ts_recv"] < ts_recv]


@pytest.fixture
def service(monkeypatch):
    with running_historical(archive_of(ROWS), NOW, monkeypatch, delay_s=DELAY_S) as server:
        yield server


@pytest.fixture
def case(service, tmp_path):
    found = Case(service, tmp_path)
    found.keep([])
    found.intake.owed = ""
    found.bring(before(ROWS, LIVE_UNTIL))
    yield found
    found.fallback.close()


def test_history_goes_on_where_live_ended_and_live_where_history_ended(case):
    case.fill()
    given = case.given()
    assert given.tobytes() == before(ROWS, LICENSED_UNTIL).tobytes()
    assert case.fallback.repeated > 0
    assert case.delayed() == [True]
    assert not case.intake.positions.replaying
    # Live is back: it replays from the positions on, by ts_event.
    case.session.state = "replaying"
    case.poll()
    start_ns = case.intake.positions.resume_ns(5 * NS_PER_S, 3_600 * NS_PER_S)
    assert start_ns < LICENSED_UNTIL
    seam = Seam(case.intake.positions, start_ns)
    replay = ROWS[ROWS["ts_event"] >= start_ns]
    case.bring(seam.accept(replay))
    seam.close()
    assert seam.state == "proven"
    assert case.given().tobytes() == ROWS.tobytes()
    assert case.delayed() == [True]
    case.session.state, case.session.is_degraded = "live", False
    case.poll()
    case.keep(case.intake.flush())
    assert case.delayed() == [True, False]
    assert not case.intake.delayed


def test_nothing_is_asked_before_the_feed_is_degraded_or_while_it_connects(case, service):
    case.session.is_degraded = False
    case.poll()
    case.session.is_degraded, case.session.state = True, "connecting"
    case.poll()
    assert not case.fallback.is_running
    assert not service.log


def test_what_the_licence_does_not_cover_is_not_asked_for(case, service):
    case.now_ns = LIVE_UNTIL - NS_PER_S + round(DELAY_S * NS_PER_S)
    case.poll()
    assert not case.fallback.is_running
    assert not service.log


def test_a_feed_whose_books_are_not_whole_has_nothing_to_go_on_from(case, service):
    case.intake.mark(SNAPSHOT_OWED + "seam")
    case.keep(case.intake.flush())
    case.poll()
    assert not case.fallback.is_running


def test_history_rests_while_live_tries_and_goes_on_when_it_failed(case):
    case.poll_until(lambda: case.intake.delayed)
    case.session.state = "connecting"
    held = case.given().size
    for _ in range(20):
        case.poll()
    assert case.given().size == held
    case.session.state = "waiting"
    case.poll_until(lambda: not case.fallback.is_running)
    assert case.given().tobytes() == before(ROWS, LICENSED_UNTIL).tobytes()


def test_live_that_returns_in_the_middle_takes_over(case):
    case.poll_until(lambda: case.intake.delayed)
    case.session.state = "replaying"
    case.poll()
    assert not case.fallback.is_running
    start_ns = case.intake.positions.resume_ns(5 * NS_PER_S, 3_600 * NS_PER_S)
    seam = Seam(case.intake.positions, start_ns)
    case.bring(seam.accept(ROWS[ROWS["ts_event"] >= start_ns]))
    seam.close()
    assert seam.state == "proven"
    assert case.given().tobytes() == ROWS.tobytes()


def test_history_that_does_not_fit_is_given_up(monkeypatch, tmp_path):
    other = ROWS.copy()
    near = (other["ts_recv"] < LIVE_UNTIL) & (other["ts_recv"] > LIVE_UNTIL - NS_PER_S)
    other["size"][near] += 1
    with running_historical(archive_of(frozen(other)), NOW, monkeypatch, delay_s=0.0) as server:
        case = Case(server, tmp_path)
        case.intake.owed = ""
        case.bring(before(ROWS, LIVE_UNTIL))
        case.fill()
        assert "history does not join what was there" in case.fallback.text
        assert case.given().tobytes() == before(ROWS, LIVE_UNTIL).tobytes()
        case.poll()
        assert not case.fallback.is_running


def test_a_refusal_is_told_and_not_repeated_until_live_was_back(service, tmp_path):
    case = Case(service, tmp_path, cost_max_usd=0.0)
    case.intake.owed = ""
    case.bring(before(ROWS, LIVE_UNTIL))
    case.fill()
    assert "history.cost_max_usd" in case.fallback.text
    case.mono_ns = 10**18
    case.poll()
    assert not case.fallback.is_running
    case.session.state = "live"
    case.poll()
    assert case.fallback.text == ""
    case.session.state = "waiting"
    case.poll()
    assert case.fallback.is_running
    case.fallback.close()


def test_a_service_that_is_down_is_asked_again_after_a_pause(service, tmp_path):
    case = Case(service, tmp_path, attempts_max=1, backoff_first_ms=1, backoff_most_ms=1_000)
    case.intake.owed = ""
    case.bring(before(ROWS, LIVE_UNTIL))

    service.faults.add(Fault(status=503))
    case.fill()
    assert "503" in case.fallback.text
    case.poll()
    assert not case.fallback.is_running
    case.mono_ns = 2 * NS_PER_S
    case.fill()
    assert case.given().tobytes() == before(ROWS, LICENSED_UNTIL).tobytes()


def test_a_restart_remembers_that_the_feed_is_delayed(case, service, tmp_path):
    case.fill()
    again = Case(service, tmp_path, case.intake.snapshot())
    assert again.intake.delayed
    again.session.state, again.session.is_degraded = "live", False
    again.poll()
    again.keep(again.intake.flush())
    assert again.delayed() == [False]


def test_a_second_stretch_waits_until_it_is_worth_it(case, service):
    case.fill()
    asked = len(service.log)
    case.now_ns += 60 * NS_PER_S
    case.poll()
    assert not case.fallback.is_running
    assert len(service.log) == asked
    case.now_ns += 3_600 * NS_PER_S
    case.poll()
    assert case.fallback.is_running


def test_a_live_source_whose_gateway_is_gone_goes_on_with_history(case, service, tmp_path):
    with socket.socket() as unused:
        # Bound and not listening: whoever connects is refused.
        unused.bind(("127.0.0.1", 0))
        feed = FeedConfig(
            symbols=("ES.FUT", "NQ.FUT"),
            host="127.0.0.1",
            port=unused.getsockname()[1],
            attempts_max=1,
            backoff_least_ms=0,
            degraded_retry_s=1_000.0,
        )
        parts = LiveParts(
            tape=TapeConfig(enabled=False),
            roots=RootsConfig(shards=1),
            week=Week(offset_s=-5 * 3600),
            history=case.fallback._config,
            outside=Outside(wall_ns=lambda: NOW),
        )
        source = LiveSource(LiveConfig(key=KEY, feeds={"glbx": feed}), parts)
        state = {"version": 1, "tape": None, "intake": case.intake.snapshot(), "budget": None}
        part = source.build_part("feed", "glbx", state)
        items, deadline = list(case.items), time.monotonic() + DEADLINE_S
        try:
            while sum(i.rows.size for i in items if isinstance(i, MboRows)) < WANTED.size:
                assert time.monotonic() < deadline
                items += [item for _, item in part.next_batch()]
            values = [i.value for i in items if isinstance(i, Message)]
            told = [value for value in values if isinstance(value, FeedStatus)]
        finally:
            part.close()
    rows = np.concatenate([i.rows for i in items if isinstance(i, MboRows)])
    assert rows.tobytes() == WANTED.tobytes()
    assert "delayed" in [status.state for status in told]
    assert any("history" in status.text for status in told)

"""History end to end: the unmodified client, HTTPS on loopback, files, merge, order."""

import json
import time
import tracemalloc
from threading import enumerate as threads

import numpy as np
import pytest

from connectors.databento.history import HistoryFeed
from connectors.databento.history_config import HistoryConfig
from connectors.databento.history_errors import HistoryError
from connectors.databento.history_plan import HistorySymbols
from connectors.databento.messages import SymbolMapping, decode_message
from operators.book import Book
from operators.book_config import BookConfig
from operators.model.book_check import VERIFY, BookCheck, orders_digest, verify_of
from operators.model.items import Control, Definition, MarketStatus, MboRows
from operators.model.records import F_SNAPSHOT, NS_PER_S
from operators.model.streams import Message
from simulator.historical.archive import DAY_NS
from simulator.historical.faults import Fault
from simulator.historical.snapshot import book_snapshot
from tests.historicals import (
    DATASET,
    KEY,
    MIDNIGHT,
    START,
    archive_of,
    frozen,
    market,
    running_historical,
)

DEADLINE_S = 60.0
NOW = START + DAY_NS
BOTH = {"parent": ("ES.FUT", "NQ.FUT")}
ROWS = market(6_000)


@pytest.fixture
def service(monkeypatch):
    with running_historical(archive_of(ROWS), NOW, monkeypatch) as server:
        yield server


@pytest.fixture
def feeds():
    opened: list[HistoryFeed] = []
    yield opened
    for feed in opened:
        feed.close()
        assert feed.join(DEADLINE_S)
    assert not [each for each in threads() if each.name.startswith("history-")]


def config_of(server, tmp_path, **options):
    options = {"cost_max_usd": 1.0, "free_bytes_min": 0, "backoff_first_ms": 1, **options}
    return HistoryConfig(gateway=server.address, directory=str(tmp_path / "history"), **options)


def symbols_of(symbols=BOTH, **options):
    return HistorySymbols("glbx", DATASET, symbols, **options)


def opened(feeds, server, tmp_path, span=(START, START + 60 * NS_PER_S), **options):
    key = options.pop("key", KEY)
    given = {name: options.pop(name) for name in ("prime", "clock_ns") if name in options}
    symbols = options.pop("symbols", symbols_of())
    feed = HistoryFeed(config_of(server, tmp_path, **options), symbols, *span, key=key, **given)
    feeds.append(feed)
    return feed


def drained(feed, rows_max=1_000):
    """Everything the feed gives, at most `rows_max` at once."""
    pieces, deadline = [], time.monotonic() + DEADLINE_S
    while not feed.is_done and feed.error is None:
        got = feed.next(rows_max)
        assert sum(p.size if isinstance(p, np.ndarray) else 1 for p in got) <= rows_max
        pieces += got
        if not got:
            assert time.monotonic() < deadline
            feed.join(0.005)
    return pieces


def rows_of(pieces):
    return np.concatenate([p for p in pieces if isinstance(p, np.ndarray)])


def items_of(pieces, kind):
    return [p[0] for p in pieces if isinstance(p, tuple) and isinstance(p[0], kind)]


def within(rows, start, stop):
    return rows[(rows["ts_recv"] >= start) & (rows["ts_recv"] < stop)]


def test_a_range_comes_whole_in_the_order_of_a_live_session(feeds, service, tmp_path):
    span = (START, START + 20 * NS_PER_S)
    feed = opened(feeds, service, tmp_path, span, window_s=10.0)
    pieces = drained(feed)
    assert feed.error is None
    assert rows_of(pieces).tobytes() == within(ROWS, *span).tobytes()
    kinds = [type(p[0]) if isinstance(p, tuple) else np.ndarray for p in pieces]
    assert kinds[:12] == [SymbolMapping] * 4 + [Definition] * 4 + [MarketStatus] * 4
    mapping = items_of(pieces, SymbolMapping)[0]
    assert (mapping.subscription, mapping.symbol, mapping.ts_event) == ("ES.FUT", "ESM6", START)
    assert all(len(raw) == raw[0] * 4 for item, raw in (p for p in pieces if isinstance(p, tuple)))
    assert feed.counts.windows == 3
    assert feed.counts.given == rows_of(pieces).size
    assert feed.counts.retries == 0
    assert not list((tmp_path / "history" / "glbx").iterdir())


def test_arrays_are_read_only_and_of_any_size_asked_for(feeds, service, tmp_path):
    span = (START, START + 5 * NS_PER_S)
    pieces = drained(opened(feeds, service, tmp_path, span), rows_max=7)
    assert rows_of(pieces).tobytes() == within(ROWS, *span).tobytes()
    assert not any(p.flags.writeable for p in pieces if isinstance(p, np.ndarray))


def test_several_requests_are_merged_by_the_time_they_were_received(feeds, service, tmp_path):
    kinds = {"raw_symbol": ("NQM6",), "parent": ("ES.FUT",), "continuous": ("NQ.c.1",)}
    span = (START + 5, START + 20 * NS_PER_S)
    feed = opened(feeds, service, tmp_path, span, symbols=symbols_of(kinds))
    pieces = drained(feed)
    rows, expected = rows_of(pieces), within(ROWS, *span)
    assert np.all(rows["ts_recv"][1:] >= rows["ts_recv"][:-1])
    for each in np.unique(expected["instrument_id"]):
        assert (
            rows[rows["instrument_id"] == each].tobytes()
            == expected[expected["instrument_id"] == each].tobytes()
        )
    names = {(m.instrument_id, m.subscription, m.symbol) for m in items_of(pieces, SymbolMapping)}
    assert names == {
        (1001, "ES.FUT", "ESM6"),
        (1002, "ES.FUT", "ESU6"),
        (1003, "NQM6", "NQM6"),
        (1004, "NQ.c.1", "NQU6"),
    }


def test_definitions_of_the_day_stand_ahead_of_a_range_inside_it(feeds, service, tmp_path):
    span = (START + 30 * NS_PER_S, START + 31 * NS_PER_S)
    pieces = drained(opened(feeds, service, tmp_path, span))
    kinds = [type(p[0]) if isinstance(p, tuple) else np.ndarray for p in pieces]
    assert kinds[:8] == [Definition] * 4 + [SymbolMapping] * 4
    assert items_of(pieces, Definition)[0].ts_event == START


def midnight_service(monkeypatch):
    rows = market(4_000, MIDNIGHT - 20 * NS_PER_S)
    archive = archive_of(rows, MIDNIGHT - 20 * NS_PER_S)
    return rows, running_historical(archive, MIDNIGHT + DAY_NS, monkeypatch)


def test_a_midnight_snapshot_becomes_a_check_of_each_book(feeds, monkeypatch, tmp_path):
    rows, service = midnight_service(monkeypatch)
    span = (MIDNIGHT - 5 * NS_PER_S, MIDNIGHT + 5 * NS_PER_S)
    with service as server:
        feed = opened(feeds, server, tmp_path, span)
        pieces = drained(feed)
    assert rows_of(pieces).tobytes() == within(rows, *span).tobytes()
    checks = [p[0] for p in pieces if isinstance(p, tuple) and isinstance(p[0], Control)]
    assert [(c.name, c.ts_event) for c in checks] == [(VERIFY, MIDNIGHT)] * 4
    told = book_snapshot(rows[rows["ts_recv"] < MIDNIGHT], MIDNIGHT)
    for control in checks:
        instrument_id, check = verify_of(control)
        own = told[(told["instrument_id"] == instrument_id) & (told["action"] == b"A")]
        digest = orders_digest(own["order_id"], own["side"] == b"A", own["price"], own["size"])
        assert check == BookCheck(own.size, digest)
        assert own.size > 0
    # They stand exactly between the last row of one day and the first of the next.
    first = next(i for i, p in enumerate(pieces) if isinstance(p, tuple) and p[0] is checks[0])
    before, after = rows_of(pieces[:first]), rows_of(pieces[first:])
    assert before["ts_recv"][-1] < MIDNIGHT <= after["ts_recv"][0]
    assert feed.counts.checks == 4
    assert feed.counts.snapshot_orders == int((told["action"] == b"A").sum())


def test_a_range_that_ends_at_midnights_rows_still_tells_the_checks(feeds, monkeypatch, tmp_path):
    _, service = midnight_service(monkeypatch)
    with service as server:
        feed = opened(feeds, server, tmp_path, (MIDNIGHT - NS_PER_S, MIDNIGHT + 1))
        pieces = drained(feed)
    assert len(items_of(pieces, Control)) == 4


def test_books_that_hold_nothing_are_filled_from_midnight(feeds, monkeypatch, tmp_path):
    rows, service = midnight_service(monkeypatch)
    with service as server:
        feed = opened(feeds, server, tmp_path, (MIDNIGHT, MIDNIGHT + NS_PER_S), prime=True)
        pieces = drained(feed)
    told = book_snapshot(rows[rows["ts_recv"] < MIDNIGHT], MIDNIGHT)
    live = within(rows, MIDNIGHT, MIDNIGHT + NS_PER_S)
    assert rows_of(pieces).tobytes() == np.concatenate([told, live]).tobytes()
    assert not items_of(pieces, Control)


def test_the_exchanges_own_snapshot_is_no_check(feeds, monkeypatch, tmp_path):
    rows = ROWS[:500].copy()
    rows["flags"][:100] |= F_SNAPSHOT
    with running_historical(archive_of(frozen(rows)), NOW, monkeypatch) as server:
        pieces = drained(opened(feeds, server, tmp_path))
    assert rows_of(pieces).tobytes() == rows.tobytes()


def test_a_server_error_is_tried_again(feeds, service, tmp_path):
    service.faults.add(Fault(status=500, endpoint="get_range", schema="mbo"), times=2)
    service.faults.add(Fault(status=429, endpoint="get_cost", retry_after_s=0))
    feed = opened(feeds, service, tmp_path)
    pieces = drained(feed)
    assert rows_of(pieces).tobytes() == ROWS.tobytes()
    assert feed.counts.retries == 3


@pytest.mark.parametrize("ends_early", [False, True])
def test_a_cut_body_goes_on_where_it_was_cut(feeds, monkeypatch, tmp_path, ends_early):
    rows = market(30_000, step_ns=2_000_000)
    with running_historical(archive_of(rows), NOW, monkeypatch) as server:
        for at in (700, 40_000, 90_000, 130_000):
            fault = Fault(endpoint="get_range", schema="mbo", cut_bytes=at, ends_early=ends_early)
            server.faults.add(fault)
        server.faults.add(Fault(endpoint="get_range", schema="definition", cut_bytes=90))
        feed = opened(feeds, server, tmp_path)
        pieces = drained(feed)
        starts = [
            int(a.start) for a in server.log if a.endpoint == "get_range" and a.schema == "mbo"
        ]
    assert feed.error is None
    assert rows_of(pieces).tobytes() == rows.tobytes()
    assert len(items_of(pieces, Definition)) == 4
    assert feed.counts.retries == 5
    assert feed.counts.resumed >= 2
    # What had come was not asked for, and paid for, again.
    assert starts == sorted(starts)
    assert len(set(starts)) == 1 + feed.counts.resumed
    assert feed.counts.records < rows.size + 200


def test_a_reset_connection_is_tried_again(feeds, service, tmp_path):
    service.faults.add(Fault(endpoint="get_range", schema="mbo", cut_bytes=500, resets=True))
    feed = opened(feeds, service, tmp_path)
    assert rows_of(drained(feed)).tobytes() == ROWS.tobytes()
    assert feed.counts.retries == 1


def test_a_service_that_never_recovers_is_given_up_and_may_be_asked_later(feeds, service, tmp_path):
    span = (START, START + 20 * NS_PER_S)
    # The first stretch comes; every try of the second fails.
    feed = opened(feeds, service, tmp_path, span, window_s=10.0, attempts_max=3)
    first = drained_until(feed, 500)
    service.faults.add(Fault(status=503, endpoint="get_range"), times=50)
    pieces = first + drained(feed)
    service.faults.clear()
    assert feed.error is not None
    assert not feed.error.is_final
    assert "3 tries in a row brought nothing (history.attempts_max)" in str(feed.error)
    # What had come before was given out, and another feed goes on from there.
    rows = rows_of(pieces)
    again = opened(feeds, service, tmp_path, (int(rows["ts_recv"][-1]) + 1, span[1]))
    rows = np.concatenate([rows, rows_of(drained(again))])
    assert rows.tobytes() == within(ROWS, *span).tobytes()


def drained_until(feed, count):
    pieces, deadline = [], time.monotonic() + DEADLINE_S
    while feed.counts.given < count:
        pieces += feed.next(count)
        assert time.monotonic() < deadline
        assert feed.error is None
        feed.join(0.002)
    return pieces


@pytest.mark.parametrize(
    ("status", "remedy"),
    [
        (401, "set DATABENTO_API_KEY to a valid key"),
        (402, "settle the account's payment"),
        (403, "the key's plan must include the feed's dataset"),
        (404, "check dataset and symbols"),
    ],
)
def test_a_refusal_is_final_and_names_the_remedy(feeds, service, tmp_path, status, remedy):
    service.faults.add(Fault(status=status, endpoint="get_range"))
    feed = opened(feeds, service, tmp_path)
    assert not items_of(drained(feed), Definition)
    assert_one_line(feed.error, remedy)
    assert feed.error.is_final
    assert len([a for a in service.log if a.endpoint == "get_range"]) == 1


def assert_one_line(error, *parts):
    assert isinstance(error, HistoryError)
    text = str(error)
    assert text.startswith("history: ")
    assert "\n" not in text
    assert KEY not in text
    for part in parts:
        assert part in text


def test_a_wrong_key_is_one_clear_line(feeds, service, tmp_path):
    feed = opened(feeds, service, tmp_path, key="db-" + "w" * 29)
    assert drained(feed) == []
    assert_one_line(feed.error, "401", "DATABENTO_API_KEY")
    assert "wwww" not in str(feed.error)
    assert feed.error.is_final


def test_no_key_is_one_clear_line(feeds, service, tmp_path, caplog):
    feed = opened(feeds, service, tmp_path, key="   ")
    assert drained(feed) == []
    assert_one_line(feed.error, "DATABENTO_API_KEY")


def test_what_the_day_cannot_bear_is_refused_before_anything_is_downloaded(
    feeds, service, tmp_path
):
    feed = opened(feeds, service, tmp_path, cost_max_usd=0.0001)
    assert drained(feed) == []
    assert_one_line(feed.error, "history.cost_max_usd (0.0001)", "USD", "raise it")
    assert feed.error.is_final
    assert "get_range" not in {asked.endpoint for asked in service.log}


def test_costs_are_counted_by_day_over_feeds_and_restarts(feeds, service, tmp_path):
    span = (START, START + 10 * NS_PER_S)
    today = [NOW]
    options = {"clock_ns": lambda: today[0], "cost_max_usd": 0.0003}
    feed = opened(feeds, service, tmp_path, span, **options)
    drained(feed)
    assert feed.error is None
    cost = feed.counts.cost_usd
    assert cost == pytest.approx(feed.counts.record_bytes / 2**30 * 2)
    assert 0.0001 < cost < 0.0003
    second = opened(feeds, service, tmp_path, span, **options)
    assert drained(second) == []
    assert_one_line(second.error, f"after {cost:.4f} spent today")
    today[0] += DAY_NS
    assert rows_of(drained(opened(feeds, service, tmp_path, span, **options))).size > 0


def test_what_costs_nothing_is_allowed_by_a_cap_of_nothing(feeds, monkeypatch, tmp_path):
    with running_historical(archive_of(ROWS), NOW, monkeypatch, usd_per_gib=0.0) as server:
        feed = opened(feeds, server, tmp_path, cost_max_usd=0.0)
        assert rows_of(drained(feed)).size == ROWS.size
        # Asked for the whole and the day's definitions, not for every stretch.
        assert len([a for a in server.log if a.endpoint == "get_cost"]) == 4 + 1


def test_a_range_the_licence_does_not_cover_yet_is_for_later(feeds, monkeypatch, tmp_path):
    now = START + 600 * NS_PER_S
    with running_historical(archive_of(ROWS), now, monkeypatch, delay_s=599.0) as server:
        feed = opened(feeds, server, tmp_path)
        assert drained(feed) == []
    assert_one_line(feed.error, "2026-04-06T13:30:01", "history.delay_s", "or wait")
    assert not feed.error.is_final


def test_a_service_that_is_not_trusted_or_not_there_is_said_so(
    feeds, service, tmp_path, monkeypatch
):
    monkeypatch.delenv("REQUESTS_CA_BUNDLE")
    monkeypatch.delenv("CURL_CA_BUNDLE", raising=False)
    feed = opened(feeds, service, tmp_path)
    assert drained(feed) == []
    assert_one_line(feed.error, "REQUESTS_CA_BUNDLE")
    assert feed.error.is_final


def test_a_service_that_is_not_there_is_tried_and_given_up(feeds, service, tmp_path):
    service.close()
    gone = opened(feeds, service, tmp_path, attempts_max=2)
    assert drained(gone) == []
    assert_one_line(gone.error, "2 tries in a row brought nothing", "connection")
    assert not gone.error.is_final


def test_a_folder_that_cannot_be_written_is_one_clear_line(feeds, service, tmp_path):
    (tmp_path / "history").write_text("a file, no folder")
    feed = opened(feeds, service, tmp_path)
    assert drained(feed) == []
    assert_one_line(feed.error, "history.directory")


def test_a_full_disk_is_left_alone(feeds, service, tmp_path):
    feed = opened(feeds, service, tmp_path, free_bytes_min=1 << 60)
    assert drained(feed) == []
    assert_one_line(feed.error, "history.free_bytes_min", "make room")
    assert not feed.error.is_final


def test_an_empty_range_is_done_at_once(feeds, service, tmp_path):
    feed = opened(feeds, service, tmp_path, (START, START))
    assert drained(feed) == []
    assert feed.error is None
    assert not service.log


def test_closing_early_leaves_no_thread_and_no_file(feeds, service, tmp_path):
    feed = opened(feeds, service, tmp_path, window_s=1.0)
    drained_until(feed, 100)
    feed.close()
    assert feed.join(DEADLINE_S)
    assert feed.next(10) == []
    assert not list((tmp_path / "history" / "glbx").iterdir())


def test_a_pause_ends_when_the_feed_is_closed(feeds, service, tmp_path):
    service.faults.add(Fault(status=429, endpoint="get_cost", retry_after_s=500))
    feed = opened(feeds, service, tmp_path)
    deadline = time.monotonic() + DEADLINE_S
    while feed.counts.retries == 0:
        assert time.monotonic() < deadline
        feed.join(0.005)
    feed.close()
    assert feed.join(DEADLINE_S)


def test_what_a_killed_process_left_is_removed(feeds, service, tmp_path):
    left = tmp_path / "history" / "glbx" / "left"
    left.mkdir(parents=True)
    (left / "1.dbn.zst").write_bytes(b"half a download")
    drained(opened(feeds, service, tmp_path, (START, START + NS_PER_S)))
    assert not left.exists()


def test_at_most_two_stretches_wait_on_the_disk(feeds, service, tmp_path):
    span = (START, START + 5 * NS_PER_S)
    feed = opened(feeds, service, tmp_path, span, window_s=1.0)
    deadline = time.monotonic() + DEADLINE_S
    while feed.counts.windows < 2:
        assert time.monotonic() < deadline
        feed.join(0.005)
    # One is in the queue, the next is held by the thread: it asks for no third.
    feed.join(0.3)
    assert feed.counts.windows == 2
    assert rows_of(drained(feed)).tobytes() == within(ROWS, *span).tobytes()


def test_a_downloaded_file_that_is_harmed_ends_the_feed_with_an_error(feeds, service, tmp_path):
    feed = opened(feeds, service, tmp_path)
    deadline = time.monotonic() + DEADLINE_S
    while feed.counts.windows < 1:
        assert time.monotonic() < deadline
        feed.join(0.005)
    for path in (tmp_path / "history" / "glbx").rglob("*.zst"):
        path.write_bytes(path.read_bytes()[:-60])
    drained(feed)
    assert_one_line(feed.error, "a downloaded file was harmed")
    assert not feed.error.is_final


@pytest.mark.parametrize("is_lost", [False, True])
def test_books_that_stood_through_the_night_are_confirmed_or_refuted(
    feeds, monkeypatch, tmp_path, is_lost
):
    rows, service = midnight_service(monkeypatch)
    cut = MIDNIGHT - 5 * NS_PER_S
    book = Book(BookConfig())
    live = rows[rows["ts_recv"] < cut]
    if is_lost:
        # A cancel that live never brought: its order rests on.
        live = np.delete(live, np.flatnonzero(live["action"] == b"C")[-1])
    assert not [m for m in book.on_items([MboRows("glbx", frozen(live))]) if isinstance(m, Message)]
    with service as server:
        feed = opened(feeds, server, tmp_path, (cut, MIDNIGHT + 5 * NS_PER_S))
        pieces = drained(feed)
    given = [MboRows("glbx", p) if isinstance(p, np.ndarray) else p[0] for p in pieces]
    given = [item for item in given if not isinstance(item, SymbolMapping)]
    gaps = [m.value for m in book.on_items(given) if isinstance(m, Message)]
    assert len([item for item in given if isinstance(item, Control)]) == 4
    told = [(gap.change, gap.reason, gap.ts_to) for gap in gaps]
    assert told == ([("opened", "seam", MIDNIGHT)] if is_lost else [])


@pytest.mark.slow
def test_memory_does_not_grow_with_the_range(feeds, monkeypatch, tmp_path):
    rows = np.tile(ROWS, 70)
    rows["ts_recv"] = START + np.arange(rows.size) * 100_000
    archive = archive_of(frozen(rows))
    del rows
    with running_historical(archive, NOW, monkeypatch) as server:
        tracemalloc.start()
        feed = opened(feeds, server, tmp_path)
        count, deadline = 0, time.monotonic() + DEADLINE_S
        while not feed.is_done:
            assert feed.error is None
            assert time.monotonic() < deadline
            count += sum(p.size for p in feed.next(65_536) if isinstance(p, np.ndarray))
        _, peak_bytes = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert count == 70 * ROWS.size
    # 23 MB of records came by; the endpoint's own chunks are in this figure, too.
    assert peak_bytes < 12_000_000


def test_checks_fit_into_a_record_and_are_read_from_it(feeds, monkeypatch, tmp_path):
    _, service = midnight_service(monkeypatch)
    with service as server:
        pieces = drained(opened(feeds, server, tmp_path, (MIDNIGHT, MIDNIGHT + NS_PER_S)))
    records = [p for p in pieces if isinstance(p, tuple) and isinstance(p[0], Control)]
    assert {len(raw) for _, raw in records} == {320}
    assert all(decode_message("glbx", raw) == item for item, raw in records)
    assert json.loads(items_of(pieces, Control)[0].value)["orders"] > 0

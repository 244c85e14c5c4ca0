"""The API over a real store: what it finds, refuses and survives."""

import sqlite3

import pytest

from operators.model.errors import IfdError
from operators.model.streams import EVENT_STREAMS, GAPS, OUTCOMES, SIGNALS
from sinks.published import published
from sinks.relay.api.problems import Problem
from sinks.relay.api.store_history import StoreHistory
from sinks.store import Store
from tests.sinks.messages import EXAMPLES, signal


@pytest.fixture
def history(store_url):
    with Store(store_url) as store:
        store.put([published(m, "g1", 1, 2) for m in EXAMPLES if m.stream in EVENT_STREAMS])
        store.put([published(signal("NQ", seq), "g1", 1, 2) for seq in range(1, 6)])
    found = StoreHistory(store_url, timeout_s=1.0)
    yield found
    found.close()


def test_pages_go_on_with_their_cursor(history):
    seen, after = [], None
    while True:
        page = history.page(SIGNALS, {"root": ["NQ"]}, after, 2, latest=False)
        seen += [one.seq for one in page.rows]
        if (after := page.after) is None:
            break
    assert sorted(seen) == [1, 2, 3, 4, 5]


def test_every_stream_a_signals_life_and_outcomes(history):
    for stream in (GAPS, OUTCOMES):
        assert history.page(stream, {}, None, 9, latest=False).rows
    assert [one.seq for one in history.revisions("NQ-3")] == [3]
    assert list(history.revisions("nobody")) == []
    ((horizon_s, probability, hit),) = history.outcomes()
    (measured,) = history.measured()
    assert (measured["horizon_s"], measured["unknown"]) == (60, "")
    assert (horizon_s > 0, 0 <= probability <= 1, hit in (0, 1)) == (True, True, True)
    assert history.alerts(None, 5) == ([], None)


@pytest.mark.parametrize(
    ("words", "after", "name"),
    [
        ({"root": ["x" * 99]}, None, "root"),
        ({"from": ["yesterday"]}, None, "from"),
        ({}, "bogus", "cursor"),
        ({}, "' OR 1=1 --", "cursor"),
    ],
)
def test_what_is_no_filter_or_cursor_is_a_problem_that_names_it(history, words, after, name):
    with pytest.raises(Problem) as problem:
        history.page(SIGNALS, words, after, 5, latest=True)
    assert problem.value.status == 422
    assert problem.value.errors[0]["name"] == name


def test_a_store_that_comes_later_is_found(tmp_path):
    folder = tmp_path / "later"
    folder.write_text("in the way")
    history = StoreHistory(f"sqlite:///{folder}/ifd.sqlite3", timeout_s=0.1)
    with pytest.raises(IfdError):
        history.revisions("a")
    folder.unlink()
    assert history.revisions("a") == []
    history.close()


def test_readers_do_not_wait_for_a_writer(tmp_path):
    url = f"sqlite:///{tmp_path}/ifd.sqlite3"
    history = StoreHistory(url, timeout_s=0.1)
    assert history.revisions("a") == []
    writer = sqlite3.connect(tmp_path / "ifd.sqlite3", isolation_level=None)
    writer.execute("BEGIN EXCLUSIVE")
    assert history.revisions("a") == []
    writer.close()
    history.close()

import sqlite3
from dataclasses import replace

import pytest

from operators.model.errors import ConfigError, StateError
from sinks.alerts.journal import JournalError, SqliteJournal, record_of
from tests.sinks.alerts.notices import intent


@pytest.fixture
def path(tmp_path):
    return tmp_path / "state" / "alerts.sqlite3"


@pytest.fixture
def journal(path):
    journal = SqliteJournal(path)
    yield journal
    journal.close()


def record(name, **fields):
    return record_of(intent(name, **fields), "email", 1)


def test_an_intent_is_kept_once(journal):
    a, b = record("a"), record("b")
    assert journal.add([a, b]) == {a.id, b.id}
    assert journal.add([b, a]) == set()
    assert journal.pending() == [a, b]
    assert journal.states([a.id, "unknown"]) == {a.id: ("queued", False)}


def test_a_result_replaces_what_was_before_and_what_is_decided_is_not_pending(journal):
    a, b, c = (record(name) for name in "abc")
    journal.add([a, b, c])
    sending = replace(a, state="sending", attempts=1, ts_changed_ns=2)
    journal.update(sending)
    sent = replace(b, state="sent", attempts=2, possible_repeat=True, ts_changed_ns=3)
    journal.update(sent)
    assert journal.pending() == [sending, c]
    assert journal.recent(2) == [c, sent]
    assert journal.recent(9, "sent") == [sent]
    assert journal.states([b.id]) == {b.id: ("sent", True)}


def test_only_what_is_decided_is_forgotten(journal):
    a, b = record("a"), record("b")
    journal.add([a, b])
    journal.update(replace(a, state="dead", ts_changed_ns=10))
    assert (journal.prune(10), journal.prune(11)) == (0, 1)
    assert journal.pending() == [b]


def test_one_process_delivers_from_it_others_may_look(journal, path):
    with pytest.raises(ConfigError, match="another process delivers alerts from"):
        SqliteJournal(path)
    other = SqliteJournal(path, exclusive=False)
    assert other.recent(1) == []
    other.close()
    journal.close()
    SqliteJournal(path).close()


def test_a_locked_file_is_an_error_that_passes(journal, path, monkeypatch):
    journal._database.execute("PRAGMA busy_timeout = 1")
    with sqlite3.connect(path, isolation_level=None) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(JournalError, match="locked"):
            journal.add([record("a")])
        other.execute("ROLLBACK")
    other.close()
    assert journal.add([record("a")])


def test_another_file_is_refused_and_left_alone(tmp_path):
    path = tmp_path / "notes.txt"
    path.write_text("not a database, but long enough to be looked at" * 20)
    with pytest.raises(StateError, match="is no journal of alerts"):
        SqliteJournal(path)
    assert path.read_text().startswith("not a database")
    newer = tmp_path / "newer.sqlite3"
    with sqlite3.connect(newer) as database:
        database.execute("PRAGMA user_version = 7")
    database.close()
    with pytest.raises(StateError, match="its form is 7, expected 1"):
        SqliteJournal(newer)


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match=r"alerts\.journal: .*file/x cannot be used"):
        SqliteJournal(tmp_path / "file" / "x")

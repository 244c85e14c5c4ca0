"""The journal in the store's database: what `SqliteJournal` must do, on SQLite and PostgreSQL."""

import pytest
from sqlalchemy.exc import OperationalError

from operators.model.errors import ConfigError
from sinks.alerts.journal import JournalError
from sinks.alerts.store_journal import StoreJournal
from sinks.store import Store
from tests.sinks.alerts.test_journal import (  # noqa: F401 - collected here again
    record,
    test_a_result_replaces_what_was_before_and_what_is_decided_is_not_pending,
    test_an_intent_is_kept_once,
    test_only_what_is_decided_is_forgotten,
)


@pytest.fixture
def journal(store_url):
    journal = StoreJournal(store_url)
    yield journal
    journal.close()


def test_one_process_delivers_from_it_others_may_look(journal, store_url):
    with pytest.raises(ConfigError, match="another process delivers alerts from"):
        StoreJournal(store_url)
    other = StoreJournal(store_url, exclusive=False)
    assert other.recent(1) == []
    other.close()
    journal.close()
    StoreJournal(store_url).close()


def test_many_ids_at_once(journal):
    records = [record(f"n{number}") for number in range(1_200)]
    assert len(journal.add(records)) == 1_200
    assert len(journal.states([one.id for one in records])) == 1_200
    assert journal.add([]) == set()


def test_the_api_finds_them_newest_first(journal, store_url):
    a, b = record("a"), record("b")
    journal.add([a, b])
    with Store(store_url) as store:
        assert [row["id"] for row in store.alerts(limit=5).rows] == [b.id, a.id]


def test_a_database_that_is_away_is_a_journal_error_to_be_tried_again(journal, monkeypatch):
    def lost():
        raise OperationalError("x", {}, Exception("gone"))

    monkeypatch.setattr(journal._store.database.engine, "connect", lost)
    with pytest.raises(JournalError):
        journal.pending()

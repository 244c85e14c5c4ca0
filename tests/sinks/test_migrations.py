"""Migrations up and down, on SQLite and with `-m servers` on PostgreSQL."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import inspect, text

from operators.model.errors import StateError
from sinks.migrations.versions import v0001_messages
from sinks.store import Store
from sinks.store_schema import EMPTY, VERSION_TABLE, known, migrate, prepare, revision_of
from sinks.store_tables import METADATA, SCHEMA, SIGNALS_LATEST_SQL
from tests.sinks.stores import examples


def test_the_newest_migration_is_the_schema_of_the_tables(store):
    assert known()[-1] == SCHEMA
    assert v0001_messages.SIGNALS_LATEST == SIGNALS_LATEST_SQL
    with store.database.read() as connection:
        assert revision_of(connection) == SCHEMA
        context = MigrationContext.configure(
            connection, opts={"compare_type": True, "version_table": VERSION_TABLE}
        )
        assert compare_metadata(context, METADATA) == []


def test_all_migrations_go_down_and_up_again(store):
    store.put(examples())
    with store.database.write() as connection:
        migrate(connection, "base")
    with store.database.read() as connection:
        assert revision_of(connection) == EMPTY
        assert set(inspect(connection).get_table_names()) <= {VERSION_TABLE, "sqlite_sequence"}
        assert inspect(connection).get_view_names() == []
    for revision in known():
        with store.database.write() as connection:
            migrate(connection, revision)
    assert store.put(examples()) == len(examples())


def test_a_migration_that_fails_leaves_what_was_there(store):
    def fail():
        with store.database.write() as connection:
            migrate(connection, "base")
            connection.execute(text("SELECT nonsense FROM nowhere"))

    store.put(examples())
    with pytest.raises(Exception, match="nowhere"):
        fail()
    assert len(store.signals().rows) == 1


def test_a_schema_of_a_newer_version_is_refused(store, store_url):
    with store.database.write() as connection:
        connection.execute(text("UPDATE ifd_schema SET version_num = '9999'"))
    with pytest.raises(StateError, match=f"its schema is 9999, expected at most {SCHEMA}: a newer"):
        Store(store_url).open()


def test_a_database_of_something_else_is_refused_and_left_alone(store_url):
    store = Store(store_url)
    store.database.make_folder()
    with store.database.write() as connection:
        connection.execute(text("CREATE TABLE alerts (id TEXT)"))
    with pytest.raises(StateError, match="found others' tables \\(alerts\\)"):
        store.open()
    with store.database.read() as connection:
        assert inspect(connection).get_table_names() == ["alerts"]
    store.close()


def test_several_may_open_an_empty_database_at_once(store_url):
    def opened(_):
        with Store(store_url) as store:
            return store.put(examples())

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(opened, range(4))) == [0, 0, 0, len(examples())]


def test_a_prepared_database_is_not_migrated_again(store):
    with store.database.write() as connection:
        connection.execute(text("DROP VIEW signals_latest"))
    prepare(store.database)
    with store.database.read() as connection:
        assert inspect(connection).get_view_names() == []

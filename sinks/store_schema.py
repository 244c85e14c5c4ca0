"""Schema of the store: brings a database to the newest migration, and refuses a newer one."""

from pathlib import Path
from typing import Final

from sqlalchemy import Connection, inspect, select
from sqlalchemy import column as column_of
from sqlalchemy import table as table_of

from operators.model.errors import StateError
from sinks.store_database import Database, lock_for_migration
from sinks.store_tables import LATEST_VIEW, METADATA, SCHEMA

FOLDER: Final = Path(__file__).parent / "migrations"
VERSION_TABLE: Final = "ifd_schema"
"""Where Alembic keeps what the database is at; of our own name, for a database may be shared."""
EMPTY: Final = ""


def prepare(database: Database) -> None:
    """Bring the database to `SCHEMA`; several processes may do so at once.

    Raises:
        StateError: It holds something else, or was made by a newer version.
        DeliveryError: It cannot be reached or written.
    """
    database.make_folder()
    with database.read() as connection:
        found = revision_of(connection)
    if found == SCHEMA:
        return
    with database.write() as connection:
        lock_for_migration(connection)
        # Another process may have been faster.
        found = revision_of(connection)
        if found == SCHEMA:
            return
        if found == EMPTY:
            _check_free(connection, database.shown)
        elif found not in known():
            raise StateError(
                f"store: {database.shown}: its schema is {found}, expected at most {SCHEMA}: a "
                "newer version of this program made it; use that, or another database"
            )
        migrate(connection, SCHEMA)


def migrate(connection: Connection, target: str) -> None:
    """Up or down to a revision (`base`: before the first), in the connection's transaction."""
    # Only who migrates pays for the import.
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(FOLDER).replace("%", "%%"))
    config.attributes["connection"] = connection
    if target == "base" or target < revision_of(connection):
        command.downgrade(config, target)
    else:
        command.upgrade(config, target)


def known() -> list[str]:
    """Revisions that this version knows, oldest first."""
    names = sorted(path.stem for path in (FOLDER / "versions").glob("v*.py"))
    return [name[1:].partition("_")[0] for name in names]


def revision_of(connection: Connection) -> str:
    """What the database is at; EMPTY before the first migration."""
    if not inspect(connection).has_table(VERSION_TABLE):
        return EMPTY
    found = connection.execute(
        select(column_of("version_num")).select_from(table_of(VERSION_TABLE))
    ).scalar()
    return EMPTY if found is None else str(found)


def _check_free(connection: Connection, shown: str) -> None:
    inspector = inspect(connection)
    names = {*inspector.get_table_names(), *inspector.get_view_names()}
    if taken := sorted(names & {*METADATA.tables, LATEST_VIEW}):
        raise StateError(
            f"store: {shown}: expected an empty database or a store, found others' tables "
            f"({', '.join(taken)}); name another database in store.url"
        )

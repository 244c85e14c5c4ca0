"""What Alembic runs: the migrations over the connection that `sinks/store_schema.py` hands over."""

from alembic import context

from sinks.store_schema import VERSION_TABLE
from sinks.store_tables import METADATA

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=METADATA,
    version_table=VERSION_TABLE,
)
# In the transaction of the connection: all of it or nothing.
context.run_migrations()

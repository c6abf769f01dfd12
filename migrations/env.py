"""Alembic's environment: the tables of `service.db`, on the connection that the caller hands in
or, from Alembic's own command line, on the database of the settings."""

from functools import partial

from alembic import context
from sqlalchemy import Connection

from service.db.engine import Database
from service.db.migrate import is_of
from service.db.tables import Base
from service.settings import Settings


def run(connection: Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        compare_type=True,
        render_as_batch=connection.dialect.name == "sqlite",
        include_object=partial(is_of, connection.dialect.name),
    )
    with context.begin_transaction():
        context.run_migrations()


handed_in: Connection | None = context.config.attributes.get("connection")
if handed_in is not None:
    run(handed_in)
else:
    database = Database(Settings().resolved_database_url)
    with database.write_connection() as own:
        run(own)
    database.dispose()

"""Alembic's environment: the connection that `field_api.migrate` hands in, and every package's metadata."""

from __future__ import annotations

from alembic import context

import field_api.app  # noqa: F401 - importing the application declares every table
from sync.store.base import Base


def run() -> None:
    connection = context.config.attributes["connection"]
    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        compare_type=True,
        # SQLite alters a table by building it anew; and its DDL is transactional once the driver is told to
        # leave transactions alone, as `sync.store.database` does.
        render_as_batch=connection.dialect.name == "sqlite",
        transactional_ddl=True,
    )
    with context.begin_transaction():
        context.run_migrations()


run()

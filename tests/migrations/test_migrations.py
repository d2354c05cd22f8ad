"""Every migration, up and down, on both databases, empty and with data."""

from __future__ import annotations

from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

import field_api.app  # noqa: F401 - declares every table
from field_api import migrate
from field_api.config import Config
from sync.store.base import Base

REVISIONS = [script.revision for script in ScriptDirectory(str(migrate.SCRIPTS)).walk_revisions()][::-1]


def config(tmp_path: Path, database_url: str) -> Config:
    return Config(data=tmp_path, database_url=database_url)


def test_the_migrated_database_is_what_the_models_say(tmp_path: Path, database_url: str) -> None:
    """After every migration nothing is left that autogenerate would still write."""
    migrate.upgrade(config(tmp_path, database_url))
    engine = sa.create_engine(database_url)
    try:
        with engine.connect() as connection:
            context = MigrationContext.configure(connection, opts={"compare_type": True})
            assert compare_metadata(context, Base.metadata) == []
    finally:
        engine.dispose()


@pytest.mark.parametrize("revision", REVISIONS)
def test_each_migration_goes_up_down_and_up(tmp_path: Path, database_url: str, revision: str) -> None:
    """A revision can be taken back and taken again, and leaves the tables it found."""
    with migrate.transaction(database_url) as connection:
        alembic = migrate.alembic_config(connection)
        command.upgrade(alembic, revision)
        before = sorted(sa.inspect(connection).get_table_names())
        command.downgrade(alembic, "-1")
        command.upgrade(alembic, revision)
        assert sorted(sa.inspect(connection).get_table_names()) == before


def test_an_upgrade_keeps_what_is_there(tmp_path: Path, database_url: str) -> None:
    """Running every migration on a database in use changes none of its rows."""
    chosen = config(tmp_path, database_url)
    migrate.upgrade(chosen)
    engine = sa.create_engine(database_url)
    try:
        with engine.begin() as connection:
            connection.execute(sa.text("INSERT INTO unit (id, name) VALUES ('u', '演示')"))
        migrate.upgrade(chosen)
        with engine.connect() as connection:
            assert connection.scalar(sa.text("SELECT name FROM unit")) == "演示"
    finally:
        engine.dispose()

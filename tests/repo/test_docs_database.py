"""What docs/database.md says of migrations: they bring a database to what the models say."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from field_api import migrate
from field_api.app import create_app
from field_api.config import Config
from sync.store.base import Base


def test_the_migrations_bring_what_the_models_say(database_url: str, tmp_path: Path) -> None:
    """Autogenerate finds nothing left to do on a database that was brought to the newest revision."""
    config = replace(Config.from_env({"FIELDPOST_DATA": str(tmp_path / "data")}), database_url=database_url)
    create_app(config)
    migrate.upgrade(config)
    with migrate.transaction(database_url) as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Base.metadata) == []

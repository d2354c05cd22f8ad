"""Brings the database to the newest schema, and says whether it is there."""

from __future__ import annotations

import fcntl
import functools
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from alembic import command
from alembic.config import Config as AlembicConfig
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import event
from sqlalchemy.orm import Session

from field_api.config import ROOT, Config
from sync.store.database import begin_write, prepare

SCRIPTS = ROOT / "migrations"
_UPGRADE_LOCK = 0x46_50_4D_47


class MigrationError(RuntimeError):
    """A migration left rows that point nowhere; nothing of it was kept."""


def upgrade(config: Config) -> None:
    """Run every migration that is missing, all in one transaction; a second caller waits and finds it done.

    Raises:
        MigrationError: foreign keys do not hold afterwards.
    """
    config.data.mkdir(mode=0o700, parents=True, exist_ok=True)
    with _locked(config.data / "locks" / "upgrade.lock"), transaction(config.database_url) as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_UPGRADE_LOCK)))
        command.upgrade(alembic_config(connection), "head")
        _check_references(connection)


@contextmanager
def transaction(url: str) -> Iterator[sa.Connection]:
    """Open a transaction to migrate in; whatever fails in it undoes it as a whole.

    SQLite's foreign keys are off: a table is rebuilt while others point at it.
    """
    engine = sa.create_engine(url, hide_parameters=True)
    prepare(engine)
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _without_foreign_keys)
    try:
        with Session(engine) as session:
            begin_write(session)
            yield session.connection()
            session.commit()
    finally:
        engine.dispose()


def alembic_config(connection: sa.Connection | None = None) -> AlembicConfig:
    """Alembic's settings; it has no file of its own, so that there is one place for the database's URL."""
    settings = AlembicConfig()
    settings.set_main_option("script_location", str(SCRIPTS).replace("%", "%%"))
    settings.set_main_option("path_separator", "os")
    if connection is not None:
        settings.attributes["connection"] = connection
    return settings


@functools.cache
def expected_heads() -> frozenset[str]:
    """The newest revisions that this program knows."""
    return frozenset(ScriptDirectory.from_config(alembic_config()).get_heads())


def current_heads(connection: sa.Connection) -> frozenset[str]:
    """The revisions that the database stands at."""
    return frozenset(MigrationContext.configure(connection).get_current_heads())


def _without_foreign_keys(connection: Any, _record: Any) -> None:
    cursor = connection.cursor()
    cursor.execute("PRAGMA foreign_keys = OFF")
    cursor.close()


def _check_references(connection: sa.Connection) -> None:
    if connection.dialect.name != "sqlite":
        return
    broken = connection.exec_driver_sql("PRAGMA foreign_key_check").fetchmany(5)
    if broken:
        raise MigrationError(f"rows point nowhere: {[tuple(row) for row in broken]}")


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield

"""Databases that are copied whole: one for each seed, and back again from a backup."""

from __future__ import annotations

import shutil
import sqlite3
from pathlib import Path
from typing import Protocol

import sqlalchemy as sa


class Database(Protocol):
    """A database of one process's simulations; no connection may be open while it is copied."""

    @property
    def url(self) -> str: ...

    def save(self, name: str) -> None:
        """Keep the database as it stands under a name."""

    def load(self, name: str) -> None:
        """Put what was kept in the database's place."""

    def drop(self) -> None:
        """Leave nothing behind."""


class SqliteDatabase:
    """A file."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._path = folder / "fieldpost.sqlite3"

    @property
    def url(self) -> str:
        return f"sqlite:///{self._path}"

    def save(self, name: str) -> None:
        connection = sqlite3.connect(self._path)
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.close()
        shutil.copyfile(self._path, self._folder / f"{name}.saved")

    def load(self, name: str) -> None:
        # A new file, not new bytes in the old one: a killed server's connection may still hold that.
        for suffix in ("", "-wal", "-shm"):
            Path(f"{self._path}{suffix}").unlink(missing_ok=True)
        shutil.copyfile(self._folder / f"{name}.saved", self._path)

    def drop(self) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)


class PostgresDatabase:
    """Databases beside the one named, made from each other as templates."""

    def __init__(self, url: str, mark: str) -> None:
        self._server = sa.make_url(url).set(drivername="postgresql+psycopg")
        self._mark = f"simulation_{mark}"
        self._kept: set[str] = set()
        self._create(self._mark, "template0")

    @property
    def url(self) -> str:
        return self._server.set(database=self._mark).render_as_string(hide_password=False)

    def save(self, name: str) -> None:
        self._create(f"{self._mark}_{name}", self._mark)
        self._kept.add(name)

    def load(self, name: str) -> None:
        self._create(self._mark, f"{self._mark}_{name}")

    def drop(self) -> None:
        self._run(*(f'DROP DATABASE IF EXISTS "{self._mark}_{name}"' for name in sorted(self._kept)))
        self._run(f'DROP DATABASE IF EXISTS "{self._mark}"')

    def _create(self, name: str, template: str) -> None:
        self._run(f'DROP DATABASE IF EXISTS "{name}"', f'CREATE DATABASE "{name}" TEMPLATE "{template}"')

    def _run(self, *statements: str) -> None:
        engine = sa.create_engine(self._server, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
        with engine.connect() as connection:
            for statement in statements:
                connection.exec_driver_sql(statement)
        engine.dispose()

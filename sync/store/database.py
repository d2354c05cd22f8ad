"""How a transaction begins, on both databases; nothing here knows a table."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from fcntl import LOCK_EX, flock
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.orm import Session

# Writers queue inside SQLite by polling, which is not fair: under eight writers single waits of 0.8 s were
# measured, so the limit stands well above them.
BUSY_TIMEOUT_MS = 20_000
_WRITES = "fieldpost_writes"


def prepare(engine: sa.Engine) -> None:
    """Make an engine durable and its transactions explicit; a no-op on PostgreSQL, which is both already."""
    if engine.dialect.name != "sqlite":
        return
    event.listen(engine, "connect", _configure_sqlite)
    event.listen(engine, "begin", _begin_sqlite)


def _configure_sqlite(connection: Any, _record: Any) -> None:
    # sqlite3's own transaction handling begins late and never IMMEDIATE; ours does both in `_begin_sqlite`.
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in (
        f"busy_timeout = {BUSY_TIMEOUT_MS}",
        "journal_mode = WAL",
        "synchronous = FULL",
        "foreign_keys = ON",
        "cache_size = -32000",
        "temp_store = MEMORY",
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_sqlite(connection: sa.Connection) -> None:
    writes = connection.get_execution_options().get(_WRITES, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def begin_write(session: Session) -> None:
    """Open the session's transaction as a writer.

    A transaction that reads first and writes later gets SQLITE_BUSY at once on SQLite, whatever the
    time-out; so a writer says so before its first statement.
    """
    session.connection(execution_options={_WRITES: True})


@contextmanager
def writers_turn(session: Session) -> Iterator[None]:
    """Queue for the one writer that SQLite allows; on PostgreSQL there is nothing to queue for.

    SQLite itself lets waiting writers poll with ever longer sleeps, so that the lock stands free while all
    sleep, and the last to come may go first. The kernel's lock wakes the next at once, also across processes,
    and falls open when its holder is killed. Who does not queue is still kept out by SQLite.
    """
    database = session.get_bind().engine.url.database
    if session.get_bind().dialect.name != "sqlite" or not database or database == ":memory:":
        yield
        return
    with Path(f"{database}-writers").open("ab") as file:
        flock(file, LOCK_EX)
        yield


def begin_read(session: Session) -> None:
    """Open the session's transaction so that all its statements see one snapshot."""
    if session.get_bind().dialect.name == "postgresql":
        session.connection(execution_options={"isolation_level": "REPEATABLE READ"})
    else:
        session.connection()

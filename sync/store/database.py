"""How a transaction begins, on both databases; nothing here knows a table."""

from __future__ import annotations

import threading
import time
from collections import defaultdict, deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from fcntl import LOCK_EX, LOCK_NB, flock
from pathlib import Path
from typing import IO, Any

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.orm import Session

# Writers queue inside SQLite by polling, which is not fair: under eight writers single waits of 0.8 s were
# measured, so the limit stands well above them.
BUSY_TIMEOUT_MS = 20_000
TURN_WAIT_S = 20.0
TURN_POLL_S = 0.001
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
        # Four times the default: the same pages of the indexes are written by every batch, and copied once for many.
        "wal_autocheckpoint = 4000",
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


class _Line:
    """Those of this process who want to write to one database, in the order of their coming."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._waiting: deque[threading.Event] = deque()
        self._is_taken = False

    def join(self, wait_s: float) -> bool:
        """Wait until it is the caller's turn; says whether that came in time."""
        with self._guard:
            if not self._is_taken:
                self._is_taken = True
                return True
            called = threading.Event()
            self._waiting.append(called)
        if called.wait(wait_s):
            return True
        with self._guard:
            if called.is_set():  # it came between the two
                return True
            self._waiting.remove(called)
            return False

    def leave(self) -> None:
        """Let the next one have his turn."""
        with self._guard:
            if self._waiting:
                self._waiting.popleft().set()
            else:
                self._is_taken = False


_LINES: defaultdict[str, _Line] = defaultdict(_Line)


def _wait_for(file: IO[bytes], until_s: float) -> None:
    while time.monotonic() < until_s:
        try:
            flock(file, LOCK_EX | LOCK_NB)
        except BlockingIOError:
            time.sleep(TURN_POLL_S)
        else:
            return


@contextmanager
def writers_turn(session: Session, wait_s: float = TURN_WAIT_S) -> Iterator[None]:
    """Queue for the one writer that SQLite allows; on PostgreSQL there is nothing to queue for.

    SQLite itself lets waiting writers poll with ever longer sleeps, up to 0.1 s, so that the lock stands free
    while all sleep. Here a process's writers stand in line, and its first looks every `TURN_POLL_S` whether no other
    process has the turn; when all of them looked, that took more of the processors than their work did. The kernel
    opens the lock when its holder is killed. A holder that hangs bounds nobody's wait: after `wait_s` the turn is not
    waited for, and SQLite, which keeps out whoever does not queue, decides within its own time-out.
    """
    database = session.get_bind().engine.url.database
    if session.get_bind().dialect.name != "sqlite" or not database or database == ":memory:":
        yield
        return
    line, until_s = _LINES[database], time.monotonic() + wait_s
    has_turn = line.join(wait_s)
    try:
        with Path(f"{database}-writers").open("ab") as file:
            _wait_for(file, until_s)
            yield
    finally:
        if has_turn:
            line.leave()


def begin_read(session: Session) -> None:
    """Open the session's transaction so that all its statements see one snapshot; PostgreSQL lets it write nothing."""
    if session.get_bind().dialect.name == "postgresql":
        session.connection(execution_options={"isolation_level": "REPEATABLE READ", "postgresql_readonly": True})
    else:
        session.connection()


def end_read(session: Session) -> None:
    """Close a reader's transaction at PostgreSQL, before the session's rollback, which then finds nothing to undo.

    The driver forgets its prepared statements at a rollback: with one in every request, each statement was read and
    planned anew at each push. Past the session, since nothing is committed for which anybody waits.
    """
    connection = session.connection()
    if connection.dialect.name == "postgresql":
        errors: Any = connection.dialect.loaded_dbapi
        # What was read is read; a broken line shows at the rollback.
        with suppress(errors.Error):
            connection.connection.commit()

"""What breaks: the server between two lines, its database, a terminal between two commits.

Everything is injected from outside, through SQLAlchemy's events and sqlite3's own factory; no line of the code
under test is replaced.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import psycopg
import sqlalchemy as sa
from sqlalchemy import event

from simulation.site import Site

INBOX = "INSERT INTO sync_operation"


class ServerKilled(BaseException):
    """The server process ended here; what was not committed never was."""


class TerminalCrashed(BaseException):
    """The terminal's program ended here."""


class _Serialization(Exception):
    """What psycopg says when the transaction must be run again."""

    sqlstate = "40001"


class Failpoints:
    """Places in the server where it is killed or its database refuses; each fires once when armed."""

    KILLS = ("killed_after_inbox", "killed_before_commit", "killed_after_commit")

    def __init__(self, site: Site) -> None:
        self.armed: str | None = None
        self.times = 0
        self.fired: Counter[str] = Counter()
        self._live = False
        self._doomed = False
        self._sqlite = site.engine.dialect.name == "sqlite"
        self._site = site
        self._open: list[Any] = []
        event.listen(site.engine, "connect", lambda raw, _record: self._open.append(raw))
        event.listen(site.engine, "close", self._closed)
        event.listen(site.engine, "before_cursor_execute", self._before)
        event.listen(site.engine, "after_cursor_execute", self._after)
        event.listen(site.engine, "commit", self._commit)

    def arm(self, name: str, times: int = 1) -> None:
        """Have a fault happen in the next request. times: how often the database refuses."""
        self.armed, self.times = name, times

    def disarm(self) -> None:
        self.armed, self._doomed = None, False

    @contextmanager
    def around(self) -> Iterator[None]:
        """Let what is armed happen in here: this is the server's work, not the simulation's own."""
        self._live, self._doomed = True, False
        try:
            yield
            self._die_if_doomed()
        except ServerKilled:
            self._end_process()
            raise
        finally:
            self._live = False
            self.disarm()

    def _closed(self, raw: Any, _record: Any) -> None:
        # SQLite keeps a closed connection's transaction while a cursor of it lives.
        with suppress(sqlite3.Error, psycopg.Error):
            raw.rollback()
        if raw in self._open:
            self._open.remove(raw)

    def _die_if_doomed(self) -> None:
        """A commit was the last thing that the process did: nothing follows, no answer and no statement."""
        if self._doomed:
            self._doomed = False
            raise ServerKilled

    def _end_process(self) -> None:
        """Close what the kernel closes with a process: every connection, whatever transaction it is in."""
        for raw in list(self._open):
            self._closed(raw, None)
            raw.close()
        self._open.clear()
        self._site.let_go()

    def _fire(self, name: str) -> bool:
        if not self._live or self.armed != name:
            return False
        self.times -= 1
        if self.times <= 0:
            self.armed = None
        self.fired[name] += 1
        return True

    def _before(self, _connection: Any, _cursor: Any, statement: str, *_more: Any) -> None:
        self._die_if_doomed()
        if self._fire("database_busy"):
            cause = sqlite3.OperationalError("database is locked") if self._sqlite else _Serialization()
            raise sa.exc.OperationalError(statement, {}, cause)

    def _after(self, _connection: Any, _cursor: Any, statement: str, *_more: Any) -> None:
        if self.armed == "killed_after_inbox" and statement.startswith(INBOX) and self._fire("killed_after_inbox"):
            raise ServerKilled

    def _commit(self, _connection: Any) -> None:
        if self._fire("killed_before_commit"):
            raise ServerKilled
        self._doomed = self._fire("killed_after_commit")


class Trap:
    """Counts a terminal's commits, and crashes it before or after the one that was chosen."""

    def __init__(self) -> None:
        self.left = 0
        self.after = False
        self.fired: Counter[str] = Counter()

    def set(self, commits: int, *, after: bool) -> None:
        self.left, self.after = commits, after

    def spring(self, *, after: bool) -> None:
        """Crash if this is the place; a commit counts once it is about to happen."""
        if not self.left or after is not self.after:
            return
        self.left -= 1
        if not self.left:
            self.fired["terminal_crashed_after_commit" if after else "terminal_crashed_before_commit"] += 1
            raise TerminalCrashed


def trapped(trap: Trap) -> Callable[..., sqlite3.Connection]:
    """Give a `connect` whose connections are watched by a trap."""

    class Watched(sqlite3.Connection):
        def execute(self, sql: str, parameters: Any = ()) -> sqlite3.Cursor:
            writes = sql == "COMMIT" or (not self.in_transaction and sql.startswith(("INSERT", "UPDATE", "DELETE")))
            if writes:
                trap.spring(after=False)
            cursor = super().execute(sql, parameters)
            if writes:
                trap.spring(after=True)
            return cursor

    def connect(path: Any, **options: Any) -> sqlite3.Connection:
        return sqlite3.connect(path, factory=Watched, **options)

    return connect

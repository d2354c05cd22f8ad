"""Keep what the terminal holds in one SQLite file: records, operations, batches, receipts, photos.

Knows tables and transactions, not what they mean. Everything a caller was told is kept has been
through `PRAGMA synchronous=FULL` and a commit.
"""

import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from uuid_utils.compat import uuid7

LAYOUT = 2
SCHEMA = """
CREATE TABLE setting (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
CREATE TABLE record (
  id TEXT PRIMARY KEY, type TEXT NOT NULL, version INTEGER NOT NULL, body TEXT NOT NULL,
  body_sha256 TEXT NOT NULL, masked TEXT NOT NULL, void INTEGER NOT NULL, reason TEXT,
  evicted INTEGER NOT NULL, generation INTEGER NOT NULL
) STRICT;
CREATE INDEX record_by_type ON record (type);
CREATE TABLE operation (
  seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, store TEXT NOT NULL,
  number INTEGER NOT NULL, type TEXT NOT NULL, record TEXT NOT NULL, action TEXT NOT NULL,
  payload BLOB NOT NULL, payload_sha256 TEXT NOT NULL, at TEXT NOT NULL,
  state TEXT NOT NULL CHECK (state IN
    ('pending', 'retry', 'parked', 'quarantined', 'settled', 'set_aside', 'final')),
  outcome TEXT, version INTEGER, result TEXT, shown INTEGER NOT NULL DEFAULT 1,
  generation INTEGER NOT NULL DEFAULT 0, batch TEXT REFERENCES batch (id),
  receipt TEXT REFERENCES receipt (batch), schema INTEGER NOT NULL DEFAULT 1,
  UNIQUE (store, number)
) STRICT;
CREATE INDEX operation_by_state ON operation (state);
CREATE INDEX operation_by_record ON operation (record, seq);
CREATE INDEX operation_by_type ON operation (type);
CREATE VIEW unsent AS SELECT * FROM operation
  WHERE state IN ('pending', 'retry', 'parked', 'quarantined', 'set_aside');
CREATE VIEW sendable AS SELECT * FROM operation WHERE state IN ('pending', 'retry', 'settled');
CREATE VIEW standing AS SELECT * FROM operation
  WHERE state IN ('settled', 'final') AND shown = 1 AND outcome IN ('applied', 'merged');
CREATE VIEW overlay AS SELECT * FROM unsent UNION ALL SELECT * FROM standing;
CREATE TABLE batch (
  id TEXT PRIMARY KEY, store TEXT NOT NULL, operations BLOB NOT NULL, created_at TEXT NOT NULL,
  schema INTEGER NOT NULL DEFAULT 1
) STRICT;
CREATE TABLE receipt (
  batch TEXT PRIMARY KEY, store TEXT NOT NULL, jws TEXT NOT NULL, sha256 TEXT NOT NULL, previous TEXT,
  time TEXT NOT NULL
) STRICT;
CREATE TABLE loss (
  seq INTEGER PRIMARY KEY AUTOINCREMENT, operation TEXT NOT NULL, type TEXT NOT NULL, record TEXT NOT NULL,
  field TEXT NOT NULL, mine TEXT NOT NULL, standing TEXT NOT NULL, became TEXT NOT NULL, conflict TEXT,
  UNIQUE (operation, field)
) STRICT;
CREATE TABLE notice (
  seq INTEGER PRIMARY KEY AUTOINCREMENT, code TEXT NOT NULL, subject TEXT NOT NULL, detail TEXT NOT NULL,
  at TEXT NOT NULL, UNIQUE (code, subject)
) STRICT;
CREATE TABLE photo (
  evidence TEXT PRIMARY KEY, sha256 TEXT NOT NULL, size INTEGER NOT NULL, media_type TEXT NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('waiting', 'sent', 'verified', 'purged')),
  idempotency_key TEXT, upload TEXT, receipt TEXT, receipt_time TEXT
) STRICT;
CREATE INDEX photo_by_digest ON photo (sha256);
"""
# From each layout to the next; an operation written before numbers were kept is of the first schema.
CHANGES = {
    1: (
        "ALTER TABLE operation ADD COLUMN schema INTEGER NOT NULL DEFAULT 1",
        "ALTER TABLE batch ADD COLUMN schema INTEGER NOT NULL DEFAULT 1",
    ),
}

Connect = Callable[..., sqlite3.Connection]


class Store:
    """One terminal's database. `connect` is `sqlite3.connect` unless a test counts the statements."""

    def __init__(self, path: Path, connect: Connect = sqlite3.connect) -> None:
        self._connection = connect(path, isolation_level=None, timeout=10.0)
        self._connection.row_factory = sqlite3.Row
        self._depth = 0
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "trusted_schema=OFF"):
            self._connection.execute(f"PRAGMA {pragma}")
        self._create()

    def _create(self) -> None:
        with self.transaction():
            found = self.one("PRAGMA user_version")
            layout = found[0] if found is not None else 0
            if layout == LAYOUT:
                return
            for number in range(layout, LAYOUT) if layout else ():
                for statement in CHANGES[number]:
                    self.execute(statement)
            for statement in SCHEMA.split(";\n") if not layout else ():
                if statement.strip():
                    self.execute(statement)
            if not layout:
                self.set("store", str(uuid7()))
            self.execute(f"PRAGMA user_version = {LAYOUT}")

    def close(self) -> None:
        self._connection.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Commit the block whole or not at all; a nested block is part of the outer one."""
        if self._depth:
            yield
            return
        self._connection.execute("BEGIN IMMEDIATE")
        self._depth = 1
        try:
            yield
            self._connection.execute("COMMIT")
        except BaseException:
            if self._connection.in_transaction:
                self._connection.rollback()
            raise
        finally:
            self._depth = 0

    def execute(self, sql: str, *values: Any) -> int:
        """Run one statement; give the number of rows it touched."""
        return self._connection.execute(sql, values).rowcount

    def one(self, sql: str, *values: Any) -> sqlite3.Row | None:
        row: sqlite3.Row | None = self._connection.execute(sql, values).fetchone()
        return row

    def all(self, sql: str, *values: Any) -> list[sqlite3.Row]:
        return self._connection.execute(sql, values).fetchall()

    def count(self, sql: str, *values: Any) -> int:
        row = self.one(sql, *values)
        return int(row[0]) if row is not None else 0

    def get(self, name: str, default: Any = None) -> Any:
        """Read one setting."""
        row = self.one("SELECT value FROM setting WHERE name = ?", name)
        return default if row is None else json.loads(row["value"])

    def set(self, name: str, value: Any) -> None:
        """Write one setting; None removes it."""
        if value is None:
            self.execute("DELETE FROM setting WHERE name = ?", name)
            return
        self.execute(
            "INSERT INTO setting VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
            name,
            json.dumps(value, ensure_ascii=False),
        )

    def notice(self, code: str, subject: str, detail: Any, at: str) -> None:
        """Remember something to tell the officer, once for each code and subject."""
        self.execute(
            "INSERT INTO notice (code, subject, detail, at) VALUES (?, ?, ?, ?)"
            " ON CONFLICT (code, subject) DO UPDATE SET detail = excluded.detail",
            code,
            subject,
            json.dumps(detail, ensure_ascii=False),
            at,
        )

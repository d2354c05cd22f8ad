"""Keep document numbers in a file of their own, beside the terminal's folder, that no copy of the store takes along.

A store that is put back from a backup finds here which numbers it has given out since; a copy of it finds nothing
and gives out none. On a handheld this is the folder that backups leave out. The file remembers where it lies, so that
a plain copy of it is noticed. Knows no server.
"""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

LAYOUT = 1
SCHEMA = """
CREATE TABLE place (inode INTEGER NOT NULL) STRICT;
CREATE TABLE kept (kind TEXT PRIMARY KEY, at_least INTEGER NOT NULL, count INTEGER NOT NULL) STRICT;
CREATE TABLE wanted (request TEXT PRIMARY KEY, kind TEXT NOT NULL, count INTEGER NOT NULL, store TEXT NOT NULL) STRICT;
CREATE TABLE block (
  id TEXT PRIMARY KEY, request TEXT NOT NULL, kind TEXT NOT NULL, prefix TEXT NOT NULL,
  first INTEGER NOT NULL, last INTEGER NOT NULL, next INTEGER NOT NULL, expires_at TEXT NOT NULL,
  lease TEXT NOT NULL, store TEXT NOT NULL, epoch TEXT,
  state TEXT NOT NULL CHECK (state IN ('open', 'closing', 'closed', 'refused', 'copied'))
) STRICT;
CREATE TABLE number (
  block TEXT NOT NULL REFERENCES block (id), number INTEGER NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('taken', 'used', 'voided')), why TEXT, PRIMARY KEY (block, number)
) STRICT;
"""
INTERRUPTED = "interrupted"
Connect = Callable[..., sqlite3.Connection]


@dataclass(frozen=True)
class Number:
    """One number, and how it stands on the document."""

    block: str
    number: int
    text: str


class Ledger:
    """One terminal's numbers. is_written: whether an operation that bears this text is in the terminal's store."""

    def __init__(self, path: Path, connect: Connect, is_written: Callable[[str], bool]) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path
        self._connection = connect(path, isolation_level=None, timeout=10.0)
        self._connection.row_factory = sqlite3.Row
        try:
            self._prepare(is_written)
        except BaseException:
            self._connection.close()
            raise

    def _prepare(self, is_written: Callable[[str], bool]) -> None:
        # A rollback journal and not a WAL: this is one file, wherever it goes.
        for pragma in ("journal_mode=DELETE", "synchronous=EXTRA", "foreign_keys=ON", "trusted_schema=OFF"):
            self._connection.execute(f"PRAGMA {pragma}")
        with self.transaction():
            self._create()
            self._notice_copy()
            self._resolve(is_written)

    def _create(self) -> None:
        found = self.one("PRAGMA user_version")
        if found is not None and found[0] == LAYOUT:
            return
        for statement in SCHEMA.split(";\n"):
            if statement.strip():
                self.execute(statement)
        self.execute("INSERT INTO place VALUES (?)", self._path.stat().st_ino)
        self.execute(f"PRAGMA user_version = {LAYOUT}")

    def _notice_copy(self) -> None:
        """Use no number of a file that was copied here: its original may be using them."""
        place, inode = self.one("SELECT inode FROM place"), self._path.stat().st_ino
        if place is not None and place["inode"] != inode:
            self.execute("UPDATE block SET state = 'copied' WHERE state IN ('open', 'closing')")
            self.execute("DELETE FROM wanted")
            self.execute("UPDATE place SET inode = ?", inode)

    def _resolve(self, is_written: Callable[[str], bool]) -> None:
        """Decide what became of numbers that were taken when the program ended."""
        for row in self.all(
            "SELECT n.block, n.number, b.prefix FROM number n JOIN block b ON b.id = n.block WHERE n.state = 'taken'"
        ):
            is_used = is_written(written(row["prefix"], row["number"]))
            self.settle(row["block"], row["number"], "used" if is_used else "voided", None if is_used else INTERRUPTED)

    def take(self, kind: str, store: str, now: str) -> Number | None:
        """Mark the next usable number as taken, durably, before anybody sees it; None where there is none."""
        with self.transaction():
            row = self.one(
                "SELECT * FROM block WHERE state = 'open' AND kind = ? AND store = ? AND next <= last"
                " AND expires_at > ? ORDER BY expires_at, first LIMIT 1",
                *(kind, store, now),
            )
            if row is None:
                return None
            number = int(row["next"])
            self.execute("UPDATE block SET next = ? WHERE id = ?", number + 1, row["id"])
            self.execute("INSERT INTO number VALUES (?, ?, 'taken', NULL)", row["id"], number)
        return Number(row["id"], number, written(row["prefix"], number))

    def settle(self, block: str, number: int, state: str, why: str | None) -> bool:
        """Note what became of a number that was taken; False where that is decided already."""
        return bool(
            self.execute(
                "UPDATE number SET state = ?, why = ? WHERE block = ? AND number = ? AND state = 'taken'",
                *(state, why, block, number),
            )
        )

    def left(self, kind: str, store: str, now: str) -> int:
        """Count the numbers that may be used."""
        row = self.one(
            "SELECT sum(last - next + 1) FROM block WHERE state = 'open' AND kind = ? AND store = ? AND expires_at > ?",
            *(kind, store, now),
        )
        return int(row[0] or 0) if row is not None else 0

    def freeze(self, where: str, *values: Any) -> None:
        """Use no more of some open blocks, so that their account is final; one with a number in hand stays open."""
        self.execute(
            f"UPDATE block SET state = 'closing' WHERE state = 'open' AND ({where})"  # noqa: S608 - our own condition
            " AND id NOT IN (SELECT block FROM number WHERE state = 'taken')",
            *values,
        )

    def account(self, block: str) -> dict[str, Any]:
        """Tell what became of a block's numbers; what is not named was never taken."""
        rows = self.all("SELECT * FROM number WHERE block = ? ORDER BY number", block)
        return {
            "used": [row["number"] for row in rows if row["state"] != "voided"],
            "voided": [
                {"number": row["number"], "reason": row["why"]} for row in rows if row["state"] == "voided"
            ],
        }

    def close(self) -> None:
        self._connection.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Commit the block whole or not at all."""
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._connection.execute("COMMIT")
        except BaseException:
            if self._connection.in_transaction:
                self._connection.rollback()
            raise

    def execute(self, sql: str, *values: Any) -> int:
        return self._connection.execute(sql, values).rowcount

    def one(self, sql: str, *values: Any) -> sqlite3.Row | None:
        row: sqlite3.Row | None = self._connection.execute(sql, values).fetchone()
        return row

    def all(self, sql: str, *values: Any) -> list[sqlite3.Row]:
        return self._connection.execute(sql, values).fetchall()


def written(prefix: str, number: int) -> str:
    """Write a number as the protocol has it on documents."""
    return f"{prefix}{number:04d}号"

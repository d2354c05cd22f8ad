"""Keep what was received, on disk before any answer: cases in SQLite, evidence as files by digest."""

import hashlib
import json
import os
import sqlite3
import threading
import uuid
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from reference.centre.cases import Case
from reference.centre.refusals import Refusal

SCHEMA = """
CREATE TABLE IF NOT EXISTS cases (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    case_id TEXT NOT NULL UNIQUE,
    version INTEGER NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS deliveries (
    case_id TEXT NOT NULL REFERENCES cases (case_id),
    version INTEGER NOT NULL,
    digest TEXT NOT NULL,
    body TEXT NOT NULL,
    received_at TEXT NOT NULL,
    repeats INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (case_id, version)
) STRICT;
CREATE TABLE IF NOT EXISTS evidence (
    sha256 TEXT PRIMARY KEY,
    size INTEGER NOT NULL,
    media_type TEXT NOT NULL,
    received_at TEXT NOT NULL
) STRICT;
"""


class Store:
    """Own the data folder; safe between threads, one process at a time."""

    def __init__(self, folder: Path) -> None:
        self._evidence = folder / "evidence"
        self._incoming = folder / "incoming"
        for path in (self._evidence, self._incoming):
            path.mkdir(parents=True, exist_ok=True)
        for part in self._incoming.iterdir():
            part.unlink()  # a part of a transfer that died with the last process
        self._lock = threading.Lock()
        self._connection = sqlite3.connect(
            folder / "centre.sqlite3", isolation_level=None, check_same_thread=False
        )
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute("PRAGMA synchronous = FULL")
        self._connection.execute("PRAGMA foreign_keys = ON")
        self._connection.executescript(SCHEMA)
        _sync_folder(folder)

    def close(self) -> None:
        """Close the file; nothing is pending, since every write was committed."""
        with self._lock:
            self._connection.close()

    def accept(self, case: Case) -> tuple[int, str]:
        """Store one version of a case; give the status to answer and its task number.

        201 for a new case, 200 for a newer version, 409 for what is known already or older than that.

        Raises: Refusal when the same version came before with another content.
        """
        with self._transaction() as connection:
            known = connection.execute(
                "SELECT number, version FROM cases WHERE case_id = ?", (case.case,)
            ).fetchone()
            if known is None:
                cursor = connection.execute(
                    "INSERT INTO cases (case_id, version) VALUES (?, ?)", (case.case, case.version)
                )
                self._keep(connection, case)
                return 201, _task_number(int(cursor.lastrowid or 0))
            number, version = known
            if self._is_repeat(connection, case) or case.version < version:
                return 409, _task_number(number)
            self._keep(connection, case)
            connection.execute("UPDATE cases SET version = ? WHERE case_id = ?", (case.version, case.case))
            return 200, _task_number(number)

    def evidence_size(self, sha256: str) -> int | None:
        """Give the bytes of evidence held, or None when it has not wholly arrived."""
        with self._lock:
            row = self._connection.execute("SELECT size FROM evidence WHERE sha256 = ?", (sha256,)).fetchone()
        if row is None or not self.evidence_path(sha256).is_file():
            return None
        return int(row[0])

    def evidence_path(self, sha256: str) -> Path:
        """Say where evidence lies; sha256: checked by the caller."""
        return self._evidence / sha256[:2] / sha256

    def keep_evidence(self, sha256: str, chunks: Iterable[bytes], media_type: str) -> bool:
        """Write streamed evidence, durably; True when it is new.

        Raises: Refusal when the bytes are not those of the digest; whatever `chunks` raises.
        """
        part = self._incoming / uuid.uuid4().hex
        try:
            size = _write_checked(part, sha256, chunks)
            target = self.evidence_path(sha256)
            target.parent.mkdir(exist_ok=True)
            part.replace(target)
            _sync_folder(target.parent)
            _sync_folder(self._evidence)
        finally:
            part.unlink(missing_ok=True)
        # The row comes last: a process that dies before it has promised nothing and is sent the bytes again.
        with self._transaction() as connection:
            cursor = connection.execute(
                "INSERT OR IGNORE INTO evidence VALUES (?, ?, ?, ?)", (sha256, size, media_type, _now())
            )
            return cursor.rowcount == 1

    def received(self) -> dict[str, Any]:
        """List every case with its versions and every piece of evidence."""
        with self._lock, closing(self._connection.cursor()) as cursor:
            cases = cursor.execute("SELECT number, case_id, version FROM cases ORDER BY number").fetchall()
            rows = cursor.execute(
                "SELECT case_id, version, body, received_at, repeats FROM deliveries ORDER BY version"
            ).fetchall()
            evidence = cursor.execute(
                "SELECT sha256, size, media_type, received_at FROM evidence ORDER BY sha256"
            ).fetchall()
        versions: dict[str, list[dict[str, Any]]] = {case_id: [] for _, case_id, _ in cases}
        for case_id, version, body, received_at, repeats in rows:
            versions[case_id].append(_version(version, body, received_at, repeats))
        fields = ("sha256", "size", "media_type", "received_at")
        return {
            "cases": [
                {
                    "case": case_id,
                    "task_number": _task_number(number),
                    "version": version,
                    "versions": versions[case_id],
                }
                for number, case_id, version in cases
            ],
            "evidence": [dict(zip(fields, row, strict=True)) for row in evidence],
        }

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
                self._connection.execute("COMMIT")
            finally:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")

    def _is_repeat(self, connection: sqlite3.Connection, case: Case) -> bool:
        stored = connection.execute(
            "SELECT digest FROM deliveries WHERE case_id = ? AND version = ?", (case.case, case.version)
        ).fetchone()
        if stored is None:
            return False
        if stored[0] != case.digest:
            raise Refusal(
                422, "key_reused", "同一版本曾以不同内容送达 (this version came before with other content)"
            )
        connection.execute(
            "UPDATE deliveries SET repeats = repeats + 1 WHERE case_id = ? AND version = ?",
            (case.case, case.version),
        )
        return True

    def _keep(self, connection: sqlite3.Connection, case: Case) -> None:
        connection.execute(
            "INSERT INTO deliveries (case_id, version, digest, body, received_at) VALUES (?, ?, ?, ?, ?)",
            (case.case, case.version, case.digest, case.body, _now()),
        )


def _version(version: int, body: str, received_at: str, repeats: int) -> dict[str, Any]:
    document = json.loads(body)
    return {
        "version": version,
        "received_at": received_at,
        "repeats": repeats,
        "evidence": [photo["sha256"] for photo in document["evidence"]],
        "body": document,
    }


def _task_number(number: int) -> str:
    # The city's own rule of 19 digits is not known; this numbering claims to be nobody's.
    return f"RC{number:08d}"


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def _write_checked(part: Path, sha256: str, chunks: Iterable[bytes]) -> int:
    digest, size = hashlib.sha256(), 0
    with part.open("xb") as file:
        for chunk in chunks:
            digest.update(chunk)
            size += len(chunk)
            file.write(chunk)
        file.flush()
        os.fsync(file.fileno())
    if digest.hexdigest() != sha256:
        raise Refusal(422, "digest_mismatch", "内容与摘要不符 (the bytes are not those of the digest)")
    return size


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

"""Hold the server's records: take in changes, let go of what is no longer this terminal's.

Every function runs inside the caller's transaction. A generation is one pull from the beginning: versions
compare only within it, since a restored server counts again from where its backup was.
"""

import json
from typing import Any

from reference.terminal.store import Store
from reference.terminal.view import bucket, digest


class Held:
    """The records of one store."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def change(self, change: dict[str, Any]) -> int:
        """Apply one change unless what is held is as new; give 1 where it was applied."""
        record = change["record"]
        held = self._store.one("SELECT * FROM record WHERE id = ?", record)
        if change["action"] == "evict":
            return self.evict(record) if held is None or not held["evicted"] else 0
        if change["action"] not in ("put", "void"):
            return 0
        generation = self._store.get("generation", 0)
        if held is not None and _is_current(held, generation) and held["version"] >= change["version"]:
            return 0
        void = change["action"] == "void"
        # A rotten body is not blessed with a new digest because its record was voided.
        kept = held["body"] if held is not None and void and _is_sound(held) else "{}"
        body = json.dumps(change["body"]) if "body" in change else kept
        self._store.execute(
            "INSERT INTO record VALUES (?, ?, ?, ?, ?, ?, ?, ?, 0, ?) ON CONFLICT (id) DO UPDATE SET"
            " type = excluded.type, version = excluded.version, body = excluded.body,"
            " body_sha256 = excluded.body_sha256, masked = excluded.masked, void = excluded.void,"
            " reason = excluded.reason, evicted = 0, generation = excluded.generation",
            *(record, change["type"], change["version"], body, digest(body)),
            *(json.dumps(change.get("masked", [])), int(void), change.get("reason"), generation),
        )
        self._store.execute(
            "UPDATE operation SET shown = 0"
            " WHERE record = ? AND state IN ('settled', 'final') AND version <= ?",
            record,
            change["version"],
        )
        return 1

    def evict(self, record: str) -> int:
        """Drop what is held of a record; its name stays, so that no late answer brings it back."""
        self._drop(record)
        self._store.execute("DELETE FROM loss WHERE record = ?", record)
        return 1

    def _drop(self, record: str) -> None:
        self._store.execute(
            "INSERT INTO record VALUES (?, '', 0, '{}', ?, '[]', 0, NULL, 1, ?)"
            " ON CONFLICT (id) DO UPDATE SET version = 0, body = '{}',"
            " body_sha256 = excluded.body_sha256, masked = '[]', void = 0,"
            " reason = NULL, evicted = 1, generation = excluded.generation",
            *(record, digest("{}"), self._store.get("generation", 0)),
        )
        self._store.execute(
            "UPDATE operation SET shown = 0 WHERE record = ? AND state IN ('settled', 'final')", record
        )

    def sweep(self) -> None:
        """At the end of a fresh pull, drop what it did not name: that is no longer held by this terminal."""
        generation = self._store.get("generation", 0)
        for row in self._store.all(
            "SELECT id FROM record WHERE evicted = 0 AND generation < ?", generation
        ):
            self.evict(row["id"])
        self._store.execute(
            "UPDATE operation SET shown = 0 WHERE state IN ('settled', 'final') AND generation < ?"
            " AND record NOT IN (SELECT id FROM record WHERE evicted = 0)",
            generation,
        )

    def mark(self, replaced: Any) -> None:
        """Mark what is known of replaced buckets as out of date, for what follows to refill.

        Own edits too: one may have been accepted after the scope was lost, and then no page names its record.
        """
        buckets = {one for one in replaced if isinstance(one, int)} if isinstance(replaced, list) else set()
        if not buckets:
            return
        generation = self._store.get("generation", 0)
        for row in self._store.all("SELECT id FROM record WHERE evicted = 0"):
            if bucket(row["id"]) in buckets:
                self._store.execute(
                    "UPDATE record SET generation = ? WHERE id = ?", generation - 1, row["id"]
                )
        for row in self._store.all("SELECT DISTINCT record FROM standing"):
            if bucket(row["record"]) in buckets:
                self._store.execute(
                    "UPDATE operation SET generation = ? WHERE record = ? AND state IN ('settled', 'final')",
                    *(generation - 1, row["record"]),
                )

    def forget(self) -> None:
        """Let go of everything, as when another officer takes the terminal.

        What is unsent stays, and so does what its author has still to be told: only he is shown it.
        """
        for row in self._store.all("SELECT id FROM record WHERE evicted = 0"):
            self._drop(row["id"])
        drop_cursor(self._store)


def drop_cursor(store: Store) -> None:
    """Begin afresh at the next pull: what is held stays until that one ends, what is unsent beyond it."""
    with store.transaction():
        store.set("cursor", None)
        store.set("generation", store.get("generation", 0) + 1)


def _is_current(held: Any, generation: int) -> bool:
    """Say whether a held record is whole and of this pull's generation, so that versions compare."""
    return _is_sound(held) and not held["evicted"] and bool(held["generation"] == generation)


def _is_sound(held: Any) -> bool:
    return bool(digest(held["body"]) == held["body_sha256"])

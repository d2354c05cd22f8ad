"""Read what changed on the server, page by page, each page and its cursor in one transaction."""

import json
from dataclasses import dataclass
from typing import Any

from reference.terminal.http import BASE, Line, Reply, Verdict
from reference.terminal.outcomes import Outcomes, is_version
from reference.terminal.session import Session
from reference.terminal.store import Store
from reference.terminal.view import View, bucket, checkpoint, digest

LANES = ["reference", "records"]
PAGE = 1000


@dataclass
class PullReport:
    """What a pull came to. matches: whether the checkpoint was met; None where none was reached."""

    verdict: Verdict = Verdict.OK
    code: str | None = None
    wait_s: float = 0.0
    pages: int = 0
    changed: int = 0
    matches: bool | None = None


class Pull:
    """The way in."""

    def __init__(self, store: Store, line: Line, session: Session, outcomes: Outcomes) -> None:
        self._store = store
        self._line = line
        self._session = session
        self._outcomes = outcomes

    def run(self) -> PullReport:
        """Pull until there is no more; a cursor that the server won't take is dropped once."""
        report = PullReport()
        limit, dropped = PAGE, False
        while True:
            asked = self._store.get("cursor")
            body = {"cursor": asked, "limit": limit, "lanes": LANES}
            reply = self._page(self._session.send_json("POST", f"{BASE}/sync/pull", body), asked, report)
            if reply.verdict is Verdict.SPLIT and limit > 1:
                limit //= 2
                continue
            if reply.verdict is Verdict.RESYNC and not dropped:
                drop_cursor(self._store)
                dropped = True
                continue
            report.verdict, report.code, report.wait_s = reply.verdict, reply.code, reply.wait_s
            if reply.verdict is not Verdict.OK:
                return report
            if not reply.document["more"]:
                report.matches = self._meets(reply.document.get("checkpoint"))
                return report

    def repair(self) -> PullReport:
        """Compare sums by bucket, and take the buckets that differ afresh."""
        report = PullReport()
        cursor, sums, first = self._store.get("cursor"), self._sums(), True
        while True:
            body = {"cursor": cursor, "buckets": sums}
            reply = self._session.send_json("POST", f"{BASE}/sync/repair", body)
            if reply.verdict is Verdict.OK and not _is_page(reply.document):
                reply = self._line.later(reply.status, code="answer_invalid")
            if reply.verdict is Verdict.RESYNC:
                drop_cursor(self._store)
            report.verdict, report.code, report.wait_s = reply.verdict, reply.code, reply.wait_s
            if reply.verdict is not Verdict.OK:
                return report
            page = reply.document
            with self._store.transaction():
                if first:
                    self._empty(page.get("replaced"))
                report.changed += self._take(page)
                if not page["more"]:
                    self._store.set("cursor", page["cursor"])
                    self._sweep()
            report.pages, cursor, first = report.pages + 1, page["cursor"], False
            if not page["more"]:
                report.matches = self._meets(page.get("checkpoint"))
                return report

    def apply_page(self, asked: str | None, page: dict[str, Any]) -> int:
        """Commit one page with its cursor; give the number of records changed.

        asked: the cursor that it answers. A page that answers any but the present cursor, repeated or
        late, changes nothing. Raises: ValueError, when it is no page.
        """
        if not _is_page(page):
            raise ValueError("no page")
        with self._store.transaction():
            if self._store.get("cursor") != asked:
                return 0
            changed = self._take(page)
            self._outcomes.settled(page.get("settled"))
            self._store.set("cursor", page["cursor"])
            if not page["more"]:
                self._sweep()
        return changed

    def _page(self, reply: Reply, asked: str | None, report: PullReport) -> Reply:
        if reply.verdict is not Verdict.OK:
            return reply
        try:
            report.changed += self.apply_page(asked, reply.document)
        except ValueError:
            return self._line.later(reply.status, code="answer_invalid")
        report.pages += 1
        if reply.document["more"] and reply.document["cursor"] == asked:
            return self._line.later(reply.status, code="answer_invalid")
        return reply

    def _take(self, page: dict[str, Any]) -> int:
        return sum(self._change(change) for change in page["changes"])

    def _change(self, change: dict[str, Any]) -> int:
        """Apply one change unless what is held is as new; give 1 where it was applied."""
        record = change["record"]
        held = self._store.one("SELECT * FROM record WHERE id = ?", record)
        if change["action"] == "evict":
            return self._evict(record) if held is None or not held["evicted"] else 0
        generation = self._store.get("generation", 0)
        if held is not None and _is_current(held, generation) and held["version"] >= change["version"]:
            return 0
        void = change["action"] == "void"
        kept = held["body"] if held is not None and void else "{}"
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

    def _evict(self, record: str) -> int:
        """Drop what is held of a record; its name stays, so that no late answer brings it back."""
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
        self._store.execute("DELETE FROM loss WHERE record = ?", record)
        return 1

    def _sweep(self) -> None:
        """At the end of a fresh pull, drop what it did not name: that is no longer held by this terminal."""
        generation = self._store.get("generation", 0)
        for row in self._store.all(
            "SELECT id FROM record WHERE evicted = 0 AND generation < ?", generation
        ):
            self._evict(row["id"])
        self._store.execute(
            "UPDATE operation SET shown = 0 WHERE state IN ('settled', 'final') AND generation < ?"
            " AND record NOT IN (SELECT id FROM record WHERE evicted = 0)",
            generation,
        )

    def _empty(self, replaced: Any) -> None:
        """Mark the records of replaced buckets as out of date, for what follows to refill."""
        buckets = set(replaced) if isinstance(replaced, list) else set()
        generation = self._store.get("generation", 0)
        for row in self._store.all("SELECT id FROM record WHERE evicted = 0"):
            if bucket(row["id"]) in buckets:
                self._store.execute(
                    "UPDATE record SET generation = ? WHERE id = ?", generation - 1, row["id"]
                )

    def _sums(self) -> list[str]:
        known = View(self._store).confirmed()
        parts: list[dict[str, tuple[str, int]]] = [{} for _ in range(256)]
        for record, named in known.items():
            parts[bucket(record)][record] = named
        return [checkpoint(part.items())[1] for part in parts]

    def _meets(self, promised: Any) -> bool | None:
        """Compare what is held with the server's checkpoint."""
        if not isinstance(promised, dict):
            return None
        count, total = checkpoint(View(self._store).confirmed().items())
        return bool((promised.get("count"), promised.get("sum")) == (count, total))


def drop_cursor(store: Store) -> None:
    """Begin afresh at the next pull: what is held stays until that one ends, what is unsent beyond it."""
    with store.transaction():
        store.set("cursor", None)
        store.set("generation", store.get("generation", 0) + 1)


def _is_current(held: Any, generation: int) -> bool:
    """Say whether a held record is whole and of this pull's generation, so that versions compare."""
    sound = digest(held["body"]) == held["body_sha256"]
    return sound and not held["evicted"] and bool(held["generation"] == generation)


def _is_page(page: dict[str, Any]) -> bool:
    changes = page.get("changes")
    return (
        isinstance(changes, list)
        and isinstance(page.get("cursor"), str)
        and isinstance(page.get("more"), bool)
        and all(_is_change(change) for change in changes)
    )


def _is_change(change: Any) -> bool:
    if not isinstance(change, dict) or not isinstance(change.get("record"), str):
        return False
    if change.get("action") == "evict":
        return True
    versioned = isinstance(change.get("type"), str) and is_version(change.get("version"))
    body = isinstance(change.get("body"), dict) if change.get("action") == "put" else True
    return versioned and change.get("action") in ("put", "void") and body

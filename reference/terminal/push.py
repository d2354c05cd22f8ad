"""Bring the officer's operations to the server, and let go of them only against a receipt.

A batch is on disk before it is sent and keeps its id and its operations, byte for byte, until it is
answered or goes out by halves, because it was too much for the server or the line; the envelope's clock and
health are read anew, since the server corrects times by them. What passes lets the batches grow again.
"""

import json
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from reference.terminal.clock import Clock
from reference.terminal.control import Control
from reference.terminal.edits import schema_number, stamp
from reference.terminal.errors import ReceiptRefusedError
from reference.terminal.held import drop_cursor
from reference.terminal.http import BASE, Line, Reply, Verdict
from reference.terminal.outcomes import Outcomes
from reference.terminal.session import Session
from reference.terminal.store import Store

APP = "1.0.0"
DEFAULT_LIMITS = {"operations": 500, "bytes": 8 * 1024 * 1024}
ENVELOPE_BYTES = 4096


@dataclass
class PushReport:
    """What a push came to. outcomes: by operation, of everything that was answered."""

    verdict: Verdict = Verdict.OK
    code: str | None = None
    wait_s: float = 0.0
    batches: int = 0
    outcomes: dict[str, str] = field(default_factory=dict)


class Push:
    """The way out of the queue."""

    def __init__(
        self, store: Store, line: Line, session: Session, clock: Clock, folder: Path, outcomes: Outcomes
    ) -> None:
        self._store = store
        self._line = line
        self._session = session
        self._clock = clock
        self._folder = folder
        self._outcomes = outcomes
        self._control = Control(store)

    def run(self) -> PushReport:
        """Send batch after batch; each operation at most once in this call, so that none holds up others."""
        report = PushReport()
        tried: set[str] = set()
        while report.verdict is Verdict.OK:
            batch = self._open() or self._fill(tried)
            if batch is None:
                return report
            if report.batches and report.wait_s > 0:
                # The server asks for a pause: the rest stands on the disk and goes out after it.
                report.verdict, report.code = Verdict.LATER, "backoff"
                return report
            tried.update(_ids(batch))
            self._exchange(batch, report)
            if report.verdict in (Verdict.SPLIT, Verdict.FIX):
                tried.difference_update(self._divide(batch, report))
                report.verdict = Verdict.OK
        return report

    def _exchange(self, batch: Any, report: PushReport) -> None:
        """Send one batch and take in its answer."""
        confirmed = self._control.unconfirmed()
        reply = self._session.send_body(f"{BASE}/sync/push", self.body(batch, confirmed))
        if reply.verdict is Verdict.OK:
            try:
                report.outcomes.update(self._take(batch, reply, confirmed))
            except (ReceiptRefusedError, ValueError) as error:
                code = "receipt_refused" if isinstance(error, ReceiptRefusedError) else "answer_invalid"
                self._store.notice(code, batch["id"], {"why": str(error)}, self._now())
                reply = self._line.later(reply.status, code=code)
            else:
                report.batches += 1
                asked_s = seconds(reply.document.get("backoff_ms"))
                report.wait_s = self._line.at_least(asked_s)
        if reply.verdict is Verdict.RESYNC:
            drop_cursor(self._store)
        if reply.less_may_pass:
            self._halve(batch)
        report.verdict, report.code = reply.verdict, reply.code
        report.wait_s = max(report.wait_s, reply.wait_s)

    def _take(self, batch: Any, reply: Reply, confirmed: list[str]) -> dict[str, str]:
        """Commit an answer: outcomes, receipt and the end of the batch, together."""
        receipt = reply.document.get("receipt")
        if isinstance(receipt, str) and not self._session.keys().knows(receipt):
            self._session.learn_keys()
        with self._store.transaction():
            keys, terminal = self._session.keys(), self._session.terminal_id
            taken = self._outcomes.take(batch, reply.document, keys, terminal)
            self._control.confirmed(confirmed)
            self._close(batch)
            limits = self.limits()
            self._store.set("batch_size", min(self._size() * 2, limits["operations"]))
        return taken

    def _open(self) -> Any:
        """Give the batch that was written but not answered, if there is one."""
        return self._store.one("SELECT * FROM batch LIMIT 1")

    def _fill(self, tried: set[str]) -> Any:
        """Write the next batch: operations of one store and one schema, in the order of their numbers.

        They go under the schema that they were written under, whatever the terminal has learnt since.
        """
        limits = self.limits()
        with self._store.transaction():
            rows = self._store.all("SELECT id, store, schema, payload FROM sendable ORDER BY seq")
            chosen: list[Any] = []
            left = limits["bytes"] - ENVELOPE_BYTES
            for row in (row for row in rows if row["id"] not in tried):
                left -= len(row["payload"]) + 1
                full = len(chosen) >= min(self._size(), limits["operations"]) or left < 0
                if chosen and (full or _envelope_of(row) != _envelope_of(chosen[0])):
                    break
                chosen.append(row)
            if not chosen and (tried or not self._control.unconfirmed()):
                return None
            of = _envelope_of(chosen[0]) if chosen else (self._store.get("store"), schema_number(self._store))
            self._write(chosen, *of)
        return self._open()

    def _write(self, chosen: list[Any], store: str, schema: int) -> None:
        batch = self._outcomes.new_id()
        raw = b"[" + b",".join(row["payload"] for row in chosen) + b"]"
        self._store.execute("INSERT INTO batch VALUES (?, ?, ?, ?, ?)", batch, store, raw, self._now(), schema)
        for row in chosen:
            self._store.execute("UPDATE operation SET batch = ? WHERE id = ?", batch, row["id"])

    def _close(self, batch: Any) -> None:
        self._store.execute("UPDATE operation SET batch = NULL WHERE batch = ?", batch["id"])
        self._store.execute("DELETE FROM batch WHERE id = ?", batch["id"])

    def _divide(self, batch: Any, report: PushReport) -> set[str]:
        """Send a refused batch again in halves; a single refused operation is set aside and shown."""
        ids = _ids(batch)
        if self._halve(batch):
            return ids
        with self._store.transaction():
            self._close(batch)
            for id_ in ids:
                self._store.execute("UPDATE operation SET state = 'set_aside' WHERE id = ?", id_)
                self._store.notice("set_aside", id_, {"code": report.code}, self._now())
            if not ids:
                self._control.confirmed(self._control.unconfirmed())
        return set()

    def _halve(self, batch: Any) -> bool:
        """Take a batch back into the queue, to go out by halves; False for one that cannot be divided.

        Whether the server took it in is not known, and does not matter: it knows its operations by their ids.
        """
        ids = _ids(batch)
        if len(ids) < 2:
            return False
        with self._store.transaction():
            self._close(batch)
            self._store.set("batch_size", len(ids) // 2)
        return True

    def body(self, batch: Any, confirmed: list[str]) -> bytes:
        """Put a fresh envelope around the batch's unchanging operations."""
        unsent = self._store.one("SELECT count(*), min(at) FROM unsent")
        assert unsent is not None
        with self._store.transaction():
            hlc = stamp(self._store, self._clock, self._store.get("terminal_no"))
        envelope = {
            "protocol": 1,
            "schema": batch["schema"],
            "app": APP,
            "batch": batch["id"],
            "store": batch["store"],
            "clock": {
                "wall": self._now(),
                "monotonic_ms": self._clock.monotonic_ms(),
                "boot": self._clock.boot,
                "hlc": hlc,
            },
            "health": {
                "pending": unsent[0],
                "oldest_pending_at": unsent[1],
                "storage_free_bytes": shutil.disk_usage(self._folder).free,
            },
            "control_done": confirmed,
        }
        head = json.dumps(envelope, ensure_ascii=False, separators=(",", ":")).encode()
        return head[:-1] + b',"operations":' + bytes(batch["operations"]) + b"}"

    def limits(self) -> dict[str, int]:
        limits: dict[str, int] = {**DEFAULT_LIMITS, **self._store.get("limits", {})}
        return limits

    def _size(self) -> int:
        return int(self._store.get("batch_size", self.limits()["operations"]))

    def _now(self) -> str:
        return self._clock.wall().isoformat(timespec="milliseconds")


def _envelope_of(row: Any) -> tuple[str, int]:
    """Give what all operations of one batch must share."""
    return row["store"], row["schema"]


def _ids(batch: Any) -> set[str]:
    return {operation["id"] for operation in json.loads(batch["operations"])}


def seconds(backoff_ms: Any) -> float:
    """Read a pause that the server asks for; 0 where it asks for none."""
    return max(0.0, backoff_ms / 1000) if isinstance(backoff_ms, int | float) else 0.0

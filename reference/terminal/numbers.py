"""Lease document numbers ahead of need, give them out offline, and account for every one.

A number is marked taken on the disk before it is given out; one that a crash left taken is void unless an operation
bears it. What was leased is on the disk before any of it is used.
"""

import json
import sqlite3
from collections.abc import Callable
from datetime import UTC
from pathlib import Path
from typing import Any

from reference.terminal.clock import Clock, instant
from reference.terminal.errors import ReceiptRefusedError, TerminalError
from reference.terminal.http import BASE, Reply, Verdict
from reference.terminal.ledger import Connect, Ledger, Number
from reference.terminal.session import Session, segment
from reference.terminal.store import Store

BLOCK_SIZE = 20
REFUSED = frozenset({"lease_invalid", "operation_id_reused"})
OK = Reply(Verdict.OK)


class NumbersError(TerminalError):
    """There is no number to give out, or this one is not to be settled any more."""


class NumbersExhaustedError(NumbersError):
    """Every number of this kind is used: lease more online."""


class NumbersExpiredError(NumbersError):
    """The numbers that are left may not be used any more: lease others online."""


class Numbers:
    """One terminal's document numbers; the ledger is opened at the first use."""

    def __init__(
        self,
        path: Path,
        store: Store,
        session: Session,
        clock: Clock,
        new_id: Callable[[], str],
        connect: Connect = sqlite3.connect,
    ) -> None:
        self._path = path
        self._store = store
        self._session = session
        self._clock = clock
        self._new_id = new_id
        self._connect = connect
        self._open: Ledger | None = None

    @property
    def is_begun(self) -> bool:
        """Say whether this terminal ever leased numbers."""
        return self._open is not None or self._path.exists()

    def open(self) -> None:
        """Decide at the program's start what became of numbers that its end left taken."""
        if self._open is None and self._path.exists():
            self._open = Ledger(self._path, self._connect, self._is_written)

    def close(self) -> None:
        if self._open is not None:
            self._open.close()

    @property
    def _ledger(self) -> Ledger:
        if self._open is None:
            self._open = Ledger(self._path, self._connect, self._is_written)
        return self._open

    def _is_written(self, text: str) -> bool:
        bearing = json.dumps(text, ensure_ascii=False).encode()
        return self._store.one("SELECT 1 FROM operation WHERE instr(payload, ?) > 0 LIMIT 1", bearing) is not None

    # Offline.

    def next_number(self, kind: str) -> Number:
        """Take a number; whoever takes it says by `used` or `void` what became of it.

        Raises: NumbersExhaustedError, NumbersExpiredError.
        """
        store, now = self._store.get("store"), self._now()
        taken = self._ledger.take(kind, store, now)
        if taken is not None:
            return taken
        if self._ledger.left(kind, store, ""):
            raise NumbersExpiredError(f"the numbers of {kind} have expired: lease others online")
        raise NumbersExhaustedError(f"no number of {kind} is left: lease more online")

    def used(self, number: Number) -> None:
        """Note that a stored operation bears a number. Raises: NumbersError, when that was decided before."""
        self._settle(number, "used", None)

    def void(self, number: Number, reason: str) -> None:
        """Note that no document bears a number, and why. Raises: NumbersError, when that was decided before."""
        self._settle(number, "voided", _line(reason))

    def _settle(self, number: Number, state: str, why: str | None) -> None:
        if not self._ledger.settle(number.block, number.number, state, why):
            raise NumbersError(f"{number.text} was settled before")

    def left(self, kind: str) -> int:
        """Count what may be used now."""
        return self._ledger.left(kind, self._store.get("store"), self._now()) if self.is_begun else 0

    def accounts(self) -> list[dict[str, Any]]:
        """Tell of every block what it holds and what became of its numbers."""
        names = ("id", "kind", "prefix", "first", "last", "next", "expires_at", "state")
        rows = self._ledger.all("SELECT * FROM block ORDER BY prefix, first") if self.is_begun else []
        return [{name: row[name] for name in names} | self._ledger.account(row["id"]) for row in rows]

    # Online.

    def keep(self, kind: str, at_least: int = BLOCK_SIZE // 2, count: int = BLOCK_SIZE) -> Reply:
        """Hold so many numbers of a kind from now on, leased in blocks of `count`, and lease what is wanting."""
        self._ledger.execute("INSERT OR REPLACE INTO kept VALUES (?, ?, ?)", kind, at_least, count)
        return self._refill()

    def tend(self) -> Reply:
        """Bring back what a restored server may not know, return what is at its end, lease what is wanting.

        Needs a greeting first: it tells of a restore. Stops at the first answer that is none.
        """
        with self._ledger.transaction():
            self._ledger.freeze(
                "next > last OR expires_at <= ? OR store <> ?", self._now(), self._store.get("store")
            )
        for step in (self._present, self._return, self._refill):
            reply = step()
            if reply.verdict is not Verdict.OK:
                return reply
        return OK

    def give_back(self) -> Reply:
        """Return every block, as at the end of a terminal's service; nothing is leased again until `keep`."""
        self._ledger.execute("DELETE FROM kept")
        reply = self._ask_again()
        if reply.verdict is not Verdict.OK:
            return reply
        with self._ledger.transaction():
            self._ledger.freeze("1 = 1")
        reply = self._present()
        return self._return() if reply.verdict is Verdict.OK else reply

    def _present(self) -> Reply:
        """Show the leases to a server whose epoch is another than the one they were last known in."""
        epoch = self._store.get("epoch")
        rows = self._ledger.all(
            "SELECT * FROM block WHERE state IN ('open', 'closing', 'closed') AND epoch IS NOT ? ORDER BY first", epoch
        )
        for row in rows:
            count = row["last"] - row["first"] + 1
            asked = {"id": row["request"], "kind": row["kind"], "count": count, "lease": row["lease"]}
            reply = self._session.send_json("POST", f"{BASE}/number-blocks", {**asked, "store": row["store"]})
            if reply.verdict is Verdict.FIX and reply.code in REFUSED:
                self._ledger.execute("UPDATE block SET state = 'refused' WHERE id = ?", row["id"])
            elif reply.verdict is not Verdict.OK:
                return reply
            else:
                # What was returned before may have been forgotten with the block.
                self._ledger.execute(
                    "UPDATE block SET epoch = ?, state = iif(state = 'closed', 'closing', state) WHERE id = ?",
                    *(epoch, row["id"]),
                )
        return OK

    def _return(self) -> Reply:
        for row in self._ledger.all("SELECT id FROM block WHERE state = 'closing' ORDER BY first"):
            path = f"{BASE}/number-blocks/{segment(row['id'])}/return"
            reply = self._session.send_json("POST", path, self._ledger.account(row["id"]))
            if reply.verdict is Verdict.FIX and reply.code == "not_found":
                self._ledger.execute("UPDATE block SET epoch = NULL WHERE id = ?", row["id"])
            elif reply.verdict is Verdict.OK or reply.code == "block_closed":
                self._ledger.execute("UPDATE block SET state = 'closed' WHERE id = ?", row["id"])
            if reply.code == "block_closed":
                self._store.notice("block_closed", row["id"], {}, self._now())
            elif reply.verdict is not Verdict.OK:
                return reply
        return OK

    def _refill(self) -> Reply:
        """Take what was asked for before, then ask for what is wanting."""
        reply = self._ask_again()
        for row in self._ledger.all("SELECT * FROM kept ORDER BY kind") if reply.verdict is Verdict.OK else ():
            if self.left(row["kind"]) < row["at_least"]:
                wanted = (self._new_id(), row["kind"], row["count"], self._store.get("store"))
                self._ledger.execute("INSERT INTO wanted VALUES (?, ?, ?, ?)", *wanted)
                reply = self._ask_again()
                if reply.verdict is not Verdict.OK:
                    break
        return reply

    def _ask_again(self) -> Reply:
        """Ask for every block whose request is on the disk: an answer may have been lost, and its block be leased."""
        for row in self._ledger.all("SELECT * FROM wanted"):
            reply = self._lease({"id": row["request"], **{name: row[name] for name in ("kind", "count", "store")}})
            if reply.verdict is not Verdict.OK:
                return reply
        return OK

    def _lease(self, wanted: dict[str, Any]) -> Reply:
        reply = self._session.send_json("POST", f"{BASE}/number-blocks", wanted)
        if reply.verdict is Verdict.FIX:
            self._ledger.execute("DELETE FROM wanted WHERE request = ?", wanted["id"])
        if reply.verdict is not Verdict.OK:
            return reply
        block = self._read(reply, wanted)
        if block is None:
            return Reply(Verdict.LATER, reply.status, code="answer_invalid")
        with self._ledger.transaction():
            self._ledger.execute("DELETE FROM wanted WHERE request = ?", wanted["id"])
            self._ledger.execute(
                "INSERT OR IGNORE INTO block VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'open')", *block
            )
        return reply

    def _read(self, reply: Reply, wanted: dict[str, Any]) -> tuple[Any, ...] | None:
        """Give a block's row out of an answer whose lease the server signed; None for anything else."""
        answer = reply.document
        texts = [answer.get(name) for name in ("block", "prefix", "expires_at", "lease")]
        if not all(isinstance(text, str) for text in texts):
            return None
        block, prefix, expires_at, lease = (str(text) for text in texts)
        try:
            if not self._session.keys().knows(lease):
                self._session.learn_keys()
            said = self._session.keys().open(lease)
            expires_at = _utc(expires_at)
        except (ReceiptRefusedError, ValueError):
            return None
        first, last = answer.get("from"), answer.get("to")
        same = (said.get("block"), said.get("from"), said.get("to")) == (block, first, last)
        if not same or type(first) is not int or type(last) is not int or last - first + 1 != wanted["count"]:
            return None
        asked = (block, wanted["id"], wanted["kind"], prefix, first, last, first)
        return (*asked, expires_at, lease, wanted["store"], self._store.get("epoch"))

    def _now(self) -> str:
        return _utc(self._clock.wall().isoformat())


def _line(text: str) -> str:
    """Write a reason as the one line that the server takes."""
    return "".join(sign if sign.isprintable() else " " for sign in text)[:200].strip() or "-"


def _utc(text: str) -> str:
    """Write a time so that times compare as texts."""
    return instant(text).astimezone(UTC).isoformat(timespec="milliseconds")

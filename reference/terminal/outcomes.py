"""Take in what became of operations: a push's results with their receipt, and a pull's `settled`.

Runs inside the caller's transaction and talks to nobody.
"""

import json
from collections.abc import Callable
from typing import Any

from uuid_utils.compat import uuid7

from reference.terminal.clock import Clock
from reference.terminal.edits import payload_of, witness
from reference.terminal.errors import ReceiptRefusedError
from reference.terminal.keys import ServerKeys, sha256_hex
from reference.terminal.store import Store

FINAL = ("applied", "merged", "proposed", "unchanged", "dismissed")
KEPT = ("parked", "quarantined", "retry")
MISSING_RANGES = 100
LOST = ("kept_server", "proposed", "ignored")
SHOWN_TO_OFFICER = ("merged", "proposed", "dismissed", "quarantined")


class Outcomes:
    """The bookkeeping of results."""

    def __init__(self, store: Store, clock: Clock, new_id: Callable[[], str] | None = None) -> None:
        self._store = store
        self._clock = clock
        self.new_id = new_id or (lambda: str(uuid7()))

    def take(self, batch: Any, answer: dict[str, Any], keys: ServerKeys, terminal: str) -> dict[str, str]:
        """Apply an answer to one batch; give the outcomes by operation.

        Raises: ValueError, when the answer is none to this batch; ReceiptRefusedError, when a final outcome
        comes without a receipt that holds. Either way nothing is changed.
        """
        sent = [operation["id"] for operation in json.loads(batch["operations"])]
        results = _results(answer, batch["id"], sent)
        signed: dict[str, list[Any]] = {}
        if any(result["outcome"] in FINAL for result in results):
            signed = self._receipt(answer.get("receipt"), batch, keys, terminal)
        elif isinstance(answer.get("receipt"), str):
            self._receipt(answer["receipt"], batch, keys, terminal)
        for result in results:
            self._settle(result, signed.get(result["id"]), batch["id"])
        witness(self._store, answer.get("server_hlc"))
        self._resend_missing(batch["store"], answer.get("missing_numbers"))
        self._notice_clone(batch["store"], answer, results)
        return {result["id"]: result["outcome"] for result in results}

    def settled(self, results: Any) -> None:
        """Note outcomes that became final after the push; each is sent once more, for its receipt."""
        for result in results if isinstance(results, list) else []:
            if not isinstance(result, dict) or result.get("outcome") not in FINAL:
                continue
            row = self._store.one("SELECT state FROM operation WHERE id = ?", str(result.get("id")))
            if row is not None and row["state"] not in ("final", "settled"):
                self._settle(_sound(result), None, None)

    def _receipt(self, token: Any, batch: Any, keys: ServerKeys, terminal: str) -> dict[str, list[Any]]:
        """Check a receipt and store it; give its entries by operation."""
        if not isinstance(token, str):
            raise ReceiptRefusedError("a final outcome without a receipt")
        payload = keys.open(token)
        named = (payload.get("terminal"), payload.get("store"), payload.get("batch"))
        if named != (terminal, batch["store"], batch["id"]):
            raise ReceiptRefusedError("the receipt is another's")
        entries = payload.get("results")
        if not isinstance(entries, list) or not isinstance(payload.get("time"), str):
            raise ReceiptRefusedError("the receipt names no results")
        previous = payload.get("previous")
        self._store.execute(
            "INSERT INTO receipt VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (batch) DO UPDATE SET"
            " jws = excluded.jws,"
            " sha256 = excluded.sha256, previous = excluded.previous, time = excluded.time",
            *(batch["id"], batch["store"], token, sha256_hex(token.encode())),
            *(previous if isinstance(previous, str) else None, payload["time"]),
        )
        return {entry[1]: entry for entry in entries if isinstance(entry, list) and len(entry) == 5}

    def _settle(self, result: dict[str, Any], entry: list[Any] | None, batch: str | None) -> None:
        """Move one operation to what became of it; it leaves the queue only against its receipt entry."""
        row = self._store.one("SELECT * FROM operation WHERE id = ?", result["id"])
        if row is None:
            return
        outcome, version = result["outcome"], result.get("version")
        version = version if is_version(version) else None
        state = outcome
        if outcome in FINAL:
            said = [row["number"], row["id"], row["payload_sha256"], outcome]
            held = entry is not None and entry[:4] == said and entry[4] in (version, None)
            state = "final" if held else "settled"
        base = self._store.one("SELECT version FROM record WHERE id = ? AND evicted = 0", row["record"])
        shown = outcome not in FINAL or version is None or base is None or version > base["version"]
        self._store.execute(
            "UPDATE operation SET state = ?, outcome = ?, version = ?, result = ?, shown = ?, generation = ?,"
            " receipt = ? WHERE id = ?",
            *(state, outcome, version, json.dumps(result), int(shown), self._store.get("generation", 0)),
            *(batch if state == "final" else None, row["id"]),
        )
        self._tell(row, result)

    def _tell(self, row: Any, result: dict[str, Any]) -> None:
        """Remember for the officer what of his edit did not stand, and why."""
        if result["outcome"] in SHOWN_TO_OFFICER:
            self._store.notice(result["outcome"], row["id"], result, self._now())
        elif result["outcome"] in FINAL:
            self._store.execute("DELETE FROM notice WHERE code = 'quarantined' AND subject = ?", row["id"])
        written, now = payload_of(row).get("set", {}), result.get("now", {})
        conflicts = {
            conflict["field"]: conflict.get("id")
            for conflict in result.get("conflicts", [])
            if isinstance(conflict, dict) and isinstance(conflict.get("field"), str)
        }
        for name, became in result.get("fields", {}).items():
            if became not in LOST:
                continue
            self._store.execute(
                "INSERT INTO loss (operation, type, record, field, mine, standing, became, conflict)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (operation, field) DO NOTHING",
                *(row["id"], row["type"], row["record"], name, json.dumps(written.get(name))),
                *(json.dumps(now.get(name)), became, conflicts.get(name)),
            )

    def _resend_missing(self, store: str, ranges: Any) -> None:
        """Queue again what the server says never arrived, receipt or not."""
        for pair in (ranges if isinstance(ranges, list) else [])[:MISSING_RANGES]:
            if isinstance(pair, list) and len(pair) == 2 and all(map(is_version, pair)):
                self._store.execute(
                    "UPDATE operation SET state = 'pending' WHERE store = ? AND number BETWEEN ? AND ?"
                    " AND state IN ('final', 'settled', 'parked', 'quarantined')",
                    *(store, pair[0], pair[1]),
                )

    def _notice_clone(self, store: str, answer: dict[str, Any], results: list[dict[str, Any]]) -> None:
        """Take a new store id where this store's numbers turn out to be used elsewhere.

        That is a store put back from an older copy, or one of two copies: numbering on would reuse
        numbers that the server has seen under other operations.
        """
        highest = answer.get("highest_number")
        ahead = isinstance(highest, int) and highest > self._store.get("last_number", 0)
        reused = any("number_reused" in result.get("flags", []) for result in results)
        if (ahead or reused) and store == self._store.get("store"):
            self._store.set("store", self.new_id())
            self._store.set("last_number", 0)
            self._store.notice("store_renewed", store, {"highest_number": highest}, self._now())

    def _now(self) -> str:
        return self._clock.wall().isoformat(timespec="milliseconds")


def is_version(value: Any) -> bool:
    """Say whether a value is a version that a database can hold."""
    return isinstance(value, int) and not isinstance(value, bool) and 0 < value < 2**53


def _results(answer: dict[str, Any], batch: str, sent: list[str]) -> list[dict[str, Any]]:
    """Read the results: one for each operation, in their order. An unknown outcome is sent again."""
    results = answer.get("results")
    if answer.get("batch") != batch or not isinstance(results, list):
        raise ValueError("an answer to another batch")
    if not all(isinstance(result, dict) for result in results) or [r.get("id") for r in results] != sent:
        raise ValueError("results that are not the batch's")
    return [_sound(result) for result in results]


def _sound(result: dict[str, Any]) -> dict[str, Any]:
    """Leave out parts of a result that have no sense."""
    sound = dict(result)
    for name, kind in (("fields", dict), ("now", dict), ("conflicts", list), ("flags", list)):
        if not isinstance(sound.get(name), kind):
            sound.pop(name, None)
    if sound.get("outcome") not in (*FINAL, *KEPT):
        sound["outcome"] = "retry"
    return sound

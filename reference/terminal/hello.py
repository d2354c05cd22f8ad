"""Greet the server and draw the consequences: limits, what its backup holds, and whether it was restored."""

from typing import Any

from reference.terminal.clock import Clock, instant
from reference.terminal.edits import witness
from reference.terminal.held import drop_cursor
from reference.terminal.http import BASE, Reply, Verdict
from reference.terminal.session import Session
from reference.terminal.store import Store


class Hello:
    """What a terminal learns before it syncs."""

    def __init__(self, store: Store, session: Session, clock: Clock) -> None:
        self._store = store
        self._session = session
        self._clock = clock

    def greet(self) -> Reply:
        """Ask the server how it is; a new epoch puts everything still held back into the queue."""
        reply = self._session.send("GET", f"{BASE}/sync/hello")
        if reply.verdict is Verdict.OK:
            with self._store.transaction():
                self._take(reply.document)
        return reply

    def schema(self) -> Reply:
        """Fetch the schema unless the one held is the server's still."""
        tag = self._store.get("schema_tag")
        headers = {"If-None-Match": tag} if tag else {}
        reply = self._session.send("GET", f"{BASE}/sync/schema", headers=headers)
        if reply.verdict is Verdict.OK and isinstance(reply.document.get("types"), dict):
            with self._store.transaction():
                self._store.set("schema", reply.document)
                self._store.set("schema_tag", reply.headers.get("ETag"))
        return reply

    def _take(self, answer: dict[str, Any]) -> None:
        limits = answer.get("limits")
        if isinstance(limits, dict):
            sound = {name: value for name, value in limits.items() if isinstance(value, int) and value > 0}
            self._store.set("limits", sound)
        witness(self._store, answer.get("server_hlc"))
        epoch = answer.get("epoch")
        known = self._store.get("epoch")
        if epoch is not None and epoch != known:
            self._store.set("epoch", epoch)
            if known is not None:
                self._requeue(epoch)
        self._store.set("safe_before", _time(answer.get("safe_before")))
        self._forget_safe()

    def _requeue(self, epoch: Any) -> None:
        """Send again all that is held: a restored server may have lost what it once gave a receipt for."""
        self._store.execute(
            "UPDATE operation SET state = 'pending', outcome = NULL, version = NULL, result = NULL,"
            " shown = 1, receipt = NULL WHERE state IN ('final', 'settled', 'parked', 'quarantined')"
        )
        self._store.execute(
            "UPDATE photo SET state = 'waiting', idempotency_key = NULL, upload = NULL, receipt = NULL,"
            " receipt_time = NULL WHERE state IN ('sent', 'verified')"
        )
        self._store.notice("server_restored", str(epoch), {}, self._clock.wall().isoformat())
        drop_cursor(self._store)

    def _forget_safe(self) -> None:
        """Delete final operations that the server's last backup holds and the view no longer needs."""
        safe_before = self._store.get("safe_before")
        if safe_before is None:
            return
        for row in self._store.all(
            "SELECT batch, time FROM receipt"
            " WHERE batch IN (SELECT receipt FROM operation WHERE state = 'final')"
        ):
            time = _time(row["time"])
            if time is not None and instant(time) < instant(safe_before):
                self._store.execute(
                    "DELETE FROM operation WHERE receipt = ? AND state = 'final'"
                    " AND (shown = 0 OR outcome NOT IN ('applied', 'merged'))",
                    row["batch"],
                )


def _time(value: Any) -> str | None:
    """Pass a time on if it is one."""
    if not isinstance(value, str):
        return None
    try:
        instant(value)
    except ValueError:
        return None
    return value

"""Turn what the officer does into operations, offline.

An operation, its number, its clock stamp and whatever goes with it are committed together, before the
caller hears that the edit is kept. Nothing here talks to a server.
"""

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from uuid_utils.compat import uuid7

from reference.terminal import clock as clocks
from reference.terminal.clock import Clock
from reference.terminal.errors import EditRefusedError, NotEnrolledError, NotSignedInError
from reference.terminal.keys import canonical, sha256_hex
from reference.terminal.store import Store
from reference.terminal.view import Record, View

PAYLOAD_LIMIT = 1024 * 1024
GROUP_LIMIT = 100
_NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")


class Edits:
    """The pen: every method stores one operation and gives its id."""

    def __init__(self, store: Store, clock: Clock, new_id: Callable[[], str] | None = None) -> None:
        self._store = store
        self._clock = clock
        self._view = View(store)
        self.new_id = new_id or (lambda: str(uuid7()))
        self._members: list[str] | None = None

    @contextmanager
    def group(self) -> Iterator[str]:
        """Keep the edits of a block together: all are stored or none, and the server applies all or none.

        Gives the group's id.

        Raises: EditRefusedError, within another group, or when a group cannot hold them all; then none is kept.
        """
        if self._members is not None:
            raise EditRefusedError("a group within a group")
        group = self.new_id()
        members: list[str] = []
        self._members = members
        try:
            with self._store.transaction():
                yield group
                if len(members) > GROUP_LIMIT:
                    raise EditRefusedError(f"a group holds at most {GROUP_LIMIT} edits")
                for operation in members:
                    self._join(operation, {"id": group, "size": len(members)})
        finally:
            self._members = None

    def _join(self, operation: str, group: dict[str, Any]) -> None:
        """Say in a stored operation which group it belongs to; how large that is shows only at its end."""
        row = self._store.one("SELECT payload FROM operation WHERE id = ?", operation)
        payload = _bounded({**payload_of(row), "group": group})
        self._store.execute(
            "UPDATE operation SET payload = ?, payload_sha256 = ? WHERE id = ?",
            *(payload, sha256_hex(payload), operation),
        )

    def create(self, type_: str, fields: dict[str, Any], record: str | None = None, **more: Any) -> str:
        """Make a record; give the record's id. more: `after`, `group` as the protocol has them."""
        record = record or self.new_id()
        with self._store.transaction():
            if self._view.record(record) is not None:
                raise EditRefusedError("this record exists already")
            self._keep("create", type_, record, {"set": fields, **more})
        return record

    def patch(self, record: str, fields: dict[str, Any], **more: Any) -> str:
        """Change fields, noting the values that the officer saw; give the operation's id."""
        with self._store.transaction():
            seen = self._writable(record, fields)
            was = {name: seen.body.get(name) for name in fields}
            change = {**self._base(seen), "set": fields, "was": was, **more}
            return self._keep("patch", seen.type, record, change)

    def append(self, record: str, list_: str, element: dict[str, Any], **more: Any) -> str:
        """Add an element to a list, under an id of its own; give the operation's id."""
        with self._store.transaction():
            seen = self._writable(record, {list_: None})
            element = {"id": self.new_id(), **element}
            return self._keep("append", seen.type, record, {"list": list_, "item": element, **more})

    def transition(self, record: str, event: str, fields: dict[str, Any] | None = None, **more: Any) -> str:
        """Let an event happen to a record; give the operation's id."""
        with self._store.transaction():
            seen = self._writable(record, fields or {})
            change: dict[str, Any] = {**self._base(seen), "event": event, **more}
            if fields:
                change["set"] = fields
            return self._keep("transition", seen.type, record, change)

    def void(self, record: str, reason: str, list_: str | None = None, element: str | None = None) -> str:
        """Void a record, or one element of a list; give the operation's id."""
        with self._store.transaction():
            seen = self._writable(record, {})
            change: dict[str, Any] = {**self._base(seen), "reason": reason}
            if list_ is not None:
                change.update({"list": list_, "item": element})
            return self._keep("void", seen.type, record, change)

    def discard(self, record: str) -> str:
        """Drop one's own unsubmitted draft; give the operation's id."""
        with self._store.transaction():
            seen = self._writable(record, {})
            return self._keep("discard", seen.type, record, self._base(seen))

    def predecessor(self, record: str) -> str | None:
        """Give this terminal's last edit of a record that has no final outcome yet."""
        row = self._store.one(
            "SELECT id FROM unsent WHERE record = ? ORDER BY seq DESC LIMIT 1", record
        )
        return None if row is None else str(row["id"])

    def _writable(self, record: str, fields: dict[str, Any]) -> Record:
        seen = self._view.record(record)
        if seen is None:
            raise EditRefusedError("the terminal holds no such record")
        withheld = sorted({path.split(".")[0] for path in seen.masked} & set(fields))
        if withheld:
            raise EditRefusedError(f"withheld on this terminal: {', '.join(withheld)}")
        return seen

    def _base(self, seen: Record) -> dict[str, Any]:
        """Name the version that the officer saw: his own last edit's, while that has none yet."""
        before = self.predecessor(seen.id)
        return {"base": {"operation": before} if before is not None else seen.version}

    def _keep(self, action: str, type_: str, record: str, change: dict[str, Any]) -> str:
        """Number, stamp and store one operation in the caller's transaction."""
        store, wall = self._store, self._clock.wall()
        officer = store.get("officer")
        if officer is None:
            raise NotSignedInError("sign in first: an edit needs an author")
        number = store.get("last_number", 0) + 1
        operation = {
            "id": self.new_id(),
            "number": number,
            "action": action,
            "type": type_,
            "record": record,
            "officer": officer["id"],
            "at": wall.isoformat(timespec="milliseconds"),
            "hlc": self._stamp(),
            "boot": self._clock.boot,
            "monotonic_ms": self._clock.monotonic_ms(),
            **change,
        }
        payload = _bounded(operation)
        store.execute(
            "INSERT INTO operation"
            " (id, store, number, type, record, action, payload, payload_sha256, at, schema, state)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'pending')",
            *(operation["id"], store.get("store"), number, type_, record, action),
            *(payload, sha256_hex(payload), operation["at"], schema_number(store)),
        )
        store.set("last_number", number)
        if self._members is not None:
            self._members.append(str(operation["id"]))
        return str(operation["id"])

    def _stamp(self) -> str:
        node = self._store.get("terminal_no")
        if node is None:
            raise NotEnrolledError("enrol first: a stamp names its terminal")
        return stamp(self._store, self._clock, node)


def schema_number(store: Store) -> int:
    """Give the schema that this terminal writes under: the one it has, or the first."""
    number = store.get("schema", {}).get("schema", 1)
    return number if type(number) is int and 0 < number < 2**31 else 1


def _bounded(operation: dict[str, Any]) -> bytes:
    payload = canonical(operation)
    if len(payload) > PAYLOAD_LIMIT or _NUL.search(payload):
        raise EditRefusedError("too long, or holds a NUL")
    return payload


def stamp(store: Store, clock: Clock, node: str) -> str:
    """Advance the hybrid clock, in the caller's transaction, and give the new reading."""
    last = store.get("hlc")
    reading = clocks.tick(clocks.parse(last) if last else clocks.ZERO, clock.wall())
    store.set("hlc", reading.stamp(node))
    return reading.stamp(node)


def witness(store: Store, seen: Any) -> None:
    """Move the hybrid clock past a stamp of the server's, so that what is sent next sorts after it."""
    node, last = store.get("terminal_no"), store.get("hlc")
    if not isinstance(seen, str) or node is None:
        return
    try:
        reading = clocks.parse(seen)
    except ValueError:
        return
    if last is None or reading > clocks.parse(last):
        store.set("hlc", reading.stamp(node))


def payload_of(row: Any) -> dict[str, Any]:
    """Read a stored operation back."""
    operation: dict[str, Any] = json.loads(row["payload"])
    return operation


def author_of(row: Any) -> str:
    """Read who wrote a stored operation."""
    return str(payload_of(row).get("officer", ""))

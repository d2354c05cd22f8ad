"""Show a record as the officer sees it: what the server confirmed, and his own edits on top.

Reads only. An edit stays on top until it is final and its version has been pulled.
"""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from reference.terminal.store import Store

STOOD = ("applied", "merged")


@dataclass(frozen=True)
class Record:
    """One record on the terminal.

    version: the last one known whole; 0 before the server has it. unsent: edits without a final outcome.
    """

    id: str
    type: str
    version: int
    body: dict[str, Any]
    masked: tuple[str, ...] = ()
    void: bool = False
    reason: str | None = None
    unsent: int = 0


class View:
    """Records of one store, with the officer's edits in place."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def record(self, record: str) -> Record | None:
        """Give one record, or None where the terminal holds none (or no longer)."""
        return self._show(record, self._status_events())

    def records(self, type_: str) -> list[Record]:
        """Give all records of a type, voided ones too, in the order of their ids."""
        ids = self._store.all(
            "SELECT id FROM record WHERE type = ? AND evicted = 0"
            " UNION SELECT record FROM operation WHERE type = ? AND action = 'create' ORDER BY 1",
            type_,
            type_,
        )
        events = self._status_events()
        shown = (self._show(row["id"], events) for row in ids)
        return [record for record in shown if record is not None]

    def confirmed(self) -> dict[str, tuple[str, int]]:
        """Give type and version of every record that the server is known to have."""
        known: dict[str, tuple[str, int]] = {}
        gone: set[str] = set()
        for row in self._store.all("SELECT id, type, version, body, body_sha256, evicted FROM record"):
            if row["evicted"] or digest(row["body"]) != row["body_sha256"]:
                gone.add(row["id"])
            else:
                known[row["id"]] = (row["type"], row["version"])
        for row in self._store.all("SELECT record, type, version FROM standing ORDER BY seq"):
            version = known.get(row["record"], (row["type"], 0))[1]
            if row["record"] not in gone and row["version"] == version + 1:
                known[row["record"]] = (row["type"], version + 1)
        return known

    def _show(self, record: str, events: dict[str, tuple[str, dict[str, str]]]) -> Record | None:
        base = self._store.one("SELECT * FROM record WHERE id = ?", record)
        edits = self._store.all("SELECT * FROM overlay WHERE record = ? ORDER BY seq", record)
        return _shown(base, edits, events)

    def _status_events(self) -> dict[str, tuple[str, dict[str, str]]]:
        """Read from the schema: for each type its state field and where each event leads."""
        schema = self._store.get("schema", {})
        found: dict[str, tuple[str, dict[str, str]]] = {}
        for name, type_ in schema.get("types", {}).items():
            fields = type_.get("fields", {})
            state = next((key for key, field in fields.items() if field.get("class") == "state"), "status")
            found[name] = (state, {step["event"]: step["to"] for step in type_.get("transitions", [])})
        return found


def digest(body: str) -> str:
    """Give the digest that a stored body is checked by, so that a rotten row is noticed."""
    return hashlib.sha256(body.encode()).hexdigest()


def checkpoint(known: Iterable[tuple[str, tuple[str, int]]]) -> tuple[int, str]:
    """Count records and add up their sums as the server's checkpoint does."""
    total = count = 0
    for record, (type_, version) in known:
        count += 1
        total += int.from_bytes(hashlib.sha256(f"{type_}/{record}/{version}".encode()).digest()[:8])
    return count, f"{total % 2**64:016x}"


def bucket(record: str) -> int:
    """Tell which of the 256 repair buckets a record belongs to."""
    return hashlib.sha256(record.encode()).digest()[0]


def _shown(base: Any, edits: list[Any], events: dict[str, tuple[str, dict[str, str]]]) -> Record | None:
    if base is not None and base["evicted"]:
        return None
    body: dict[str, Any] | None = None if base is None else json.loads(base["body"])
    version = 0 if base is None else base["version"]
    void, reason = (False, None) if base is None else (bool(base["void"]), base["reason"])
    type_ = None if base is None else base["type"]
    unsent = 0
    for edit in edits:
        operation = json.loads(edit["payload"])
        unsent += edit["outcome"] not in STOOD
        if operation["action"] in ("void", "discard") and edit["state"] == "quarantined":
            # Refused: what it would have taken from sight is there still.
            continue
        if operation["action"] == "void" and "list" not in operation:
            void, reason = True, operation.get("reason")
        elif operation["action"] == "create":
            body = dict(operation["set"]) if body is None else body
            type_ = edit["type"]
        elif operation["action"] == "discard":
            body = None
        elif body is not None:
            _apply(body, operation, edit, events.get(edit["type"], ("status", {})))
        if edit["outcome"] in STOOD and edit["version"] == version + 1:
            version += 1
    if body is None or type_ is None:
        return None
    record = base["id"] if base is not None else edits[0]["record"]
    masked = () if base is None else tuple(json.loads(base["masked"]))
    return Record(record, type_, version, body, masked, void, reason, unsent)


def _apply(
    body: dict[str, Any], operation: dict[str, Any], edit: Any, event: tuple[str, dict[str, str]]
) -> None:
    """Put one edit on a body; of a merged one, only what stood and what the server said stands now."""
    result = json.loads(edit["result"]) if edit["result"] else {}
    merged = edit["outcome"] == "merged"
    fields = result.get("fields", {}) if merged else {}
    if operation["action"] in ("append", "void"):
        _apply_to_list(body, operation)
        return
    if operation["action"] == "transition" and not merged:
        state, leads_to = event
        if operation["event"] in leads_to:
            body[state] = leads_to[operation["event"]]
    for name, value in operation.get("set", {}).items():
        if not merged or fields.get(name, "applied") in ("applied", "unchanged"):
            body.update({name: value})
    if merged:
        body.update(result.get("now", {}))


def _apply_to_list(body: dict[str, Any], operation: dict[str, Any]) -> None:
    name = operation["list"]
    standing = body.get(name)
    elements = standing if isinstance(standing, list) else []
    if operation["action"] == "append":
        element = operation["item"]
        if all(other.get("id") != element["id"] for other in elements if isinstance(other, dict)):
            body[name] = [*elements, element]
    else:
        mark = {"reason": operation.get("reason"), "at": operation["at"]}
        body[name] = [_voided(other, mark) if _is(other, operation["item"]) else other for other in elements]


def _voided(element: dict[str, Any], mark: dict[str, Any]) -> dict[str, Any]:
    """An element of a list stays and is marked, as on the server."""
    return element if "void" in element else {**element, "void": mark}


def _is(element: Any, wanted: str) -> bool:
    return isinstance(element, dict) and element.get("id") == wanted

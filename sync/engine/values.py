"""The values that the engine takes and gives: record types, records, operations, decisions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from sync.engine.kinds import Kind


class MergeClass(StrEnum):
    """Who prevails when two have changed a field since they last saw it. Source: protocol, merge classes."""

    WRITE_ONCE = "write_once"
    APPEND_ONLY = "append_only"
    STATE = "state"
    SUPERVISOR_WINS = "supervisor_wins"
    OFFICER_UNTIL_LOCK = "officer_until_lock"
    MANUAL = "manual"
    LATEST = "latest"
    SERVER_OWNED = "server_owned"


class Outcome(StrEnum):
    """What became of an operation. Source: protocol, push."""

    APPLIED = "applied"
    MERGED = "merged"
    PROPOSED = "proposed"
    UNCHANGED = "unchanged"
    DISMISSED = "dismissed"
    PARKED = "parked"
    QUARANTINED = "quarantined"
    RETRY = "retry"


class Flag(StrEnum):
    """What a result may carry besides its outcome. Source: protocol, push.

    PROCEDURE_DEFECT is followed by `:` and the rule.
    """

    CLOCK_SUSPECT = "clock_suspect"
    NUMBER_REUSED = "number_reused"
    PROCEDURE_DEFECT = "procedure_defect"
    POSSIBLE_DUPLICATE = "possible_duplicate"
    LATE = "late"
    SERVER_OWNED = "server_owned"


# The store that the server's own operations come from.
SERVER_STORE = "server"
FINAL = frozenset({Outcome.APPLIED, Outcome.MERGED, Outcome.PROPOSED, Outcome.UNCHANGED, Outcome.DISMISSED})


@dataclass(frozen=True, slots=True)
class Field:
    """One synced field, declared once. `writable_by` None means every role."""

    name: str
    kind: Kind
    merge: MergeClass
    required: bool = False
    writable_by: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class Transition:
    """A legal step of a record's state. `roles` None means every role."""

    event: str
    sources: frozenset[str]
    target: str
    roles: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class RecordType:
    """All that sync knows of a kind of record; casework declares them.

    parent: the field that names the record above, called like that one's type, whose audience the whole family shares.
    lock: (field, value): the record is open to officers while the field holds the value.
    scopes: body → the audiences that a record brings to its family.
    creators: roles that may create one; empty: the server alone.
    corrected: (field as the device gave it, field that the server fills from the monotonic clock).
    masked: paths `field.part` that auxiliary staff do not see.
    joins: it may be created under a record of another's scope, whose family then gains its own.
    author: the field that names who made it; whoever gave it its value may void the record.
    """

    name: str
    fields: Mapping[str, Field]
    lists: Mapping[str, Mapping[str, Field]]
    transitions: tuple[Transition, ...]
    scopes: Callable[[Mapping[str, Any]], frozenset[str]]
    lane: str = "records"
    initial: Mapping[str, Any] = field(default_factory=dict)
    state: str | None = None
    parent: str | None = None
    lock: tuple[str, str] | None = None
    creators: frozenset[str] = frozenset()
    corrected: tuple[str, str] | None = None
    masked: tuple[str, ...] = ()
    joins: bool = False
    author: str | None = None


@dataclass(frozen=True, slots=True)
class Author:
    """Who made an operation; `server` for jobs and the server itself, which may write what it owns.

    masked: he does not see the masked parts of records, and so must not replace what holds them.
    """

    officer: str
    roles: frozenset[str]
    unit: str
    store: str
    terminal: str | None = None
    supervisor: bool = False
    server: bool = False
    masked: bool = False


@dataclass(frozen=True, slots=True)
class Operation:
    """One edit. `base`: the version its author saw; times and hlc as the device gave them.

    kept: fields that its author's schema had and today's has not; kept on the record, under their own names.
    copied: its store exists twice, so that of that store it has seen what its base says, and the operation that it
    rests on, and no more.
    element: the id of the list's element that is voided; `item` is one that is appended.
    """

    id: str
    action: str
    type: str
    record: str
    author: Author
    at: str
    hlc: str = ""
    number: int | None = None
    base: int = 0
    set: Mapping[str, Any] = field(default_factory=dict)
    was: Mapping[str, Any] = field(default_factory=dict)
    list: str | None = None
    item: Mapping[str, Any] = field(default_factory=dict)
    event: str | None = None
    kept: Mapping[str, Any] = field(default_factory=dict)
    element: str | None = None
    reason: str | None = None
    copied: bool = False
    rests_on: str | None = None


@dataclass(frozen=True, slots=True)
class Around:
    """What a void or a discard depends on beside its record.

    closed: review of the record above it has begun. unseen: another store changed it after the base.
    shared: an officer other than the author ever wrote to it.
    """

    closed: bool = False
    unseen: bool = False
    shared: bool = False


ALONE = Around()


@dataclass(frozen=True, slots=True)
class Stamp:
    """Who gave a field its standing value, and at which version. `number`: the operation's, in its store."""

    version: int
    store: str
    hlc: str
    supervisor: bool
    officer: str
    at: str
    operation: str
    number: int | None = None


def stamp_of(operation: Operation, version: int) -> Stamp:
    """The stamp that an operation leaves on what it changes."""
    author = operation.author
    return Stamp(
        version,
        author.store,
        operation.hlc,
        author.supervisor,
        author.officer,
        operation.at,
        operation.id,
        operation.number,
    )


@dataclass(frozen=True, slots=True)
class Record:
    """A record as it stands. `void`: the reason, when it was voided."""

    id: str
    type: str
    version: int
    body: Mapping[str, Any]
    stamps: Mapping[str, Stamp]
    void: str | None = None


@dataclass(frozen=True, slots=True)
class Problem:
    """Why an operation was quarantined."""

    code: str
    errors: tuple[Mapping[str, str], ...] = ()

    def wire(self) -> dict[str, Any]:
        return {"code": self.code, "errors": [dict(error) for error in self.errors]}


@dataclass(frozen=True, slots=True)
class Conflict:
    """Two values of one field that only a person can settle; `kept` is `server` or `mine`."""

    field: str
    merge: MergeClass
    mine: Any
    theirs: Any
    kept: str
    theirs_stamp: Stamp | None


@dataclass(frozen=True, slots=True)
class Decision:
    """The engine's answer to one operation on one record.

    record: what stands afterwards; None when nothing does (a refused create).
    fields: verdict by field, for whatever `set` asked.
    changed: {field: (old, new)} of what took effect; it is the record's history.
    waits_for: ids of the operations or records that a parked operation waits for.
    """

    outcome: Outcome
    record: Record | None
    fields: Mapping[str, str] = field(default_factory=dict)
    conflicts: tuple[Conflict, ...] = ()
    flags: tuple[str, ...] = ()
    changed: Mapping[str, tuple[Any, Any]] = field(default_factory=dict)
    problem: Problem | None = None
    waits_for: tuple[str, ...] = ()

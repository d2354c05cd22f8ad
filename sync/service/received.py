"""Operations on their way in: as they arrived, or as the server makes its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from sync.engine.hlc import Hlc
from sync.engine.kinds import parse_time
from sync.engine.values import Operation, Problem
from sync.store import operations as inbox
from sync.store import sequence


@dataclass(frozen=True, slots=True)
class Arrival:
    """When an operation came that has been waiting in the inbox since, and how it stood there."""

    at: datetime
    outcome: str


@dataclass(frozen=True, slots=True)
class Group:
    """Operations of one store that are applied together or not at all, and how many they are."""

    id: str
    size: int


@dataclass(frozen=True, slots=True)
class Received:
    """An operation as it arrived: parsed, and the bytes it is known by.

    scope: the audiences its author may write to; None for the server's own.
    base_operation: the operation that its base names, resolved when it is decided.
    after: operations that must have taken effect first.
    problem: why it cannot even be tried; it is kept whole all the same.
    officer: an author that it names and that is not the one signed in; booked only if he may be.
    arrived: when it came, for one that is tried again; it is in the inbox already.
    authored_at: when it was written, by the server's clock as far as that can be told.
    repair: who had it tried again, why, and what he changed.
    schema: the number under which it was written; None for the server's own, which are of today.
    group: what it takes effect together with.
    """

    operation: Operation
    payload: bytes
    sha256: str
    batch: str | None = None
    scope: frozenset[str] | None = None
    flags: tuple[str, ...] = ()
    base_operation: str | None = None
    after: tuple[str, ...] = ()
    given: Mapping[str, Any] = field(default_factory=dict)
    problem: Problem | None = None
    officer: str | None = None
    arrived: Arrival | None = None
    repair: Mapping[str, Any] | None = None
    schema: int | None = None
    authored_at: datetime | None = None
    group: Group | None = None


@dataclass(frozen=True, slots=True)
class Past:
    """What an operation that another is based on came to."""

    record: str
    store: str
    outcome: str
    seen: int
    version: int | None


def own_operation(operation: Operation) -> Received:
    """Wrap an operation that did not come over the wire; its payload is what a terminal would have sent.

    Its time is its clock: without one it would lose every `latest` field and head every list.
    """
    moment = parse_time(operation.at)
    if moment is not None and not operation.hlc:
        operation = replace(operation, hlc=str(Hlc(int(moment.timestamp() * 1000), 0, sequence.NODE)))
    payload = inbox.canonical(
        {
            "id": operation.id,
            "action": operation.action,
            "type": operation.type,
            "record": operation.record,
            "set": dict(operation.set),
            "event": operation.event,
            "list": operation.list,
            "item": dict(operation.item),
            "base": operation.base,
            "at": operation.at,
        }
        | ({"kept": dict(operation.kept)} if operation.kept else {})
        | ({"reason": operation.reason} if operation.reason is not None else {})
    )
    return Received(operation, payload, inbox.digest(payload))


def context_of(received: Received) -> dict[str, Any]:
    """What must be kept of an operation's author and circumstances to try it again as it was meant."""
    author = received.operation.author
    return {
        "roles": sorted(author.roles),
        "unit": author.unit,
        "supervisor": author.supervisor,
        "masked": author.masked,
        "scope": sorted(received.scope) if received.scope is not None else None,
        "flags": list(received.flags),
        "given": dict(received.given),
        "hlc": received.operation.hlc,
        "copied": received.operation.copied,
        "authored_at": received.authored_at.isoformat() if received.authored_at else None,
    }


def brought(operation: Operation) -> set[str]:
    """What others may wait for that this operation brings: itself, and the record that it creates."""
    return {operation.id, operation.record} if operation.action == "create" else {operation.id}

"""What only a person can settle: conflicts, listed and resolved by operations of their own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal

import orjson
import sqlalchemy as sa
from sqlalchemy.orm import Session

from sync.engine.translate import Reading, Schemas
from sync.engine.values import Author, MergeClass, Operation, Record, RecordType
from sync.engine.voids import MARK
from sync.service.decode import read_again
from sync.service.home import Home
from sync.service.received import own_operation
from sync.service.workspace import Workspace
from sync.store import operations as inbox
from sync.store.tables import AudienceRow, ConflictRow, OperationRow


class ConflictUnknown(Exception):
    """No such conflict in this scope."""


class ConflictResolved(Exception):
    """Somebody settled it before, otherwise."""


class ResolutionReused(Exception):
    """This resolution's id names another operation."""


class StateUnreachable(Exception):
    """The proposed state cannot be reached from the one that stands now."""


@dataclass(frozen=True, slots=True)
class Resolution:
    """A person's word on a conflict. `id` makes a repeated answer harmless."""

    id: str
    keep: Literal["mine", "theirs", "value"]
    value: Any
    reason: str


def conflicts(session: Session, scopes: Sequence[str], state: str, limit: int = 500) -> list[dict[str, Any]]:
    """The conflicts of the families that these scopes may see, oldest first."""
    visible = sa.select(AudienceRow.family).where(AudienceRow.scope.in_(scopes))
    query = (
        sa.select(*ConflictRow.__table__.columns)
        .where(ConflictRow.state == state, ConflictRow.family.in_(visible))
        .order_by(ConflictRow.created_at, ConflictRow.id)
        .limit(limit)
    )
    return [wire(row) for row in session.execute(query)]


def wire(row: Any) -> dict[str, Any]:
    """A conflict as the protocol shows it."""
    return {
        "id": row.id,
        "type": row.type,
        "record": row.record,
        "field": row.field,
        "class": row.merge,
        "base": row.base,
        "mine": row.mine,
        "theirs": row.theirs,
        "kept": row.kept,
        "by": {"mine": row.by_mine, "theirs": row.by_theirs},
        "at": {"mine": row.at_mine, "theirs": row.at_theirs},
        "state": row.state,
        "resolution": row.resolution,
    }


def resolve(
    session: Session,
    home: Home,
    conflict: str,
    resolution: Resolution,
    author: Author,
    scopes: Sequence[str],
    now: datetime,
) -> dict[str, Any]:
    """Settle a conflict: an operation of the person's own, which syncs down like any other.

    Raises:
        ConflictUnknown, ConflictResolved, ResolutionReused, StateUnreachable.
    Locks: the conflict's row, the record. Writes: sync_conflict and what an operation writes.
    """
    visible = sa.select(AudienceRow.family).where(AudienceRow.scope.in_(scopes))
    query = sa.select(ConflictRow).where(ConflictRow.id == conflict, ConflictRow.family.in_(visible))
    row = session.scalars(query.with_for_update()).one_or_none()
    if row is None:
        raise ConflictUnknown
    if row.state == "resolved":
        if row.resolution is not None and row.resolution["id"] == resolution.id:
            return wire(row)
        raise ConflictResolved
    space = Workspace(session, home, now)
    value = _chosen(space.look_at(row.record), row, resolution)
    operation = _operation(space, home.types[row.type], row, value, resolution, author, now)
    if operation is not None:
        if inbox.known(session, [operation.id]):
            raise ResolutionReused
        [result] = space.apply([own_operation(operation)])
        # A step may be taken though others have changed since what it carries; a value stands or does not.
        fine = ("applied", "unchanged", "merged") if operation.action == "transition" else ("applied", "unchanged")
        if result["outcome"] not in fine:
            raise StateUnreachable
    row.state = "resolved"
    row.resolution = {
        "id": resolution.id,
        "keep": resolution.keep,
        "value": value,
        "reason": resolution.reason,
        "by": author.officer,
        "at": now.isoformat(timespec="milliseconds"),
    }
    session.flush()
    return wire(row)


def _chosen(record: Record, row: ConflictRow, resolution: Resolution) -> Any:
    """The value that is to stand. Who lets the side stand that stood then, lets stand what came of it since."""
    stood = "theirs" if row.kept == "server" else "mine"
    if resolution.keep == stood and row.merge != MergeClass.STATE:
        return record.body.get(row.field)
    return {"mine": row.mine, "theirs": row.theirs, "value": resolution.value}[resolution.keep]


def _operation(
    space: Workspace,
    declared: RecordType,
    row: ConflictRow,
    value: Any,
    resolution: Resolution,
    author: Author,
    now: datetime,
) -> Operation | None:
    """The operation that makes the chosen value stand; None when it stands already."""
    record = space.look_at(row.record)
    at = now.isoformat(timespec="milliseconds")
    if row.field == MARK or record.void is not None:
        return _void(row, record, resolution, author, at)
    if row.merge == MergeClass.STATE:
        return _step(space, declared, row, record, value, resolution, author, at)
    if record.body.get(row.field) == value:
        return None
    values = {row.field: value}
    return Operation(resolution.id, "patch", row.type, row.record, author, at, base=record.version, set=values)


def _void(row: ConflictRow, record: Record, resolution: Resolution, author: Author, at: str) -> Operation | None:
    """What a void has met: left as it is, or a proposed void of a record that stands lets go after all."""
    if resolution.keep == "theirs":
        return None
    asked = row.mine if isinstance(row.mine, dict) else {}
    if row.field != MARK or resolution.keep != "mine" or record.void is not None or asked.get("action") != "void":
        raise StateUnreachable
    reason = asked["reason"]
    return Operation(resolution.id, "void", row.type, row.record, author, at, base=record.version, reason=reason)


def _step(
    space: Workspace,
    declared: RecordType,
    row: ConflictRow,
    record: Record,
    value: Any,
    resolution: Resolution,
    author: Author,
    at: str,
) -> Operation | None:
    """The step to the chosen state; a proposed one that is accepted brings along what it carried.

    That is judged by the version which the step's author saw: a value that others changed since stands, and
    leaves a conflict of its own.
    """
    if resolution.keep == "theirs":
        # The case may have moved on from there since; it is not taken back.
        return None
    standing = record.body.get(row.field)
    event: str | None = None
    carried: dict[str, Any] = {}
    kept: Mapping[str, Any] = {}
    seen = record.version
    if resolution.keep == "mine":
        proposed, seen = _proposed(space.session, space.home.schemas, row)
        event, carried, kept = proposed.raw["event"], proposed.raw.get("set") or {}, proposed.kept
    if standing == value and not carried and not kept:
        return None
    for step in declared.transitions:
        if step.target == value and event in (None, step.event) and (standing == value or standing in step.sources):
            # The step's own author was allowed to take it when it was proposed; this person lets it stand.
            roles = author.roles | (step.roles or frozenset()) if resolution.keep == "mine" else author.roles
            return Operation(
                resolution.id,
                "transition",
                row.type,
                row.record,
                replace(author, roles=roles),
                at,
                base=seen,
                event=step.event,
                set=carried,
                kept=kept,
            )
    raise StateUnreachable


def _proposed(session: Session, schemas: Schemas, row: ConflictRow) -> tuple[Reading, int]:
    """A proposed step as today's schema has it (corrected, perhaps), and the version that its author saw."""
    columns = (OperationRow.payload, OperationRow.schema, OperationRow.context, OperationRow.seen)
    sent = session.execute(sa.select(*columns).where(OperationRow.id == row.operation)).one()
    repair = (sent.context or {}).get("repair") or {}
    reading = read_again(orjson.loads(sent.payload), sent.schema, schemas, repair.get("set", {}))
    return reading, sent.seen

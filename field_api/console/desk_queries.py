"""What the pages of conflicts and deliveries read; and the counts that every page shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
import sqlalchemy as sa
from sqlalchemy.orm import Session, aliased

from field_api.auth.identity import Identity
from field_api.auth.tables import Officer
from field_api.casework import delivery, scope
from field_api.casework.models import Case
from field_api.console.alert_queries import unseen
from field_api.console.queries import Names, names, pairs
from field_api.problems import Problem
from sync.service import resolve
from sync.store.outbox import OutboxRow
from sync.store.tables import ConflictRow, OperationRow, RecordRow

CONFLICTS_LIMIT = 200
DELIVERIES_LIMIT = 200
# What a person must act on comes first, what is over comes last.
STATES = ("held", "refused", "waiting", "running", "done", "cancelled")


@dataclass(frozen=True, slots=True)
class Badges:
    """How much waits for a person, beside the links of the navigation."""

    conflicts: int
    held: int
    quarantined: int
    alerts: int


def badges(session: Session, identity: Identity) -> Badges:
    """Count what waits. One SELECT."""
    visible = scope.visible_families(identity)
    count = sa.func.count()
    conflicts = (
        sa.select(count).select_from(ConflictRow).where(ConflictRow.state == "open", ConflictRow.family.in_(visible))
    )
    held = (
        sa.select(count)
        .select_from(OutboxRow)
        .join(RecordRow, RecordRow.id == OutboxRow.subject)
        .where(OutboxRow.state == "held", OutboxRow.kind == delivery.KIND, RecordRow.family.in_(visible))
    )
    quarantined = (
        sa.select(count)
        .select_from(OperationRow)
        .join(Officer, Officer.id == OperationRow.officer)
        .where(OperationRow.outcome == "quarantined")
    )
    if "admin" not in identity.roles:
        quarantined = quarantined.where(Officer.unit.in_(identity.units))
    counts = (conflicts, held, quarantined, unseen(identity))
    parts = (part.scalar_subquery() for part in counts)
    return Badges(*session.execute(sa.select(*parts)).one())


@dataclass(frozen=True, slots=True)
class Subject:
    """What a conflict is about: the case to open, and how people call it."""

    case: str | None
    case_no: str | None
    address: str | None
    void: str | None


@dataclass(frozen=True, slots=True)
class ConflictList:
    """Conflicts as the protocol shows them, with the words for their ids."""

    rows: Sequence[Mapping[str, Any]]
    subjects: Mapping[str, Subject]
    names: Names


def conflicts(session: Session, identity: Identity, state: str) -> ConflictList:
    """The conflicts in scope. Five SELECTs."""
    rows = resolve.conflicts(session, identity.scope_keys(), state, CONFLICTS_LIMIT)
    return _with_words(session, rows)


def _with_words(session: Session, rows: Sequence[Mapping[str, Any]]) -> ConflictList:
    people = {who for row in rows for who in row["by"].values() if who}
    people |= {row["resolution"]["by"] for row in rows if row["resolution"]}
    return ConflictList(rows, _subjects(session, {row["record"] for row in rows}), names(session, people))


def _subjects(session: Session, records: set[str]) -> dict[str, Subject]:
    """The case of each record: itself, or the one above it; an incident and a check have none of their own."""
    above = aliased(RecordRow)
    query = (
        sa.select(RecordRow.id.label("record"), Case.id, Case.case_no, Case.address, above.void)
        .join(Case, sa.or_(Case.id == RecordRow.id, Case.id == RecordRow.parent))
        .join(above, above.id == Case.id)
        .where(RecordRow.id.in_(records))
    )
    return {row.record: Subject(row.id, row.case_no, row.address, row.void) for row in session.execute(query)}


@dataclass(frozen=True, slots=True)
class OneConflict:
    """A conflict and what stands now."""

    row: Mapping[str, Any]
    standing: Any
    subject: Subject
    names: Names


def conflict(session: Session, identity: Identity, conflict_id: str) -> OneConflict:
    """Read one conflict. Five SELECTs.

    Raises:
        Problem: not_found.
    """
    query = (
        sa.select(*ConflictRow.__table__.columns, RecordRow.body)
        .join(RecordRow, RecordRow.id == ConflictRow.record)
        .where(ConflictRow.id == conflict_id, ConflictRow.family.in_(scope.visible_families(identity)))
    )
    row = session.execute(query).one_or_none()
    if row is None:
        raise Problem("not_found")
    found = _with_words(session, [resolve.wire(row)])
    subject = found.subjects.get(row.record, Subject(None, None, None, None))
    return OneConflict(found.rows[0], orjson.loads(row.body).get(row.field), subject, found.names)


@dataclass(frozen=True, slots=True)
class DeliveryList:
    """Rows of the outbox with their cases; counts by state."""

    rows: Sequence[Any]
    counts: Mapping[str, int]


def deliveries(session: Session, identity: Identity, state: str) -> DeliveryList:
    """The deliveries in scope, those that wait for a person first. Two SELECTs."""
    base = (
        sa.select()
        .join_from(OutboxRow, Case, Case.id == OutboxRow.subject)
        .join(RecordRow, RecordRow.id == Case.id)
        .where(OutboxRow.kind == delivery.KIND, RecordRow.family.in_(scope.visible_families(identity)))
    )
    counted = base.add_columns(OutboxRow.state, sa.func.count()).group_by(OutboxRow.state)
    counts = pairs(session.execute(counted))
    outbox_columns = (OutboxRow.id, OutboxRow.state, OutboxRow.attempts, OutboxRow.reason, OutboxRow.version)
    case_columns = (Case.id.label("case"), Case.case_no, Case.address, Case.category, Case.task_no, RecordRow.void)
    rank = sa.case({name: place for place, name in enumerate(STATES)}, value=OutboxRow.state)
    query = (
        base.add_columns(*outbox_columns, *case_columns, OutboxRow.due_at, OutboxRow.created_at)
        .order_by(rank, OutboxRow.created_at.desc())
        .limit(DELIVERIES_LIMIT)
    )
    rows = session.execute(query.where(OutboxRow.state == state) if state else query).all()
    return DeliveryList(rows, counts)


def require_delivery(session: Session, identity: Identity, row: str) -> None:
    """Raise not_found unless the delivery's case is in scope."""
    query = (
        sa.select(OutboxRow.id)
        .join(RecordRow, RecordRow.id == OutboxRow.subject)
        .where(
            OutboxRow.id == row,
            OutboxRow.kind == delivery.KIND,
            RecordRow.family.in_(scope.visible_families(identity)),
        )
    )
    if session.scalar(query) is None:
        raise Problem("not_found")

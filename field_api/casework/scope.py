"""What an officer may see: records whose family he shares an audience with."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from field_api.auth.identity import Identity
from field_api.auth.tables import Officer
from field_api.problems import Problem
from sync.store.tables import AudienceRow, OperationRow, RecordRow


def visible_families(identity: Identity) -> sa.Select[Any]:
    """A sub-select of the families that an officer may see."""
    return sa.select(AudienceRow.family).where(AudienceRow.scope.in_(identity.scope_keys()))


def require(session: Session, identity: Identity, record: str, record_type: str) -> Any:
    """The row of a record in scope.

    Raises:
        Problem: not_found; whether it exists elsewhere is not told.
    """
    query = sa.select(*RecordRow.__table__.columns).where(
        RecordRow.id == record, RecordRow.type == record_type, RecordRow.family.in_(visible_families(identity))
    )
    row = session.execute(query).one_or_none()
    if row is None:
        raise Problem("not_found")
    return row


def require_quarantined(session: Session, identity: Identity, operation: str) -> None:
    """Let a supervisor, or an administrator, at a quarantined operation of his units' officers.

    Raises:
        Problem: not_permitted, not_found.
    """
    if not identity.supervises and "admin" not in identity.roles:
        raise Problem("not_permitted")
    query = sa.select(Officer.unit).join(OperationRow, OperationRow.officer == Officer.id)
    unit = session.scalar(query.where(OperationRow.id == operation))
    if unit is None or ("admin" not in identity.roles and unit not in identity.units):
        raise Problem("not_found")


def operations_in_scope(
    session: Session, identity: Identity, limit: int = 200, parked_before: datetime | None = None
) -> Sequence[Any]:
    """Quarantined operations whose author works in a unit of this person's, oldest first.

    parked_before: those too that have waited since before this moment.
    By the author's unit, not by the record's: what is quarantined may name no record that exists.
    """
    columns = OperationRow.__table__.columns
    query = (
        sa.select(*columns)
        .join(Officer, Officer.id == OperationRow.officer)
        .where(_calls_for_a_person(parked_before))
        .order_by(OperationRow.received_at, OperationRow.id)
        .limit(limit)
    )
    if "admin" not in identity.roles:
        query = query.where(Officer.unit.in_(identity.units))
    return session.execute(query).all()


def _calls_for_a_person(parked_before: datetime | None) -> sa.ColumnElement[bool]:
    quarantined = OperationRow.outcome == "quarantined"
    if parked_before is None:
        return quarantined
    overdue = sa.and_(OperationRow.outcome == "parked", OperationRow.received_at < parked_before)
    # Named first, so that the partial index over what is open serves it.
    return sa.and_(OperationRow.outcome.in_(("quarantined", "parked")), sa.or_(quarantined, overdue))

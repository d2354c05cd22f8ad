"""What an officer may see: records whose family he shares an audience with."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from field_api.auth.identity import Identity
from field_api.problems import Problem
from sync.store.tables import AudienceRow, RecordRow


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

"""Read what changed since a position, for a set of scopes; never writes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from sync.store.tables import AudienceRow, RecordRow

_COLUMNS = (
    RecordRow.id,
    RecordRow.type,
    RecordRow.version,
    RecordRow.body,
    RecordRow.void,
    RecordRow.parent,
    RecordRow.seq,
)


def page(session: Session, scopes: Sequence[str], after: int, limit: int) -> list[tuple[str, int]]:
    """(record, its last sequence within these scopes), ordered by sequence, at most `limit`.

    One bounded index range for each scope; a record in several scopes counts once.
    """
    if not scopes:
        return []
    ranges = [
        sa.select(AudienceRow.record, AudienceRow.seq)
        .where(AudienceRow.scope == scope, AudienceRow.seq > after)
        .order_by(AudienceRow.seq)
        .limit(limit)
        .subquery()
        for scope in scopes
    ]
    union = sa.union_all(*(sa.select(one.c.record, one.c.seq) for one in ranges)).subquery()
    query = (
        sa.select(union.c.record, sa.func.min(union.c.seq).label("seq"))
        .group_by(union.c.record)
        .order_by("seq")
        .limit(limit)
    )
    return [(record, seq) for record, seq in session.execute(query)]


def records(session: Session, ids: Iterable[str]) -> dict[str, Any]:
    """Rows of records, wire-ready."""
    wanted = list(ids)
    if not wanted:
        return {}
    return {row.id: row for row in session.execute(sa.select(*_COLUMNS).where(RecordRow.id.in_(wanted)))}


def changed_between(session: Session, scopes: Sequence[str], after: int) -> list[Any]:
    """(id, type, version, since) of every record in these scopes that changed after a position."""
    if not scopes:
        return []
    query = (
        sa.select(
            RecordRow.id,
            RecordRow.type,
            RecordRow.version,
            sa.func.min(AudienceRow.since).label("since"),
            sa.func.max(AudienceRow.seq).label("seq"),
        )
        .join(RecordRow, RecordRow.id == AudienceRow.record)
        .where(AudienceRow.scope.in_(scopes))
        .group_by(RecordRow.id, RecordRow.type, RecordRow.version)
    )
    if after:
        touched = sa.select(AudienceRow.record).where(AudienceRow.scope.in_(scopes), AudienceRow.seq > after)
        query = query.where(AudienceRow.record.in_(touched))
    return list(session.execute(query))

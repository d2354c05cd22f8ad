"""Read what changed since a position, for a set of scopes; never writes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
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


def pages(
    session: Session, lanes: Mapping[str, tuple[Sequence[str], int]], limit: int
) -> dict[str, list[tuple[str, int]]]:
    """Per lane, (record, its first sequence after the position within these scopes), ordered, at most `limit`.

    lanes: {name: (scopes, position)}. One statement, one bounded index range for each scope; a record in
    several scopes counts once.
    """
    found: dict[str, list[tuple[str, int]]] = {name: [] for name in lanes}
    ranges = [
        sa.select(sa.literal(name).label("lane"), AudienceRow.record, AudienceRow.seq)
        .where(AudienceRow.scope == scope, AudienceRow.seq > after)
        .order_by(AudienceRow.seq)
        .limit(limit)
        .subquery()
        for name, (scopes, after) in lanes.items()
        for scope in scopes
    ]
    if not ranges:
        return found
    union = sa.union_all(*(sa.select(one.c.lane, one.c.record, one.c.seq) for one in ranges)).subquery()
    query = (
        sa.select(union.c.lane, union.c.record, sa.func.min(union.c.seq).label("seq"))
        .group_by(union.c.lane, union.c.record)
        .order_by("seq")
    )
    for name, record, seq in session.execute(query):
        if len(found[name]) < limit:
            found[name].append((record, seq))
    return found


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

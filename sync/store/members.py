"""Which operations of a store take effect only together."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, cast

import sqlalchemy as sa
from sqlalchemy.orm import Session

from sync.store.tables import MemberRow, OperationRow

Key = tuple[str, str]


def known(session: Session, groups: Iterable[Key]) -> dict[Key, list[Any]]:
    """The members of groups, each a (store, group), as they arrived: operation, size, outcome, problem."""
    wanted: dict[str, set[str]] = defaultdict(set)
    for store, group in groups:
        wanted[store].add(group)
    query = (
        sa.select(
            MemberRow.store,
            MemberRow.group_id,
            MemberRow.operation,
            MemberRow.size,
            OperationRow.outcome,
            OperationRow.problem,
        )
        .join(OperationRow, OperationRow.id == MemberRow.operation)
        .where(sa.or_(*(_of(store, ids) for store, ids in wanted.items())))
        .order_by(OperationRow.received_at, OperationRow.number, OperationRow.id)
    )
    found: dict[Key, list[Any]] = defaultdict(list)
    for row in session.execute(query):
        found[row.store, row.group_id].append(row)
    return found


def _of(store: str, groups: Iterable[str]) -> sa.ColumnElement[bool]:
    return sa.and_(MemberRow.store == store, MemberRow.group_id.in_(sorted(groups)))


def add(session: Session, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write members: rows of store, group_id, operation, size. Writes: sync_member."""
    if rows:
        session.execute(sa.insert(cast(sa.Table, MemberRow.__table__)), list(rows))

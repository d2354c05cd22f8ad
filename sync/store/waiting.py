"""Operations that wait, what they wait for, and word to their terminals once they are final."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from typing import Any, cast

import sqlalchemy as sa
from sqlalchemy.orm import Session

from sync.store.prepared import Prepared
from sync.store.tables import OperationRow, SettledRow, WaitingRow

MAX_CHAIN = 1_000
_ANY = Prepared(lambda _dialect: sa.select(WaitingRow.need).limit(1))
_SETTLED = Prepared(
    lambda _dialect: sa.select(SettledRow.seq, OperationRow.result)
    .join(OperationRow, OperationRow.id == SettledRow.operation)
    .where(SettledRow.terminal == sa.bindparam("terminal"), SettledRow.seq > sa.bindparam("after"))
    .order_by(SettledRow.seq)
    .limit(sa.bindparam("limit"))
)


def wait(session: Session, operation: str, needs: Iterable[str]) -> None:
    """Note what an operation waits for, in place of what it waited for before. Writes: sync_waiting."""
    session.execute(sa.delete(WaitingRow).where(WaitingRow.operation == operation))
    rows = [{"need": need, "operation": operation} for need in sorted(set(needs))]
    if rows:
        session.execute(sa.insert(cast(sa.Table, WaitingRow.__table__)), rows)


def woken(session: Session, came: Iterable[str]) -> list[Any]:
    """The rows of operations that wait for something that came, in the order of their arrival."""
    wanted = set(came)
    if not wanted or not _ANY.rows(session):
        return []
    waiting = sa.select(WaitingRow.operation).where(WaitingRow.need.in_(wanted))
    return rows(session, waiting)


def rows(session: Session, ids: Any) -> list[Any]:
    """Whole rows of operations, in the order of their arrival. Locks: the rows."""
    columns = OperationRow.__table__.columns
    query = sa.select(*columns).where(OperationRow.id.in_(ids)).with_for_update()
    return list(session.execute(query.order_by(OperationRow.received_at, OperationRow.number, OperationRow.id)))


def reaches(
    session: Session, needs: Iterable[str], operations: Set[str], unwritten: Mapping[str, Iterable[str]]
) -> bool:
    """Say whether what is needed waits, through others perhaps, for one of these very operations.

    unwritten: needs by operation, of what this transaction parks and has not written yet.
    """
    seen: set[str] = set()
    front = set(needs)
    while front and len(seen) < MAX_CHAIN:
        if front & operations:
            return True
        seen |= front
        # A record waits for what is to create it.
        creates = sa.select(OperationRow.id).where(
            OperationRow.record.in_(front), OperationRow.action == "create", OperationRow.outcome == "parked"
        )
        query = sa.union(sa.select(WaitingRow.need).where(WaitingRow.operation.in_(front)), creates)
        beyond = set(session.scalars(query)) | {need for one in front for need in unwritten.get(one, ())}
        front = beyond - seen
    return False


def settle(session: Session, entries: Sequence[Mapping[str, Any]]) -> None:
    """Have terminals hear of operations: rows of terminal, seq, operation. Writes: sync_settled."""
    if entries:
        session.execute(sa.insert(cast(sa.Table, SettledRow.__table__)), list(entries))


def settled(session: Session, terminal: str, after: int, limit: int) -> list[tuple[int, str]]:
    """(sequence, result as JSON) of a terminal's operations that became final after a position."""
    found = _SETTLED.rows(session, terminal=terminal, after=after, limit=limit)
    return [(seq, result) for seq, result in found]

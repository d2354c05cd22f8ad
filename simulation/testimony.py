"""What the desk did, told to the oracle: by the answer, or by what stands where none was heard."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import sqlalchemy as sa

from simulation.world import World
from sync.store.tables import ConflictRow, OperationRow

Done = Callable[[Any], None]


def resolution(world: World, name: str, conflict: str, body: Mapping[str, Any]) -> Done | None:
    """Tell of a settled conflict."""
    twin = world.twin
    if twin is None:
        return None

    def done(_answer: Any) -> None:
        row = _row(world, sa.select(*ConflictRow.__table__.columns).where(ConflictRow.id == conflict))
        if (row.resolution or {}).get("id") == body["id"]:
            twin.resolved((row.operation, row.field), name, body)

    return done


def repair(world: World, name: str, operation: str, body: Mapping[str, Any], *, replay: bool) -> Done | None:
    """Tell of a quarantined operation that was tried again, or closed."""
    twin = world.twin
    if twin is None:
        return None
    query = sa.select(OperationRow.outcome, OperationRow.context, OperationRow.result)
    query = query.where(OperationRow.id == operation)
    before = _row(world, query)

    def done(answer: Any) -> None:
        if answer is None and _row(world, query) == before:
            return
        (twin.replayed if replay else twin.dismissed)(operation, name, body, answer)

    return done


def verdict(world: World, name: str, record: str, body: Mapping[str, Any]) -> Done | None:
    """Tell of a verdict that the server kept."""
    twin = world.twin
    if twin is None:
        return None

    def done(answer: Any) -> None:
        query = sa.select(OperationRow.id).where(OperationRow.id == body["id"])
        if answer is not None or _row(world, query) is not None:
            twin.judged(record, name, body, answer)

    return done


def _row(world: World, query: sa.Select[Any]) -> Any:
    return world.site.look(lambda session: session.execute(query).one_or_none())

"""One statement that inserts a row or replaces it, on both databases."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.orm import Session

from sync.store.base import Base


def upsert(
    session: Session, table: sa.Table, rows: Sequence[Mapping[str, Any]], *, keep: frozenset[str] = frozenset()
) -> None:
    """Write rows by primary key; columns in `keep` stay as they were first.

    Every row must have the same keys. Writes: `table`.
    """
    if not rows:
        return
    dialect = session.get_bind().dialect.name
    insert = postgresql_insert if dialect == "postgresql" else sqlite_insert
    statement = insert(table)
    key = [column.name for column in table.primary_key]
    replaced = {name: statement.excluded[name] for name in rows[0] if name not in key and name not in keep}
    session.execute(statement.on_conflict_do_update(index_elements=key, set_=replaced), list(rows))


def add(session: Session, model: type[Base], key: Mapping[str, Any], column: str, amount: int) -> int:
    """Add to a counter, from nothing where there is none; returns the new value. Locks: the row."""
    dialect = session.get_bind().dialect.name
    insert = postgresql_insert if dialect == "postgresql" else sqlite_insert
    table = cast(sa.Table, model.__table__)
    statement = (
        insert(table)
        .values(**key, **{column: amount})
        .on_conflict_do_update(index_elements=list(key), set_={column: table.c[column] + amount})
        .returning(table.c[column])
    )
    return int(session.execute(statement).scalar_one())

"""One statement that inserts a row or replaces it, on both databases."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any, cast

import sqlalchemy as sa
from sqlalchemy import Insert
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
    if rows:
        dialect = session.get_bind().dialect.name
        session.execute(_upsert(dialect, table, tuple(rows[0]), keep), list(rows))


@cache
def _upsert(dialect: str, table: sa.Table, names: tuple[str, ...], keep: frozenset[str]) -> Insert:
    """The statement, built once: building it cost more than running it."""
    statement = _insert(dialect)(table)
    key = [column.name for column in table.primary_key]
    replaced = {name: statement.excluded[name] for name in names if name not in key and name not in keep}
    built: Insert = statement.on_conflict_do_update(index_elements=key, set_=replaced)
    return built


def _insert(dialect: str) -> Callable[[sa.Table], Any]:
    return postgresql_insert if dialect == "postgresql" else sqlite_insert


def add(session: Session, model: type[Base], key: Mapping[str, Any], column: str, amount: int) -> int:
    """Add to a counter, from nothing where there is none; returns the new value. Locks: the row."""
    table = cast(sa.Table, model.__table__)
    statement = (
        _insert(session.get_bind().dialect.name)(table)
        .values(**key, **{column: amount})
        .on_conflict_do_update(index_elements=list(key), set_={column: table.c[column] + amount})
        .returning(table.c[column])
    )
    return int(session.execute(statement).scalar_one())

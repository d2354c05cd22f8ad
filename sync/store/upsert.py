"""One statement that inserts a row or replaces it, on both databases."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any, cast

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.orm import Session

from sync.store.base import Base
from sync.store.prepared import Prepared, inserting


def upsert(
    session: Session, table: sa.Table, rows: Sequence[Mapping[str, Any]], *, keep: frozenset[str] = frozenset()
) -> None:
    """Write rows by primary key; columns in `keep` stay as they were first.

    Every row must have the same keys. Writes: `table`.
    """
    if rows:
        _upsert(table, tuple(rows[0]), keep).each(session, rows)


@cache
def _upsert(table: sa.Table, names: tuple[str, ...], keep: frozenset[str]) -> Prepared:
    def build(dialect: sa.Dialect) -> Any:
        statement = _insert(dialect.name)(table)
        key = [column.name for column in table.primary_key]
        replaced = {name: statement.excluded[name] for name in names if name not in key and name not in keep}
        given = inserting(statement, table, names, dialect)
        return given.on_conflict_do_update(index_elements=key, set_=replaced)

    return Prepared(build, rows_of=table)


def insert(session: Session, table: sa.Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write rows that are not there yet. Every row must have the same keys. Writes: `table`.

    Raises:
        IntegrityError: one is.
    """
    if rows:
        _plain_insert(table, tuple(rows[0])).each(session, rows)


@cache
def _plain_insert(table: sa.Table, names: tuple[str, ...]) -> Prepared:
    return Prepared(lambda dialect: inserting(sa.insert(table), table, names, dialect), rows_of=table)


def _insert(dialect: str) -> Callable[[sa.Table], Any]:
    return postgresql_insert if dialect == "postgresql" else sqlite_insert


def add(session: Session, model: type[Base], key: Mapping[str, Any], column: str, amount: int) -> int:
    """Add to a counter, from nothing where there is none; returns the new value. Locks: the row."""
    table = cast(sa.Table, model.__table__)
    [row] = _add(table, tuple(key), column).rows(session, **key, **{column: amount})
    return int(row[0])


@cache
def _add(table: sa.Table, key: tuple[str, ...], column: str) -> Prepared:
    def build(dialect: sa.Dialect) -> Any:
        statement = _insert(dialect.name)(table)
        given = {name: sa.bindparam(name, type_=table.c[name].type) for name in (*key, column)}
        sum_ = {column: table.c[column] + statement.excluded[column]}
        return statement.values(given).on_conflict_do_update(index_elements=key, set_=sum_).returning(table.c[column])

    return Prepared(build)

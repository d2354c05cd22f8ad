"""Each synced field is declared once, on its column; everything that sync knows of it is read from there."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, cast

import sqlalchemy as sa

from field_api.casework.enums import ENUMS
from sync.engine import kinds
from sync.engine.kinds import Kind
from sync.engine.values import Field, MergeClass, Record
from sync.store.base import Base, UtcDateTime

_KEY = "synced"


def synced(
    merge: str, kind: Kind, *, required: bool = False, writable_by: frozenset[str] | None = None
) -> dict[str, Any]:
    """A column's `info`: its merge class, what it may hold, who may write it."""
    return {_KEY: (MergeClass(merge), kind, required, writable_by)}


def enum(name: str) -> Kind:
    """A code of one of our tables."""
    return kinds.code(name, frozenset(code for code, _, _ in ENUMS[name]))


def fields_of(model: type[Base]) -> dict[str, Field]:
    """The synced fields of a model, in the order of its columns."""
    return {
        column.name: Field(column.name, kind, merge, required, writable_by)
        for column in _table(model).columns
        if _KEY in column.info
        for merge, kind, required, writable_by in [column.info[_KEY]]
    }


def element(**parts: Kind) -> Mapping[str, Field]:
    """The parts of a list's elements; those whose name ends in `_required` must be there."""
    return {
        name.removesuffix("_required"): Field(
            name.removesuffix("_required"), kind, MergeClass.WRITE_ONCE, name.endswith("_required")
        )
        for name, kind in parts.items()
    }


def row_maker(model: type[Base], masked: tuple[str, ...] = ()) -> Callable[[Record], dict[str, Any]]:
    """A function from a record to the typed row that mirrors it.

    masked: paths `field.part` that the row leaves out: numbers of people, which nobody searches here.
    """
    columns = [column for column in _table(model).columns if _KEY in column.info]
    times = frozenset(column.name for column in columns if isinstance(column.type, UtcDateTime))
    names = [column.name for column in columns]
    withheld: dict[str, set[str]] = {}
    for name, _, part in (path.partition(".") for path in masked):
        withheld.setdefault(name, set()).add(part)

    def make(record: Record) -> dict[str, Any]:
        body = record.body
        row: dict[str, Any] = {name: body.get(name) for name in names}
        for name in times:
            row[name] = _moment(row[name])
        for name, parts in withheld.items():
            if row[name]:
                row[name] = {part: value for part, value in row[name].items() if part not in parts}
        row["id"], row["version"] = record.id, record.version
        return row

    return make


def _moment(text: str | None) -> datetime | None:
    return kinds.parse_time(text) if text else None


def _table(model: type[Base]) -> sa.Table:
    return cast(sa.Table, model.__table__)

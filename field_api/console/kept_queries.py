"""What the pages of the quarantine read: operations that wait for a person, and those that wait for another.

A constant number of SELECTs a page. What came may be anything: it is read as Python's own JSON, which also holds
the lone surrogates for which an operation may have been quarantined.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
import sqlalchemy as sa
from sqlalchemy.orm import Session

from field_api.auth.identity import Identity
from field_api.auth.tables import Officer
from field_api.casework import scope
from field_api.casework.types import TYPES
from field_api.console.queries import Names, names
from field_api.console.show import legible
from field_api.problems import Problem
from sync.engine.values import Field
from sync.service.decode import group_of, named_by
from sync.store.tables import OperationRow, RecordRow, WaitingRow

# A payload is as large as its author made it; a page shows this much of it.
PAYLOAD_CHARS = 20_000
PARTS_LIMIT = 40
KEPT_LIMIT = 200


@dataclass(frozen=True, slots=True)
class Part:
    """One field of an operation's content; kind: what it should hold, `enum` the code table of a code."""

    name: str
    kind: str
    enum: str
    value: Any


@dataclass(frozen=True, slots=True)
class Kept:
    """An operation that could not be applied: what came, and why it did not go."""

    row: Any
    raw: Any
    problem: Mapping[str, Any]
    officer: str
    terminal: str

    @property
    def parts(self) -> list[Part]:
        return _parts(self.row.type, self.raw)

    @property
    def payload(self) -> str:
        """The whole of it, or its beginning, as indented JSON."""
        return legible(json.dumps(self.raw, indent=2, ensure_ascii=False), PAYLOAD_CHARS)

    @property
    def waits_for(self) -> Sequence[str]:
        """The ids of what it waits for, while it does."""
        waits: Sequence[str] = orjson.loads(self.row.result).get("waits_for") or ()
        return waits

    @property
    def repair(self) -> Mapping[str, Any] | None:
        """Who tried it again last: {by, at, reason, set}."""
        return (self.row.context or {}).get("repair")


def quarantined(session: Session, identity: Identity) -> list[Kept]:
    """The quarantined operations of one's units. Four SELECTs."""
    rows = scope.operations_in_scope(session, identity, KEPT_LIMIT)
    known = _names(session, rows)
    return [_kept(row, known) for row in rows]


@dataclass(frozen=True, slots=True)
class One:
    """One operation with all that its page tells. case: the case that it made or changed, where one may look."""

    kept: Kept
    names: Names
    case: str | None


def one(session: Session, identity: Identity, operation: str) -> One:
    """Read one operation that a person has, or had, to deal with. Six SELECTs.

    Raises:
        Problem: not_permitted, not_found; what never called for a person is not shown here.
    """
    if legible(operation, 64) != operation:
        raise Problem("not_found")
    scope.require_quarantined(session, identity, operation)
    row = session.execute(sa.select(*OperationRow.__table__.columns).where(OperationRow.id == operation)).one()
    repair = (row.context or {}).get("repair")
    if row.outcome not in ("quarantined", "parked") and repair is None:
        raise Problem("not_found")
    known = _names(session, [row], {repair["by"]} if repair else ())
    case = sa.select(RecordRow.id).where(
        RecordRow.id == row.record, RecordRow.type == "case", RecordRow.family.in_(scope.visible_families(identity))
    )
    return One(_kept(row, known), known, session.scalar(case))


@dataclass(frozen=True, slots=True)
class Need:
    """What a parked operation waits for.

    newer: the record is there, in an older version. is_group: the rest of its group.
    here: the operation waited for, when it has come.
    """

    id: str
    is_operation: bool
    type: str
    newer: bool
    is_group: bool = False
    here: Any = None


@dataclass(frozen=True, slots=True)
class Parked:
    """An operation that waits for something that has not arrived."""

    row: Any
    officer: str
    terminal: str
    needs: Sequence[Need]
    late: bool


def parked(session: Session, identity: Identity, overdue: datetime) -> list[Parked]:
    """The parked operations of one's units, the longest waiting first. Six SELECTs.

    overdue: what came before this moment has waited too long.
    """
    columns = OperationRow.__table__.columns
    query = (
        sa.select(*columns)
        .join(Officer, Officer.id == OperationRow.officer)
        .where(OperationRow.outcome == "parked")
        .order_by(OperationRow.received_at, OperationRow.id)
        .limit(KEPT_LIMIT)
    )
    if "admin" not in identity.roles:
        query = query.where(Officer.unit.in_(identity.units))
    rows = session.execute(query).all()
    waits = _waits(session, [row.id for row in rows])
    here = _here(session, identity, {need for needs in waits.values() for need in needs})
    known = _names(session, rows)
    return [
        Parked(
            row,
            known.people.get(row.officer, ""),
            known.terminals.get(row.terminal, ""),
            _needs(row, waits.get(row.id, ()), here),
            row.received_at < overdue,
        )
        for row in rows
    ]


def _waits(session: Session, operations: Sequence[str]) -> dict[str, list[str]]:
    query = sa.select(WaitingRow.operation, WaitingRow.need).where(WaitingRow.operation.in_(operations))
    found: dict[str, list[str]] = {}
    for operation, need in session.execute(query.order_by(WaitingRow.need)):
        found.setdefault(operation, []).append(need)
    return found


def _here(session: Session, identity: Identity, needs: Iterable[str]) -> dict[str, Any]:
    """Those needed operations that have come, of one's own units: what is another's is not told."""
    columns = (OperationRow.id, OperationRow.type, OperationRow.action, OperationRow.outcome)
    query = sa.select(*columns).join(Officer, Officer.id == OperationRow.officer)
    if "admin" not in identity.roles:
        query = query.where(Officer.unit.in_(identity.units))
    return {row.id: row for row in session.execute(query.where(OperationRow.id.in_(set(needs))))}


def _needs(row: Any, wanted: Iterable[str], here: Mapping[str, Any]) -> list[Need]:
    named, group = named_by(row), group_of(row)
    declared = TYPES.get(row.type)
    above = declared.parent if declared and declared.parent else row.type
    return [
        Need(
            need,
            is_operation=need in named or need in here,
            type=row.type if need == row.record else above,
            newer=need == row.record and row.version is not None,
            is_group=need == group,
            here=here.get(need),
        )
        for need in wanted
    ]


def _names(session: Session, rows: Sequence[Any], others: Iterable[str] = ()) -> Names:
    return names(session, {row.officer for row in rows} | set(others), {row.terminal for row in rows if row.terminal})


def _kept(row: Any, known: Names) -> Kept:
    return Kept(
        row,
        json.loads(row.payload),
        orjson.loads(row.result).get("problem") or {},
        known.people.get(row.officer, ""),
        known.terminals.get(row.terminal, ""),
    )


def _parts(record_type: str, raw: Any) -> list[Part]:
    """The content of an operation, field by field, as far as it has any."""
    if not isinstance(raw, dict):
        return []
    declared = TYPES.get(record_type)
    listed = raw.get("list")
    fields: Mapping[str, Field] = declared.fields if declared else {}
    element: Mapping[str, Field] = declared.lists.get(listed, {}) if declared and isinstance(listed, str) else {}
    parts = [Part(name, "text", "", raw[name]) for name in ("event", "list") if raw.get(name)]
    for place, known in (("set", fields), ("item", element)):
        values = raw.get(place)
        if isinstance(values, dict):
            parts += [_part(name, known.get(name), value) for name, value in values.items()]
    return parts[:PARTS_LIMIT]


def _part(name: str, declared: Field | None, value: Any) -> Part:
    return Part(name, declared.kind.name, declared.kind.enum or "", value) if declared else Part(name, "", "", value)

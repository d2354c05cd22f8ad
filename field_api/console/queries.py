"""What the pages of cases read: a constant number of SELECTs a page, however many cases or photos it shows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson
import sqlalchemy as sa
from sqlalchemy.orm import Session

from field_api.auth.identity import Identity
from field_api.auth.tables import Officer, Terminal, Unit
from field_api.casework import delivery, scope
from field_api.casework.models import Case, Evidence
from field_api.casework.procedure_models import Measure
from media.tables import Blob
from sync.store.outbox import OutboxRow
from sync.store.tables import ConflictRow, OperationRow, RecordRow

PAGE = 20
STRIP = 4
# The lists of a record whose elements somebody signs for.
LISTS = ("timeline", "notes", "documents", "statements", "signatures", "payments", "approvals", "hearings")
MOST_PAGES = 10_000
FAMILY_LIMIT = 1000
HISTORY_LIMIT = 100


@dataclass(frozen=True, slots=True)
class Filter:
    """What a reader looks for; empty means any."""

    status: str = ""
    review: str = ""
    delivery: str = ""
    unit: str = ""
    text: str = ""
    page: int = 1


@dataclass(frozen=True, slots=True)
class Strip:
    """The photos of one case, at a glance."""

    count: int = 0
    pending: int = 0
    photos: Sequence[Any] = ()


@dataclass(frozen=True, slots=True)
class CaseList:
    """One page of cases. tabs: how many there are by review state, whatever tab is chosen."""

    rows: Sequence[Any]
    strips: Mapping[str, Strip]
    conflicts: Mapping[str, int]
    tabs: Mapping[str, int]
    units: Sequence[Any]
    total: int

    @property
    def pages(self) -> int:
        return max(1, -(-self.total // PAGE))


def pairs(rows: Iterable[Any]) -> dict[Any, Any]:
    """Rows of two columns as a mapping."""
    return {row[0]: row[1] for row in rows}


def _visible_cases(identity: Identity) -> sa.Select[Any]:
    return (
        sa.select()
        .join_from(Case, RecordRow, RecordRow.id == Case.id)
        .where(RecordRow.family.in_(scope.visible_families(identity)))
    )


def _wanted(asked: Filter) -> list[sa.ColumnElement[bool]]:
    exact = ((Case.status, asked.status), (Case.delivery, asked.delivery), (Case.unit, asked.unit))
    conditions = [column == value for column, value in exact if value]
    if asked.text:
        columns = (Case.address, Case.description, Case.case_no)
        conditions.append(sa.or_(*(column.icontains(asked.text, autoescape=True) for column in columns)))
    return conditions


def cases(session: Session, identity: Identity, asked: Filter) -> CaseList:
    """The cases in scope that match, newest first. Five SELECTs."""
    visible, conditions = _visible_cases(identity), _wanted(asked)
    counted = visible.add_columns(Case.review, sa.func.count()).where(*conditions).group_by(Case.review)
    tabs = pairs(session.execute(counted))
    query = (
        visible.add_columns(
            *Case.__table__.columns,
            RecordRow.void,
            Unit.name.label("unit_name"),
            Officer.name.label("author_name"),
        )
        .outerjoin(Unit, Unit.id == Case.unit)
        .outerjoin(Officer, Officer.id == Case.author)
        .where(*conditions)
        .order_by(Case.id.desc())
        .limit(PAGE)
        .offset((min(asked.page, MOST_PAGES) - 1) * PAGE)
    )
    rows = session.execute(query.where(Case.review == asked.review) if asked.review else query).all()
    ids = [row.id for row in rows]
    units = session.execute(
        sa.select(Unit.id, Unit.name)
        .where(Unit.id.in_(visible.add_columns(Case.unit).distinct()))
        .order_by(Unit.id)
    ).all()
    total = tabs.get(asked.review, 0) if asked.review else sum(tabs.values())
    return CaseList(rows, _strips(session, ids), _open_conflicts(session, ids), tabs, units, total)


def _strips(session: Session, ids: Sequence[str]) -> dict[str, Strip]:
    case, order = Evidence.case, (Evidence.captured_at, Evidence.id)
    is_pending = sa.case((Evidence.review == "pending", 1), else_=0)
    ranked = (
        sa.select(
            Evidence.id,
            Evidence.case,
            Evidence.role,
            Evidence.review,
            sa.func.row_number().over(partition_by=case, order_by=order).label("place"),
            sa.func.count().over(partition_by=case).label("count"),
            sa.func.sum(is_pending).over(partition_by=case).label("pending"),
        )
        .where(Evidence.case.in_(ids))
        .subquery()
    )
    query = sa.select(ranked).where(ranked.c.place <= STRIP).order_by(ranked.c.case, ranked.c.place)
    found: dict[str, list[Any]] = {}
    for row in session.execute(query):
        found.setdefault(row.case, []).append(row)
    return {case: Strip(rows[0].count, int(rows[0].pending), rows) for case, rows in found.items()}


def _open_conflicts(session: Session, ids: Sequence[str]) -> dict[str, int]:
    query = (
        sa.select(ConflictRow.record, sa.func.count())
        .where(ConflictRow.record.in_(ids), ConflictRow.state == "open")
        .group_by(ConflictRow.record)
    )
    return pairs(session.execute(query))


@dataclass(frozen=True, slots=True)
class Names:
    """The words for ids: people, units, terminals."""

    people: Mapping[str, str] = field(default_factory=dict)
    units: Mapping[str, str] = field(default_factory=dict)
    terminals: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Piece:
    """One record of the family: its body, and for a photo what its file says of itself."""

    id: str
    type: str
    version: int
    void: str | None
    body: Mapping[str, Any]
    facts: Mapping[str, Any] | None = None

    @property
    def can_pass(self) -> bool:
        return self.body["bytes"] == "verified" and bool(self.body["authentic"])


@dataclass(frozen=True, slots=True)
class CaseFile:
    """Everything of a case; `family`: the incident and what the other side recorded under it."""

    case: Piece
    photos: Sequence[Piece]
    incident: Piece | None
    checks: Sequence[Piece]
    measures: Sequence[Piece]
    proceedings: Sequence[Piece]
    other_cases: Sequence[Piece]
    conflicts: Sequence[Any]
    deliveries: Sequence[Any]
    history: Sequence[Any]
    names: Names

    @property
    def hands(self) -> frozenset[str]:
        """Whoever wrote, stood by or photographed; none of them may judge. Same as `review` asks."""
        body = self.case.body
        steps = [*body["timeline"], *body["notes"], *body["documents"]]
        photographers = {photo.body["officer"] for photo in self.photos}
        return frozenset({body["author"], *(step["by"] for step in steps)} | photographers)

    @property
    def pending(self) -> int:
        return sum(photo.body["review"] == "pending" for photo in self.photos)


def case_file(session: Session, identity: Identity, case: str) -> CaseFile:
    """Read a case and its family. Nine SELECTs.

    Raises:
        Problem: not_found.
    """
    row = scope.require(session, identity, case, "case")
    its_measures = RecordRow.id.in_(sa.select(Measure.id).where(Measure.case == case))
    family = session.execute(
        sa.select(RecordRow.id, RecordRow.type, RecordRow.version, RecordRow.void, RecordRow.body, Blob.facts)
        .outerjoin(Evidence, Evidence.id == RecordRow.id)
        .outerjoin(Blob, sa.and_(Blob.sha256 == Evidence.sha256, Evidence.bytes == "verified"))
        # A measure without an incident is a family of its own, and its case's all the same.
        .where(sa.or_(RecordRow.family == row.family, its_measures))
        .order_by(RecordRow.id)
        .limit(FAMILY_LIMIT)
    )
    pieces = [Piece(one.id, one.type, one.version, one.void, orjson.loads(one.body), one.facts) for one in family]
    mine = Piece(row.id, row.type, row.version, row.void, orjson.loads(row.body))
    photos = [one for one in pieces if one.type == "evidence" and one.body["case"] == case]
    photos.sort(key=lambda one: (one.body["captured_at"], one.id))
    own = [case, *(photo.id for photo in photos)]
    history, conflicts = _history(session, own), _conflicts(session, row.family)
    bodies = [mine.body, *(one.body for one in pieces)]
    return CaseFile(
        case=mine,
        photos=photos,
        incident=next((one for one in pieces if one.id == mine.body["incident"]), None),
        checks=[one for one in pieces if one.type == "vehicle_check"],
        measures=[one for one in pieces if one.type == "measure" and one.body["case"] == case],
        proceedings=[one for one in pieces if one.type == "proceeding" and one.body["case"] == case],
        other_cases=[one for one in pieces if one.type == "case" and one.id != case],
        conflicts=conflicts,
        deliveries=_deliveries(session, case),
        history=history,
        names=names(session, _people(bodies) | {one.officer for one in history}, _terminals(bodies)),
    )


def _history(session: Session, records: Sequence[str]) -> Sequence[Any]:
    wanted = OperationRow
    columns = (wanted.id, wanted.record, wanted.type, wanted.action, wanted.officer, wanted.outcome)
    query = (
        sa.select(*columns, wanted.version, wanted.changed, wanted.at, wanted.received_at)
        .where(wanted.record.in_(records))
        .order_by(wanted.received_at.desc(), wanted.id.desc())
        .limit(HISTORY_LIMIT)
    )
    return session.execute(query).all()


def _conflicts(session: Session, family: str) -> Sequence[Any]:
    query = (
        sa.select(ConflictRow.id, ConflictRow.record, ConflictRow.field)
        .where(ConflictRow.family == family, ConflictRow.state == "open")
        .order_by(ConflictRow.created_at)
    )
    return session.execute(query).all()


def _deliveries(session: Session, case: str) -> Sequence[Any]:
    columns = (OutboxRow.id, OutboxRow.version, OutboxRow.state, OutboxRow.attempts, OutboxRow.reason)
    query = (
        sa.select(*columns, OutboxRow.created_at, OutboxRow.due_at)
        .where(OutboxRow.subject == case, OutboxRow.kind == delivery.KIND)
        .order_by(OutboxRow.version.desc())
        .limit(20)
    )
    return session.execute(query).all()


def _people(bodies: Iterable[Mapping[str, Any]]) -> set[str]:
    found: set[str] = set()
    for body in bodies:
        found |= {body.get("author") or "", body.get("officer") or ""}
        found.update(body.get("officers") or ())
        for element in (one for name in LISTS for one in body.get(name) or ()):
            named = {element["by"], element.get("officer") or "", element.get("collected_by") or ""}
            found |= named | set(element.get("officers") or ())
    return found - {""}


def _terminals(bodies: Iterable[Mapping[str, Any]]) -> set[str]:
    return {body["terminal"] for body in bodies if body.get("terminal")}


def names(session: Session, people: Iterable[str], terminals: Iterable[str] = ()) -> Names:
    """The names of people and terminals, and of every unit. Three SELECTs."""
    officers = session.execute(sa.select(Officer.id, Officer.name).where(Officer.id.in_(set(people))))
    units = session.execute(sa.select(Unit.id, Unit.name))
    known = session.execute(sa.select(Terminal.id, Terminal.terminal_no).where(Terminal.id.in_(set(terminals))))
    return Names(pairs(officers), pairs(units), pairs(known))

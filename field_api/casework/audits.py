"""The files that are audited: one, or all of a month; and who did what when on one case.

Source: 案卷评查 and 责任倒查 of the bureau's own article.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
import sqlalchemy as sa
from sqlalchemy.orm import Session

from field_api.auth.identity import Identity
from field_api.auth.tables import Officer, Terminal
from field_api.casework import scope
from field_api.casework.law.audit import File, Report, audit
from field_api.casework.models import Case, Evidence
from field_api.casework.procedure_models import Measure, Proceeding
from field_api.problems import Problem
from media.tables import EvidenceView
from sync.store.tables import OperationRow, RecordRow

AUDITORS = ("supervisor", "legal", "auditor", "admin")
MONTH = re.compile(r"20[0-9]{2}-(0[1-9]|1[0-2])")
MONTH_LIMIT = 5_000
TRAIL_LIMIT = 2_000
# As many ids as one statement may name on either database.
PIECE = 500
HANGING: tuple[tuple[Any, Any], ...] = (
    (Evidence, Evidence.case),
    (Measure, Measure.case),
    (Proceeding, Proceeding.case),
)


@dataclass(frozen=True, slots=True)
class Audited:
    """One case of a pack."""

    id: str
    case_no: str
    unit: str | None
    status: str
    report: Report


@dataclass(frozen=True, slots=True)
class Deed:
    """Who did what when: `kind` an action of sync, or `viewed`. at: by his clock; received_at: by the server's."""

    kind: str
    record_type: str
    record: str
    officer: str
    name: str | None
    terminal_no: str | None
    at: str
    received_at: datetime
    outcome: str | None
    changed: Mapping[str, Any] | None


def audit_case(session: Session, identity: Identity, case: str) -> Report:
    """Audit one file. Raises: Problem not_found, not_permitted."""
    identity.require(*AUDITORS)
    row = scope.require(session, identity, case, "case")
    return audit(_files(session, {case: orjson.loads(row.body)})[case])


def audit_month(session: Session, identity: Identity, month: str, unit: str = "") -> list[Audited]:
    """Audit what was registered in a month and stands in this person's scope, worst first.

    Raises:
        Problem: not_permitted; invalid_field, for a month that is none.
    """
    identity.require(*AUDITORS)
    if not MONTH.fullmatch(month):
        raise Problem("invalid_field", errors=[{"pointer": "/month", "code": "wrong_form", "message": month[:20]}])
    audited = [one for piece in _of_month(session, identity, month, unit) for one in _audited(session, piece)]
    return sorted(audited, key=lambda one: (one.report.score, one.case_no))


def _of_month(session: Session, identity: Identity, month: str, unit: str) -> Iterator[Sequence[Any]]:
    """The month's cases, some hundreds at a time. A case number bears its day: 6 digits region, 8 date, 5 count."""
    conditions = [
        sa.func.substr(Case.case_no, 7, 6) == month.replace("-", ""),
        RecordRow.void.is_(None),
        RecordRow.family.in_(scope.visible_families(identity)),
    ]
    query = (
        sa.select(Case.id, Case.case_no, Case.unit, Case.status, RecordRow.body)
        .join(RecordRow, RecordRow.id == Case.id)
        .where(*conditions, *([Case.unit == unit] if unit else []))
        .order_by(Case.case_no)
        .limit(MONTH_LIMIT)
    )
    yield from session.execute(query).partitions(PIECE)


def _audited(session: Session, rows: Sequence[Any]) -> list[Audited]:
    files = _files(session, {row.id: orjson.loads(row.body) for row in rows})
    return [Audited(row.id, row.case_no, row.unit, row.status, audit(files[row.id])) for row in rows]


def _files(session: Session, cases: Mapping[str, Mapping[str, Any]]) -> dict[str, File]:
    """The files of some cases. Three SELECTs, however many they are."""
    hanging: dict[Any, list[list[Any]]] = {case: [[], [], []] for case in cases}
    for place, (table, column) in enumerate(HANGING):
        query = (
            sa.select(column, RecordRow.body)
            .join_from(table, RecordRow, RecordRow.id == table.id)
            .where(column.in_(cases), RecordRow.void.is_(None))
            .order_by(RecordRow.id)
        )
        for case, body in session.execute(query):
            hanging[case][place].append(orjson.loads(body))
    return {case: File(body, *hanging[case]) for case, body in cases.items()}


def trail(session: Session, identity: Identity, case: str) -> list[Deed]:
    """Everything that was done on a case and what hangs on it, in the order in which the server heard of it.

    Raises:
        Problem: not_found, not_permitted.
    """
    identity.require(*AUDITORS)
    scope.require(session, identity, case, "case")
    records = [case]
    for table, column in HANGING:
        records += session.scalars(sa.select(table.id).where(column == case))
    deeds = [*_operations(session, records), *_views(session, records)]
    return sorted(deeds, key=lambda one: (one.received_at, one.at))[:TRAIL_LIMIT]


def _operations(session: Session, records: Sequence[str]) -> Iterator[Deed]:
    row = OperationRow
    query = (
        sa.select(
            row.action, row.type, row.record, row.officer, Officer.name, Terminal.terminal_no,
            row.at, row.received_at, row.outcome, row.changed,
        )
        .outerjoin(Officer, Officer.id == row.officer)
        .outerjoin(Terminal, Terminal.id == row.terminal)
        .where(row.record.in_(records))
        .order_by(row.received_at)
        .limit(TRAIL_LIMIT)
    )  # fmt: skip
    return (Deed(*found) for found in session.execute(query))


def _views(session: Session, records: Sequence[str]) -> Iterator[Deed]:
    view = EvidenceView
    query = (
        sa.select(view.kind, view.evidence, view.officer, Officer.name, view.at)
        .outerjoin(Officer, Officer.id == view.officer)
        .where(view.evidence.in_(records))
        .order_by(view.at)
        .limit(TRAIL_LIMIT)
    )
    for kind, record, officer, name, at in session.execute(query):
        moment = at.isoformat(timespec="milliseconds")
        yield Deed("viewed", "evidence", record, officer, name, None, moment, at, None, {"kind": kind})

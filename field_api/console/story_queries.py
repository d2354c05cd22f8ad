"""What makes a case one story: its papers with their copies and signatures, its limits, and what is wrong with it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from field_api.auth.identity import Identity
from field_api.casework import audits, deadlines, doubts, remedies
from field_api.casework.clock_tables import Remedy
from field_api.casework.defects import Defect
from field_api.casework.documents import contexts, templates
from field_api.casework.doubts import Told
from field_api.casework.law.audit import File, Report, audit
from field_api.console.lights import Lit, lit
from field_api.console.queries import CaseFile, Piece

ROUTES: Mapping[str, str] = {"case": "cases", "proceeding": "proceedings", "measure": "measures"}


@dataclass(frozen=True, slots=True)
class Paper:
    """One paper of the case, its measures or its proceedings. copies: those that can be printed."""

    record: Piece
    element: Mapping[str, Any]
    copies: Sequence[str]
    signatures: Sequence[Mapping[str, Any]]

    def link(self, copy: str) -> str:
        return f"/api/v1/{ROUTES[self.record.type]}/{self.record.id}/documents/{self.element['id']}?copy={copy}"


@dataclass(frozen=True, slots=True)
class Story:
    """Each list in the order of the day. signatures: those on no paper. report: None where the reader may not audit."""

    steps: Sequence[Mapping[str, Any]]
    said: Sequence[Mapping[str, Any]]
    papers: Sequence[Paper]
    signatures: Sequence[Mapping[str, Any]]
    payments: Sequence[Mapping[str, Any]]
    deadlines: Sequence[Lit]
    defects: Sequence[Defect]
    doubts: Sequence[Told]
    remedies: Sequence[Remedy]
    report: Report | None

    @property
    def problems(self) -> int:
        """How many things want looking at: what is red, what the rules object to, what is odd, what the audit found."""
        red = sum(one.light == "red" and one.row.met_at is None for one in self.deadlines)
        is_open = sum(one.state == "open" for one in self.defects)
        return red + is_open + len(self.doubts) + (len(self.report.defects) if self.report else 0)


def story(session: Session, identity: Identity, file: CaseFile, now: datetime) -> Story:
    """Put a case's records in the order in which a reviewer reads. Four SELECTs."""
    records = [file.case, *file.proceedings, *file.measures]
    ids = [one.id for one in records]
    signatures = _elements(records, "signatures")
    papers = list(_papers(records, signatures))
    on_paper = {one["id"] for paper in papers for one in paper.signatures}
    found = session.scalars(sa.select(Defect).where(Defect.record.in_(ids)).order_by(Defect.rule, Defect.id))
    told = doubts.of(session, [*ids, *(one.id for one in (*file.photos, *file.checks))])
    may_audit = bool(identity.roles.intersection(audits.AUDITORS))
    return Story(
        steps=_elements([file.case, *file.proceedings], "timeline"),
        said=_elements(records, "statements"),
        papers=papers,
        signatures=[one for one in signatures if one["id"] not in on_paper],
        payments=_elements(records, "payments"),
        deadlines=[lit(row, now) for row in deadlines.of_case(session, file.case.id)],
        defects=list(found),
        doubts=[one for listed in told.values() for one in listed],
        remedies=remedies.of_case(session, file.case.id),
        report=_audited(file) if may_audit else None,
    )


def _elements(records: Sequence[Piece], name: str) -> list[Mapping[str, Any]]:
    """The elements of a list over several records, in the order of their own times."""
    found = [element for record in records for element in record.body.get(name) or ()]
    return sorted(found, key=lambda one: contexts.made_at(one) or datetime.max.replace(tzinfo=contexts.CHINA))


def _papers(records: Sequence[Piece], signatures: Sequence[Mapping[str, Any]]) -> Iterator[Paper]:
    for record in records:
        for element in _elements([record], "documents"):
            moment = contexts.made_at(element)
            template = templates.find(element["type"], moment.date()) if moment else None
            signed = [one for one in signatures if one.get("document") == element["id"]]
            yield Paper(record, element, template.copies if template else (), signed)


def _audited(file: CaseFile) -> Report:
    """The audit, made of what the page holds already: it costs no further look."""
    evidence, measures, proceedings = (
        [one.body for one in pieces if one.void is None] for pieces in (file.photos, file.measures, file.proceedings)
    )
    return audit(File(file.case.body, evidence, measures, proceedings, file.case.id))

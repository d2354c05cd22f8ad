"""What anybody may learn who holds a paper: that it is ours, and whether it still holds. Nothing personal."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import orjson
import sqlalchemy as sa
from sqlalchemy.orm import Session

from field_api.casework.documents.tables import RenderedCopy, RenderedDocument
from sync.store.tables import RecordRow

TOKEN = re.compile(r"[A-Z2-7]{24}")
MAX_RECORDS = 20
_HOLDS_PAPERS = ("case", "measure", "proceeding")
Standing = Literal["valid", "replaced", "voided"]


@dataclass(frozen=True, slots=True)
class Checked:
    """A paper as the public page shows it. sha256: of its words; pdf_sha256: of the party's copy, if printed here.

    replaced_by: the number of the paper that took its place.
    """

    number: str
    type: str
    made_at: datetime
    authority: str
    sha256: str
    pdf_sha256: str
    standing: Standing
    replaced_by: str = ""


def check(session: Session, token: str) -> Checked | None:
    """The paper of this public name; None where there is none."""
    if not TOKEN.fullmatch(token):
        return None
    row = session.scalar(sa.select(RenderedDocument).where(RenderedDocument.token == token))
    if row is None:
        return None
    copy = sa.select(RenderedCopy.sha256).where(RenderedCopy.element == row.element, RenderedCopy.copy == "party")
    standing, replaced_by = _standing(session, row)
    return Checked(
        row.number,
        row.type,
        row.made_at,
        row.authority,
        row.sha256,
        session.scalar(copy) or "",
        standing,
        replaced_by,
    )


def _standing(session: Session, row: RenderedDocument) -> tuple[Standing, str]:
    record = session.execute(
        sa.select(RecordRow.family, RecordRow.void).where(RecordRow.id == row.record)
    ).one_or_none()
    if record is None or record.void is not None:
        return "voided", ""
    papers = list(_papers(session, record.family))
    if any(one["id"] == row.element and one.get("void") for one in papers):
        return "voided", ""
    for one in papers:
        if one.get("replaces") == row.element and not one.get("void"):
            return "replaced", str(one.get("number") or "")
    return "valid", ""


def _papers(session: Session, family: str) -> Iterator[Mapping[str, Any]]:
    """Every paper of what happened; one of the case may be replaced by one of its proceeding."""
    query = (
        sa.select(RecordRow.body)
        .where(RecordRow.family == family, RecordRow.type.in_(_HOLDS_PAPERS), RecordRow.void.is_(None))
        .order_by(RecordRow.id)
        .limit(MAX_RECORDS)
    )
    for body in session.scalars(query):
        yield from orjson.loads(body).get("documents") or []

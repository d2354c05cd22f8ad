"""What the page of procedure defects reads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from field_api.auth.identity import Identity
from field_api.casework.defects import Defect
from field_api.console.morning_queries import cases_of
from field_api.console.queries import Names, names, pairs

LIMIT = 200


@dataclass(frozen=True, slots=True)
class DefectList:
    """Defects with their cases. counts: by state, whatever state is chosen."""

    rows: Sequence[Defect]
    counts: Mapping[str, int]
    cases: Mapping[str, Any]
    names: Names


def defects(session: Session, identity: Identity, state: str, rule: str) -> DefectList:
    """The defects of one's units, the oldest open first. Six SELECTs."""
    mine: list[sa.ColumnElement[bool]] = [] if "admin" in identity.roles else [Defect.unit.in_(identity.units)]
    if rule:
        mine.append(Defect.rule == rule)
    counts = pairs(
        session.execute(sa.select(Defect.state, sa.func.count()).where(*mine).group_by(Defect.state))
    )
    query = sa.select(Defect).where(*mine, *([Defect.state == state] if state else []))
    rows = list(session.scalars(query.order_by(Defect.state != "open", Defect.found_at, Defect.id).limit(LIMIT)))
    known = cases_of(session, identity, {row.record for row in rows})
    return DefectList(rows, counts, known, names(session, {row.settled_by for row in rows if row.settled_by}))

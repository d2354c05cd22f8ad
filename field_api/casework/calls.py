"""Calls of the street: whoever may help hears of them at once, supervisors too."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from field_api import alerts
from field_api.alerts import Finding
from field_api.casework.defects import Defect
from field_api.casework.models import Case
from field_api.casework.procedure_models import Call
from sync.engine.values import Record
from sync.service.home import Change
from sync.store.tables import RecordRow

KIND = "call_open"
ROWS_LIMIT = 1_000


def react(session: Session, changes: Sequence[Change], now: datetime) -> None:
    """Raise an alert for each new call and clear those that are answered. Writes: alert."""
    for change in changes:
        if change.after.type != "call":
            continue
        is_open = _is_open(change.after)
        if change.before is None and is_open:
            alerts.begin(session, _finding(change.after.id, change.after.body), now)
        elif change.before is not None and _is_open(change.before) and not is_open:
            alerts.over(session, KIND, change.after.id, now)


def findings(session: Session) -> Iterator[Finding]:
    """What stands: calls that nobody has answered, and papers that the police have not returned (R25)."""
    opened = (
        sa.select(Call.id, Call.unit, Call.kind, Call.case, Call.author)
        .join(RecordRow, RecordRow.id == Call.id)
        .where(Call.status == "open", RecordRow.void.is_(None))
        .order_by(Call.id)
        .limit(ROWS_LIMIT)
    )
    for row in session.execute(opened).mappings():
        yield _finding(row["id"], row)
    kept = sa.select(Defect.record, Defect.unit).where(Defect.rule == "R25", Defect.state == "open")
    standing = kept.join(Case, Case.id == Defect.record).order_by(Defect.record).limit(ROWS_LIMIT)
    for case, unit in session.execute(standing):
        yield Finding("papers_kept", case, unit, detail={"type": "case", "case": case})


def _is_open(call: Record) -> bool:
    return call.void is None and bool(call.body["status"] == "open")


def _finding(call: str, body: Any) -> Finding:
    detail = {"type": "call", "kind": body["kind"], "case": body["case"], "officer": body["author"]}
    return Finding(KIND, call, body["unit"], detail=detail)

"""Lets time do what law says of it: marks what was not done in time, ends measures that have lapsed, tells people.

Every look starts from the database alone; one that is repeated, or made by two relays at once, changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from itertools import groupby
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from field_api import alerts
from field_api.alerts import Finding
from field_api.casework import deadlines, server
from field_api.casework.clock_tables import Deadline
from field_api.casework.procedure_models import Measure
from sync.service.home import Home
from sync.service.received import own_operation
from sync.service.workspace import Workspace

ROWS_LIMIT = 5_000
LAPSES_LIMIT = 100
_ENDS_A_MEASURE = ("register_evidence", "seizure")
_HELD = ("imposed", "approved", "extended")


def settle(session: Session, home: Home, now: datetime) -> int:
    """Mark what was not done in time, and end the measures that lapsed; returns how many of these.

    Running twice is safe: what is marked is not open, what is ended is not held. Writes: deadline, measures, alert.
    """
    deadlines.settle(session, now)
    query = (
        sa.select(Measure.id, Measure.unit)
        .join(Deadline, Deadline.record == Measure.id)
        .where(Deadline.state == "lapsed", Deadline.met_at.is_(None), Deadline.clock.in_(_ENDS_A_MEASURE))
        .where(Measure.status.in_(_HELD))
        .order_by(Measure.id)
        .distinct()
    )
    lapsed = session.execute(query.limit(LAPSES_LIMIT)).all()
    operations = [own_operation(server.transition("measure", one.id, "lapse", now)) for one in lapsed]
    if operations:
        Workspace(session, home, now).apply(operations)
    for one in lapsed:
        alerts.happened(session, Finding("measure_lapsed", one.id, one.unit), [one.id], now)
    return len(lapsed)


def findings(session: Session, now: datetime) -> Iterator[Finding]:
    """What to tell people: one alert for each record with too little time left, one for each that is over."""
    yield from _told(session, "deadline_near", (Deadline.state == "open", Deadline.warn_at < now))
    # What lapsed is told once, when it does; what is only late stays until it is done.
    yield from _told(session, "deadline_missed", (Deadline.state == "missed", Deadline.met_at.is_(None)))


def _told(session: Session, kind: str, which: tuple[sa.ColumnElement[bool], ...]) -> Iterator[Finding]:
    columns = (Deadline.record, Deadline.type, Deadline.case, Deadline.unit, Deadline.clock, Deadline.due_at)
    query = sa.select(*columns).where(*which, Deadline.clock.in_(deadlines.TOLD))
    # The oldest first, where there are more than can be told at once.
    oldest = query.order_by(Deadline.due_at, Deadline.id).limit(ROWS_LIMIT)
    rows = sorted(session.execute(oldest), key=lambda row: (row.record, row.due_at, row.clock))
    for record, group in groupby(rows, key=lambda row: row.record):
        yield _finding(kind, record, list(group))


def _finding(kind: str, record: str, rows: list[Any]) -> Finding:
    first = rows[0]
    detail = {
        "type": first.type,
        "case": first.case,
        "names": [row.clock for row in rows[: alerts.NAMED_LIMIT]],
        "due_at": first.due_at.isoformat(),
    }
    return Finding(kind, record, first.unit, len(rows), detail)

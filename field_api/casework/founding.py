"""What a new database needs before its first officer: the change sequence, categories, calendar, violations."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from field_api.casework import calendars, deadlines
from field_api.casework.law.deadlines import Terms
from field_api.casework.reference import publish_categories, publish_violations
from field_api.casework.violations import national
from sync.service.home import Home
from sync.store import sequence
from sync.store.ids import new_id
from sync.store.tables import Sequence


def found(session: Session, home: Home, now: datetime, terms: Terms | None = None) -> None:
    """Write what is missing; running it again changes nothing.

    Deadlines are counted anew where days were published since.
    Writes: sync_sequence, category, holiday, deadline, violation.
    """
    if session.scalar(sa.select(Sequence.id)) is None:
        sequence.found(session, epoch=new_id())
    publish_categories(session, home, now)
    if calendars.publish(session, home, now):
        deadlines.recount(session, now, terms or Terms())
    publish_violations(session, home, national(), now)

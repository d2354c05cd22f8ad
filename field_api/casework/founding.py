"""What a new database needs before its first officer: the change sequence, the categories, the calendar."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from field_api.casework import calendars
from field_api.casework.reference import publish_categories
from sync.service.home import Home
from sync.store import sequence
from sync.store.ids import new_id
from sync.store.tables import Sequence


def found(session: Session, home: Home, now: datetime) -> None:
    """Write what is missing; running it again changes nothing. Writes: sync_sequence, category, holiday."""
    if session.scalar(sa.select(Sequence.id)) is None:
        sequence.found(session, epoch=new_id())
    publish_categories(session, home, now)
    calendars.publish(session, home, now)

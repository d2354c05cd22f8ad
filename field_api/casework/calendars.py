"""Where the calendar of work days comes from: the published holidays (chinesecalendar) and what the bureau decided.

Every day that is not what its weekday says is a record of type `holiday`, so terminals count as the server does. A
year is published, for them too, once there is a holiday in it. What is decided here (`fieldpost calendar set`) stands
against what the program knows, whichever came first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime
from functools import cache
from typing import Any

import chinese_calendar
import sqlalchemy as sa
from sqlalchemy.orm import Session

from field_api.casework import reference
from field_api.casework.law.calendar import Calendar, shanghai_day
from field_api.casework.reference_models import Holiday
from sync.service.home import Home

PUBLISHED = "国务院办公厅放假通知"


@cache
def published() -> Calendar:
    """The calendar as the State Council published it, for the years that this program knows."""
    holidays, makeup = frozenset(chinese_calendar.holidays), frozenset(chinese_calendar.workdays)
    return Calendar(frozenset(day.year for day in holidays), holidays, makeup)


def load(session: Session) -> Calendar:
    """The calendar that counts now. One SELECT."""
    rows = session.execute(sa.select(Holiday.day, Holiday.is_workday).where(Holiday.source != PUBLISHED))
    days = {_day(row.day): bool(row.is_workday) for row in rows}
    return replace(published(), overrides={day: works for day, works in days.items() if day is not None})


def shown(session: Session, year: int) -> Sequence[Holiday]:
    """The days of a year that are not what their weekday says, in order."""
    query = sa.select(Holiday).where(Holiday.day.like(f"{year:04d}-%"))
    return list(session.scalars(query.order_by(Holiday.day)))


def decide(session: Session, home: Home, day: date, source: str, now: datetime, *, works: bool) -> None:
    """Say what kind of day one day is, to terminals too. source: the notice that says so. Writes: holiday."""
    values = {"day": day.isoformat(), "is_workday": works, "source": source}
    reference.publish_holidays(session, home, [values], now)


def publish(session: Session, home: Home, now: datetime) -> int:
    """Bring the published days of this year's neighbourhood to the database; returns how many were new.

    Running it again, or after somebody decided otherwise, changes nothing. Writes: holiday.
    """
    calendar, first = published(), shanghai_day(now).year - 1
    held = set(session.scalars(sa.select(Holiday.day)))
    days = sorted(day for day in calendar.holidays | calendar.makeup if day.year >= first)
    fresh: list[dict[str, Any]] = [
        {"day": day.isoformat(), "is_workday": day in calendar.makeup, "source": PUBLISHED}
        for day in days
        if day.isoformat() not in held and (day.weekday() < 5) != (day in calendar.makeup)
    ]
    reference.publish_holidays(session, home, fresh, now)
    return len(fresh)


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None  # the record's form lets 30 February through

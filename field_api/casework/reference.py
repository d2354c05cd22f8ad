"""Reference data on its way to every terminal: categories, officers, grids, days off, permits.

It goes through the same door as everything else, so terminals get it by the same pull.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

import orjson
import sqlalchemy as sa
from sqlalchemy.orm import Session

from field_api.auth.tables import Officer
from field_api.casework import server
from field_api.casework.enums import CATEGORIES
from field_api.casework.reference_models import CategoryRow, Grid, Holiday, Permit
from sync.engine.values import Operation
from sync.service.home import Home
from sync.service.received import own_operation
from sync.service.workspace import Workspace
from sync.store.ids import new_id
from sync.store.tables import RecordRow


def publish_categories(session: Session, home: Home, now: datetime) -> int:
    """Bring the program's categories to the database; returns how many were new. Writes: category."""
    held = set(session.scalars(sa.select(CategoryRow.code)))
    fresh = [one for one in CATEGORIES if one.code not in held]
    operations = [server.create("category", new_id(), asdict(one), now) for one in fresh]
    _apply(session, home, operations, now)
    return len(fresh)


def publish_officer(session: Session, home: Home, officer: Officer, now: datetime | None = None) -> None:
    """Let terminals know an officer by name, badge, unit and roles. Writes: the officer's record."""
    values = {
        "name": officer.name,
        "badge_no": officer.badge_no,
        "unit": officer.unit,
        "roles": list(officer.roles),
        "status": "disabled" if officer.disabled_at else "active",
    }
    _publish(session, home, "officer", officer.id, values, now)


def publish_grid(
    session: Session, home: Home, values: Mapping[str, Any], now: datetime | None = None
) -> str:
    """Add a grid, or change the one with this `code`. Returns its record id. Writes: grid."""
    known = session.scalar(sa.select(Grid.id).where(Grid.code == values["code"]))
    return _publish(session, home, "grid", known or new_id(), values, now)


def publish_permit(
    session: Session, home: Home, values: Mapping[str, Any], now: datetime | None = None
) -> str:
    """Add a permit, or change the one with this `permit_no`. Returns its record id. Writes: permit."""
    known = session.scalar(sa.select(Permit.id).where(Permit.permit_no == values["permit_no"]))
    return _publish(session, home, "permit", known or new_id(), values, now)


def publish_holidays(session: Session, home: Home, days: Sequence[Mapping[str, Any]], now: datetime) -> None:
    """Say of days what they are (`day`, `is_workday`, `source`); one that is there is changed. Writes: holiday."""
    if not days:
        return
    asked = [one["day"] for one in days]
    query = sa.select(Holiday.day, Holiday.id).where(Holiday.day.in_(asked))
    known = {row.day: row.id for row in session.execute(query)}
    operations = [
        server.patch("holiday", known[one["day"]], one, now)
        if one["day"] in known
        else server.create("holiday", new_id(), one, now)
        for one in days
    ]
    _apply(session, home, operations, now)


def _publish(
    session: Session,
    home: Home,
    record_type: str,
    record: str,
    values: Mapping[str, Any],
    now: datetime | None = None,
) -> str:
    now = now or datetime.now(UTC)
    body = session.scalar(sa.select(RecordRow.body).where(RecordRow.id == record))
    if body is None:
        _apply(session, home, [server.create(record_type, record, values, now)], now)
    else:
        standing = orjson.loads(body)
        changed = {name: value for name, value in values.items() if standing.get(name) != value}
        if changed:
            _apply(session, home, [server.patch(record_type, record, changed, now)], now)
    return record


def _apply(session: Session, home: Home, operations: Sequence[Operation], now: datetime) -> None:
    Workspace(session, home, now).apply([own_operation(one) for one in operations])

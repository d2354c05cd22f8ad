"""Officers as the bureau knows them: whoever is added or shut out, the terminals hear of it."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy.orm import Session

from field_api.auth import assignments, officers
from field_api.auth.assignments import Assignment
from field_api.auth.officers import NewOfficer
from field_api.auth.tables import Officer
from field_api.casework.reference import publish_officer
from sync.service.home import Home


def add(
    session: Session, home: Home, new: NewOfficer, password_hash: str, now: datetime | None = None
) -> Officer:
    """Add an officer, and let terminals know him, in one transaction. Writes: the officer and his record.

    Raises:
        OfficerError: as `officers.add_officer`.
    """
    officer = officers.add_officer(session, new, password_hash)
    publish_officer(session, home, officer, now)
    return officer


def certify(
    session: Session, home: Home, officer: str, number: str, first: date, last: date, now: datetime
) -> None:
    """Note an officer's certificate, and let terminals know. Writes: the officer and his record.

    Raises:
        Problem: not_found.
        OfficerError: as `officers.certify`.
    """
    publish_officer(session, home, officers.certify(session, officer, number, first, last), now)


def disable(session: Session, home: Home, officer: str, now: datetime) -> None:
    """Shut an officer out, and say so to terminals. Writes: the officer and his record.

    Raises:
        Problem: not_found.
    """
    publish_officer(session, home, officers.disable(session, officer, now), now)


def assign(session: Session, home: Home, officer: str, new: Assignment, now: datetime) -> None:
    """Give an officer other units and grids: his terminals' next pulls follow. Writes: the officer and his record.

    Raises:
        Problem: not_found.
        OfficerError: an unknown unit.
    """
    publish_officer(session, home, assignments.assign(session, officer, new, now), now)

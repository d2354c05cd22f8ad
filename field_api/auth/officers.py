"""Officers and units: added by an administrator, disabled, never deleted."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from field_api.auth.identity import ROLES
from field_api.auth.tables import ConsoleSession, Officer, TokenFamily, Unit
from field_api.problems import Problem


class OfficerError(ValueError):
    """An officer cannot be added like this; the message says why."""


@dataclass(frozen=True, slots=True)
class NewOfficer:
    """What an administrator says of a new officer."""

    username: str
    name: str
    roles: tuple[str, ...]
    unit: str
    units: tuple[str, ...] = ()
    grids: tuple[str, ...] = ()
    badge_no: str = ""


def add_unit(session: Session, code: str, name: str) -> Unit:
    """Add a unit, or give the one with this code another name. Writes: the unit."""
    unit = session.merge(Unit(id=code, name=name))
    session.flush()
    return unit


def add_officer(session: Session, new: NewOfficer, password_hash: str) -> Officer:
    """Add an officer; terminals learn of him by `casework.staff.add`. Writes: the officer.

    password_hash: made beforehand, outside the transaction, by `passwords.hash_password`.

    Raises:
        OfficerError: an unknown role or unit, or a user name that is taken.
    """
    unknown = sorted(set(new.roles) - set(ROLES))
    if unknown or not new.roles:
        raise OfficerError(f"roles must be some of {', '.join(ROLES)}; not {', '.join(unknown) or 'none'}")
    for code in (new.unit, *new.units):
        if session.get(Unit, code) is None:
            raise OfficerError(f"there is no unit {code}")
    if session.scalar(sa.select(Officer.id).where(Officer.username == new.username)):
        raise OfficerError(f"the user name {new.username} is taken")
    officer = Officer(
        username=new.username,
        password_hash=password_hash,
        name=new.name,
        badge_no=new.badge_no,
        roles=sorted(set(new.roles)),
        unit=new.unit,
        units=sorted(set(new.units)),
        grids=sorted(set(new.grids)),
    )
    session.add(officer)
    session.flush()
    return officer


def certify(session: Session, officer: str, number: str, first: date, last: date) -> Officer:
    """Note an officer's certificate and its days, both included. Writes: the officer.

    Raises:
        Problem: not_found.
        OfficerError: it ends before it begins.
    """
    if last < first:
        raise OfficerError(f"a certificate cannot end on {last}, before {first}")
    found = session.get(Officer, officer, with_for_update=True)
    if found is None:
        raise Problem("not_found")
    found.cert_no, found.cert_from, found.cert_to = number, first, last
    session.flush()
    return found


def set_password(session: Session, officer: str, password_hash: str, now: datetime) -> None:
    """Give an officer another password, and end all his sign-ins.

    Writes: the officer, his token families and console sessions.
    """
    session.get_one(Officer, officer, with_for_update=True).password_hash = password_hash
    session.execute(
        sa.update(TokenFamily)
        .where(TokenFamily.officer == officer, TokenFamily.revoked_at.is_(None))
        .values(revoked_at=now, reason="password_changed")
    )
    session.execute(sa.delete(ConsoleSession).where(ConsoleSession.officer == officer))
    session.flush()


def find_officer(session: Session, username: str) -> Officer:
    """Return the officer of this user name.

    Raises:
        Problem: not_found.
    """
    officer = session.scalar(sa.select(Officer).where(Officer.username == username))
    if officer is None:
        raise Problem("not_found")
    return officer


def disable(session: Session, officer: str, now: datetime) -> Officer:
    """Shut an officer out from his next request on; terminals learn of it by `casework.staff.disable`.

    Writes: the officer.

    Raises:
        Problem: not_found.
    """
    row = session.get(Officer, officer, with_for_update=True)
    if row is None:
        raise Problem("not_found")
    row.disabled_at = row.disabled_at or now
    session.flush()
    return row

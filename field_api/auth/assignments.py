"""Which scopes an officer held when: what he wrote while he held one counts, although he has lost it since."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, Session, mapped_column

from field_api.auth.officers import OfficerError
from field_api.auth.sessions import identity_of
from field_api.auth.tables import Officer, Unit
from field_api.problems import Problem
from sync.store.base import Base, Id, UtcDateTime

ALWAYS = datetime(1970, 1, 1, tzinfo=UTC)


class HeldScope(Base):
    """A period in which an officer held a scope; a scope that he has held from the first has no row till it ends."""

    __tablename__ = "held_scope"

    officer: Mapped[str] = mapped_column(Id, sa.ForeignKey("officer.id"), primary_key=True)
    scope: Mapped[str] = mapped_column(sa.String(64), primary_key=True)
    from_at: Mapped[datetime] = mapped_column(UtcDateTime, primary_key=True)
    until_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


@dataclass(frozen=True, slots=True)
class Assignment:
    """Where an officer works from now on: his own unit, further units, grids beyond them."""

    unit: str
    units: tuple[str, ...] = ()
    grids: tuple[str, ...] = ()


def assign(session: Session, officer: str, new: Assignment, now: datetime) -> Officer:
    """Give an officer other units and grids; terminals learn of it by `casework.staff.assign`.

    Locks: the officer. Writes: the officer, the periods of his scopes.

    Raises:
        Problem: not_found.
        OfficerError: an unknown unit.
    """
    row = session.get(Officer, officer, with_for_update=True)
    if row is None:
        raise Problem("not_found")
    for code in (new.unit, *new.units):
        if session.get(Unit, code) is None:
            raise OfficerError(f"there is no unit {code}")
    before = frozenset(identity_of(session, officer).scope_keys())
    row.unit, row.units, row.grids = new.unit, sorted(set(new.units)), sorted(set(new.grids))
    session.flush()
    after = frozenset(identity_of(session, officer).scope_keys())
    _end(session, officer, before - after, now)
    for scope in sorted(after - before):
        session.add(HeldScope(officer=officer, scope=scope, from_at=now))
    session.flush()
    return row


def _end(session: Session, officer: str, scopes: frozenset[str], now: datetime) -> None:
    query = sa.select(HeldScope).where(
        HeldScope.officer == officer, HeldScope.scope.in_(scopes), HeldScope.until_at.is_(None)
    )
    running = {one.scope: one for one in session.scalars(query)}
    for scope in sorted(scopes):
        if scope in running:
            running[scope].until_at = now
        else:
            session.add(HeldScope(officer=officer, scope=scope, from_at=ALWAYS, until_at=now))


def held_at(session: Session, officer: str, at: datetime, arrived: datetime, offline_ttl_s: int) -> frozenset[str]:
    """The scopes that an officer held at a time and had lost when his word of it arrived.

    Only those lost within one offline session before: whoever was without a line for longer had to sign in
    again, and what names an earlier time than that is for a person to judge.
    """
    query = sa.select(HeldScope.scope).where(
        HeldScope.officer == officer,
        HeldScope.from_at <= at,
        HeldScope.until_at >= max(at, arrived - timedelta(seconds=offline_ttl_s)),
    )
    return frozenset(session.scalars(query))

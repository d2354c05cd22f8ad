"""What went wrong without anybody asking: raised once, kept until it is over, told to the people at the console.

An alert is open for one kind and subject at a time. `CONDITIONS` are looked for again and again and clear by
themselves; `EVENTS` happened once, and are over when a person has seen them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa
import structlog
from sqlalchemy.orm import Mapped, Session, mapped_column

from field_api.auth.identity import Identity
from field_api.problems import Problem
from field_api.transactions import after_commit
from sync.store.base import Base, Id, Json, UtcDateTime
from sync.store.ids import new_id

CONDITIONS = (
    *("terminal_silent", "write_once_changed", "parked_overdue", "deadline_near", "deadline_missed"),
    *("call_open", "papers_kept"),
)
EVENTS = ("number_reused", "document_number", "receipt_reused", "measure_lapsed", "release_unsigned")
KINDS = (*CONDITIONS, *EVENTS)
READERS = ("supervisor", "legal", "admin")
LIST_LIMIT = 200
NAMED_LIMIT = 20
_LOOKING = 0x46_50_41_4C
_log = structlog.get_logger("fieldpost.alerts")


class Alert(Base):
    """One thing that somebody must look at. count: of how many it speaks; unit: whose supervisors are told.

    last_at: when it last changed. seen_at, seen_by: which person has taken notice, until it grows.
    """

    __tablename__ = "alert"
    __table_args__ = (
        sa.CheckConstraint(f"kind IN {KINDS}", name="kind_known"),
        sa.CheckConstraint("count >= 1", name="count_positive"),
        sa.Index(
            "uq_alert_open",
            "kind",
            "subject",
            unique=True,
            sqlite_where=sa.text("cleared_at IS NULL"),
            postgresql_where=sa.text("cleared_at IS NULL"),
        ),
        sa.Index(None, "cleared_at"),
    )

    id: Mapped[str] = mapped_column(Id, primary_key=True, default=new_id)
    kind: Mapped[str] = mapped_column(sa.String(32))
    subject: Mapped[str] = mapped_column(sa.String(64))
    unit: Mapped[str | None] = mapped_column(sa.String(32))
    detail: Mapped[Any | None] = mapped_column(Json)
    count: Mapped[int]
    raised_at: Mapped[datetime] = mapped_column(UtcDateTime)
    last_at: Mapped[datetime] = mapped_column(UtcDateTime)
    seen_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    seen_by: Mapped[str | None] = mapped_column(Id, sa.ForeignKey("officer.id"))
    cleared_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


@dataclass(frozen=True, slots=True)
class Finding:
    """What an alert is to say: how things stand for one subject now."""

    kind: str
    subject: str
    unit: str | None
    count: int = 1
    detail: dict[str, Any] = field(default_factory=dict)


def settle(session: Session, findings: Iterable[Finding], now: datetime) -> None:
    """Bring the open alerts of all `CONDITIONS` to what was found: raise, change, clear.

    Running twice is safe: what is open already is not raised again, and two at once take turns.
    Locks: an advisory lock on PostgreSQL; on SQLite the caller is the one writer. Writes: alert.
    """
    if session.get_bind().dialect.name == "postgresql":
        session.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOOKING)))
    query = sa.select(Alert).where(Alert.cleared_at.is_(None), Alert.kind.in_(CONDITIONS))
    standing = {(row.kind, row.subject): row for row in session.scalars(query)}
    for one in findings:
        row = standing.pop((one.kind, one.subject), None)
        if row is None:
            _raise(session, one, now)
        else:
            _change(row, one, now)
    for row in standing.values():
        row.cleared_at = now
    session.flush()


def happened(session: Session, one: Finding, names: Sequence[str], now: datetime) -> None:
    """Note an event about a subject that nobody else is writing about just now; one more of it adds to the open alert.

    names: what it happened to; the same name again counts no more. Writes: alert.
    """
    query = sa.select(Alert).where(
        Alert.cleared_at.is_(None), Alert.kind == one.kind, Alert.subject == one.subject
    )
    row = session.scalar(query.with_for_update())
    known = list((row.detail or {}).get("names", ())) if row is not None else []
    fresh = [name for name in dict.fromkeys(names) if name not in known]
    kept = [*known, *fresh][:NAMED_LIMIT]
    if row is None and fresh:
        detail = one.detail | {"names": kept}
        _raise(session, Finding(one.kind, one.subject, one.unit, len(fresh), detail), now)
    elif row is not None and fresh and len(known) < NAMED_LIMIT:
        detail = one.detail | {"names": kept}
        _change(row, Finding(one.kind, one.subject, one.unit, len(kept), detail), now)
    session.flush()


def begin(session: Session, one: Finding, now: datetime) -> None:
    """Raise the alert of a condition at once, for a subject that came into being in this transaction. Writes: alert.

    Only then can no look at conditions raise it at the same time.
    """
    _raise(session, one, now)
    session.flush()


def over(session: Session, kind: str, subject: str, now: datetime) -> None:
    """Clear the open alert of a condition that has just ended; looks find it ended. Writes: alert."""
    standing = (Alert.kind == kind, Alert.subject == subject, Alert.cleared_at.is_(None))
    session.execute(sa.update(Alert).where(*standing).values(cleared_at=now))


def see(session: Session, identity: Identity, alert: str, now: datetime) -> None:
    """Note that a person has taken notice; an event is over with that. Locks and writes: the alert.

    Raises:
        Problem: not_permitted, not_found.
    """
    identity.require(*READERS)
    row: Alert | None = session.scalar(visible(identity).where(Alert.id == alert).with_for_update())
    if row is None:
        raise Problem("not_found")
    if row.seen_at is None and row.cleared_at is None:
        row.seen_at, row.seen_by = now, identity.officer
        if row.kind in EVENTS:
            row.cleared_at = now
    session.flush()


def visible(identity: Identity) -> sa.Select[Any]:
    """The alerts that concern a person: his units'; an administrator's are all."""
    query = sa.select(Alert)
    return query if "admin" in identity.roles else query.where(Alert.unit.in_(identity.units))


def _raise(session: Session, one: Finding, now: datetime) -> None:
    row = Alert(id=new_id(), kind=one.kind, subject=one.subject, unit=one.unit, count=one.count, detail=one.detail)
    row.raised_at = row.last_at = now
    session.add(row)
    after_commit(
        session,
        lambda: _log.warning("an alert was raised", kind=one.kind, subject=one.subject, count=one.count),
    )


def _change(row: Alert, one: Finding, now: datetime) -> None:
    """Have an open alert say what is so now; what has grown is unseen again."""
    if (row.unit, row.count, row.detail) == (one.unit, one.count, one.detail):
        return
    if one.count > row.count:
        row.seen_at = row.seen_by = None
    row.unit, row.count, row.detail, row.last_at = one.unit, one.count, one.detail, now

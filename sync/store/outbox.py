"""What is still to be done after a commit: rows written in the transaction that made them necessary.

A row is the truth; a queue may only wake whoever looks at it. Claiming is a conditional update with a lease,
so that a worker that dies gives its row back by doing nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, Session, mapped_column

from sync.store.base import Base, Id, UtcDateTime
from sync.store.ids import new_id

STATES = ("waiting", "running", "done", "held", "cancelled", "refused")


class OutboxRow(Base):
    """One thing to do. `key` makes it unique; `reason` is for the person who must look at a held one.

    payload: what is sent, built once, so that every attempt under one key sends the same.
    """

    __tablename__ = "outbox"
    __table_args__ = (
        sa.UniqueConstraint("key"),
        sa.CheckConstraint(f"state IN {STATES}", name="state"),
        sa.Index(None, "state", "due_at"),
        sa.Index(None, "subject"),
    )

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    kind: Mapped[str] = mapped_column(sa.String(16))
    key: Mapped[str] = mapped_column(sa.String(120))
    subject: Mapped[str] = mapped_column(sa.String(64))
    version: Mapped[int]
    state: Mapped[str] = mapped_column(sa.String(16))
    attempts: Mapped[int]
    due_at: Mapped[datetime] = mapped_column(UtcDateTime)
    payload: Mapped[str | None] = mapped_column(sa.Text)
    reason: Mapped[str] = mapped_column(sa.String(2000))
    request_id: Mapped[str] = mapped_column(sa.String(64))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


def put(
    session: Session,
    *,
    kind: str,
    key: str,
    subject: str,
    version: int,
    now: datetime,
    payload: str | None = None,
    request_id: str = "",
) -> None:
    """Add a row, once for its key. Writes: outbox."""
    if session.scalar(sa.select(OutboxRow.id).where(OutboxRow.key == key)) is not None:
        return
    session.execute(
        sa.insert(OutboxRow).values(
            id=new_id(),
            kind=kind,
            key=key,
            subject=subject,
            version=version,
            state="waiting",
            attempts=0,
            due_at=now,
            payload=payload,
            reason="",
            request_id=request_id,
            created_at=now,
        )
    )


def due(session: Session, now: datetime, limit: int = 200) -> Sequence[Any]:
    """(id, kind, attempts, request_id) of what is due: waiting rows, and running ones whose lease is over."""
    query = (
        sa.select(OutboxRow.id, OutboxRow.kind, OutboxRow.attempts, OutboxRow.request_id)
        .where(OutboxRow.state.in_(("waiting", "running")), OutboxRow.due_at <= now)
        .order_by(OutboxRow.due_at)
        .limit(limit)
    )
    return session.execute(query).all()


def claim(session: Session, row: str, now: datetime, lease_s: float) -> OutboxRow | None:
    """Take a due row for `lease_s`; None when somebody else has it or it is no longer due. Writes: outbox."""
    claimed = session.execute(
        sa.update(OutboxRow)
        .where(OutboxRow.id == row, OutboxRow.state.in_(("waiting", "running")), OutboxRow.due_at <= now)
        .values(state="running", attempts=OutboxRow.attempts + 1, due_at=now + timedelta(seconds=lease_s))
        .returning(OutboxRow.id)
    ).scalar_one_or_none()
    return session.get(OutboxRow, row, populate_existing=True) if claimed else None


def settle(
    session: Session, row: str, attempt: int, state: str, *, reason: str = "", due_at: datetime | None = None
) -> bool:
    """Write down how an attempt ended; False when the row has moved on since (superseded, claimed anew)."""
    values: dict[str, Any] = {"state": state, "reason": reason[:2000]}
    if due_at is not None:
        values["due_at"] = due_at
    done = session.execute(
        sa.update(OutboxRow)
        .where(OutboxRow.id == row, OutboxRow.state == "running", OutboxRow.attempts == attempt)
        .values(**values)
        .returning(OutboxRow.id)
    ).scalar_one_or_none()
    return done is not None


def cancel(session: Session, subject: str) -> None:
    """Stop what is under way for a subject that has changed since. Writes: outbox."""
    session.execute(
        sa.update(OutboxRow)
        .where(OutboxRow.subject == subject, OutboxRow.state.in_(("waiting", "running", "held")))
        .values(state="cancelled")
    )


def release(session: Session, row: str, now: datetime) -> bool:
    """Send again what waits for a person. Writes: outbox."""
    released = session.execute(
        sa.update(OutboxRow)
        .where(OutboxRow.id == row, OutboxRow.state == "held")
        .values(state="waiting", attempts=0, due_at=now)
        .returning(OutboxRow.id)
    ).scalar_one_or_none()
    return released is not None


def counts(session: Session) -> dict[tuple[str, str], int]:
    """How many rows of each kind are in each state."""
    query = sa.select(OutboxRow.kind, OutboxRow.state, sa.func.count()).group_by(OutboxRow.kind, OutboxRow.state)
    return {(kind, state): number for kind, state, number in session.execute(query)}

"""What is still to be done after a commit: rows written in the transaction that made them necessary.

A row is the truth; a queue may only wake whoever looks at it. Claiming is a conditional update with a lease,
so that a worker that dies gives its row back by doing nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, Session, aliased, mapped_column

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


def due(session: Session, now: datetime, kinds: Sequence[str], limit: int = 200) -> Sequence[Any]:
    """(id, kind, attempts, due_at, request_id) of what is due: waiting rows, and running ones past their lease."""
    query = (
        sa.select(OutboxRow.id, OutboxRow.kind, OutboxRow.attempts, OutboxRow.due_at, OutboxRow.request_id)
        .where(OutboxRow.state.in_(("waiting", "running")), OutboxRow.due_at <= now, OutboxRow.kind.in_(kinds))
        .order_by(OutboxRow.due_at)
        .limit(limit)
    )
    return session.execute(query).all()


def claim(session: Session, row: str, now: datetime, lease_s: float) -> OutboxRow | None:
    """Take a due row for `lease_s`; None when somebody else has it or it is no longer due. Writes: outbox.

    What is given is a snapshot apart from the session: an attempt must end under its own number, not under
    that of a later claim, which a refresh would bring.
    """
    claimed = session.execute(
        sa.update(OutboxRow)
        .where(OutboxRow.id == row, OutboxRow.state.in_(("waiting", "running")), OutboxRow.due_at <= now)
        .values(state="running", attempts=OutboxRow.attempts + 1, due_at=now + timedelta(seconds=lease_s))
        .returning(OutboxRow.id)
    ).scalar_one_or_none()
    taken = session.get(OutboxRow, row, populate_existing=True) if claimed else None
    if taken is not None:
        session.expunge(taken)
    return taken


def renew(session: Session, row: str, attempt: int, until: datetime) -> bool:
    """Lengthen an attempt's lease; False when the row has moved on, and the attempt must stop. Writes: outbox."""
    renewed = session.execute(
        sa.update(OutboxRow)
        .where(OutboxRow.id == row, OutboxRow.state == "running", OutboxRow.attempts == attempt)
        .values(due_at=until)
        .returning(OutboxRow.id)
    ).scalar_one_or_none()
    return renewed is not None


def let_go(session: Session, row: str, attempt: int) -> None:
    """Say that the attempt that was under way when its row was cancelled is over. Writes: outbox."""
    session.execute(
        sa.update(OutboxRow)
        .where(OutboxRow.id == row, OutboxRow.state == "cancelled", OutboxRow.attempts == attempt)
        .values(due_at=OutboxRow.created_at)
    )


def has_older_under_way(session: Session, row: str, now: datetime) -> bool:
    """Say whether an older version of the same thing is still to be done, or being done though cancelled."""
    mine, older = aliased(OutboxRow), aliased(OutboxRow)
    still_open = older.state.in_(("waiting", "running"))
    in_flight = sa.and_(older.state == "cancelled", older.due_at > now)
    query = (
        sa.select(older.id)
        .join(mine, sa.and_(mine.kind == older.kind, mine.subject == older.subject, older.version < mine.version))
        .where(mine.id == row, sa.or_(still_open, in_flight))
        .limit(1)
    )
    return session.scalar(query) is not None


def postpone(session: Session, row: str, due_at: datetime) -> None:
    """Look at a waiting row later; counts as no attempt. Writes: outbox."""
    session.execute(
        sa.update(OutboxRow).where(OutboxRow.id == row, OutboxRow.state == "waiting").values(due_at=due_at)
    )


def settle(
    session: Session,
    row: str,
    attempt: int,
    state: str,
    *,
    reason: str = "",
    due_at: datetime | None = None,
    counts: bool = True,
) -> bool:
    """Write down how an attempt ended; False when the row has moved on since (superseded, claimed anew).

    counts: without it the attempt's number is free again, since nobody else can hold it any more.
    """
    values: dict[str, Any] = {"state": state, "reason": reason[:2000], "attempts": attempt if counts else attempt - 1}
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
    """Stop what is under way for a subject that has changed since. Writes: outbox.

    An attempt that runs cannot be called back; its row keeps the end of its lease, and blocks until then.
    """
    in_flight = OutboxRow.state == "running"
    session.execute(
        sa.update(OutboxRow)
        .where(OutboxRow.subject == subject, OutboxRow.state.in_(("waiting", "running", "held")))
        .values(state="cancelled", due_at=sa.case((in_flight, OutboxRow.due_at), else_=OutboxRow.created_at))
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

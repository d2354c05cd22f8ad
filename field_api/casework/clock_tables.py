"""The clocks that run on records, and the reviews and suits that stop a late fee, as rows."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from sync.store.base import Base, Id, UtcDateTime
from sync.store.ids import new_id

STATES = ("open", "met", "missed", "lapsed")
REMEDY_KINDS = ("review", "suit")
RESULTS = ("upheld", "changed", "revoked", "withdrawn", "settled")


class Deadline(Base):
    """One clock on one record, or on one of its payments. Follows from the record's body, and is made anew with it.

    item: the element's id, or empty. warn_at: four fifths; due_at: the last moment in time; both None while a stay
    holds the clock. missed: not in time, even if done since (met_at); lapsed: fell by itself.
    """

    __tablename__ = "deadline"
    __table_args__ = (
        sa.UniqueConstraint("record", "item", "clock"),
        sa.CheckConstraint(f"state IN {STATES}", name="state_known"),
        sa.Index(None, "state", "due_at"),
        sa.Index(None, "unit", "state", "due_at"),
        sa.Index(None, "case"),
    )

    id: Mapped[str] = mapped_column(Id, primary_key=True, default=new_id)
    record: Mapped[str] = mapped_column(Id)
    type: Mapped[str] = mapped_column(sa.String(24))
    item: Mapped[str] = mapped_column(sa.String(36))
    clock: Mapped[str] = mapped_column(sa.String(32))
    case: Mapped[str | None] = mapped_column(Id)
    unit: Mapped[str | None] = mapped_column(sa.String(32))
    started_at: Mapped[datetime] = mapped_column(UtcDateTime)
    warn_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    due_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    provisional: Mapped[bool]
    state: Mapped[str] = mapped_column(sa.String(8))
    met_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class Remedy(Base):
    """A review (复议) or suit (诉讼) about a case's decision. While one is open, no late fee accrues (处罚法 73)."""

    __tablename__ = "remedy"
    __table_args__ = (
        sa.CheckConstraint(f"kind IN {REMEDY_KINDS}", name="kind_known"),
        sa.CheckConstraint(f"result IN {RESULTS}", name="result_known"),
        sa.CheckConstraint("(closed_at IS NULL) = (result IS NULL)", name="closed_with_result"),
        sa.CheckConstraint("closed_at >= opened_at", name="closed_after_opened"),
        sa.Index(None, "case"),
    )

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    case: Mapped[str] = mapped_column(Id, sa.ForeignKey("case.id"))
    kind: Mapped[str] = mapped_column(sa.String(8))
    opened_at: Mapped[datetime] = mapped_column(UtcDateTime)
    closed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    result: Mapped[str | None] = mapped_column(sa.String(16))
    note: Mapped[str | None] = mapped_column(sa.String(500))
    by: Mapped[str] = mapped_column(Id, sa.ForeignKey("officer.id"))
    noted_at: Mapped[datetime] = mapped_column(UtcDateTime)

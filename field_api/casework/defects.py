"""What law finds wrong with what was done: a row for each rule and record, until it is settled.

What was served on the street is never refused, since it can't be un-served; it is marked, and a legal reviewer is
asked to correct or revoke it.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, Session, mapped_column

from sync.store.base import Base, Id, Json, UtcDateTime

STATES = ("open", "cleared", "settled")
# 自行纠正, 撤销, 确认不影响效力.
OUTCOMES = ("corrected", "revoked", "upheld")


class Defect(Base):
    """One rule that one record breaks. cleared: a later look no longer found it; settled: a person decided.

    checks: the rule's checks that fired, with their words. task: the correction that was asked for.
    """

    __tablename__ = "defect"
    __table_args__ = (
        sa.UniqueConstraint("record", "rule"),
        sa.Index(None, "unit", "state"),
        sa.CheckConstraint("state IN ('open', 'cleared', 'settled')", name="state_known"),
    )

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    record: Mapped[str] = mapped_column(Id)
    type: Mapped[str] = mapped_column(sa.String(16))
    unit: Mapped[str | None] = mapped_column(sa.String(32))
    rule: Mapped[str] = mapped_column(sa.String(8))
    checks: Mapped[list[dict[str, Any]]] = mapped_column(Json)
    bundle: Mapped[str] = mapped_column(sa.String(32))
    found_at: Mapped[datetime] = mapped_column(UtcDateTime)
    state: Mapped[str] = mapped_column(sa.String(16))
    task: Mapped[str | None] = mapped_column(Id)
    outcome: Mapped[str | None] = mapped_column(sa.String(16))
    settled_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    settled_by: Mapped[str | None] = mapped_column(Id)
    reason: Mapped[str | None] = mapped_column(sa.String(500))


def revoked(session: Session, cases: Iterable[str]) -> dict[str, datetime]:
    """When the decisions of cases were revoked because of a defect."""
    query = sa.select(Defect.record, Defect.settled_at).where(
        Defect.record.in_(cases), Defect.state == "settled", Defect.outcome == "revoked"
    )
    found: dict[str, datetime] = {}
    for row in session.execute(query.order_by(Defect.settled_at)):
        found.setdefault(row.record, row.settled_at)
    return found

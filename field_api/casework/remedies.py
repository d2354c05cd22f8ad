"""Reviews and suits about a case, and the late fee that they stop. Source: 行政处罚法 72, 73."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from field_api.auth.identity import Identity
from field_api.casework import deadlines, scope
from field_api.casework.clock_tables import Deadline, Remedy
from field_api.casework.law.calendar import shanghai_day
from field_api.casework.law.deadlines import Terms
from field_api.casework.law.money import LateRule, Pause, late_days, late_fee
from field_api.problems import Problem
from sync.store.tables import RecordRow

KEEPERS = ("supervisor", "legal")
AHEAD = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Noted:
    """A review or suit as it is told; `id` names it, so that its end is told under the same."""

    id: str
    kind: str
    opened_at: datetime
    closed_at: datetime | None = None
    result: str | None = None
    note: str | None = None


@dataclass(frozen=True, slots=True)
class LateFee:
    """What a fine has grown by. days: on which it grew."""

    fine_fen: int
    days: int
    fee_fen: int


def note(session: Session, case: str, told: Noted, identity: Identity, now: datetime, terms: Terms) -> Remedy:
    """Note that a review or suit was opened, or how it ended; what ended stays as it is.

    Locks: the case. Writes: remedy, deadline.

    Raises:
        Problem: not_permitted, not_found, invalid_field, operation_id_reused, changed_meanwhile.
    """
    identity.require(*KEEPERS)
    scope.require(session, identity, case, "case")
    _require_order(told, now)
    # Two calls under one id must not both find nothing.
    session.execute(sa.select(RecordRow.id).where(RecordRow.id == case).with_for_update())
    row = session.get(Remedy, told.id, with_for_update=True)
    if row is None:
        row = Remedy(id=told.id, case=case, kind=told.kind, opened_at=told.opened_at, by=identity.officer, noted_at=now)
        session.add(row)
    elif (row.case, row.kind, row.opened_at) != (case, told.kind, told.opened_at):
        raise Problem("operation_id_reused")
    elif row.closed_at is not None:
        if (row.closed_at, row.result) != (told.closed_at, told.result):
            raise Problem("changed_meanwhile")
        return row
    row.closed_at, row.result, row.note = told.closed_at, told.result, told.note or row.note
    session.flush()
    deadlines.refresh(session, [case], now, terms)
    return row


def of_case(session: Session, case: str) -> Sequence[Remedy]:
    """The reviews and suits of a case, the earliest first."""
    query = sa.select(Remedy).where(Remedy.case == case)
    return list(session.scalars(query.order_by(Remedy.opened_at, Remedy.id)))


def late_fee_of(
    session: Session, record: str, body: Mapping[str, Any], now: datetime, rule: LateRule | None = None
) -> LateFee | None:
    """What a fine has grown by until now, or until it was paid; None while no term for payment runs or has run.

    record: the case or proceeding that bears the decision; body: its body.
    """
    query = sa.select(Deadline.due_at, Deadline.met_at, Deadline.case)
    row = session.execute(query.where(Deadline.record == record, Deadline.clock == "pay", Deadline.item == "")).first()
    fine = body.get("amount_fen") or 0
    if row is None or row.due_at is None:
        return None
    until = shanghai_day(row.met_at or now)
    pauses = [
        Pause(shanghai_day(one.opened_at), shanghai_day(one.closed_at) if one.closed_at else None)
        for one in of_case(session, row.case)
    ]
    days = late_days(shanghai_day(row.due_at), until, pauses)
    return LateFee(fine, days, late_fee(fine, days, rule))


def _require_order(told: Noted, now: datetime) -> None:
    wrong = []
    if (told.closed_at is None) != (told.result is None):
        wrong.append(("/result", "required"))
    if told.opened_at > now + AHEAD:
        wrong.append(("/opened_at", "out_of_range"))
    if told.closed_at is not None and not told.opened_at <= told.closed_at <= now + AHEAD:
        wrong.append(("/closed_at", "out_of_range"))
    if wrong:
        words = "时间先后或结果不合 · the order of times, or the result, is not valid"
        raise Problem("invalid_field", errors=[{"pointer": at, "code": code, "message": words} for at, code in wrong])

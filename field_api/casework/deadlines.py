"""The clocks that run on records: opened and met by what is written on them, counted from the act.

A deadline is a row that follows from its record's body; making it anew gives the same, so a reaction that runs
twice, late or never is made good by the next.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

import orjson
import sqlalchemy as sa
from sqlalchemy.orm import Session, aliased

from field_api.auth.identity import Identity
from field_api.casework import calendars, defects
from field_api.casework.clock_facts import Beside, facts_of, is_quiet
from field_api.casework.clock_tables import Deadline, Remedy
from field_api.casework.law.clocks import CLOCKS, Duty
from field_api.casework.law.deadlines import Running, Terms, running
from field_api.casework.ledger_tables import CashReceipt, LedgerTransaction
from field_api.casework.procedure_models import Proceeding
from sync.engine.kinds import parse_time
from sync.engine.values import Record
from sync.service.home import Change
from sync.store.ids import new_id
from sync.store.tables import OperationRow, RecordRow
from sync.store.upsert import upsert

_CASE = ("status", "documents", "payments", "subject", "penalty_kinds", "amount_fen")
WATCHED: Mapping[str, tuple[str, ...]] = {
    "case": _CASE,
    "proceeding": (*_CASE, "approvals", "hearings"),
    "measure": (
        "status", "documents", "approved_at", "reported_at", "delivered_at", "lifted_at", "term_days", "extended_days",
    ),
}  # fmt: skip
LIST_LIMIT = 500
# Whose limits somebody must be told of: a citizen's right that runs out is nobody's fault.
TOLD = tuple(one.id for one in CLOCKS.values() if one.duty in (Duty.OFFICER, Duty.AGENCY))
_LAPSING = tuple(one.id for one in CLOCKS.values() if one.lapses)
_TABLE = cast(sa.Table, Deadline.__table__)


@dataclass(frozen=True, slots=True)
class _Subject:
    """A record that clocks may run on."""

    id: str
    type: str
    body: Mapping[str, Any]
    void: bool

    @property
    def case(self) -> str | None:
        return self.id if self.type == "case" else self.body.get("case")


def react(session: Session, changes: Sequence[Change], now: datetime, terms: Terms) -> None:
    """Open, meet and take back the deadlines of the records that were changed; most changes ask for nothing.

    Writes: deadline.
    """
    subjects = [_subject(change.after) for change in changes if _is_news(change)]
    if subjects:
        _write(session, subjects, now, terms)


def refresh(session: Session, records: Iterable[str], now: datetime, terms: Terms) -> None:
    """Work out anew the deadlines of these records, and of the proceedings of those that are cases.

    Writes: deadline.
    """
    ids = set(records)
    ids |= set(session.scalars(sa.select(Proceeding.id).where(Proceeding.case.in_(ids))))
    columns = (RecordRow.id, RecordRow.type, RecordRow.body, RecordRow.void)
    rows = session.execute(sa.select(*columns).where(RecordRow.id.in_(ids), RecordRow.type.in_(WATCHED)))
    subjects = [_Subject(row.id, row.type, orjson.loads(row.body), row.void is not None) for row in rows]
    if subjects:
        _write(session, subjects, now, terms)


def recount(session: Session, now: datetime, terms: Terms) -> int:
    """Work out anew what is not done yet, after the calendar has changed; returns of how many records."""
    unmet = sa.select(Deadline.record).where(Deadline.met_at.is_(None)).distinct()
    records = list(session.scalars(unmet))
    for first in range(0, len(records), LIST_LIMIT):
        refresh(session, records[first : first + LIST_LIMIT], now, terms)
    return len(records)


def settle(session: Session, now: datetime) -> None:
    """Mark what was not done in time. Running twice is safe: what is marked is not open. Writes: deadline."""
    late = sa.update(Deadline).where(Deadline.state == "open", Deadline.due_at < now)
    session.execute(late.where(Deadline.clock.in_(_LAPSING)).values(state="lapsed"))
    session.execute(late.values(state="missed"))


def of_case(session: Session, case: str) -> Sequence[Deadline]:
    """All deadlines of a case, its measures and proceedings, the earliest first."""
    query = sa.select(Deadline).where(Deadline.case == case)
    return list(session.scalars(query.order_by(Deadline.due_at, Deadline.id).limit(LIST_LIMIT)))


def overdue(session: Session, identity: Identity) -> Sequence[Deadline]:
    """What one's units have not done in time and not since, the oldest first."""
    return _told(session, identity, Deadline.state == "missed", Deadline.met_at.is_(None))


def near(session: Session, identity: Identity, now: datetime) -> Sequence[Deadline]:
    """What one's units have little time left for, the most urgent first."""
    return _told(session, identity, Deadline.state == "open", Deadline.warn_at < now)


def _told(session: Session, identity: Identity, *which: sa.ColumnElement[bool]) -> Sequence[Deadline]:
    query = sa.select(Deadline).where(*which, Deadline.clock.in_(TOLD))
    if "admin" not in identity.roles:
        query = query.where(Deadline.unit.in_(identity.units))
    return list(session.scalars(query.order_by(Deadline.due_at, Deadline.id).limit(LIST_LIMIT)))


def _is_news(change: Change) -> bool:
    """Say whether a change may start, meet or end a clock."""
    before, after = change.before, change.after
    watched = WATCHED.get(after.type)
    if watched is None or (is_quiet(after.type, after.body) and (before is None or is_quiet(after.type, before.body))):
        return False
    if before is None or before.void != after.void:
        return True
    return any(before.body.get(name) != after.body.get(name) for name in watched)


def _subject(record: Record) -> _Subject:
    return _Subject(record.id, record.type, record.body, record.void is not None)


def _write(session: Session, subjects: Sequence[_Subject], now: datetime, terms: Terms) -> None:
    standing = _standing(session, [one.id for one in subjects])
    beside, calendar = _beside(session, subjects), calendars.load(session)
    rows = [
        row
        for subject in subjects
        if not subject.void
        for item, facts in facts_of(subject.type, subject.body, beside[subject.id]).items()
        for row in _rows(subject, item, running(facts, calendar, terms), now)
    ]
    for row in rows:
        row["id"] = standing.pop((row["record"], row["item"], row["clock"]), None) or new_id()
    upsert(session, _TABLE, sorted(rows, key=lambda row: (row["record"], row["item"], row["clock"])))
    if standing:
        session.execute(sa.delete(Deadline).where(Deadline.id.in_(standing.values())))


def _standing(session: Session, records: Sequence[str]) -> dict[tuple[str, str, str], str]:
    """The deadlines that there are: their ids."""
    columns = (Deadline.record, Deadline.item, Deadline.clock, Deadline.id)
    rows = session.execute(sa.select(*columns).where(Deadline.record.in_(records)))
    return {(row.record, row.item, row.clock): row.id for row in rows}


def _rows(subject: _Subject, item: str, clocks: Iterable[Running], now: datetime) -> Iterable[dict[str, Any]]:
    for one in clocks:
        yield {
            "record": subject.id,
            "type": subject.type,
            "item": item,
            "clock": one.clock.id,
            "case": subject.case,
            "unit": subject.body.get("unit"),
            "started_at": one.started_at,
            "warn_at": one.due.warn_at if one.due else None,
            "due_at": one.due.at if one.due else None,
            "provisional": bool(one.due and one.due.provisional),
            "state": _state(one, now),
            "met_at": one.met_at,
        }


def _state(one: Running, now: datetime) -> str:
    if one.met_at is not None and not one.is_late:
        return "met"
    if one.due is None or (one.met_at is None and now <= one.due.at):
        return "open"
    return "lapsed" if one.clock.lapses else "missed"


def _beside(session: Session, subjects: Sequence[_Subject]) -> dict[str, Beside]:
    """What is known of records beside their bodies. At most four SELECTs."""
    ids = [one.id for one in subjects]
    steps, cash = steps_of(session, ids), cash_of(session, [one.id for one in subjects if one.body.get("payments")])
    cases = [one.case for one in subjects if one.case]
    remedies, revoked = remedies_of(session, cases), defects.revoked(session, cases)
    return {
        one.id: Beside(
            steps.get(one.id, {}), remedies.get(one.case or "", ()), cash.get(one.id, {}), revoked.get(one.case or "")
        )
        for one in subjects
    }


def steps_of(session: Session, records: Sequence[str]) -> dict[str, dict[str, datetime]]:
    """When each record first reached each status, by the time that the operation bears."""
    query = sa.select(OperationRow.record, OperationRow.at, OperationRow.changed).where(
        OperationRow.record.in_(records), OperationRow.action == "transition", OperationRow.seq.is_not(None)
    )
    found: dict[str, dict[str, datetime]] = {}
    for row in session.execute(query.order_by(OperationRow.version)):
        moment, step = parse_time(row.at), (row.changed or {}).get("status")
        if moment is not None and step:
            found.setdefault(row.record, {}).setdefault(step[1], moment)
    return found


def cash_of(session: Session, records: Sequence[str]) -> dict[str, dict[str, dict[str, datetime]]]:
    """When the payments of records were handed in and banked."""
    if not records:
        return {}
    hand_in, banking = aliased(LedgerTransaction), aliased(LedgerTransaction)
    query = (
        sa.select(CashReceipt.record, CashReceipt.payment, hand_in.at.label("in_at"), banking.at.label("bank_at"))
        .join(hand_in, hand_in.id == CashReceipt.hand_in)
        .outerjoin(banking, banking.id == CashReceipt.banking)
        .where(CashReceipt.record.in_(records))
    )
    found: dict[str, dict[str, dict[str, datetime]]] = {}
    for row in session.execute(query):
        times = {"handed_in": row.in_at} | ({"banked": row.bank_at} if row.bank_at else {})
        found.setdefault(row.record, {})[row.payment] = times
    return found


def remedies_of(session: Session, cases: Sequence[str]) -> dict[str, list[tuple[str, datetime, datetime | None]]]:
    found: dict[str, list[tuple[str, datetime, datetime | None]]] = {}
    query = sa.select(Remedy.case, Remedy.kind, Remedy.opened_at, Remedy.closed_at).where(Remedy.case.in_(cases))
    for row in session.execute(query.order_by(Remedy.opened_at, Remedy.id)):
        found.setdefault(row.case, []).append((row.kind, row.opened_at, row.closed_at))
    return found

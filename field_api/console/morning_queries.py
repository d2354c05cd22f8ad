"""What the morning page reads: what is overdue, near its limit, silent or unsent, and whatever else waits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import orjson
import sqlalchemy as sa
from sqlalchemy.orm import Session

from field_api import alerts
from field_api.auth.identity import Identity
from field_api.casework import cashier, deadlines, scope
from field_api.casework.clock_tables import Deadline
from field_api.casework.defects import Defect
from field_api.casework.law.clocks import CLOCKS
from field_api.casework.models import Case
from field_api.casework.procedure_models import Call
from field_api.console import alert_queries, health_queries
from field_api.console.alert_queries import Shown
from field_api.console.health_queries import Health
from field_api.console.lights import Lit, lit
from field_api.console.queries import Names, names
from sync.store.tables import RecordRow

LIMIT = 200
# Measures end by themselves; three days leave time for a decision, an extension or a return.
LAPSES_WITHIN = timedelta(days=3)
LAPSING = tuple(one.id for one in CLOCKS.values() if one.lapses and one.on == "measure")


@dataclass(frozen=True, slots=True)
class Morning:
    """Each list the most urgent first; None: not for this reader. cases: what is known of the cases in scope."""

    overdue: Sequence[Lit]
    near: Sequence[Lit]
    lapsing: Sequence[Lit]
    calls: Sequence[Any]
    defects: Sequence[Defect]
    terminals: Sequence[Health] | None
    alerts: Sequence[Shown] | None
    to_bank: Sequence[Any] | None
    cases: Mapping[str, Any]
    names: Names


def morning(session: Session, identity: Identity, silent_after_s: float, now: datetime) -> Morning:
    """Gather the day's work. At most eighteen SELECTs, however much there is."""
    overdue = [lit(row, now) for row in deadlines.overdue(session, identity)]
    near = [one for row in deadlines.near(session, identity, now) if (one := lit(row, now)).row.clock not in LAPSING]
    lapsing = [lit(row, now) for row in _lapsing(session, identity, now)]
    found = open_defects(session, identity)
    told = [*overdue, *near, *lapsing]
    cases = {one.row.case for one in told if one.row.case} | {row.record for row in found}
    watches = bool(identity.roles.intersection(alerts.READERS))
    terminals = health_queries.terminals(session, identity, silent_after_s, now) if watches else None
    reads_cash = bool(identity.roles.intersection(cashier.READERS))
    to_bank = cashier.to_bank(session, identity) if reads_cash else None
    calls = _calls(session, identity)
    people = {row.body["author"] for row in calls} | {row.officer for row in to_bank or ()}
    return Morning(
        overdue=overdue,
        near=near,
        lapsing=lapsing,
        calls=calls,
        defects=found,
        terminals=None if terminals is None else [one for one in terminals if _needs_a_look(one, silent_after_s, now)],
        alerts=alert_queries.alerts(session, identity).standing if watches else None,
        to_bank=to_bank,
        cases=cases_of(session, identity, cases),
        names=names(session, people),
    )


def open_defects(session: Session, identity: Identity) -> Sequence[Defect]:
    """What law finds wrong in one's units and nobody has settled, the oldest first."""
    query = sa.select(Defect).where(Defect.state == "open")
    if "admin" not in identity.roles:
        query = query.where(Defect.unit.in_(identity.units))
    return list(session.scalars(query.order_by(Defect.found_at, Defect.id).limit(LIMIT)))


def cases_of(session: Session, identity: Identity, ids: set[str]) -> dict[str, Any]:
    """How people call these cases, as far as they are in scope. One SELECT."""
    query = (
        sa.select(Case.id, Case.case_no, Case.address, Case.category, Case.unit)
        .join(RecordRow, RecordRow.id == Case.id)
        .where(Case.id.in_(ids), RecordRow.family.in_(scope.visible_families(identity)))
    )
    return {row.id: row for row in session.execute(query)}


def _lapsing(session: Session, identity: Identity, now: datetime) -> Sequence[Deadline]:
    soon = sa.or_(Deadline.due_at < now + LAPSES_WITHIN, Deadline.warn_at < now)
    query = sa.select(Deadline).where(Deadline.state == "open", Deadline.clock.in_(LAPSING), soon)
    if "admin" not in identity.roles:
        query = query.where(Deadline.unit.in_(identity.units))
    return list(session.scalars(query.order_by(Deadline.due_at, Deadline.id).limit(LIMIT)))


@dataclass(frozen=True, slots=True)
class Calling:
    """A call that nobody has ended."""

    id: str
    body: Mapping[str, Any]


def _calls(session: Session, identity: Identity) -> Sequence[Calling]:
    """Calls in scope that are open, the oldest first."""
    query = (
        sa.select(RecordRow.id, RecordRow.body)
        .join(Call, Call.id == RecordRow.id)
        .where(
            Call.status == "open", RecordRow.void.is_(None), RecordRow.family.in_(scope.visible_families(identity))
        )
        .order_by(RecordRow.id)
        .limit(LIMIT)
    )
    return [Calling(row.id, orjson.loads(row.body)) for row in session.execute(query)]


def _needs_a_look(one: Health, silent_after_s: float, now: datetime) -> bool:
    """Silent for long, or known to hold work that has not come; a terminal that is shut out asks for nothing."""
    if one.row.revoked_at is not None:
        return False
    heard = one.contact_at
    is_silent = heard is not None and heard < now - timedelta(seconds=silent_after_s)
    return is_silent or one.unsent > 0 or one.pending > 0

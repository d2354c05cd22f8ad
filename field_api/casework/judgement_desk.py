"""Where a person settles what law found wrong: corrected, revoked, or found to hold in spite of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import orjson
import sqlalchemy as sa
from sqlalchemy.orm import Session

from field_api.auth.identity import Identity
from field_api.casework import deadlines, review, scope, server
from field_api.casework.audits import AUDITORS
from field_api.casework.defects import Defect
from field_api.casework.law.deadlines import Terms
from field_api.problems import Problem
from sync.service.home import Home
from sync.service.received import own_operation
from sync.service.workspace import Workspace
from sync.store import operations as inbox

SETTLERS = ("legal", "supervisor")
LIMIT = 200


@dataclass(frozen=True, slots=True)
class Settlement:
    """What a person decided of a defect. `id` makes a repeated answer harmless; outcome: one of `defects.OUTCOMES`."""

    id: str
    outcome: str
    reason: str


def open_defects(session: Session, identity: Identity, limit: int = LIMIT, state: str = "open") -> Sequence[Defect]:
    """The defects of one's units that stand in a state, the oldest first.

    Raises:
        Problem: not_permitted.
    """
    identity.require(*AUDITORS)
    query = sa.select(Defect).where(Defect.state == state)
    if "admin" not in identity.roles:
        query = query.where(Defect.unit.in_(identity.units))
    return list(session.scalars(query.order_by(Defect.found_at, Defect.id).limit(min(limit, LIMIT))))


def settle(
    session: Session, home: Home, defect: str, told: Settlement, identity: Identity, now: datetime, terms: Terms
) -> Defect:
    """Settle a defect, and close the task that asked for it. A decision that is revoked is owed no more.

    Locks: the case, the defect. Writes: defect, the task, deadline.

    Raises:
        Problem: not_permitted, not_found, own_case, changed_meanwhile (it is open no more), operation_id_reused.
    """
    identity.require(*SETTLERS)
    case = session.scalar(sa.select(Defect.record).where(Defect.id == defect))
    if case is None:
        raise Problem("not_found")
    body = orjson.loads(scope.require(session, identity, case, "case").body)
    review.require_stranger(session, identity, case, body)
    space = Workspace(session, home, now)
    space.look_at(case)  # what is pushed to it at this moment waits, and is judged afterwards
    query = sa.select(Defect).where(Defect.id == defect).with_for_update().execution_options(populate_existing=True)
    row = session.scalars(query).one()
    if row.state != "open":
        return _again(row, told, identity)
    if inbox.known(session, [told.id]):
        raise Problem("operation_id_reused")
    row.state, row.outcome, row.reason = "settled", told.outcome, told.reason
    row.settled_by, row.settled_at = identity.officer, now
    session.flush()
    if row.task is not None:
        space.apply([own_operation(replace(server.patch("task", row.task, {"status": "closed"}, now), id=told.id))])
    if told.outcome == "revoked":
        deadlines.refresh(session, [case], now, terms)
    return row


def _again(row: Defect, told: Settlement, identity: Identity) -> Defect:
    """The same word once more gives the same; another one comes too late."""
    if (row.state, row.outcome, row.reason, row.settled_by) == (
        *("settled", told.outcome, told.reason),
        identity.officer,
    ):
        return row
    raise Problem("changed_meanwhile")

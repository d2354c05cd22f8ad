"""What the legal reviewer decides about a defect: corrected, revoked, or upheld as without effect."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from field_api.auth.identity import Identity
from field_api.casework import server
from field_api.casework.defects import OUTCOMES, Defect
from field_api.problems import Problem
from sync.service.home import Home
from sync.service.received import own_operation
from sync.service.workspace import Workspace

SETTLERS = ("legal", "supervisor")


def settle(
    session: Session, home: Home, defect_id: str, outcome: str, reason: str, identity: Identity, now: datetime
) -> Defect:
    """Settle an open defect and close its correction task. Locks and writes: defect.

    Raises:
        Problem: not_permitted, not_found, invalid_field, already_resolved.
    """
    identity.require(*SETTLERS)
    if outcome not in OUTCOMES or not reason:
        name = "reason" if outcome in OUTCOMES else "outcome"
        raise Problem("invalid_field", errors=[{"pointer": f"/{name}", "code": "required", "message": name}])
    row: Defect | None = session.scalar(sa.select(Defect).where(Defect.id == defect_id).with_for_update())
    if row is None or row.unit not in identity.units:
        raise Problem("not_found")
    if row.state != "open":
        raise Problem("already_resolved")
    row.state, row.outcome, row.reason = "settled", outcome, reason[:500]
    row.settled_at, row.settled_by = now, identity.officer
    session.flush()
    if row.task is not None:
        task = server.patch("task", row.task, {"status": "closed"}, now)
        Workspace(session, home, now).apply([own_operation(task)])
    return row

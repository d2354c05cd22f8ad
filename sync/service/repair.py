"""What a person does about operations that are quarantined or wait in vain: tries one again, or closes it.

The payload is never changed: a correction stands beside it, with its author and reason.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from sync.engine.values import Decision, Outcome
from sync.service.attempts import REFUSALS, blamed
from sync.service.decode import named_by, revive
from sync.service.home import Home
from sync.service.received import Past
from sync.service.workspace import Workspace
from sync.store import operations as inbox
from sync.store import waiting


class NotQuarantined(Exception):
    """It is not there, or no longer waits for a person."""


@dataclass(frozen=True, slots=True)
class Repair:
    """Who does it, why, and which values he corrects."""

    officer: str
    reason: str
    values: Mapping[str, Any] = field(default_factory=dict)


def replay(session: Session, home: Home, operation: str, repair: Repair, now: datetime) -> dict[str, Any]:
    """Try an operation again, as its author meant it but for the corrected values; one that waits may wait on.

    Raises:
        NotQuarantined.
    Locks: the operation, then as a push. Writes: as a push; its terminal hears of a final outcome.
    """
    row = _open(session, operation)
    received = revive(row, home.schemas, _noted(repair, now))
    past = _past(session, row)
    try:
        with session.begin_nested():
            [result] = Workspace(session, home, now, past=past).apply([received])
    except REFUSALS as error:
        # What the database refuses stays where it was, with the reason.
        tried = blamed(session, home, [received], now, error, past)
        result = Workspace(session, home, now, past=past).apply(tried)[0]
    return result


def dismiss(session: Session, home: Home, operation: str, repair: Repair, now: datetime) -> dict[str, Any]:
    """Close an operation for good; its terminal is told the reason.

    Raises:
        NotQuarantined.
    """
    row = _open(session, operation)
    received = revive(row, home.schemas, _noted(repair, now))
    space = Workspace(session, home, now, past=_past(session, row))
    return space.close(received, Decision(Outcome.DISMISSED, None), repair.reason)


def _open(session: Session, operation: str) -> Any:
    rows = waiting.rows(session, [operation])
    if not rows or rows[0].outcome not in (Outcome.QUARANTINED, Outcome.PARKED):
        raise NotQuarantined
    return rows[0]


def _noted(repair: Repair, now: datetime) -> dict[str, Any]:
    return {
        "by": repair.officer,
        "at": now.isoformat(timespec="milliseconds"),
        "reason": repair.reason,
        "set": dict(repair.values),
    }


def _past(session: Session, row: Any) -> dict[str, Past]:
    known = inbox.known(session, named_by(row)).values()
    return {one.id: Past(one.record, one.store, one.outcome, one.seen, one.version) for one in known}

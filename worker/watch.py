"""Looks for what is wrong and nobody has asked about, and brings the alerts to it.

Every look starts from the database alone, so a look that is repeated, or made by two relays at once, changes
nothing; one that never came is made good by the next.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from field_api import alerts, gauges
from field_api.alerts import NAMED_LIMIT, Finding
from field_api.auth.tables import Officer, TokenFamily
from field_api.casework import calls
from sync.store.tables import OperationRow
from worker import clocks

# A day, as the console marks what waits: by then whoever has the missing part has been on duty.
OVERDUE = timedelta(hours=24)
# A fault that is met again and again must not make the look as long as its list.
ROWS_LIMIT = 5_000


def look(session: Session, silent_after_s: float, now: datetime) -> None:
    """Look once. Writes: alert."""
    alerts.settle(
        session,
        [
            *_silent(session, silent_after_s, now),
            *_contradicted(session),
            *_overdue(session, now),
            *clocks.findings(session, now),
            *calls.findings(session),
        ],
        now,
    )


def _silent(session: Session, silent_after_s: float, now: datetime) -> Iterator[Finding]:
    """Terminals long unheard of that hold unsent work: an officer's day may be lost with one."""
    found = gauges.silent(session, silent_after_s, now)
    people = _last_signed_in(session, [one.terminal for one in found])
    for one in found:
        officer, unit = people.get(one.terminal, (None, None))
        detail = {"terminal": one.terminal, "officer": officer, "last_seen_at": one.last_seen_at.isoformat()}
        yield Finding("terminal_silent", one.terminal, unit, one.unsent, detail)


def _contradicted(session: Session) -> Iterator[Finding]:
    """Records whose once-written fields somebody tried to write anew, while that waits for a person."""
    rows = _kept(session, "quarantined", OperationRow.problem == "write_once_changed")
    for record, those in _grouped(rows, "record").items():
        first = those[0]
        detail = {"type": first.type, "names": [row.id for row in those[:NAMED_LIMIT]]}
        detail |= {"terminal": first.terminal, "officer": first.officer}
        yield Finding("write_once_changed", record, first.unit, len(those), detail)


def _overdue(session: Session, now: datetime) -> Iterator[Finding]:
    """Terminals whose operations have waited too long for what does not come."""
    rows = _kept(session, "parked", OperationRow.received_at < now - OVERDUE)
    for terminal, those in _grouped(rows, "terminal").items():
        first = those[0]
        detail = {"terminal": first.terminal, "officer": first.officer, "since": first.received_at.isoformat()}
        detail["names"] = [row.id for row in those[:NAMED_LIMIT]]
        yield Finding("parked_overdue", terminal, first.unit, len(those), detail)


def _kept(session: Session, outcome: str, which: sa.ColumnElement[bool]) -> Iterable[Any]:
    """Operations kept unapplied, the oldest first, with their authors' units; by the index of what is open."""
    columns = (
        OperationRow.id,
        OperationRow.record,
        OperationRow.type,
        OperationRow.terminal,
        OperationRow.officer,
        OperationRow.received_at,
        Officer.unit,
    )
    query = (
        sa.select(*columns)
        .outerjoin(Officer, Officer.id == OperationRow.officer)
        .where(gauges.OPEN, OperationRow.outcome == outcome, which)
        .order_by(OperationRow.received_at, OperationRow.id)
        .limit(ROWS_LIMIT)
    )
    return session.execute(query)


def _grouped(rows: Iterable[Any], name: str) -> dict[str, list[Any]]:
    """Rows by one of their columns; what has none there came from the server itself."""
    found: dict[str, list[Any]] = {}
    for row in rows:
        found.setdefault(getattr(row, name) or "server", []).append(row)
    return found


def _last_signed_in(session: Session, terminals: list[str]) -> dict[str, tuple[str, str]]:
    """Who signed in last on each terminal, and his unit."""
    query = (
        sa.select(TokenFamily.terminal, TokenFamily.officer, Officer.unit)
        .join(Officer, Officer.id == TokenFamily.officer)
        .where(TokenFamily.terminal.in_(terminals))
        .order_by(TokenFamily.created_at, TokenFamily.id)
    )
    return {row.terminal: (row.officer, row.unit) for row in session.execute(query)}

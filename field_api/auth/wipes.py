"""Orders to empty a lost or retired terminal, and the terminal's word that it is done.

The order rides in whatever the terminal is answered, as `control`, until it confirms; that costs no look-up of
its own, since it is read together with who asks.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from field_api.auth.tables import Terminal, WipeOrder
from field_api.problems import Problem
from sync.store.ids import new_id

# For whoever reads terminals: its open order, beside the terminal's own columns.
OPEN = sa.and_(WipeOrder.terminal == Terminal.id, WipeOrder.confirmed_at.is_(None))
COLUMNS = (WipeOrder.id.label("wipe"), WipeOrder.after_push.label("wipe_after_push"))


def order(session: Session, terminal: str, by: str, now: datetime, *, after_push: bool) -> WipeOrder:
    """Order a terminal to empty itself; while an order is open, the same one with the latest word on `after_push`.

    by: the administrator's user name. Locks: the terminal. Writes: the order.

    Raises:
        Problem: not_found.
    """
    if session.get(Terminal, terminal, with_for_update=True) is None:
        raise Problem("not_found")
    query = sa.select(WipeOrder).where(WipeOrder.terminal == terminal, WipeOrder.confirmed_at.is_(None))
    found = session.scalar(query)
    if found is None:
        found = WipeOrder(id=new_id(), terminal=terminal, ordered_at=now, ordered_by=by)
        session.add(found)
    found.after_push = after_push
    session.flush()
    return found


def confirm(session: Session, terminal: str, ids: Sequence[str], now: datetime) -> None:
    """Note that a terminal has carried orders out; another's, unknown and repeated ones change nothing."""
    if ids:
        session.execute(
            sa.update(WipeOrder)
            .where(WipeOrder.terminal == terminal, WipeOrder.id.in_(ids), WipeOrder.confirmed_at.is_(None))
            .values(confirmed_at=now)
        )


def control(row: Any) -> dict[str, Any]:
    """What a terminal is ordered to do, from a row that holds `COLUMNS`."""
    return {} if row.wipe is None else {"wipe": {"id": row.wipe, "after_push": row.wipe_after_push}}


def control_of(session: Session, terminal: str) -> dict[str, Any]:
    """The same by the terminal's id, where it has not been read with who asks."""
    query = sa.select(*COLUMNS).where(WipeOrder.terminal == terminal, WipeOrder.confirmed_at.is_(None))
    row = session.execute(query).first()
    return control(row) if row is not None else {}

"""What the page of alerts reads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from field_api.alerts import EVENTS, LIST_LIMIT, Alert, visible
from field_api.auth.identity import Identity
from field_api.console.queries import Names, names

OVER_LIMIT = 30
OF_CASES = ("deadline_near", "deadline_missed", "call_open", "papers_kept", "release_unsigned")


@dataclass(frozen=True, slots=True)
class Shown:
    """One alert, with the page on which something can be done about it."""

    row: Alert

    @property
    def link(self) -> str:
        """Where to look into it; a contradiction has its own page while it waits in quarantine."""
        case = (self.row.detail or {}).get("case")
        if self.row.kind in OF_CASES and case:
            return f"/console/cases/{case}"
        if self.row.kind == "parked_overdue":
            return "/console/quarantine#parked"
        return "/console/quarantine" if self.row.kind == "write_once_changed" else "/console/health"

    @property
    def is_event(self) -> bool:
        return self.row.kind in EVENTS

    def told(self, name: str) -> str:
        """A part of what is known of it, as text; empty where it is not."""
        detail = self.row.detail or {}
        return str(detail.get(name) or "")


@dataclass(frozen=True, slots=True)
class AlertList:
    """Alerts that stand, the unread first, and those lately over."""

    standing: Sequence[Shown]
    over: Sequence[Shown]
    names: Names


def alerts(session: Session, identity: Identity) -> AlertList:
    """The alerts of one's units. Five SELECTs."""
    mine = visible(identity)
    standing = mine.where(Alert.cleared_at.is_(None))
    standing = standing.order_by(Alert.seen_at.is_not(None), Alert.last_at.desc(), Alert.id).limit(LIST_LIMIT)
    over = mine.where(Alert.cleared_at.is_not(None)).order_by(Alert.cleared_at.desc(), Alert.id).limit(OVER_LIMIT)
    found = [Shown(row) for row in session.scalars(standing)]
    ended = [Shown(row) for row in session.scalars(over)]
    people = {one.told("officer") for one in (*found, *ended)} | {one.row.seen_by or "" for one in (*found, *ended)}
    known = names(session, people, {one.told("terminal") for one in (*found, *ended)})
    return AlertList(found, ended, known)


def unseen(identity: Identity) -> sa.Select[Any]:
    """Count those that nobody has taken notice of."""
    mine = visible(identity).where(Alert.cleared_at.is_(None), Alert.seen_at.is_(None)).subquery()
    return sa.select(sa.func.count()).select_from(mine)

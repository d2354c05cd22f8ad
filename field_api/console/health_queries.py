"""What the page of the terminals' sync reads: how each stands, as it told itself at its last push."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session, aliased

from field_api import gauges
from field_api.auth.identity import Identity
from field_api.auth.tables import Officer, Terminal, TokenFamily, Unit, WipeOrder
from sync.engine.kinds import parse_time
from sync.service.push import CLOCK_SUSPECT_S
from sync.store.tables import OperationRow, ReceiptRow, StoreRow

TERMINALS_LIMIT = 500


@dataclass(frozen=True, slots=True)
class Health:
    """One terminal. row: its own columns with its newest store's; signed_in: who signed in last, and when.

    others: who else may work on it still, each with how many of his operations are kept unapplied; wipe: the
    latest order to empty it.
    unsent: what it must still hold, told only of one that has been silent for long.
    """

    row: Any
    signed_in: Any
    others: Sequence[Any]
    wipe: Any
    parked: int
    quarantined: int
    unsent: int

    @property
    def contact_at(self) -> datetime | None:
        """When it was last heard of: by a push, or by asking for tokens."""
        return max(filter(None, (self.row.last_seen_at, self.row.pushed_at)), default=None)

    @property
    def pending(self) -> int:
        return max(0, gauges.pending(self.row.health))

    @property
    def oldest_pending_at(self) -> datetime | None:
        return parse_time((self.row.health or {}).get("oldest_pending_at"))

    @property
    def free_bytes(self) -> int | None:
        told = (self.row.health or {}).get("storage_free_bytes")
        return told if type(told) is int and told >= 0 else None

    @property
    def clock_is_off(self) -> bool:
        offset_ms: int = self.row.clock_offset_ms or 0
        return abs(offset_ms) > CLOCK_SUSPECT_S * 1000

    @property
    def missing(self) -> int:
        """How many of its operations' numbers never came, of those below the highest that did."""
        ranges = self.row.numbers or []
        return ranges[-1][1] - sum(high - low + 1 for low, high in ranges) if ranges else 0


def terminals(session: Session, identity: Identity, silent_after_s: float, now: datetime) -> list[Health]:
    """The terminals that officers of one's units signed in on; those silent with unsent work first. Four SELECTs."""
    before = now - timedelta(seconds=silent_after_s)
    rows = {row.id: row for row in session.execute(_terminals(identity, before))}
    people = _signed_in(session, list(rows), now)
    wipes = _wipes(session, list(rows))
    kept = _kept(session, list(rows))
    found = [
        _health(row, people.get(row.id, ()), wipes.get(row.id), kept.get(row.id, ()), before) for row in rows.values()
    ]
    return sorted(found, key=lambda one: (one.row.revoked_at is not None, not one.unsent))


def _terminals(identity: Identity, before: datetime) -> sa.Select[Any]:
    """Terminals with their newest store, the longest silent first; receipts only of those that are silent."""
    newer = aliased(StoreRow)
    superseded = sa.exists().where(newer.terminal == StoreRow.terminal, newer.last_seen_at > StoreRow.last_seen_at)
    its_store = sa.and_(StoreRow.terminal == Terminal.id, ~superseded.correlate(StoreRow))
    its_receipt = sa.and_(ReceiptRow.sha256 == StoreRow.last_receipt_sha256, StoreRow.last_seen_at < before)
    query = (
        sa.select(
            Terminal.id,
            Terminal.terminal_no,
            Terminal.model,
            Terminal.app_version,
            Terminal.revoked_at,
            Terminal.last_seen_at,
            StoreRow.id.label("store"),
            StoreRow.numbers,
            StoreRow.health,
            StoreRow.clock_offset_ms,
            StoreRow.last_seen_at.label("pushed_at"),
            ReceiptRow.jws,
        )
        .select_from(Terminal)
        .outerjoin(StoreRow, its_store)
        .outerjoin(ReceiptRow, its_receipt)
        .order_by(Terminal.revoked_at.is_not(None), StoreRow.last_seen_at.is_(None), StoreRow.last_seen_at)
        .order_by(Terminal.number)
        .limit(TERMINALS_LIMIT)
    )
    if "admin" in identity.roles:
        return query
    own = (
        sa.select(TokenFamily.terminal)
        .join(Officer, Officer.id == TokenFamily.officer)
        .where(Officer.unit.in_(identity.units))
    )
    return query.where(Terminal.id.in_(own))


@dataclass(frozen=True, slots=True)
class Other:
    """Somebody else who may work on a terminal still."""

    name: str
    unit: str
    created_at: datetime
    kept: int


def _wipes(session: Session, ids: Sequence[str]) -> dict[str, WipeOrder]:
    """The latest order to empty each terminal."""
    query = sa.select(WipeOrder).where(WipeOrder.terminal.in_(ids)).order_by(WipeOrder.ordered_at, WipeOrder.id)
    return {row.terminal: row for row in session.scalars(query)}


def _signed_in(session: Session, ids: Sequence[str], now: datetime) -> dict[str, list[Any]]:
    """Who signed in on each terminal, the latest first: he, and whoever may still work on it without a network."""
    latest = (TokenFamily.created_at.desc(), TokenFamily.id.desc())
    place = sa.func.row_number().over(partition_by=TokenFamily.terminal, order_by=latest)
    his = sa.func.row_number().over(partition_by=(TokenFamily.terminal, TokenFamily.officer), order_by=latest)
    families = (
        sa.select(
            TokenFamily.terminal,
            TokenFamily.officer,
            TokenFamily.created_at,
            TokenFamily.offline_until,
            place.label("place"),
            his.label("his"),
        )
        .where(TokenFamily.terminal.in_(ids))
        .subquery()
    )
    query = (
        sa.select(
            families.c.terminal, families.c.created_at, Officer.id, Officer.name, Unit.name.label("unit")
        )
        .join(Officer, Officer.id == families.c.officer)
        .join(Unit, Unit.id == Officer.unit)
        .where(sa.or_(families.c.place == 1, sa.and_(families.c.his == 1, families.c.offline_until > now)))
        .order_by(families.c.terminal, families.c.place)
    )
    found: dict[str, list[Any]] = {}
    for row in session.execute(query):
        found.setdefault(row.terminal, []).append(row)
    return found


def _kept(session: Session, ids: Sequence[str]) -> dict[str, list[Any]]:
    """How many operations of each terminal are kept unapplied: rows of store, officer, outcome, count."""
    columns = (OperationRow.terminal, OperationRow.store, OperationRow.officer, OperationRow.outcome)
    query = sa.select(*columns, sa.func.count().label("kept")).where(gauges.OPEN, OperationRow.terminal.in_(ids))
    found: dict[str, list[Any]] = {}
    for row in session.execute(query.group_by(*columns)):
        found.setdefault(row.terminal, []).append(row)
    return found


def _health(row: Any, people: Sequence[Any], wipe: Any, kept: Sequence[Any], before: datetime) -> Health:
    parked, quarantined = (
        sum(one.kept for one in kept if one.outcome == outcome) for outcome in ("parked", "quarantined")
    )
    here = sum(one.kept for one in kept if one.store == row.store)
    is_silent = row.pushed_at is not None and row.pushed_at < before and row.revoked_at is None
    unsent = gauges.unsent(row.health, row.jws, here) if is_silent else 0
    others = [
        Other(one.name, one.unit, one.created_at, sum(his.kept for his in kept if his.officer == one.id))
        for one in people[1:]
    ]
    return Health(row, people[0] if people else None, others, wipe, parked, quarantined, unsent)

"""What the page of the ledger reads. Officers stand by unit and name: nothing here orders them by money (R47)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from field_api.auth.identity import Identity
from field_api.auth.tables import Officer
from field_api.casework import cashier
from field_api.casework.clock_tables import Deadline
from field_api.casework.ledger_tables import CashReceipt, LedgerTransaction
from field_api.console.lights import Lit, lit
from field_api.console.queries import Names, names

LIMIT = 500
MOVED_LIMIT = 30


@dataclass(frozen=True, slots=True)
class Held:
    """One officer and the receipts whose cash he still holds, each with the light of its hand-in."""

    officer: str
    name: str
    unit: str
    receipts: Sequence[tuple[CashReceipt, Lit | None]]

    @property
    def total_fen(self) -> int:
        return sum(receipt.amount_fen for receipt, _ in self.receipts)

    @property
    def is_late(self) -> bool:
        return any(light is not None and light.light == "red" for _, light in self.receipts)


@dataclass(frozen=True, slots=True)
class Books:
    """Where the cash of one's units is. moved: the latest movements; undone: those that were taken back."""

    held: Sequence[Held]
    to_bank: Sequence[Any]
    late: Mapping[str, Lit]
    moved: Sequence[LedgerTransaction]
    undone: frozenset[str]
    names: Names


def books(session: Session, identity: Identity, now: datetime) -> Books:
    """Read the ledger for those who supervise. Nine SELECTs.

    Raises:
        Problem: not_permitted.
    """
    to_bank = cashier.to_bank(session, identity)
    rows = session.execute(_receipts(identity)).all()
    in_bank = session.execute(_handed_in([one.hand_in for one in to_bank])).all()
    lights = _lights(session, [row[0] for row in rows] + [row[0] for row in in_bank], now)
    grouped: dict[tuple[str, str, str], list[tuple[CashReceipt, Lit | None]]] = {}
    for receipt, name, unit in rows:
        light = lights.get((receipt.record, receipt.payment, "hand_in"))
        grouped.setdefault((receipt.officer, name, unit), []).append((receipt, light))
    held = [Held(*who, receipts) for who, receipts in grouped.items()]
    late = {
        receipt.hand_in: one
        for (receipt,) in in_bank
        if (one := lights.get((receipt.record, receipt.payment, "bank_in"))) is not None
    }
    moved = list(session.scalars(_moved(identity)))
    taken_back = LedgerTransaction.reverses.in_([one.id for one in moved])
    undone = frozenset(str(one) for one in session.scalars(sa.select(LedgerTransaction.reverses).where(taken_back)))
    people = {one.officer for one in to_bank} | {part for one in moved for part in (one.officer, one.noted_by) if part}
    return Books(held, to_bank, late, moved, undone, names(session, people))


def _receipts(identity: Identity) -> sa.Select[CashReceipt, str, str]:
    query = (
        sa.select(CashReceipt, Officer.name, Officer.unit)
        .join(Officer, Officer.id == CashReceipt.officer)
        .where(CashReceipt.hand_in.is_(None), CashReceipt.reversal.is_(None))
        .order_by(Officer.unit, Officer.name, Officer.id, CashReceipt.collected_at, CashReceipt.id)
        .limit(LIMIT)
    )
    return query if "admin" in identity.roles else query.where(Officer.unit.in_(identity.units))


def _handed_in(hand_ins: Sequence[str]) -> sa.Select[Any]:
    return sa.select(CashReceipt).where(CashReceipt.hand_in.in_(hand_ins)).order_by(CashReceipt.id).limit(LIMIT)


def _lights(session: Session, receipts: Sequence[CashReceipt], now: datetime) -> dict[tuple[str, str, str], Lit]:
    query = sa.select(Deadline).where(
        Deadline.record.in_({one.record for one in receipts}), Deadline.clock.in_(("hand_in", "bank_in"))
    )
    return {(row.record, row.item, row.clock): lit(row, now) for row in session.scalars(query)}


def _moved(identity: Identity) -> sa.Select[Any]:
    """Hand-ins, bankings and reversals of one's units, the newest first; a banking is its noter's."""
    query = sa.select(LedgerTransaction).where(LedgerTransaction.kind != "collection")
    if "admin" not in identity.roles:
        whose = sa.func.coalesce(LedgerTransaction.officer, LedgerTransaction.noted_by)
        query = query.where(whose.in_(sa.select(Officer.id).where(Officer.unit.in_(identity.units))))
    return query.order_by(LedgerTransaction.noted_at.desc(), LedgerTransaction.id.desc()).limit(MOVED_LIMIT)

"""What supervisors do with the cash of fines: take it in, bank it, take a mistake back; and who holds what."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from field_api.auth.identity import Identity
from field_api.auth.tables import Officer
from field_api.casework import deadlines
from field_api.casework.law.deadlines import Terms
from field_api.casework.ledger import AGENCY, BANK, account_of, post
from field_api.casework.ledger_tables import CashReceipt, LedgerAccount, LedgerEntry, LedgerTransaction
from field_api.problems import Problem

CASHIERS = ("supervisor", "admin")
READERS = (*CASHIERS, "legal", "auditor")
LIST_LIMIT = 200
# Clocks differ a little; a movement of tomorrow is a slip of the finger.
AHEAD = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class HandIn:
    """Cash that an officer hands in: whole receipts. `id` makes a repeated call harmless."""

    id: str
    officer: str
    receipts: Sequence[str]
    amount_fen: int
    at: datetime
    slip_no: str | None = None


@dataclass(frozen=True, slots=True)
class Banking:
    """Cash that the agency pays into the bank: whole hand-ins."""

    id: str
    hand_ins: Sequence[str]
    amount_fen: int
    at: datetime
    slip_no: str | None = None


@dataclass(frozen=True, slots=True)
class Reversal:
    """A hand-in or banking that is taken back, and why."""

    id: str
    transaction: str
    reason: str


@dataclass(frozen=True, slots=True)
class Holding:
    """How an officer stands: the cash that he holds, its receipts, and what moved lately, the newest first."""

    officer: str
    balance_fen: int
    receipts: Sequence[CashReceipt]
    transactions: Sequence[LedgerTransaction] = field(default=())


def hand_in(session: Session, identity: Identity, asked: HandIn, now: datetime, terms: Terms) -> LedgerTransaction:
    """Move whole receipts from an officer to the agency; his deadlines are met as of `at`.

    Raises:
        Problem: not_permitted, not_found, invalid_field, amount_differs, cash_moved, operation_id_reused.
    """
    _require_cashier(session, identity, asked.officer)
    rows = _locked(session, CashReceipt.id.in_(asked.receipts), CashReceipt.officer == asked.officer)
    known = _repeated(session, asked.id, "hand_in", asked.amount_fen, asked.officer)
    if known is not None:
        return known
    _require_time(asked.at, now)
    if len(rows) != len(set(asked.receipts)):
        raise Problem("not_found")
    if any(row.hand_in or row.reversal for row in rows):
        raise Problem("cash_moved")
    _require_sum(rows, asked.amount_fen)
    moves = {account_of(asked.officer): -asked.amount_fen, AGENCY: asked.amount_fen}
    done = post(
        session, asked.id, "hand_in", moves, asked.officer, identity.officer, asked.at, now, slip_no=asked.slip_no
    )
    for row in rows:
        row.hand_in = done.id
    session.flush()
    deadlines.refresh(session, {row.record for row in rows}, now, terms)
    return done


def bank(session: Session, identity: Identity, asked: Banking, now: datetime, terms: Terms) -> LedgerTransaction:
    """Move whole hand-ins from the agency to the bank.

    Raises:
        Problem: not_permitted, not_found, invalid_field, amount_differs, cash_moved, operation_id_reused.
    """
    identity.require(*CASHIERS)
    rows = _locked(session, CashReceipt.hand_in.in_(asked.hand_ins))
    known = _repeated(session, asked.id, "banking", asked.amount_fen, None)
    if known is not None:
        return known
    _require_time(asked.at, now)
    if {row.hand_in for row in rows} != set(asked.hand_ins):
        raise Problem("not_found")
    for officer in {row.officer for row in rows}:
        _require_cashier(session, identity, officer)
    if any(row.banking for row in rows):
        raise Problem("cash_moved")
    _require_sum(rows, asked.amount_fen)
    moves = {AGENCY: -asked.amount_fen, BANK: asked.amount_fen}
    done = post(session, asked.id, "banking", moves, None, identity.officer, asked.at, now, slip_no=asked.slip_no)
    for row in rows:
        row.banking = done.id
    session.flush()
    deadlines.refresh(session, {row.record for row in rows}, now, terms)
    return done


def reverse(session: Session, identity: Identity, asked: Reversal, now: datetime, terms: Terms) -> LedgerTransaction:
    """Take a hand-in back before it is banked, or a banking; both stay in the books. Its receipts are as before it.

    Raises:
        Problem: not_permitted, not_found, cash_moved, operation_id_reused.
    """
    identity.require(*CASHIERS)
    query = sa.select(LedgerTransaction).where(LedgerTransaction.id == asked.transaction).with_for_update()
    undone = session.scalar(query)
    if undone is None or undone.kind not in ("hand_in", "banking"):
        raise Problem("not_found")
    known = _repeated(session, asked.id, "reversal", undone.amount_fen, undone.officer)
    if known is not None:
        return known
    is_hand_in = undone.kind == "hand_in"
    rows = _locked(session, (CashReceipt.hand_in if is_hand_in else CashReceipt.banking) == undone.id)
    for officer in {row.officer for row in rows}:
        _require_cashier(session, identity, officer)
    # What was voided after it was handed in is owed to the party: the officer must not get it back.
    if not rows or (is_hand_in and any(row.banking or row.reversal for row in rows)):
        raise Problem("cash_moved")
    entries = session.scalars(sa.select(LedgerEntry).where(LedgerEntry.transaction == undone.id))
    moves = {one.account: -one.amount_fen for one in entries}
    done = post(
        session, asked.id, "reversal", moves, undone.officer, identity.officer, now, now,
        reason=asked.reason, reverses=undone.id,
    )  # fmt: skip
    for row in rows:
        if is_hand_in:
            row.hand_in = None
        else:
            row.banking = None
    session.flush()
    deadlines.refresh(session, {row.record for row in rows}, now, terms)
    return done


def holding(session: Session, identity: Identity, officer: str) -> Holding:
    """How an officer stands, for himself and for those who supervise his unit. Four SELECTs.

    Raises:
        Problem: not_permitted, not_found.
    """
    if officer != identity.officer:
        identity.require(*READERS)
        _require_unit(session, identity, officer)
    balance = session.scalar(sa.select(LedgerAccount.balance_fen).where(LedgerAccount.officer == officer))
    held = sa.select(CashReceipt).where(
        CashReceipt.officer == officer, CashReceipt.hand_in.is_(None), CashReceipt.reversal.is_(None)
    )
    receipts = session.scalars(held.order_by(CashReceipt.collected_at, CashReceipt.id).limit(LIST_LIMIT))
    moved = sa.select(LedgerTransaction).where(LedgerTransaction.officer == officer)
    moved = moved.order_by(LedgerTransaction.at.desc(), LedgerTransaction.id.desc()).limit(LIST_LIMIT)
    return Holding(officer, balance or 0, list(receipts), list(session.scalars(moved)))


def to_bank(session: Session, identity: Identity) -> Sequence[Any]:
    """Hand-ins that the agency has not banked: (hand_in, officer, at, amount_fen), the oldest first."""
    identity.require(*READERS)
    query = (
        sa.select(CashReceipt.hand_in, CashReceipt.officer, LedgerTransaction.at, LedgerTransaction.amount_fen)
        .join(LedgerTransaction, LedgerTransaction.id == CashReceipt.hand_in)
        .where(CashReceipt.banking.is_(None))
        .distinct()
    )
    if "admin" not in identity.roles:
        query = query.where(CashReceipt.unit.in_(identity.units))
    return session.execute(query.order_by(LedgerTransaction.at, CashReceipt.hand_in).limit(LIST_LIMIT)).all()


def _locked(session: Session, *which: sa.ColumnElement[bool]) -> list[CashReceipt]:
    query = sa.select(CashReceipt).where(*which).order_by(CashReceipt.id).with_for_update()
    return list(session.scalars(query.execution_options(populate_existing=True)))


def _repeated(
    session: Session, transaction: str, kind: str, amount_fen: int, officer: str | None
) -> LedgerTransaction | None:
    """The same call made before; another under its id is a problem. Asked once what it moves is locked."""
    known = session.get(LedgerTransaction, transaction)
    if known is not None and (known.kind, known.amount_fen, known.officer) != (kind, amount_fen, officer):
        raise Problem("operation_id_reused")
    return known


def _require_cashier(session: Session, identity: Identity, officer: str) -> None:
    identity.require(*CASHIERS)
    _require_unit(session, identity, officer)


def _require_unit(session: Session, identity: Identity, officer: str) -> None:
    unit = session.scalar(sa.select(Officer.unit).where(Officer.id == officer))
    if unit is None or not ({"admin", "auditor"} & identity.roles or unit in identity.units):
        raise Problem("not_found")


def _require_time(at: datetime, now: datetime) -> None:
    if at > now + AHEAD:
        error = {"pointer": "/at", "code": "out_of_range", "message": "不能晚于现在 · must not lie ahead"}
        raise Problem("invalid_field", errors=[error])


def _require_sum(rows: Sequence[CashReceipt], amount_fen: int) -> None:
    if sum(row.amount_fen for row in rows) != amount_fen:
        raise Problem("amount_differs")

"""The cash of fines, from the officer's hand to the bank: double entry that balances to the fen.

Cash comes in only by payments on records, and moves on in whole receipts, so that each fen can be named at every
moment. Nothing is changed or deleted: a mistake is taken back by a transaction of its own.

Source: 行政处罚法 68-71.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, cast

import sqlalchemy as sa
from sqlalchemy.orm import Session

from field_api import alerts
from field_api.alerts import Finding
from field_api.auth.tables import Officer
from field_api.casework.clock_facts import standing
from field_api.casework.ledger_tables import CashReceipt, LedgerAccount, LedgerEntry, LedgerTransaction
from field_api.casework.server import SERVER_ID
from sync.engine.kinds import parse_time
from sync.service.home import Change
from sync.store.ids import new_id
from sync.store.upsert import upsert

AGENCY, BANK, FINES, REFUNDS = "agency", "bank", "fines", "refunds"
_WITH_PAYMENTS = frozenset({"case", "proceeding"})


def account_of(officer: str) -> str:
    """The account of the cash in an officer's hands."""
    return f"officer:{officer}"


def react(session: Session, changes: Sequence[Change], now: datetime) -> None:
    """Enter the cash that payments on records say was taken, and take back what of it was voided.

    Running twice is safe: a payment is entered once. Writes: cash_receipt, ledger tables, alert.
    """
    for change in changes:
        if change.after.type in _WITH_PAYMENTS and change.after.body.get("payments"):
            before = change.before.body.get("payments") if change.before else None
            if before != change.after.body["payments"]:
                _enter(session, change.after.id, change.after.body, now)


def _enter(session: Session, record: str, body: Mapping[str, Any], now: datetime) -> None:
    rows = session.scalars(sa.select(CashReceipt).where(CashReceipt.record == record))
    known = {row.payment: row for row in rows}
    taken = {one["id"]: one for one in standing(body, "payments") if _is_cash(one)}
    for payment, one in taken.items():
        if payment not in known:
            _collect(session, record, body, one, now)
    for payment, receipt in known.items():
        if payment not in taken and receipt.reversal is None:
            _take_back(session, receipt, now)


def _is_cash(payment: Mapping[str, Any]) -> bool:
    return payment["mode"] == "on_spot" and payment["amount_fen"] > 0 and parse_time(payment["at"]) is not None


def _collect(
    session: Session, record: str, body: Mapping[str, Any], payment: Mapping[str, Any], now: datetime
) -> None:
    """Enter one payment: the officer holds so much more, fines brought it."""
    officer = _collector(session, body, payment)
    at, number = cast(datetime, parse_time(payment["at"])), payment.get("receipt_no")
    moves = {account_of(officer): payment["amount_fen"], FINES: -payment["amount_fen"]}
    done = post(session, new_id(), "collection", moves, officer, SERVER_ID, at, now)
    values = {
        "id": done.id,
        "record": record,
        "payment": payment["id"],
        "officer": officer,
        "unit": body.get("unit"),
        "amount_fen": payment["amount_fen"],
        "collected_at": at,
        "receipt_no": number,
    }
    if not _claims(session, values):
        session.add(CashReceipt(**values, contested=True))
        session.flush()
        finding = Finding("receipt_reused", record, body.get("unit"), detail={"officer": officer})
        alerts.happened(session, finding, [str(number)], now)


def _claims(session: Session, values: Mapping[str, Any]) -> bool:
    """Write a receipt under its number, unless another bears it, or is just being written with it."""
    number = values["receipt_no"]
    taken = sa.select(CashReceipt.id).where(CashReceipt.receipt_no == number, CashReceipt.contested.is_(False))
    if number is not None and session.scalar(taken) is not None:
        return False
    try:
        with session.begin_nested():
            session.add(CashReceipt(**values, contested=False))
    except sa.exc.IntegrityError:
        if number is None:
            raise
        return False
    return True


def _collector(session: Session, body: Mapping[str, Any], payment: Mapping[str, Any]) -> str:
    """Who holds the cash: whom the payment names, if there is such an officer, or who wrote it down."""
    named = [one for one in (payment.get("collected_by"), payment.get("by"), body.get("author")) if one]
    there = set(session.scalars(sa.select(Officer.id).where(Officer.id.in_(named))))
    return str(next(one for one in named if one in there))


def _take_back(session: Session, receipt: CashReceipt, now: datetime) -> None:
    """A payment was voided: the officer gives it back; once it is handed in, the agency owes it."""
    giver = account_of(receipt.officer) if receipt.hand_in is None else REFUNDS
    moves = {giver: -receipt.amount_fen, FINES: receipt.amount_fen}
    done = post(
        session, new_id(), "reversal", moves, receipt.officer, SERVER_ID, now, now, reverses=receipt.id
    )
    receipt.reversal = done.id
    session.flush()


def post(
    session: Session,
    transaction: str,
    kind: str,
    moves: Mapping[str, int],
    officer: str | None,
    by: str,
    at: datetime,
    now: datetime,
    *,
    slip_no: str | None = None,
    reason: str | None = None,
    reverses: str | None = None,
) -> LedgerTransaction:
    """Write one transaction with its entries and bring the balances along. moves: fen by account, zero in all.

    Locks: the accounts, in order. Writes: ledger_account, ledger_transaction, ledger_entry.
    """
    if sum(moves.values()):
        raise ValueError("a transaction must balance")
    table = cast(sa.Table, LedgerAccount.__table__)
    rows = [_account(name) for name in sorted(moves)]
    upsert(session, table, rows, keep=frozenset({"officer", "balance_fen"}))
    amount = sum(one for one in moves.values() if one > 0)
    done = LedgerTransaction(id=transaction, kind=kind, officer=officer, amount_fen=amount, at=at, noted_at=now)
    done.noted_by, done.slip_no, done.reason, done.reverses = by, slip_no, reason, reverses
    session.add(done)
    session.flush()
    for name in sorted(moves):
        session.add(LedgerEntry(transaction=transaction, account=name, amount_fen=moves[name]))
        session.execute(
            sa.update(table).where(table.c.id == name).values(balance_fen=table.c.balance_fen + moves[name])
        )
    session.flush()
    return done


def _account(name: str) -> dict[str, Any]:
    kind, _, officer = name.partition(":")
    return {"id": name, "kind": kind, "officer": officer or None, "balance_fen": 0}

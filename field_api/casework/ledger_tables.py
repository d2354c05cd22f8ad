"""The cash of fines as double entry: accounts, transactions, their entries, and each amount taken on the spot."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from sync.store.base import Base, Id, UtcDateTime

# Cash in an officer's hands, at the agency, at the bank; what fines brought; what is owed back.
ACCOUNT_KINDS = ("officer", "agency", "bank", "fines", "refunds")
TRANSACTION_KINDS = ("collection", "hand_in", "banking", "reversal")
CASH = ("officer", "agency", "bank")


class LedgerAccount(Base):
    """Where cash is, or what it is owed for. balance_fen: the sum of its entries; cash is never negative."""

    __tablename__ = "ledger_account"
    __table_args__ = (
        sa.CheckConstraint(f"kind IN {ACCOUNT_KINDS}", name="kind_known"),
        sa.CheckConstraint(f"kind NOT IN {CASH} OR balance_fen >= 0", name="cash_not_negative"),
        sa.CheckConstraint("(kind = 'officer') = (officer IS NOT NULL)", name="officer_of_his_own"),
        sa.UniqueConstraint("officer"),
    )

    id: Mapped[str] = mapped_column(sa.String(48), primary_key=True)
    kind: Mapped[str] = mapped_column(sa.String(8))
    officer: Mapped[str | None] = mapped_column(Id, sa.ForeignKey("officer.id"))
    balance_fen: Mapped[int] = mapped_column(sa.BigInteger)


class LedgerTransaction(Base):
    """One movement, never changed; its entries add up to nothing. at: when it was; noted_at: when it was written down.

    slip_no: the bank's or the cashier's. reverses: the one that it takes back, which happens once.
    """

    __tablename__ = "ledger_transaction"
    __table_args__ = (
        sa.CheckConstraint(f"kind IN {TRANSACTION_KINDS}", name="kind_known"),
        sa.CheckConstraint("(kind = 'reversal') = (reverses IS NOT NULL)", name="reversal_of_one"),
        sa.UniqueConstraint("reverses"),
        sa.Index(None, "officer", "at"),
    )

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    kind: Mapped[str] = mapped_column(sa.String(12))
    officer: Mapped[str | None] = mapped_column(Id, sa.ForeignKey("officer.id"))
    amount_fen: Mapped[int] = mapped_column(sa.BigInteger)
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    noted_at: Mapped[datetime] = mapped_column(UtcDateTime)
    noted_by: Mapped[str] = mapped_column(Id)
    slip_no: Mapped[str | None] = mapped_column(sa.String(64))
    reason: Mapped[str | None] = mapped_column(sa.String(500))
    reverses: Mapped[str | None] = mapped_column(Id, sa.ForeignKey("ledger_transaction.id"))


class LedgerEntry(Base):
    """What a transaction did to one account: positive is more there."""

    __tablename__ = "ledger_entry"
    __table_args__ = (
        sa.CheckConstraint("amount_fen <> 0", name="amount_not_zero"),
        sa.Index(None, "account", "transaction"),
    )

    transaction: Mapped[str] = mapped_column(Id, sa.ForeignKey("ledger_transaction.id"), primary_key=True)
    account: Mapped[str] = mapped_column(sa.ForeignKey("ledger_account.id"), primary_key=True)
    amount_fen: Mapped[int] = mapped_column(sa.BigInteger)


class CashReceipt(Base):
    """One amount taken on the spot, from the payment in its case's record to the bank.

    id: also its collection's. contested: another payment bore the same treasury receipt number first.
    hand_in, banking: the transactions that moved it on, until they are reversed. reversal: the payment was voided.
    """

    __tablename__ = "cash_receipt"
    __table_args__ = (
        sa.CheckConstraint("amount_fen > 0", name="amount_positive"),
        sa.Index(
            "uq_cash_receipt_receipt_no",
            "receipt_no",
            unique=True,
            sqlite_where=sa.text("NOT contested"),
            postgresql_where=sa.text("NOT contested"),
        ),
        sa.Index(None, "officer", "hand_in"),
        sa.Index(None, "hand_in"),
        # An element's id is its author's choice; two records may bear the same.
        sa.UniqueConstraint("record", "payment"),
    )

    id: Mapped[str] = mapped_column(Id, sa.ForeignKey("ledger_transaction.id"), primary_key=True)
    record: Mapped[str] = mapped_column(Id, sa.ForeignKey("sync_record.id"))
    payment: Mapped[str] = mapped_column(sa.String(36))
    officer: Mapped[str] = mapped_column(Id, sa.ForeignKey("officer.id"))
    unit: Mapped[str | None] = mapped_column(sa.String(32))
    amount_fen: Mapped[int] = mapped_column(sa.BigInteger)
    collected_at: Mapped[datetime] = mapped_column(UtcDateTime)
    receipt_no: Mapped[str | None] = mapped_column(sa.String(32))
    contested: Mapped[bool]
    hand_in: Mapped[str | None] = mapped_column(Id, sa.ForeignKey("ledger_transaction.id"))
    banking: Mapped[str | None] = mapped_column(Id, sa.ForeignKey("ledger_transaction.id"))
    reversal: Mapped[str | None] = mapped_column(Id, sa.ForeignKey("ledger_transaction.id"))

"""The tables of document numbers: series, blocks, what is skipped, and what became of each number."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from sync.store.base import Base, Id, UtcDateTime

PREFIX = sa.String(64)
USED, DECLARED, VOIDED, FREE = STATES = ("used", "declared", "voided", "free")


class NumberSeries(Base):
    """All numbers under one prefix, and the last that was given out. epoch: under which that was."""

    __tablename__ = "number_series"
    __table_args__ = (sa.CheckConstraint("value >= 0", name="value_not_negative"),)

    prefix: Mapped[str] = mapped_column(PREFIX, primary_key=True)
    year: Mapped[int]
    value: Mapped[int] = mapped_column(sa.BigInteger)
    epoch: Mapped[str] = mapped_column(Id)


class NumberGap(Base):
    """Numbers that a restored server skipped, since one that is forgotten may have leased them."""

    __tablename__ = "number_gap"
    __table_args__ = (sa.CheckConstraint("first <= last", name="not_empty"),)

    prefix: Mapped[str] = mapped_column(PREFIX, sa.ForeignKey("number_series.prefix"), primary_key=True)
    first: Mapped[int] = mapped_column(sa.BigInteger, primary_key=True)
    last: Mapped[int] = mapped_column(sa.BigInteger)
    epoch: Mapped[str] = mapped_column(Id)
    skipped_at: Mapped[datetime] = mapped_column(UtcDateTime)


class NumberBlock(Base):
    """Numbers that one store of one terminal alone may use.

    request: the id under which it was asked for. lease: the server's signed word, which outlives this row.
    adopted_at: when a terminal brought it back to a server that had forgotten it.
    account_sha256: of the account that closed it; reason: why a person, or the server, did.
    """

    __tablename__ = "number_block"
    __table_args__ = (
        sa.UniqueConstraint("prefix", "first"),
        sa.UniqueConstraint("terminal", "request", "first"),
        sa.CheckConstraint("first >= 1 AND first <= last", name="not_empty"),
        sa.Index(None, "request"),
        sa.Index(None, "unit", "leased_at"),
    )

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    request: Mapped[str] = mapped_column(Id)
    kind: Mapped[str] = mapped_column(sa.String(40))
    prefix: Mapped[str] = mapped_column(PREFIX, sa.ForeignKey("number_series.prefix"))
    first: Mapped[int] = mapped_column(sa.BigInteger)
    last: Mapped[int] = mapped_column(sa.BigInteger)
    terminal: Mapped[str] = mapped_column(Id, sa.ForeignKey("terminal.id"))
    store: Mapped[str | None] = mapped_column(Id)
    officer: Mapped[str] = mapped_column(Id)
    unit: Mapped[str] = mapped_column(sa.ForeignKey("unit.id"))
    lease: Mapped[str] = mapped_column(sa.Text)
    leased_at: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)
    adopted_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    closed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    account_sha256: Mapped[str | None] = mapped_column(sa.String(64))
    reason: Mapped[str | None] = mapped_column(sa.String(200))


class DecisionNumber(Base):
    """One thing that is known of one number; `document` is empty where no document says it.

    state: `used` by a document that arrived, `declared` used by the terminal, `voided`, or `free`: returned unused.
    finding: why the number is not one that this document may bear (R10), where that is so.
    """

    __tablename__ = "decision_number"
    __table_args__ = (
        sa.CheckConstraint(f"state IN {STATES}", name="state_known"),
        sa.Index(None, "case"),
        sa.Index(None, "document"),
    )

    prefix: Mapped[str] = mapped_column(PREFIX, primary_key=True)
    number: Mapped[int] = mapped_column(sa.BigInteger, primary_key=True)
    document: Mapped[str] = mapped_column(sa.String(64), primary_key=True)
    state: Mapped[str] = mapped_column(sa.String(8))
    reason: Mapped[str | None] = mapped_column(sa.String(200))
    case: Mapped[str | None] = mapped_column(Id)
    terminal: Mapped[str | None] = mapped_column(Id)
    store: Mapped[str | None] = mapped_column(sa.String(64))
    officer: Mapped[str | None] = mapped_column(Id)
    finding: Mapped[str | None] = mapped_column(sa.String(16))
    noted_at: Mapped[datetime] = mapped_column(UtcDateTime)

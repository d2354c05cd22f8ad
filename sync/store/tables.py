"""The tables of sync: records, their audience, the operations, conflicts, stores, receipts, the sequence."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from sync.store.base import Base, Id, Json, UtcDateTime

OUTCOMES = ("applied", "merged", "proposed", "unchanged", "dismissed", "parked", "quarantined")


class Sequence(Base):
    """One row: the last change sequence and the server's clock.

    It is updated last in a transaction; its row lock makes commit order the order of the numbers.
    origin: the epoch that it was founded with; another `epoch` means that it was restored.
    safe_before: everything acknowledged before this moment is in a backup.
    """

    __tablename__ = "sync_sequence"
    __table_args__ = (sa.CheckConstraint("id = 1", name="one_row"),)

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    value: Mapped[int] = mapped_column(sa.BigInteger)
    hlc_ms: Mapped[int] = mapped_column(sa.BigInteger)
    hlc_counter: Mapped[int]
    epoch: Mapped[str] = mapped_column(Id)
    origin: Mapped[str] = mapped_column(Id)
    safe_before: Mapped[datetime | None] = mapped_column(UtcDateTime)


class RecordRow(Base):
    """A record as it stands; `body` and `stamps` are ready JSON, sent as they are."""

    __tablename__ = "sync_record"
    __table_args__ = (sa.Index(None, "family"), sa.Index(None, "type", "seq"))

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    type: Mapped[str] = mapped_column(sa.String(32))
    version: Mapped[int]
    seq: Mapped[int] = mapped_column(sa.BigInteger)
    family: Mapped[str] = mapped_column(Id)
    parent: Mapped[str | None] = mapped_column(Id)
    body: Mapped[str] = mapped_column(sa.Text)
    stamps: Mapped[str] = mapped_column(sa.Text)
    void: Mapped[str | None] = mapped_column(sa.String(500))


class AudienceRow(Base):
    """Who may hold a record: one row for each scope. `since`: when the scope first gained it."""

    __tablename__ = "sync_audience"
    __table_args__ = (sa.Index(None, "scope", "seq"), sa.Index(None, "record"), sa.Index(None, "family"))

    scope: Mapped[str] = mapped_column(sa.String(64), primary_key=True)
    record: Mapped[str] = mapped_column(Id, sa.ForeignKey("sync_record.id"), primary_key=True)
    family: Mapped[str] = mapped_column(Id)
    seq: Mapped[int] = mapped_column(sa.BigInteger)
    since: Mapped[int] = mapped_column(sa.BigInteger)


class OperationRow(Base):
    """Every operation that ever arrived, whole, with what became of it: the inbox and the history.

    schema: the number under which it was written, by which its payload is read ever after.
    context: who its author was and what he could reach when it arrived; kept while it is not final, so that
    it can be tried again as it was meant. problem: the code, while it is quarantined.
    """

    __tablename__ = "sync_operation"
    __table_args__ = (
        sa.CheckConstraint(f"outcome IN {OUTCOMES}", name="outcome"),
        sa.Index(None, "record", "version"),
        sa.Index(None, "store", "number"),
        sa.Index(
            "ix_sync_operation_open",
            "outcome",
            sqlite_where=sa.text("outcome IN ('quarantined', 'parked')"),
            postgresql_where=sa.text("outcome IN ('quarantined', 'parked')"),
        ),
    )

    id: Mapped[str] = mapped_column(sa.String(64), primary_key=True)
    store: Mapped[str] = mapped_column(sa.String(64))
    number: Mapped[int | None] = mapped_column(sa.BigInteger)
    officer: Mapped[str] = mapped_column(Id)
    terminal: Mapped[str | None] = mapped_column(Id)
    batch: Mapped[str | None] = mapped_column(sa.String(64))
    record: Mapped[str] = mapped_column(sa.String(64))
    type: Mapped[str] = mapped_column(sa.String(64))
    action: Mapped[str] = mapped_column(sa.String(64))
    payload: Mapped[str] = mapped_column(sa.Text)
    payload_sha256: Mapped[str] = mapped_column(sa.String(64))
    schema: Mapped[int] = mapped_column(server_default="1")
    seen: Mapped[int]
    outcome: Mapped[str] = mapped_column(sa.String(16))
    version: Mapped[int | None]
    seq: Mapped[int | None] = mapped_column(sa.BigInteger)
    result: Mapped[str] = mapped_column(sa.Text)
    changed: Mapped[Any | None] = mapped_column(Json)
    at: Mapped[str] = mapped_column(sa.String(64))
    received_at: Mapped[datetime] = mapped_column(UtcDateTime)
    context: Mapped[Any | None] = mapped_column(Json)
    problem: Mapped[str | None] = mapped_column(sa.String(64))


class MemberRow(Base):
    """An operation that takes effect only together with the others of its store's group; `size`: as it says."""

    __tablename__ = "sync_member"

    store: Mapped[str] = mapped_column(sa.String(64), primary_key=True)
    group_id: Mapped[str] = mapped_column(sa.String(64), primary_key=True)
    operation: Mapped[str] = mapped_column(sa.String(64), sa.ForeignKey("sync_operation.id"), primary_key=True)
    size: Mapped[int]


class WaitingRow(Base):
    """A parked operation and one thing that it waits for: the id of an operation, a record or a group."""

    __tablename__ = "sync_waiting"
    __table_args__ = (sa.Index(None, "operation"),)

    need: Mapped[str] = mapped_column(sa.String(64), primary_key=True)
    operation: Mapped[str] = mapped_column(sa.String(64), sa.ForeignKey("sync_operation.id"), primary_key=True)


class SettledRow(Base):
    """An operation that became final after its answer; its terminal hears of it in its next pull."""

    __tablename__ = "sync_settled"

    terminal: Mapped[str] = mapped_column(Id, primary_key=True)
    seq: Mapped[int] = mapped_column(sa.BigInteger, primary_key=True)
    operation: Mapped[str] = mapped_column(sa.String(64), sa.ForeignKey("sync_operation.id"))


class ConflictRow(Base):
    """Two values of one field, kept for a person. `mine` is the operation's, `theirs` the standing one."""

    __tablename__ = "sync_conflict"
    __table_args__ = (
        sa.CheckConstraint("state IN ('open', 'resolved')", name="state"),
        sa.CheckConstraint("kept IN ('server', 'mine')", name="kept"),
        sa.UniqueConstraint("operation", "field"),
        sa.Index(None, "state", "family"),
        sa.Index(None, "record"),
    )

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    operation: Mapped[str] = mapped_column(sa.String(64), sa.ForeignKey("sync_operation.id"))
    record: Mapped[str] = mapped_column(Id, sa.ForeignKey("sync_record.id"))
    family: Mapped[str] = mapped_column(Id)
    type: Mapped[str] = mapped_column(sa.String(32))
    field: Mapped[str] = mapped_column(sa.String(64))
    merge: Mapped[str] = mapped_column(sa.String(32))
    base: Mapped[Any | None] = mapped_column(Json)
    mine: Mapped[Any | None] = mapped_column(Json)
    theirs: Mapped[Any | None] = mapped_column(Json)
    kept: Mapped[str] = mapped_column(sa.String(8))
    by_mine: Mapped[str] = mapped_column(Id)
    by_theirs: Mapped[str | None] = mapped_column(sa.String(36))
    at_mine: Mapped[str] = mapped_column(sa.String(64))
    at_theirs: Mapped[str | None] = mapped_column(sa.String(64))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    state: Mapped[str] = mapped_column(sa.String(8))
    resolution: Mapped[Any | None] = mapped_column(Json)


class StoreRow(Base):
    """A terminal's database as the server knows it: which numbers came, where its receipt chain stands.

    copied: a number came under two ids, so that there are two of it, and neither has seen what the other wrote.
    """

    __tablename__ = "sync_store"
    __table_args__ = (sa.Index(None, "terminal"),)

    id: Mapped[str] = mapped_column(sa.String(64), primary_key=True)
    terminal: Mapped[str] = mapped_column(Id)
    numbers: Mapped[Any | None] = mapped_column(Json)
    last_receipt_sha256: Mapped[str | None] = mapped_column(sa.String(64))
    health: Mapped[Any | None] = mapped_column(Json)
    clock_offset_ms: Mapped[int | None] = mapped_column(sa.BigInteger)
    copied: Mapped[bool] = mapped_column(server_default=sa.false())
    first_seen_at: Mapped[datetime] = mapped_column(UtcDateTime)
    last_seen_at: Mapped[datetime] = mapped_column(UtcDateTime)


class ReceiptRow(Base):
    """One answered batch: the receipt as it was signed."""

    __tablename__ = "sync_receipt"
    __table_args__ = (sa.Index(None, "store", "batch"),)

    sha256: Mapped[str] = mapped_column(sa.String(64), primary_key=True)
    store: Mapped[str] = mapped_column(sa.String(64), sa.ForeignKey("sync_store.id"))
    batch: Mapped[str] = mapped_column(sa.String(64))
    jws: Mapped[str] = mapped_column(sa.Text)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)

"""The tables of the register. Numbers of people are sealed; what finds them is a keyed digest."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from sync.store.base import Base, Id, Json, UtcDateTime
from sync.store.ids import new_id


class Party(Base):
    """Somebody whom cases are about. id_no, phone: sealed. merged_into: who he turned out to be."""

    __tablename__ = "party"
    __table_args__ = (
        sa.CheckConstraint("merged_into IS NULL OR merged_into <> id", name="not_merged_into_itself"),
        sa.Index(None, "merged_into"),
    )

    id: Mapped[str] = mapped_column(Id, primary_key=True, default=new_id)
    kind: Mapped[str | None] = mapped_column(sa.String(24))
    name: Mapped[str | None] = mapped_column(sa.String(100))
    shop_name: Mapped[str | None] = mapped_column(sa.String(100))
    id_type: Mapped[str | None] = mapped_column(sa.String(16))
    id_no: Mapped[str | None] = mapped_column(sa.String(256))
    uscc: Mapped[str | None] = mapped_column(sa.String(18))
    phone: Mapped[str | None] = mapped_column(sa.String(256))
    merged_into: Mapped[str | None] = mapped_column(Id, sa.ForeignKey("party.id"))
    changed_at: Mapped[datetime] = mapped_column(UtcDateTime)


class PartyKey(Base):
    """What a party is found by. kind: `id`, `uscc`, `phone`, `plate` or `name` (with the shop's)."""

    __tablename__ = "party_key"
    __table_args__ = (sa.Index(None, "kind", "digest"),)

    party: Mapped[str] = mapped_column(Id, sa.ForeignKey("party.id"), primary_key=True)
    kind: Mapped[str] = mapped_column(sa.String(8), primary_key=True)
    digest: Mapped[str] = mapped_column(sa.String(64), primary_key=True)


class PartyCase(Base):
    """Whom a case is about, and what was decided of it. entries: of the set `history` that it brought, in hex."""

    __tablename__ = "party_case"
    __table_args__ = (sa.Index(None, "party"),)

    case: Mapped[str] = mapped_column(Id, sa.ForeignKey("case.id"), primary_key=True)
    party: Mapped[str] = mapped_column(Id, sa.ForeignKey("party.id"))
    violations: Mapped[Any] = mapped_column(Json)
    decided_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    entries: Mapped[Any] = mapped_column(Json)


class Unmasking(Base):
    """Who was shown a party's numbers, when and why. Never changed, never deleted."""

    __tablename__ = "unmasking"
    __table_args__ = (sa.Index(None, "party"),)

    id: Mapped[str] = mapped_column(Id, primary_key=True, default=new_id)
    party: Mapped[str] = mapped_column(Id, sa.ForeignKey("party.id"))
    officer: Mapped[str] = mapped_column(Id, sa.ForeignKey("officer.id"))
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    reason: Mapped[str] = mapped_column(sa.String(500))

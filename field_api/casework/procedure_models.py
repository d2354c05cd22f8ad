"""Records beside the case that procedure needs: measures, general proceedings, calls of the street."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from field_api.casework.declare import enum, synced
from field_api.casework.models import DISCRETION, OFFICERS, PLATE, VIOLATIONS
from sync.engine.kinds import BOOLEAN, IDENTIFIER, POSITION, TIME, integer, list_of, text
from sync.store.base import Base, Id, Json, UtcDateTime


class Measure(Base):
    """Goods sealed, seized or registered, a vehicle or licence withheld. Source: 行政强制法 18–28; 处罚法 56."""

    __tablename__ = "measure"
    __table_args__ = (sa.Index(None, "incident"), sa.Index(None, "case"), sa.Index(None, "unit", "status"))

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    version: Mapped[int]
    incident: Mapped[str | None] = mapped_column(
        Id, sa.ForeignKey("incident.id"), info=synced("write_once", IDENTIFIER)
    )
    case: Mapped[str | None] = mapped_column(Id, info=synced("write_once", IDENTIFIER))
    vehicle_check: Mapped[str | None] = mapped_column(Id, info=synced("write_once", IDENTIFIER))
    kind: Mapped[str] = mapped_column(
        sa.String(24), info=synced("write_once", enum("measure_kind"), required=True)
    )
    ground: Mapped[str | None] = mapped_column(sa.String(4), info=synced("write_once", enum("measure_ground")))
    subject: Mapped[str | None] = mapped_column(sa.String(16), info=synced("write_once", enum("subject")))
    imposed_at: Mapped[datetime] = mapped_column(UtcDateTime, info=synced("write_once", TIME, required=True))
    urgent: Mapped[bool | None] = mapped_column(info=synced("write_once", BOOLEAN))
    officers: Mapped[Any | None] = mapped_column(Json, info=synced("officer_until_lock", OFFICERS))
    approved_by: Mapped[str | None] = mapped_column(sa.String(100), info=synced("manual", text(100)))
    approved_at: Mapped[datetime | None] = mapped_column(UtcDateTime, info=synced("manual", TIME))
    term_days: Mapped[int | None] = mapped_column(info=synced("manual", integer(0, 365)))
    extended_days: Mapped[int | None] = mapped_column(info=synced("manual", integer(0, 365)))
    necessities: Mapped[bool | None] = mapped_column(info=synced("officer_until_lock", BOOLEAN))
    list_copies: Mapped[int | None] = mapped_column(info=synced("officer_until_lock", integer(0, 9)))
    plate: Mapped[str | None] = mapped_column(sa.String(12), info=synced("officer_until_lock", PLATE))
    address: Mapped[str | None] = mapped_column(sa.String(300), info=synced("officer_until_lock", text(300)))
    position: Mapped[Any | None] = mapped_column(Json, info=synced("officer_until_lock", POSITION))
    storage: Mapped[str | None] = mapped_column(sa.String(200), info=synced("officer_until_lock", text(200)))
    delivered_at: Mapped[datetime | None] = mapped_column(UtcDateTime, info=synced("officer_until_lock", TIME))
    reported_at: Mapped[datetime | None] = mapped_column(UtcDateTime, info=synced("officer_until_lock", TIME))
    lifted_at: Mapped[datetime | None] = mapped_column(UtcDateTime, info=synced("manual", TIME))
    lift_reason: Mapped[str | None] = mapped_column(sa.String(500), info=synced("manual", text(500)))
    status: Mapped[str] = mapped_column(sa.String(16), info=synced("state", enum("measure_status")))
    author: Mapped[str | None] = mapped_column(Id, info=synced("write_once", IDENTIFIER))
    unit: Mapped[str | None] = mapped_column(
        sa.String(32), sa.ForeignKey("unit.id"), info=synced("server_owned", text(32))
    )


class Proceeding(Base):
    """A case in the general procedure (普通程序), from filing to close. Source: 行政处罚法 54–73."""

    __tablename__ = "proceeding"
    __table_args__ = (sa.Index(None, "case"), sa.Index(None, "unit", "status"))

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    version: Mapped[int]
    case: Mapped[str] = mapped_column(
        Id, sa.ForeignKey("case.id"), info=synced("write_once", IDENTIFIER, required=True)
    )
    reason: Mapped[str | None] = mapped_column(sa.String(500), info=synced("officer_until_lock", text(500)))
    opened_at: Mapped[datetime | None] = mapped_column(UtcDateTime, info=synced("write_once", TIME))
    officers: Mapped[Any | None] = mapped_column(Json, info=synced("officer_until_lock", OFFICERS))
    violations: Mapped[Any | None] = mapped_column(Json, info=synced("manual", VIOLATIONS))
    penalty_kinds: Mapped[Any | None] = mapped_column(
        Json, info=synced("manual", list_of(enum("penalty_kind"), 12))
    )
    amount_fen: Mapped[int | None] = mapped_column(
        sa.BigInteger, info=synced("manual", integer(0, 10_000_000_00))
    )
    legal_basis: Mapped[Any | None] = mapped_column(Json, info=synced("manual", list_of(text(200), 20)))
    discretion: Mapped[Any | None] = mapped_column(Json, info=synced("manual", DISCRETION))
    no_penalty_reason: Mapped[str | None] = mapped_column(
        sa.String(16), info=synced("manual", enum("no_penalty_reason"))
    )
    major: Mapped[bool | None] = mapped_column(info=synced("manual", BOOLEAN))
    status: Mapped[str] = mapped_column(sa.String(16), info=synced("state", enum("proceeding_status")))
    author: Mapped[str | None] = mapped_column(Id, info=synced("write_once", IDENTIFIER))
    unit: Mapped[str | None] = mapped_column(
        sa.String(32), sa.ForeignKey("unit.id"), info=synced("server_owned", text(32))
    )


class Call(Base):
    """A call for help, or a report that somebody obstructs the officers; the liaison hears of it first."""

    __tablename__ = "call"
    __table_args__ = (sa.Index(None, "status"), sa.Index(None, "incident"))

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    version: Mapped[int]
    incident: Mapped[str | None] = mapped_column(
        Id, sa.ForeignKey("incident.id"), info=synced("write_once", IDENTIFIER)
    )
    kind: Mapped[str] = mapped_column(sa.String(16), info=synced("write_once", enum("call_kind"), required=True))
    called_at: Mapped[datetime] = mapped_column(UtcDateTime, info=synced("write_once", TIME, required=True))
    position: Mapped[Any | None] = mapped_column(Json, info=synced("write_once", POSITION))
    address: Mapped[str | None] = mapped_column(sa.String(300), info=synced("officer_until_lock", text(300)))
    description: Mapped[str | None] = mapped_column(sa.String(500), info=synced("officer_until_lock", text(500)))
    case: Mapped[str | None] = mapped_column(Id, info=synced("write_once", IDENTIFIER))
    status: Mapped[str] = mapped_column(sa.String(16), info=synced("state", enum("call_status")))
    author: Mapped[str | None] = mapped_column(Id, info=synced("write_once", IDENTIFIER))
    unit: Mapped[str | None] = mapped_column(
        sa.String(32), sa.ForeignKey("unit.id"), info=synced("server_owned", text(32))
    )

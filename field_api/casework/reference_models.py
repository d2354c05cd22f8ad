"""Reference data that every terminal holds and none may change: categories, grids, permits.

Officers are the fourth; their table belongs to `auth`, which is where their rights are kept.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from field_api.casework.declare import enum, synced
from field_api.casework.models import GRID
from sync.engine.kinds import BOOLEAN, POSITION, TIME, integer, text
from sync.store.base import Base, Id, Json, UtcDateTime


class CategoryRow(Base):
    """A class of events, 大类 + 小类. Source: the city's event list."""

    __tablename__ = "category"
    __table_args__ = (sa.UniqueConstraint("code"),)

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    version: Mapped[int]
    code: Mapped[str] = mapped_column(sa.String(4), info=synced("server_owned", text(4)))
    major_zh: Mapped[str] = mapped_column(sa.String(50), info=synced("server_owned", text(50)))
    zh: Mapped[str] = mapped_column(sa.String(100), info=synced("server_owned", text(100)))
    en: Mapped[str] = mapped_column(sa.String(100), info=synced("server_owned", text(100)))
    limit: Mapped[str | None] = mapped_column(sa.String(1000), info=synced("server_owned", text(1000)))


class Grid(Base):
    """An area of responsibility. Source: CJ/T 213, 15 digits."""

    __tablename__ = "grid"
    __table_args__ = (sa.UniqueConstraint("code"),)

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    version: Mapped[int]
    code: Mapped[str] = mapped_column(sa.String(15), info=synced("server_owned", GRID))
    name: Mapped[str | None] = mapped_column(sa.String(100), info=synced("server_owned", text(100)))
    unit: Mapped[str | None] = mapped_column(
        sa.String(32), sa.ForeignKey("unit.id"), info=synced("server_owned", text(32))
    )


class Holiday(Base):
    """A day that is not what its weekday says: a day off, or one to be worked. Source: 国务院 notices, the bureau."""

    __tablename__ = "holiday"
    __table_args__ = (sa.UniqueConstraint("day"),)

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    version: Mapped[int]
    day: Mapped[str] = mapped_column(
        sa.String(10), info=synced("server_owned", text(10, r"[0-9]{4}-[0-9]{2}-[0-9]{2}"))
    )
    is_workday: Mapped[bool | None] = mapped_column(info=synced("server_owned", BOOLEAN))
    source: Mapped[str | None] = mapped_column(sa.String(200), info=synced("server_owned", text(200)))


class Permit(Base):
    """A stall's permit (四定: place, size, kind and hours are fixed), looked up before anybody is penalised."""

    __tablename__ = "permit"
    __table_args__ = (sa.UniqueConstraint("permit_no"),)

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    version: Mapped[int]
    permit_no: Mapped[str] = mapped_column(sa.String(32), info=synced("server_owned", text(32)))
    holder: Mapped[str | None] = mapped_column(sa.String(100), info=synced("server_owned", text(100)))
    address: Mapped[str | None] = mapped_column(sa.String(300), info=synced("server_owned", text(300)))
    position: Mapped[Any | None] = mapped_column(Json, info=synced("server_owned", POSITION))
    goods: Mapped[str | None] = mapped_column(sa.String(100), info=synced("server_owned", text(100)))
    hours: Mapped[str | None] = mapped_column(sa.String(50), info=synced("server_owned", text(50)))
    size: Mapped[str | None] = mapped_column(sa.String(50), info=synced("server_owned", text(50)))
    quantity: Mapped[int | None] = mapped_column(info=synced("server_owned", integer(0, 10_000)))
    valid_from: Mapped[datetime | None] = mapped_column(UtcDateTime, info=synced("server_owned", TIME))
    valid_to: Mapped[datetime | None] = mapped_column(UtcDateTime, info=synced("server_owned", TIME))
    status: Mapped[str | None] = mapped_column(sa.String(16), info=synced("server_owned", enum("permit_status")))

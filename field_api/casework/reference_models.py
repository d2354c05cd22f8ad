"""Reference data that every terminal holds and none may change: categories, grids, permits.

Officers are the fourth; their table belongs to `auth`, which is where their rights are kept.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from field_api.casework.declare import enum, synced
from field_api.casework.law.catalogue import LARGEST_FEN
from field_api.casework.models import GRID
from sync.engine.kinds import BOOLEAN, POSITION, TIME, group, integer, list_of, text
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


_DAY = text(10, r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_FEN = integer(0, LARGEST_FEN)
_ARTICLES = list_of(text(200), 10)
# Factors are not held to their code table: a step may hang on one that only the local standard knows.
_FACTORS = list_of(text(32, r"[a-z0-9_]{2,32}"), 10)
_PENALTIES = list_of(
    group({"party": enum("party_kind"), "kinds": list_of(enum("penalty_kind"), 13), "min_fen": _FEN, "max_fen": _FEN}),
    3,
)
_DISCRETION_STEPS = list_of(
    group(
        {
            "code": text(16),
            "zh": text(100),
            "en": text(100),
            "party": enum("party_kind"),
            "min_fen": _FEN,
            "max_fen": _FEN,
            "factors": _FACTORS,
        }
    ),
    30,
)


class Violation(Base):
    """One version of an item of the violation catalogue (案由). Source: `law/catalogue.py`, docs/catalogue.md."""

    __tablename__ = "violation"
    __table_args__ = (sa.UniqueConstraint("code", "valid_from"),)

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    version: Mapped[int]
    code: Mapped[str] = mapped_column(sa.String(32), info=synced("server_owned", text(32)))
    zh: Mapped[str] = mapped_column(sa.String(200), info=synced("server_owned", text(200)))
    en: Mapped[str] = mapped_column(sa.String(200), info=synced("server_owned", text(200)))
    breaks: Mapped[Any | None] = mapped_column(Json, info=synced("server_owned", _ARTICLES))
    applies: Mapped[Any | None] = mapped_column(Json, info=synced("server_owned", _ARTICLES))
    subject: Mapped[str | None] = mapped_column(
        sa.String(16), info=synced("server_owned", enum("violation_subject"))
    )
    authority: Mapped[str | None] = mapped_column(sa.String(100), info=synced("server_owned", text(100)))
    categories: Mapped[Any | None] = mapped_column(Json, info=synced("server_owned", list_of(enum("category"), 20)))
    penalties: Mapped[Any | None] = mapped_column(Json, info=synced("server_owned", _PENALTIES))
    steps: Mapped[Any | None] = mapped_column(Json, info=synced("server_owned", _DISCRETION_STEPS))
    exempt: Mapped[Any | None] = mapped_column(
        Json, info=synced("server_owned", group({"conditions": _FACTORS, "basis": text(200)}))
    )
    measures: Mapped[Any | None] = mapped_column(
        Json, info=synced("server_owned", list_of(enum("measure_kind"), 8))
    )
    valid_from: Mapped[str] = mapped_column(sa.String(10), info=synced("server_owned", _DAY))
    valid_to: Mapped[str | None] = mapped_column(sa.String(10), info=synced("server_owned", _DAY))
    source: Mapped[str | None] = mapped_column(sa.String(300), info=synced("server_owned", text(300)))
    read: Mapped[str | None] = mapped_column(sa.String(8), info=synced("server_owned", enum("reading")))
    demo: Mapped[bool | None] = mapped_column(info=synced("server_owned", BOOLEAN))

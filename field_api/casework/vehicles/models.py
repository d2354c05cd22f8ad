"""The tables of the vehicles' files. What happened to a vehicle stands in the records that name its plate."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from sync.store.base import Base, Id, UtcDateTime
from sync.store.ids import new_id


class Company(Base):
    """A firm that runs vehicles."""

    __tablename__ = "company"
    __table_args__ = (sa.UniqueConstraint("name"),)

    id: Mapped[str] = mapped_column(Id, primary_key=True, default=new_id)
    name: Mapped[str] = mapped_column(sa.String(100))
    uscc: Mapped[str | None] = mapped_column(sa.String(18))
    contact: Mapped[str | None] = mapped_column(sa.String(100))
    address: Mapped[str | None] = mapped_column(sa.String(300))
    changed_at: Mapped[datetime] = mapped_column(UtcDateTime)


class Vehicle(Base):
    """A vehicle by its plate; a trailer is one of its own. plate_kind: 号牌种类."""

    __tablename__ = "vehicle"
    __table_args__ = (sa.UniqueConstraint("plate"), sa.Index(None, "company"))

    id: Mapped[str] = mapped_column(Id, primary_key=True, default=new_id)
    plate: Mapped[str] = mapped_column(sa.String(12))
    plate_kind: Mapped[str | None] = mapped_column(sa.String(2))
    plate_colour: Mapped[str | None] = mapped_column(sa.String(16))
    vin: Mapped[str | None] = mapped_column(sa.String(17))
    vehicle_type: Mapped[str | None] = mapped_column(sa.String(50))
    brand: Mapped[str | None] = mapped_column(sa.String(50))
    owner: Mapped[str | None] = mapped_column(sa.String(100))
    company: Mapped[str | None] = mapped_column(Id, sa.ForeignKey("company.id"))
    changed_at: Mapped[datetime] = mapped_column(UtcDateTime)


class TransportPermit(Base):
    """A permit to carry (核准证), given to a plate. Days are the city's, ISO; the last one counts."""

    __tablename__ = "transport_permit"
    __table_args__ = (sa.UniqueConstraint("permit_no", "plate"), sa.Index(None, "plate"))

    id: Mapped[str] = mapped_column(Id, primary_key=True, default=new_id)
    permit_no: Mapped[str] = mapped_column(sa.String(32))
    plate: Mapped[str] = mapped_column(sa.String(12))
    company: Mapped[str | None] = mapped_column(Id, sa.ForeignKey("company.id"))
    goods: Mapped[str | None] = mapped_column(sa.String(100))
    route: Mapped[str | None] = mapped_column(sa.String(300))
    hours: Mapped[str | None] = mapped_column(sa.String(50))
    valid_from: Mapped[str] = mapped_column(sa.String(10))
    valid_to: Mapped[str] = mapped_column(sa.String(10))
    changed_at: Mapped[datetime] = mapped_column(UtcDateTime)


class CasePlate(Base):
    """A plate that a case names; a list inside a record can be searched by no index."""

    __tablename__ = "case_plate"
    __table_args__ = (sa.Index(None, "case"),)

    plate: Mapped[str] = mapped_column(sa.String(12), primary_key=True)
    case: Mapped[str] = mapped_column(Id, sa.ForeignKey("case.id"), primary_key=True)

"""Vehicles, firms and transport permits from tables: read line by line, written together, never deleted by a list.

A permit that a later list does not name stands until its last day; the set `carriers` holds those that may still be
valid on the day of the import.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from field_api.casework.law import identifiers, plates
from field_api.casework.sets import content, lists, shelf
from field_api.casework.sets.lists import Column, Refused, Report
from field_api.casework.vehicles.models import Company, TransportPermit, Vehicle

CARRIERS = "carriers"
CODES: Mapping[str, tuple[str, str]] = {"permit": ("有运输许可", "has a permit to carry")}
_PLATE = Column("plate", ("号牌号码", "号牌", "车牌", "车牌号"), required=True)
_COMPANY = Column("company", ("企业名称", "所属企业", "单位"))
_VEHICLES = (
    _PLATE,
    _COMPANY,
    Column("plate_kind", ("号牌种类",)),
    Column("plate_colour", ("号牌颜色",)),
    Column("vin", ("车辆识别代号", "车架号")),
    Column("vehicle_type", ("车辆类型",)),
    Column("brand", ("品牌", "品牌型号")),
    Column("owner", ("所有人",)),
    Column("uscc", ("统一社会信用代码",)),
    Column("contact", ("联系人",)),
    Column("address", ("地址", "企业地址")),
)
_PERMITS = (
    Column("permit_no", ("证号", "核准证号", "许可证号"), required=True),
    _PLATE,
    _COMPANY,
    Column("goods", ("货物", "运输种类")),
    Column("route", ("路线", "运输路线")),
    Column("hours", ("时段", "运输时间")),
    Column("valid_from", ("有效期起", "起始日期"), required=True),
    Column("valid_to", ("有效期止", "截止日期"), required=True),
)
_PIECE = 500
Lines = list[dict[str, str]]


def take_vehicles(raw: bytes) -> tuple[Report, Lines]:
    """Read a table of vehicles."""
    kept: dict[str, dict[str, str]] = {}

    def line(cells: Mapping[str, str]) -> None:
        plate = _plate(cells)
        if plate in kept:
            raise Refused("plate", "twice")
        if cells["uscc"] and identifiers.uscc_fault(cells["uscc"].upper()):
            raise Refused("uscc", "uscc")
        if plates.plate_fault(plate, cells["plate_kind"] or None):
            raise Refused("plate_kind", "unknown_code")
        _fits(cells, Vehicle, "plate_kind", "plate_colour", "vin", "vehicle_type", "brand", "owner")
        _fits({"name": cells["company"], "address": cells["address"], "contact": cells["contact"]}, Company)
        kept[plate] = {**cells, "plate": plate, "uscc": cells["uscc"].upper()}

    return lists.read(raw, _VEHICLES, line), list(kept.values())


def take_permits(raw: bytes) -> tuple[Report, Lines]:
    """Read a table of transport permits."""
    kept: dict[tuple[str, str], dict[str, str]] = {}

    def line(cells: Mapping[str, str]) -> None:
        plate, first, last = _plate(cells), lists.day(cells, "valid_from"), lists.day(cells, "valid_to")
        if first is None or last is None:
            raise Refused("valid_to", "required")
        if last < first:
            raise Refused("valid_to", "ends_before")
        if (cells["permit_no"], plate) in kept:
            raise Refused("plate", "twice")
        _fits(cells, TransportPermit, "permit_no", "goods", "route", "hours")
        days = {"valid_from": first.isoformat(), "valid_to": last.isoformat()}
        kept[cells["permit_no"], plate] = {**cells, "plate": plate, **days}

    return lists.read(raw, _PERMITS, line), list(kept.values())


def write_vehicles(session: Session, rows: Lines, now: datetime) -> None:
    """Add vehicles and their firms, or change those that are known. Writes: company, vehicle."""
    companies = _companies(session, rows, now)
    known = {one.plate: one for one in _in(session, Vehicle, Vehicle.plate, {row["plate"] for row in rows})}
    for row in rows:
        vehicle = known.get(row["plate"]) or Vehicle(plate=row["plate"])
        for name in ("plate_kind", "plate_colour", "vin", "vehicle_type", "brand", "owner"):
            # A column that was left empty says nothing of what is known.
            setattr(vehicle, name, row[name] or getattr(vehicle, name))
        vehicle.company = companies.get(row["company"]) or vehicle.company
        vehicle.changed_at = now
        session.add(vehicle)
    session.flush()


def write_permits(session: Session, key: bytes, rows: Lines, now: datetime, source: str, today: date) -> None:
    """Add permits, or change those that are known, and bring the set up to date. Writes: them, company, the set."""
    companies = _companies(session, rows, now)
    numbers = {row["permit_no"] for row in rows}
    permits = _in(session, TransportPermit, TransportPermit.permit_no, numbers)
    known = {(one.permit_no, one.plate): one for one in permits}
    for row in rows:
        permit = known.get((row["permit_no"], row["plate"])) or TransportPermit(
            permit_no=row["permit_no"], plate=row["plate"]
        )
        for name in ("goods", "route", "hours"):
            setattr(permit, name, row[name] or None)
        permit.valid_from, permit.valid_to = row["valid_from"], row["valid_to"]
        permit.company = companies.get(row["company"])
        permit.changed_at = now
        session.add(permit)
    session.flush()
    _publish(session, key, now, source, today)


def _publish(session: Session, key: bytes, now: datetime, source: str, today: date) -> None:
    number = shelf.numbers(session, CARRIERS, CODES, now)["permit"]
    query = sa.select(TransportPermit.plate, TransportPermit.valid_to).where(
        TransportPermit.valid_to >= today.isoformat()
    )
    entries = {
        content.pack(content.digest(key, "plate", row.plate), number, date.fromisoformat(row.valid_to))
        for row in session.execute(query)
    }
    shelf.replace(session, CARRIERS, entries, now, source)


def _companies(session: Session, rows: Lines, now: datetime) -> dict[str, str]:
    """The ids of the firms that rows name, those made that are not known yet."""
    naming = [row for row in rows if row["company"]]
    known = {one.name: one for one in _in(session, Company, Company.name, {row["company"] for row in naming})}
    for row in naming:
        company = known.setdefault(row["company"], Company(name=row["company"]))
        for part in ("uscc", "contact", "address"):
            if row.get(part):
                setattr(company, part, row[part])
        company.changed_at = now
        session.add(company)
    session.flush()
    return {name: one.id for name, one in known.items()}


def _in(session: Session, model: Any, column: Any, values: Iterable[str]) -> list[Any]:
    wanted, found = sorted(values), list[Any]()
    for start in range(0, len(wanted), _PIECE):
        found += session.scalars(sa.select(model).where(column.in_(wanted[start : start + _PIECE])))
    return found


def _plate(cells: Mapping[str, str]) -> str:
    plate = plates.compact(cells["plate"])
    if plates.plate_fault(plate):
        raise Refused("plate", "plate_impossible")
    return plate


def _fits(cells: Mapping[str, str], model: Any, *names: str) -> None:
    """Refuse what its column would not hold."""
    for name in names or cells:
        if len(cells[name]) > model.__table__.c[name].type.length:
            raise Refused(name, "too_long")

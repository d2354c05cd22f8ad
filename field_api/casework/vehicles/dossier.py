"""The file of a vehicle (一车一档): what is known of it and all that happened to it, by plate, within one's scope."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import orjson
import sqlalchemy as sa
from sqlalchemy.orm import Session

from field_api.auth.identity import Identity
from field_api.casework import doubts
from field_api.casework.law import plates
from field_api.casework.models import Case, VehicleCheck
from field_api.casework.procedure_models import Measure
from field_api.casework.scope import visible_families
from field_api.casework.sets.models import LookupSet, WatchEntry
from field_api.casework.vehicles.models import CasePlate, Company, TransportPermit, Vehicle
from field_api.problems import Problem
from sync.engine.values import Record
from sync.service.home import Change
from sync.store.tables import RecordRow
from sync.store.upsert import insert

READERS = ("officer", "liaison", "supervisor", "legal", "dispatcher", "auditor")
LIMIT = 100
_CHECK = ("id", "checked_at", "plate", "plate_state", "trailer_plate", "cargo", "spill_length_m", "address", "result",
          "papers_returned", "incident")  # fmt: skip
_CASE = ("id", "case_no", "status", "category", "address", "occurred_at", "incident")
_MEASURE = ("id", "kind", "status", "incident")


def note(session: Session, changes: Sequence[Change]) -> None:
    """Keep which cases name which plates, so that a plate's are found without reading all. Writes: case_plate."""
    named = [one for one in changes if one.after.type == "case" and _renamed(one)]
    had = [one.after.id for one in named if one.before is not None and one.before.body["plates"]]
    if had:
        session.execute(sa.delete(CasePlate).where(CasePlate.case.in_(had)))
    rows = [{"plate": plate, "case": one.after.id} for one in named for plate in sorted(_plates(one.after))]
    insert(session, cast(sa.Table, CasePlate.__table__), rows)


def _plates(case: Record) -> set[str]:
    return {plates.compact(one) for one in case.body["plates"] or ()}


def _renamed(change: Change) -> bool:
    return _plates(change.after) != (_plates(change.before) if change.before is not None else set())


def of(session: Session, plate: str, identity: Identity) -> dict[str, Any]:
    """All of a plate; a trailer's and a tractor's file each name what the other was there for, too.

    Raises:
        Problem: not_permitted, not_found (no plate of any kind).
    """
    identity.require(*READERS)
    plate = plates.compact(plate)
    shape = plates.shape_of(plate)
    if shape is None:
        raise Problem("not_found")
    checks = _records(session, "vehicle_check", _checks(plate), identity, _CHECK)
    found: dict[str, Any] = {
        "plate": plate,
        "shape": shape.name,
        "city": plates.city_of(plate),
        **_known(session, plate),
        "permits": _permits(session, plate),
        "watch": _watched(session, plate),
        "checks": checks,
        "cases": _records(session, "case", _cases(plate), identity, _CASE),
        "measures": _records(session, "measure", _measures(plate), identity, _MEASURE),
    }
    odd = doubts.of(session, [one["id"] for one in checks])
    found["doubts"] = [
        {"record": record, "field": one.field, "code": one.code, "zh": one.zh, "en": one.en}
        for record, listed in odd.items()
        for one in listed
    ]
    return found


def _checks(plate: str) -> sa.Select[Any]:
    return sa.select(VehicleCheck.id).where(sa.or_(VehicleCheck.plate == plate, VehicleCheck.trailer_plate == plate))


def _measures(plate: str) -> sa.Select[Any]:
    return sa.select(Measure.id).where(Measure.plate == plate)


def _cases(plate: str) -> sa.Select[Any]:
    """Cases that name the plate, and those of the incidents at which it was checked."""
    incidents = sa.select(VehicleCheck.incident).where(
        sa.or_(VehicleCheck.plate == plate, VehicleCheck.trailer_plate == plate), VehicleCheck.incident.is_not(None)
    )
    named = sa.select(CasePlate.case).where(CasePlate.plate == plate)
    return sa.select(Case.id).where(sa.or_(Case.id.in_(named), Case.incident.in_(incidents)))


def _records(
    session: Session, record_type: str, ids: sa.Select[Any], identity: Identity, names: tuple[str, ...]
) -> list[dict[str, Any]]:
    """Records in scope, the newest first, each reduced to what a file shows."""
    query = (
        sa.select(RecordRow.id, RecordRow.body)
        .where(
            RecordRow.type == record_type,
            RecordRow.id.in_(ids),
            RecordRow.void.is_(None),
            RecordRow.family.in_(visible_families(identity)),
        )
        .order_by(RecordRow.id.desc())
        .limit(LIMIT)
    )
    found = []
    for row in session.execute(query):
        body = orjson.loads(row.body)
        found.append({"id": row.id} | {name: body.get(name) for name in names if name != "id"})
    return found


def _known(session: Session, plate: str) -> dict[str, Any]:
    vehicle = session.scalar(sa.select(Vehicle).where(Vehicle.plate == plate))
    company = session.get(Company, vehicle.company) if vehicle is not None and vehicle.company else None
    return {
        "vehicle": _columns(vehicle, "plate_kind", "plate_colour", "vin", "vehicle_type", "brand", "owner"),
        "company": _columns(company, "name", "uscc", "contact", "address"),
    }


def _columns(row: Any, *names: str) -> dict[str, Any] | None:
    return None if row is None else {name: getattr(row, name) for name in names}


def _permits(session: Session, plate: str) -> list[dict[str, Any]]:
    query = sa.select(TransportPermit).where(TransportPermit.plate == plate).order_by(TransportPermit.valid_to.desc())
    names = ("permit_no", "goods", "route", "hours", "valid_from", "valid_to")
    return [cast(dict[str, Any], _columns(row, *names)) for row in session.scalars(query.limit(LIMIT))]


def _watched(session: Session, plate: str) -> dict[str, Any]:
    """Why a plate is looked for, and of when the list is."""
    rows = session.scalars(sa.select(WatchEntry).where(WatchEntry.plate == plate).order_by(WatchEntry.reason))
    held = session.get(LookupSet, "watch")
    at = held.imported_at if held is not None else None
    return {
        "entries": [cast(dict[str, Any], _columns(row, "reason", "note", "valid_to")) for row in rows],
        "imported_at": at.isoformat(timespec="milliseconds") if at else None,
    }

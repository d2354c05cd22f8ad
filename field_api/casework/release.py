"""Vehicles that police and city hold together: who signed for the release (会签), who has a thing in his hands."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
import sqlalchemy as sa
from sqlalchemy.orm import Session

from field_api import alerts
from field_api.alerts import Finding
from field_api.auth.identity import Identity
from field_api.auth.tables import Officer
from field_api.casework import scope
from field_api.casework.clock_tables import Deadline
from field_api.casework.procedure_models import Measure
from field_api.problems import Problem
from sync.engine.kinds import parse_time
from sync.service.home import Change
from sync.store.tables import RecordRow

SIDES: Mapping[str, str] = {"city_bureau": "城管 · city bureau", "traffic_police": "交警 · traffic police"}
# A vehicle is in the yard of one side and on the books of the other; a licence is the police's alone.
JOINT = frozenset({"hold_vehicle", "tow"})
RELEASED = ("lifted", "returned")
HELD = ("imposed", "approved", "extended")
UNSIGNED = "joint"
POLICE_ROLE = "liaison"
LIST_LIMIT = 500
LATE = ("late_approval", "police_report")


@dataclass(frozen=True, slots=True)
class HandOver:
    """A thing that one side gave away and nobody has taken yet."""

    measure: str
    kind: str
    plate: str | None
    unit: str | None
    element: str
    at: str
    by: str
    place: str | None


@dataclass(frozen=True, slots=True)
class Waiting:
    """A measure that nobody has approved. due_at: until when law waits; None where it does not say."""

    measure: str
    kind: str
    imposed_at: datetime
    due_at: datetime | None
    is_late: bool


def missing_sides(session: Session, body: Mapping[str, Any]) -> list[str]:
    """The sides that have not signed for the release of a measure; none of a measure that needs no joint release.

    A signature counts for the side that its author serves with, whatever it says.
    """
    if body.get("kind") not in JOINT:
        return []
    return _missing(body, _sides(session, [body]))


def require_signed(session: Session, body: Mapping[str, Any]) -> None:
    """Refuse the release of a vehicle for which a side has not signed.

    Raises:
        Problem: signoffs_missing, the sides in `errors`.
    """
    missing = missing_sides(session, body)
    if missing:
        errors = [{"pointer": "/signoffs", "code": side, "message": SIDES[side]} for side in missing]
        raise Problem("signoffs_missing", errors=errors)


def unsigned(session: Session, bodies: Mapping[str, Mapping[str, Any]]) -> set[str]:
    """Of released measures those for which a side has not signed, by the keys under which they come."""
    joint = {key: body for key, body in bodies.items() if body.get("kind") in JOINT and body["status"] in RELEASED}
    sides = _sides(session, joint.values()) if joint else {}
    return {key for key, body in joint.items() if _missing(body, sides)}


def react(session: Session, changes: Sequence[Change], now: datetime) -> None:
    """Tell people of vehicles that went without both signatures. Writes: alert."""
    fresh = {change.after.id: change.after for change in changes if _was_released(change)}
    for record in sorted(unsigned(session, {key: record.body for key, record in fresh.items()})):
        body = fresh[record].body
        detail = {"type": "measure", "case": body.get("case"), "plate": body.get("plate")}
        alerts.happened(session, Finding("release_unsigned", record, body.get("unit"), detail=detail), [record], now)


def handed_over(session: Session, identity: Identity) -> list[HandOver]:
    """What was handed over and not taken, the oldest measures first, in this person's scope. One SELECT.

    Each `taken_over` answers the `handed_over` before it.
    """
    query = (
        sa.select(RecordRow.id, RecordRow.body)
        .join(Measure, Measure.id == RecordRow.id)
        .where(Measure.status != "returned", RecordRow.void.is_(None))
        .where(RecordRow.family.in_(scope.visible_families(identity)))
        .order_by(Measure.imposed_at, Measure.id)
        .limit(LIST_LIMIT)
    )
    return [one for row in session.execute(query) for one in _open_hand_overs(row.id, orjson.loads(row.body))]


def unapproved(session: Session, identity: Identity, now: datetime) -> list[Waiting]:
    """Measures that wait for the head's word, those whose 24 hours are over first. One SELECT."""
    due = sa.select(sa.func.min(Deadline.due_at)).where(Deadline.record == Measure.id, Deadline.clock.in_(LATE))
    query = (
        sa.select(Measure.id, Measure.kind, Measure.imposed_at, due.scalar_subquery().label("due_at"))
        .join(RecordRow, RecordRow.id == Measure.id)
        .where(Measure.status == "imposed", Measure.approved_at.is_(None), RecordRow.void.is_(None))
        .where(RecordRow.family.in_(scope.visible_families(identity)))
        .order_by(Measure.imposed_at, Measure.id)
        .limit(LIST_LIMIT)
    )
    rows = session.execute(query).all()
    found = [Waiting(*row, is_late=row.due_at is not None and row.due_at < now) for row in rows]
    return sorted(found, key=lambda one: not one.is_late)


def _was_released(change: Change) -> bool:
    after, before = change.after, change.before
    if after.type != "measure" or after.void is not None or after.body["status"] not in RELEASED:
        return False
    return before is None or before.body["status"] not in RELEASED


def _missing(body: Mapping[str, Any], sides: Mapping[str, str]) -> list[str]:
    signoffs = [one for one in body.get("signoffs") or () if not one.get("void")]
    signed = {one["side"] for one in signoffs if sides.get(one["by"]) == one["side"]}
    return [side for side in SIDES if side not in signed]


def _sides(session: Session, bodies: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """Whom the people serve who signed for these measures."""
    people = {one["by"] for body in bodies for one in body.get("signoffs") or ()}
    if not people:
        return {}
    rows = session.execute(sa.select(Officer.id, Officer.roles).where(Officer.id.in_(people)))
    return {row.id: "traffic_police" if POLICE_ROLE in row.roles else "city_bureau" for row in rows}


def _moment(element: Mapping[str, Any]) -> float:
    moment = parse_time(element["at"])
    return moment.timestamp() if moment else 0.0


def _open_hand_overs(measure: str, body: Mapping[str, Any]) -> list[HandOver]:
    waiting: list[Mapping[str, Any]] = []
    for one in sorted((one for one in body.get("custody") or () if not one.get("void")), key=_moment):
        if one["act"] == "handed_over":
            waiting.append(one)
        elif one["act"] == "taken_over" and waiting:
            waiting.pop(0)
    return [
        HandOver(
            *(measure, body["kind"], body.get("plate"), body.get("unit")),
            *(one["id"], one["at"], one["by"], one.get("place")),
        )
        for one in waiting
    ]

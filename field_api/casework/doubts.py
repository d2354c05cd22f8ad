"""What is odd about a record and stands all the same: kept beside it until it is so no longer, for who reviews it.

An officer may stand just beyond the city's border, and may have chosen the wrong 号牌种类: neither is a reason to
keep back what he did. Each is one row here, by record, field and code; nothing of it is synced. ADR 33.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, Session, mapped_column

from field_api.casework.field_checks import born_on
from field_api.casework.law import coordinates, identifiers, plates
from field_api.casework.law.coordinates import Box
from field_api.casework.models import Case
from sync.engine.values import Record
from sync.service.home import Change
from sync.store.base import Base, Id, UtcDateTime

# What each means, Chinese and English.
WORDS: Mapping[str, tuple[str, str]] = {
    "outside_city": ("位置在市域之外", "the position lies outside the city"),
    "other_system": ("坐标系可能标错：与案件位置相差正好一个偏移", "the coordinate system seems to be another one"),
    "plate_kind_differs": ("号牌种类与号牌不符", "the kind of plate does not fit the plate"),
    "plate_colour_differs": ("号牌颜色与号牌不符", "the colour does not fit the plate"),
    "birth_differs": ("出生日期与身份证号不符", "the birth date is not the identity number's"),
}
_JUDGED = frozenset({"case", "incident", "vehicle_check", "evidence", "task"})
Found = frozenset[tuple[str, str]]


class Doubt(Base):
    """One odd thing about one field of a record. code: one of `WORDS`."""

    __tablename__ = "doubt"

    record: Mapped[str] = mapped_column(Id, primary_key=True)
    field: Mapped[str] = mapped_column(sa.String(32), primary_key=True)
    code: Mapped[str] = mapped_column(sa.String(32), primary_key=True)
    raised_at: Mapped[datetime] = mapped_column(UtcDateTime)


@dataclass(frozen=True, slots=True)
class Told:
    """A doubt in words."""

    field: str
    code: str
    zh: str
    en: str


def note(session: Session, changes: Sequence[Change], city: Box, now: datetime) -> None:
    """Bring the doubts about changed records to what is odd about them now. Writes: doubt."""
    judged = [change for change in changes if change.after.type in _JUDGED]
    before = {one.after.id: _odd(one.before, city) for one in judged}
    after = {one.after.id: _odd(one.after, city) for one in judged}
    for record, codes in _mixed_up(session, judged).items():
        after[record] |= codes
    differing = [record for record, codes in after.items() if codes != before[record]]
    if not differing:
        return
    session.execute(sa.delete(Doubt).where(Doubt.record.in_(differing)))
    rows = [
        {"record": record, "field": field, "code": code, "raised_at": now}
        for record in differing
        for field, code in sorted(after[record])
    ]
    if rows:
        session.execute(sa.insert(Doubt), rows)


def of(session: Session, records: Iterable[str]) -> dict[str, list[Told]]:
    """The doubts about these records."""
    query = sa.select(Doubt).where(Doubt.record.in_(list(records))).order_by(Doubt.record, Doubt.field, Doubt.code)
    found: dict[str, list[Told]] = {}
    for row in session.scalars(query):
        found.setdefault(row.record, []).append(Told(row.field, row.code, *WORDS[row.code]))
    return found


def _odd(record: Record | None, city: Box) -> Found:
    if record is None or record.void is not None:
        return frozenset()
    body = record.body
    found: set[tuple[str, str]] = set()
    place = body.get("position")
    if place is not None and not city.holds(place["lng"], place["lat"]):
        found.add(("position", "outside_city"))
    if record.type == "vehicle_check":
        found |= _odd_plates(body)
    if record.type == "case" and _births_differ(body.get("party")):
        found.add(("party", "birth_differs"))
    return frozenset(found)


def _odd_plates(body: Mapping[str, Any]) -> set[tuple[str, str]]:
    faults = {
        "plate": plates.plate_fault(
            body.get("plate"), body.get("plate_kind"), body.get("plate_colour"), body.get("plate_state")
        ),
        "trailer_plate": plates.plate_fault(body.get("trailer_plate"), body.get("trailer_plate_kind")),
    }
    return {(name, code) for name, code in faults.items() if code is not None and code in WORDS}


def _births_differ(party: Any) -> bool:
    if not isinstance(party, Mapping) or not party.get("birth") or not party.get("id_no"):
        return False
    card = identifiers.read_id_card(party["id_no"]) if party.get("id_type") in (None, "id_card") else None
    return card is not None and card.birth != born_on({"birth": party["birth"]})


def _mixed_up(session: Session, changes: Sequence[Change]) -> dict[str, Found]:
    """New photos whose position is their case's in another system, by one look at those cases."""
    photos = [one.after for one in changes if one.after.type == "evidence" and one.before is None]
    placed = [one for one in photos if one.body.get("position")]
    if not placed:
        return {}
    query = sa.select(Case.id, Case.position).where(Case.id.in_({one.body["case"] for one in placed}))
    cases = {row.id: row.position for row in session.execute(query) if row.position}
    found: dict[str, Found] = {}
    for one in placed:
        reference = cases.get(one.body["case"])
        if reference is not None and _is_mixed_up(one.body["position"], reference):
            found[one.id] = frozenset({("position", "other_system")})
    return found


def _is_mixed_up(place: Mapping[str, Any], reference: Mapping[str, Any]) -> bool:
    near = coordinates.in_wgs84(reference["lng"], reference["lat"], reference["coord_sys"])
    return coordinates.likely_system((place["lng"], place["lat"], place["coord_sys"]), near) is not None

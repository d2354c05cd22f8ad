"""What an operation's fields say together that cannot be: found at the door, before anything is merged.

Judged against the operation's own time, never against ours: a device's wrong clock is no fault of the officer's, and
no operation is refused for it. A decision that was taken on the street is not refused either: where the law was
broken by it, the rules flag it. What is merely odd is a doubt (`doubts`), and stands. ADR 33.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta, timezone
from typing import Any

import orjson
import sqlalchemy as sa
from sqlalchemy.orm import Session

from field_api.casework.kinds import FAULTS
from field_api.casework.law import identifiers, plates
from sync.engine.kinds import parse_time
from sync.engine.values import Operation, Problem
from sync.store.tables import RecordRow

CHINA_TIME = timezone(timedelta(hours=8))
# 行政处罚法 as revised, in force; what happened before is judged by a law that no rule of ours knows.
LAW_SINCE = datetime(2021, 7, 15, tzinfo=CHINA_TIME)
CLOCK_SLACK = timedelta(minutes=5)
PENALTY_AGE = 14
_ASKS = ("create", "patch")
_PLATES = (("plate", "plate_state"), ("trailer_plate", None))
# Fields that are judged together with one that the operation may leave as it stands.
_TOGETHER: Mapping[str, frozenset[str]] = {
    "case": frozenset({"party", "amount_fen"}),
    "vehicle_check": frozenset({"plate", "plate_state"}),
}

def refused(session: Session, operations: Sequence[Operation]) -> dict[str, Problem]:
    """The operations whose fields cannot be so, by operation id, each with its field errors."""
    asked = [one for one in operations if one.action in _ASKS and not one.author.server and one.type in _JUDGES]
    standing = _standing(session, asked)
    found: dict[str, Problem] = {}
    for one in asked:
        body = standing.setdefault(one.record, {})
        values = {**body, **one.set}
        errors = [
            {"pointer": f"/set{pointer}", "code": FAULTS[code].code, "message": FAULTS[code].message}
            for judge in _JUDGES[one.type]
            for pointer, code in judge(one, values)
        ]
        if errors:
            found[one.id] = Problem("invalid_field", tuple(errors))
        else:
            body.update(one.set)
    return found


def _standing(session: Session, operations: Sequence[Operation]) -> dict[str, dict[str, Any]]:
    """The bodies of records of which an operation names a part of what is judged together; mostly none is asked for."""
    wanted = {one.record for one in operations if one.action == "patch" and _names_a_part(one)}
    if not wanted:
        return {}
    query = sa.select(RecordRow.id, RecordRow.body).where(RecordRow.id.in_(wanted))
    return {row.id: orjson.loads(row.body) for row in session.execute(query)}


def _names_a_part(operation: Operation) -> bool:
    together = _TOGETHER.get(operation.type, frozenset())
    return bool(together & operation.set.keys()) and not operation.set.keys() >= together


# Pointers below `set`, with the codes of `FAULTS`.
Faults = list[tuple[str, str]]


def _times(operation: Operation, _values: Mapping[str, Any]) -> Faults:
    """What happened lies between the law and the writing of it, both by the same clock."""
    happened, written = parse_time(operation.set.get("occurred_at")), parse_time(operation.at)
    if happened is None or written is None:
        return []
    if happened > written + CLOCK_SLACK:
        return [("/occurred_at", "in_the_future")]
    return [("/occurred_at", "before_the_law")] if happened < LAW_SINCE <= written else []


def _party(operation: Operation, values: Mapping[str, Any]) -> Faults:
    if not operation.set.keys() & _TOGETHER["case"]:
        return []
    born = born_on(values.get("party"))
    written = parse_time(operation.at)
    if born is None or written is None:
        return []
    if "party" in operation.set and born > written.astimezone(CHINA_TIME).date():
        return [("/party/id_no", "id_card_birth")]
    happened = parse_time(values.get("occurred_at")) or written
    amount = values.get("amount_fen")
    if not isinstance(amount, int) or amount <= 0:
        return []
    is_child = identifiers.full_years(born, happened.astimezone(CHINA_TIME).date()) < PENALTY_AGE
    return [("/amount_fen", "party_under_14")] if is_child else []


def _plates(operation: Operation, values: Mapping[str, Any]) -> Faults:
    """A plate is whole where its state does not say otherwise; a trailer's stands or is left out."""
    found: Faults = []
    for name, state in _PLATES:
        plate = operation.set.get(name)
        is_read = state is None or values.get(state) in (None, "normal")
        if isinstance(plate, str) and is_read and plates.plate_fault(plate):
            found.append((f"/{name}", "plate_impossible"))
    return found


def born_on(party: Any) -> date | None:
    """A party's birth date by the identity number, or as it was written down."""
    if not isinstance(party, Mapping):
        return None
    number, named = party.get("id_no"), party.get("id_type")
    if isinstance(number, str) and named in (None, "id_card"):
        card = identifiers.read_id_card(number)
        if card is not None:
            return card.birth
    try:
        return date.fromisoformat(str(party.get("birth")))
    except ValueError:
        return None


_JUDGES = {"case": (_times, _party), "incident": (_times,), "vehicle_check": (_plates,)}

"""Acts of the head and of the legal reviewer on measures and general proceedings; each is an operation of his own.

A step is written with the approval that it stands for, in one transaction. Nobody takes one on his own case.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import orjson
import sqlalchemy as sa
from sqlalchemy.orm import Session

from field_api.auth.identity import Identity
from field_api.casework import release, scope, server
from field_api.casework.law.clocks import CLOCKS
from field_api.casework.review import author_of, require_stranger
from field_api.problems import Problem
from sync.engine.kinds import parse_time
from sync.engine.values import Operation, Record, Transition
from sync.service.home import Home
from sync.service.received import Received, own_operation
from sync.service.workspace import Workspace
from sync.store import operations as inbox
from sync.store.ids import new_id
from sync.store.tables import OperationRow

EXTENSION_DAYS = 30
# Event → the approval that it stands for, and whether it grants it.
APPROVALS: Mapping[tuple[str, str], tuple[str, bool]] = {
    ("proceeding", "file"): ("filing", True),
    ("proceeding", "drop"): ("filing", False),
    ("proceeding", "close"): ("closing", True),
    ("measure", "approve"): ("measure", True),
    ("measure", "extend"): ("extension", True),
}


@dataclass(frozen=True, slots=True)
class Step:
    """What a person decides. `id` makes a repeated request harmless; `base`: the version that he saw, if he says.

    days: by how much a seizure is extended.
    """

    id: str
    event: str
    reason: str = ""
    base: int | None = None
    days: int | None = None


@dataclass(frozen=True, slots=True)
class Approval:
    """What is granted or refused without a step: `extension` or `stay` of a proceeding, a measure that is refused."""

    id: str
    kind: str
    granted: bool
    days: int | None = None
    note: str = ""


def take(
    session: Session, home: Home, record_type: str, record: str, step: Step, identity: Identity, now: datetime
) -> dict[str, Any]:
    """Take a step on a measure or proceeding, with its approval.

    Raises:
        Problem: not_found, not_permitted, own_case, invalid_field, step_not_open, changed_meanwhile, term_over,
            signoffs_missing, operation_id_reused.
    """
    declared = _declared(home, record_type, step.event, identity)
    _require_own_none(session, identity, record_type, record)
    space = Workspace(session, home, now)
    standing = space.look_at(record)
    values = _values(record_type, step, identity, now)
    operation = Operation(
        step.id, "transition", record_type, record, author_of(identity), server.moment(now),
        base=standing.version, event=step.event, set=values,
    )  # fmt: skip
    received = own_operation(operation)
    known = inbox.known(session, [step.id]).get(step.id)
    if known is not None:
        return _again(session, known, received)
    _require_open(standing, declared, step)
    _require_lawful(session, standing, step, now)
    approval = APPROVALS.get((record_type, step.event))
    wanted = [received]
    if approval is not None:
        element = Approval(new_id(), approval[0], approval[1], step.days, step.reason)
        wanted.append(own_operation(_append(element, operation, now)))
    return space.apply(wanted)[0]


def approve(
    session: Session, home: Home, record_type: str, record: str, approval: Approval, identity: Identity, now: datetime
) -> dict[str, Any]:
    """Note that the head granted or refused something; repeated, it gives its first answer.

    Raises:
        Problem: not_found, not_permitted, own_case, changed_meanwhile, operation_id_reused.
    """
    identity.require("supervisor")
    _require_own_none(session, identity, record_type, record)
    space = Workspace(session, home, now)
    standing = space.look_at(record)
    head = Operation(approval.id, "append", record_type, record, author_of(identity), server.moment(now))
    received = own_operation(_append(approval, head, now))
    known = inbox.known(session, [approval.id]).get(approval.id)
    if known is not None:
        return _again(session, known, received)
    if standing.void is not None:
        raise Problem("changed_meanwhile")
    return space.apply([received])[0]


def _append(approval: Approval, like: Operation, now: datetime) -> Operation:
    said = {"days": approval.days, "note": approval.note or None}
    item = {"id": approval.id, "kind": approval.kind, "granted": approval.granted, "at": server.moment(now)}
    item |= {name: value for name, value in said.items() if value is not None}
    return replace(
        like, id=approval.id, action="append", base=0, event=None, set={}, list="approvals", item=item
    )


def _declared(home: Home, record_type: str, event: str, identity: Identity) -> Transition:
    if not identity.supervises:
        raise Problem("not_permitted")
    declared = next((one for one in home.types[record_type].transitions if one.event == event), None)
    if declared is None:
        raise Problem("invalid_field", errors=[_not_listed("/event", "没有这个步骤 · there is no such step")])
    if declared.roles is not None and not declared.roles & identity.roles:
        raise Problem("not_permitted")
    return declared


def _require_own_none(session: Session, identity: Identity, record_type: str, record: str) -> None:
    """Nobody decides on what he wrote, imposed or investigated."""
    body: dict[str, Any] = orjson.loads(scope.require(session, identity, record, record_type).body)
    hands = {body.get("author"), *(body.get("officers") or ())}
    hands |= {one["by"] for name in ("timeline", "goods", "custody") for one in body.get(name) or ()}
    if identity.officer in hands:
        raise Problem("own_case")
    if body.get("case"):
        case = orjson.loads(scope.require(session, identity, body["case"], "case").body)
        require_stranger(session, identity, body["case"], case)


def _values(record_type: str, step: Step, identity: Identity, now: datetime) -> dict[str, Any]:
    if record_type != "measure":
        return {}
    moment = server.moment(now)
    by_event: Mapping[str, dict[str, Any]] = {
        "approve": {"approved_by": identity.name, "approved_at": moment},
        "extend": {"extended_days": step.days},
        "lift": {"lifted_at": moment, "lift_reason": step.reason or None},
    }
    return by_event.get(step.event, {})


def _require_open(standing: Record, declared: Transition, step: Step) -> None:
    if standing.void is not None or (step.base is not None and step.base < standing.version):
        raise Problem("changed_meanwhile")
    if standing.body["status"] not in declared.sources:
        raise Problem("step_not_open")


def _require_lawful(session: Session, standing: Record, step: Step, now: datetime) -> None:
    """What law asks of a step that can be refused yet: nothing has happened on any street."""
    if standing.type != "measure":
        return
    if step.event == "lift":
        release.require_signed(session, standing.body)
    if step.event == "extend":
        if step.days is None or not 1 <= step.days <= EXTENSION_DAYS:
            raise Problem("invalid_field", errors=[_not_listed("/days", "延长一至三十日（R22） · 1 to 30 days (R22)")])
        if _ends_at(standing.body) < now:
            raise Problem("term_over")


def _ends_at(body: Mapping[str, Any]) -> datetime:
    """When the first term of a measure ends: an extension after that is void."""
    begun = parse_time(body["imposed_at"])
    assert begun is not None
    return begun + timedelta(days=body.get("term_days") or int(CLOCKS["seizure"].length))


def _not_listed(pointer: str, message: str) -> dict[str, str]:
    return {"pointer": pointer, "code": "not_in_list", "message": message}


def _again(session: Session, row: Any, received: Received) -> dict[str, Any]:
    """The same act once more: its first answer. Times differ, so what it says is compared."""
    before: dict[str, Any] = orjson.loads(row.result)
    operation = received.operation
    query = sa.select(OperationRow.record, OperationRow.payload).where(OperationRow.id == operation.id)
    first = session.execute(query).one()
    told = orjson.loads(first.payload)
    same = (row.store, first.record, told.get("event")) == (operation.author.store, operation.record, operation.event)
    said = [(told.get(part) or {}, dict(getattr(operation, part))) for part in ("set", "item")]
    if not same or any(_lasting(one) != _lasting(other) for one, other in said):
        raise Problem("operation_id_reused")
    return before | {"duplicate": True}


def _lasting(said: Mapping[str, Any]) -> dict[str, Any]:
    moments: Sequence[str] = ("at", "approved_at", "lifted_at")
    return {name: value for name, value in said.items() if name not in moments}

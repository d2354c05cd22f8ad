"""A supervisor's verdicts on evidence and cases; each is an operation of his own, and syncs down."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import orjson
import sqlalchemy as sa
from sqlalchemy.orm import Session

from field_api.auth.identity import Identity
from field_api.casework import scope, server
from field_api.casework.delivery import FINISHED
from field_api.casework.models import BY_VERDICT, Evidence
from field_api.casework.reactions import CONTENT
from field_api.problems import Problem
from sync.engine.values import Author, Operation, Record
from sync.service.home import Home
from sync.service.received import Received, own_operation
from sync.service.workspace import Workspace
from sync.store import operations as inbox
from sync.store.tables import ConflictRow, OperationRow


@dataclass(frozen=True, slots=True)
class Verdict:
    """A supervisor's word. `id` makes a repeated answer harmless; `verdict`: passed, returned, rejected.

    base: the version that he saw, where he says it; he judges nothing that changed since.
    """

    id: str
    verdict: str
    reason: str
    base: int | None = None


def author_of(identity: Identity) -> Author:
    """An officer at the console as the author of an operation."""
    return Author(identity.officer, identity.roles, identity.unit, f"console:{identity.officer}", supervisor=True)


def review_evidence(
    session: Session, home: Home, evidence: str, verdict: Verdict, identity: Identity, now: datetime
) -> dict[str, Any]:
    """Pass, return or reject a photo.

    Raises:
        Problem: not_found, not_permitted, own_case, evidence_not_ready, changed_meanwhile, operation_id_reused.
    """
    body = _body(session, identity, evidence, "evidence")
    case = _body(session, identity, body["case"], "case")
    require_stranger(session, identity, body["case"], case)

    def check(standing: Record) -> None:
        if verdict.verdict == "passed" and not (standing.body["bytes"] == "verified" and standing.body["authentic"]):
            raise Problem("evidence_not_ready")
        _require_seen(session, standing, verdict, frozenset({"bytes"}))

    return _judge(session, home, "evidence", evidence, verdict, identity, now, check)


def review_case(
    session: Session, home: Home, case: str, verdict: Verdict, identity: Identity, now: datetime
) -> dict[str, Any]:
    """Pass a case or return it to its unit.

    Raises:
        Problem: not_found, not_permitted, own_case, case_not_closed, conflicts_open, changed_meanwhile,
            operation_id_reused.
    """
    body = _body(session, identity, case, "case")
    require_stranger(session, identity, case, body)
    if verdict.verdict not in ("passed", "returned"):
        raise Problem("invalid_field", errors=[_error("/verdict")])

    def check(standing: Record) -> None:
        if verdict.verdict == "passed" and standing.body["status"] not in FINISHED:
            raise Problem("case_not_closed")
        if verdict.verdict == "passed" and _has_open_conflicts(session, case):
            raise Problem("conflicts_open")
        _require_seen(session, standing, verdict, frozenset(CONTENT))

    return _judge(session, home, "case", case, verdict, identity, now, check)


def _error(pointer: str) -> dict[str, str]:
    return {"pointer": pointer, "code": "not_in_list", "message": "案件只能通过或退回 · a case is passed or returned"}


def _body(session: Session, identity: Identity, record: str, record_type: str) -> dict[str, Any]:
    if not identity.supervises:
        raise Problem("not_permitted")
    body: dict[str, Any] = orjson.loads(scope.require(session, identity, record, record_type).body)
    return body


def require_stranger(session: Session, identity: Identity, case: str, body: dict[str, Any]) -> None:
    """Nobody reviews what he wrote, stood by, or photographed. Raises: Problem own_case."""
    hands = {body["author"], *(step["by"] for step in body["timeline"] + body["notes"] + body["documents"])}
    pieces = sa.select(Evidence.id).where(Evidence.case == case)
    hands |= set(session.scalars(sa.select(Evidence.officer).where(Evidence.case == case)))
    # Evidence names its photographer itself; who pushed it is not his to say.
    pushed = sa.select(OperationRow.officer).where(OperationRow.record.in_(pieces), OperationRow.action == "create")
    hands |= set(session.scalars(pushed))
    if identity.officer in hands:
        raise Problem("own_case")


def _has_open_conflicts(session: Session, case: str) -> bool:
    query = sa.select(ConflictRow.id).where(ConflictRow.record == case, ConflictRow.state == "open").limit(1)
    return session.scalar(query) is not None


def _require_seen(session: Session, standing: Record, verdict: Verdict, content: frozenset[str]) -> None:
    """Refuse a verdict on content that changed after the version that its giver saw."""
    if verdict.base is None or verdict.base >= standing.version:
        return
    later = sa.select(OperationRow.changed).where(
        OperationRow.record == standing.id, OperationRow.version > verdict.base, OperationRow.changed.is_not(None)
    )
    # An element of a list is noted as `timeline/<id>`.
    changed = {name.partition("/")[0] for names in session.scalars(later) for name in names or ()}
    if changed & content:
        raise Problem("changed_meanwhile")


def _judge(
    session: Session,
    home: Home,
    record_type: str,
    record: str,
    verdict: Verdict,
    identity: Identity,
    now: datetime,
    check: Callable[[Record], None],
) -> dict[str, Any]:
    """Apply a verdict once `check` finds nothing against it, on the record as it stands locked.

    Locked before it is asked: a push that is under way could leave a conflict after the answer.
    """
    space = Workspace(session, home, now)
    standing = space.look_at(record)
    values = {"review": verdict.verdict, "review_reason": verdict.reason or None}
    author = author_of(identity)
    operation = Operation(
        verdict.id,
        "patch",
        record_type,
        record,
        replace(author, roles=author.roles | BY_VERDICT),
        server.moment(now),
        base=standing.version,
        set=values,
    )
    received = own_operation(operation)
    known = inbox.known(session, [verdict.id]).get(verdict.id)
    if known is not None:
        return _again(session, known, received)
    if standing.void is not None:
        raise Problem("changed_meanwhile")
    check(standing)
    [result] = space.apply([received])
    return result


def _again(session: Session, row: Any, received: Received) -> dict[str, Any]:
    """The same verdict once more: its first answer. Times and base differ, so what it says is compared."""
    before: dict[str, Any] = orjson.loads(row.result)
    operation = received.operation
    first = session.execute(
        sa.select(OperationRow.record, OperationRow.payload).where(OperationRow.id == operation.id)
    ).one()
    same = (row.store, first.record) == (operation.author.store, operation.record)
    if not same or orjson.loads(first.payload).get("set") != dict(operation.set):
        raise Problem("operation_id_reused")
    return before | {"duplicate": True}

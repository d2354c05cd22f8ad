"""A finished case on its way to the centre: when it is ready, what is sent, what the answer does.

The row in the outbox is written in the transaction that makes a case ready, and holds what will be sent.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

import orjson
import sqlalchemy as sa
from sqlalchemy.orm import Session

from field_api import observe
from field_api.auth.tables import Officer
from field_api.casework import server
from field_api.casework.models import Case, Evidence
from sync.engine.values import Operation
from sync.engine.voids import MARK
from sync.service.home import Home
from sync.service.received import own_operation
from sync.service.workspace import Workspace
from sync.store import outbox
from sync.store import records as shelf
from sync.store.outbox import OutboxRow
from sync.store.prepared import Prepared, among
from sync.store.tables import RecordRow

KIND = "deliver"
UNFINISHED = "发送多次中断，请管理员查看 / Every attempt was cut short; a person should look"
FINISHED = ("closed", "archived")
UNSENT = ("none", "refused")


def candidates(session: Session, cases: Iterable[str]) -> list[str]:
    """Those of some cases that only their evidence can still hold back; one select for all."""
    return [row.id for row in _CANDIDATES.rows(session, cases=sorted(cases))]


def _stands(record: sa.SQLColumnExpression[str]) -> sa.ColumnElement[bool]:
    """Whether a record was not voided."""
    return sa.exists().where(RecordRow.id == record, RecordRow.void.is_(None))


_CANDIDATES = Prepared(
    lambda dialect: sa.select(Case.id)
    .where(
        among(Case.id, "cases", dialect),
        sa.or_(*(Case.status == status for status in FINISHED)),
        Case.review == "passed",
        sa.or_(*(Case.delivery == delivery for delivery in UNSENT)),
        _stands(Case.id),
    )
    .order_by(Case.id)
)


def make_ready(session: Session, case: str, now: datetime) -> list[Operation]:
    """If the case is complete, write its outbox row and say so on the case. Writes: outbox.

    Complete: closed, review passed, and all evidence that was neither rejected nor voided is verified and passed.
    """
    row = session.execute(sa.select(*Case.__table__.columns).where(Case.id == case)).one()
    if row.status not in FINISHED or row.review != "passed" or row.delivery not in UNSENT:
        return []
    pieces = session.execute(
        sa.select(*Evidence.__table__.columns)
        .where(Evidence.case == case, Evidence.review != "rejected", _stands(Evidence.id))
        .order_by(Evidence.captured_at, Evidence.id)
    ).all()
    if any(piece.bytes != "verified" or piece.review != "passed" for piece in pieces):
        return []
    version = row.version + 1
    outbox.put(
        session,
        kind=KIND,
        key=f"{case}:{version}",
        subject=case,
        version=version,
        now=now,
        payload=orjson.dumps(_parcel(session, row, pieces, version)).decode(),
        request_id=observe.request_id(),
    )
    return [server.patch("case", case, {"delivery": "waiting"}, now)]


def _parcel(session: Session, case: Any, pieces: Sequence[Any], version: int) -> dict[str, Any]:
    """The case in the centre's words. Source: docs/centre.md."""
    body = orjson.loads(session.scalars(sa.select(RecordRow.body).where(RecordRow.id == case.id)).one())
    timeline = [step for step in body["timeline"] if MARK not in step]
    people = {case.author, *(step["by"] for step in body["timeline"])} - {None, server.SERVER_ID}
    names = session.execute(sa.select(Officer.id, Officer.name).where(Officer.id.in_(people)).order_by(Officer.id))
    return {
        "case": case.id,
        "version": version,
        "case_no": case.case_no,
        "category": case.category,
        "description": case.description,
        "address": case.address,
        "position": case.position,
        "occurred_at": server.moment(case.occurred_at) if case.occurred_at else None,
        "status": case.status,
        "unit": case.unit,
        "officers": [{"id": id_, "name": name} for id_, name in names],
        "timeline": [{"step": step["step"], "at": step["at"]} for step in timeline],
        "evidence": [
            {
                "id": piece.id,
                "sha256": piece.sha256,
                "size": piece.size,
                "media_type": piece.media_type,
                "role": piece.role,
                "captured_at": server.moment(piece.captured_at),
            }
            for piece in pieces
        ],
        "incident": case.incident,
    }


def claim(
    session: Session, home: Home, row: str, now: datetime, *, lease_s: float, pause_s: float, attempts: int
) -> OutboxRow | None:
    """Take a due delivery and say so on its case; None when it is not to be sent now. Writes: outbox, case.

    Versions of one case go in their order and never two at once: what waits for an older one looks again
    after `pause_s`. A row whose attempts all ended without a word (killed workers) is held for a person.
    Locks: the case before the row, in the order in which a push locks them.
    """
    subject = session.scalar(sa.select(OutboxRow.subject).where(OutboxRow.id == row))
    if subject is None:
        return None
    shelf.load(session, [subject])
    if outbox.has_older_under_way(session, row, now):
        outbox.postpone(session, row, now + timedelta(seconds=pause_s))
        return None
    claimed = outbox.claim(session, row, now, lease_s)
    if claimed is None:
        return None
    if claimed.attempts > attempts:
        failed(session, home, claimed, UNFINISHED, now, pause_s=pause_s, attempts=attempts)
        return None
    if session.scalar(sa.select(Case.delivery).where(Case.id == subject)) != "delivering":
        _tell(session, home, subject, {"delivery": "delivering"}, now)
    return claimed


def delivered(session: Session, home: Home, row: OutboxRow, task_number: str, now: datetime) -> None:
    """Keep the centre's task number; it is true even of a version that was overtaken. Writes: outbox, case."""
    shelf.load(session, [row.subject])
    values: dict[str, Any] = {"task_no": task_number}
    if outbox.settle(session, row.id, row.attempts, "done"):
        values |= {"delivery": "delivered", "centre_message": None}
    _tell(session, home, row.subject, values, now)


def refused(session: Session, home: Home, row: OutboxRow, words: str, now: datetime) -> None:
    """Give the case back to its unit with the centre's words. Writes: outbox, case."""
    shelf.load(session, [row.subject])
    if not outbox.settle(session, row.id, row.attempts, "refused", reason=words):
        return
    values = {"delivery": "refused", "review": "returned", "centre_message": words[:2000]}
    operations = [
        server.patch("case", row.subject, values, now),
        server.note(row.subject, "centre_refused", words, now),
    ]
    Workspace(session, home, now).apply([own_operation(one) for one in operations])


def failed(
    session: Session,
    home: Home,
    row: OutboxRow,
    reason: str,
    now: datetime,
    *,
    pause_s: float,
    attempts: int,
    counts: bool = True,
) -> None:
    """Try again after a pause, or hold the row for a person after the last attempt. Writes: outbox, case.

    counts: not where the centre itself named the time to come again; it is there, and needs no person.
    """
    shelf.load(session, [row.subject])
    if row.attempts < attempts or not counts:
        due = now + timedelta(seconds=pause_s)
        outbox.settle(session, row.id, row.attempts, "waiting", reason=reason, due_at=due, counts=counts)
    elif outbox.settle(session, row.id, row.attempts, "held", reason=reason):
        _tell(session, home, row.subject, {"delivery": "held"}, now)


def send_again(session: Session, home: Home, row: str, now: datetime) -> bool:
    """A person lets a held delivery go once more. Writes: outbox, case."""
    subject = session.scalar(sa.select(OutboxRow.subject).where(OutboxRow.id == row))
    if subject is None:
        return False
    shelf.load(session, [subject])
    if not outbox.release(session, row, now):
        return False
    _tell(session, home, subject, {"delivery": "waiting"}, now)
    return True


def _tell(session: Session, home: Home, case: str, values: dict[str, Any], now: datetime) -> None:
    Workspace(session, home, now).apply([own_operation(server.patch("case", case, values, now))])

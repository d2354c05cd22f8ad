"""What follows from a change: a case gets its number, goes to review, becomes ready for the centre.

Each reaction is an operation of the server's own, applied in the transaction that made it necessary.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from field_api.casework import delivery, evidence, server
from field_api.casework.models import Case
from field_api.casework.numbering import case_numbers
from sync.engine.values import Operation, Record
from sync.service.home import Change
from sync.store import outbox
from sync.store.tables import RecordRow

# What a centre is told about a case; a change of it makes a new version to review and deliver.
LISTS = ("timeline", "documents", "statements", "signatures")
CONTENT = (
    "category",
    "description",
    "address",
    "position",
    "plates",
    "shop_name",
    "party",
    "amount_fen",
    "legal_basis",
    "occurred_at",
    "procedure",
    "subject",
    "violations",
    "penalty_kinds",
    "discretion",
    "no_penalty_reason",
    "officers",
    "disputed",
    *LISTS,
)
_ON_ITS_WAY = ("waiting", "delivering", "held")
_SENT = (*_ON_ITS_WAY, "delivered")


def follow(session: Session, change: Change, now: datetime) -> list[Operation]:
    """What the server writes on a case that was changed: its way into review and back."""
    values = _case_values(session, change) if change.after.type == "case" else {}
    return [server.patch("case", change.after.id, values, now)] if values else []


def number(session: Session, changes: Sequence[Change], region: str, now: datetime) -> list[Operation]:
    """Give the cases that are no drafts any more their numbers, in one statement for all."""
    cases = [
        change.after.id
        for change in changes
        if change.after.type == "case" and _lacks_number(change.after)
    ]
    numbers = case_numbers(session, region, now, len(cases)) if cases else []
    return [server.patch("case", case, {"case_no": no}, now) for case, no in zip(cases, numbers, strict=True)]


def react(session: Session, changes: Sequence[Change], now: datetime) -> list[Operation]:
    """The server's own operations that follow from what was written on cases and their evidence."""
    arrived = {change.after.body["case"] for change in changes if _has_arrived(change.after)}
    numbered = [
        change.after.id
        for change in changes
        if change.after.type == "case" and _is_numbered(change) and (change.before or change.after.id in arrived)
    ]
    if numbered:
        evidence.numbered(session, numbered, now)
    pieces = [change for change in changes if change.after.type == "evidence"]
    # Of a new case all pieces are among the changes, and none of them makes it ready.
    new = {change.after.id for change in changes if change.before is None and _is_no_news(change.after)}
    pieces = [change for change in pieces if change.after.body["case"] not in new]
    values: dict[str, dict[str, Any]] = {}
    for case, review in _touched(session, pieces):
        values[case] = _reopen(session, case) if review == "passed" else {"review": "under_review"}
    follow = [server.patch("case", case, asked, now) for case, asked in values.items()]
    closed = {change.after.id for change in changes if change.after.type == "case" and _may_be_ready(change.after)}
    maybe_ready = (closed | {change.after.body["case"] for change in pieces}) - values.keys()
    if maybe_ready:
        for case in delivery.candidates(session, maybe_ready):
            follow += delivery.make_ready(session, case, now)
    return follow


def _is_no_news(case: Record) -> bool:
    return case.type == "case" and bool(case.body["review"] == "none")


def _has_arrived(piece: Record) -> bool:
    return piece.type == "evidence" and bool(piece.body["bytes"] == "verified")


def _lacks_number(case: Record) -> bool:
    # One that was voided in the same batch too: its number must not depend on how the batch was split.
    return case.body["status"] != "draft" and not case.body["case_no"]


def _is_numbered(change: Change) -> bool:
    return change.after.body["case_no"] is not None and (
        change.before is None or change.before.body["case_no"] is None
    )


def _may_be_ready(case: Record) -> bool:
    return bool(case.body["review"] == "passed")


def _touched(session: Session, changes: Sequence[Change]) -> list[tuple[str, str]]:
    """Cases that must be judged again for their evidence: (id, review).

    Passed ones to which a piece came or of which a piece is undone; returned ones to which a piece came.
    """
    gained = {change.after.body["case"] for change in changes if change.before is None}
    lost = {
        change.after.body["case"]
        for change in changes
        if change.before is not None and _is_undone(change.before, change.after)
    }
    if not gained | lost:
        return []
    voided = sa.select(RecordRow.id).where(RecordRow.id.in_(gained | lost), RecordRow.void.is_not(None))
    judged = sa.or_(
        sa.and_(Case.id.in_(gained | lost), Case.review == "passed"),
        sa.and_(Case.id.in_(gained), Case.review == "returned"),
    )
    rows = session.execute(sa.select(Case.id, Case.review).where(judged, Case.id.not_in(voided)))
    return [(row.id, row.review) for row in rows]


def _is_undone(before: Record, after: Record) -> bool:
    """Say whether what let a case pass no longer holds of a piece: it was passed, or it was left out."""
    passes = after.body["review"] == "passed" and after.void is None
    if before.body["review"] == "rejected" and before.void is None:
        return not passes and after.body["review"] != "rejected" and after.void is None
    return bool(before.body["review"] == "passed") and before.void is None and not passes


def _case_values(session: Session, change: Change) -> dict[str, Any]:
    body, before = change.after.body, change.before
    values: dict[str, Any] = {}
    if change.after.void is not None:
        return _withdraw(session, change) if before is not None and before.void is None else values
    is_closing = body["status"] == "closed" and (before is None or before.body["status"] != "closed")
    if (body["status"] == "closed" and body["review"] == "none") or (is_closing and body["review"] == "returned"):
        values["review"] = "under_review"
    if before is not None and before.body["review"] == "passed" != body["review"] and body["delivery"] in _SENT:
        outbox.cancel(session, change.after.id)
        values["delivery"] = "none"
    if before is None or not _content_changed(before, change.after):
        return values
    if body["review"] == "passed" and before.body["review"] == "passed":
        values |= _reopen(session, change.after.id, body["delivery"])
    elif body["review"] == "returned" and before.body["review"] == "returned" and _by_officer(before, change.after):
        values["review"] = "under_review"
    return values


def _content_changed(before: Record, after: Record) -> bool:
    return any(before.body.get(name) != after.body.get(name) for name in CONTENT)


def _by_officer(before: Record, after: Record) -> bool:
    """Say whether a unit's officer, not a supervisor, made the change."""
    changed = [name for name in CONTENT if before.body.get(name) != after.body.get(name)]
    stamps = [after.stamps[name] for name in changed if name in after.stamps]
    # Elements bear no stamp, but their author.
    added = [
        one
        for name in LISTS
        if name in changed
        for one in after.body[name]
        if one not in (before.body.get(name) or ())
    ]
    return any(not stamp.supervisor and stamp.store != server.SERVER.store for stamp in stamps) or any(
        one["by"] != server.SERVER_ID for one in added
    )


def _withdraw(session: Session, change: Change) -> dict[str, Any]:
    """A voided case does not go to the centre; what is there already stays. Writes: outbox."""
    outbox.cancel(session, change.after.id)
    return {"delivery": "none"} if change.after.body["delivery"] in _ON_ITS_WAY else {}


def _reopen(session: Session, case: str, standing: str | None = None) -> dict[str, Any]:
    """Back to review; what was on its way to the centre is overtaken. Writes: outbox."""
    standing = standing or session.scalar(sa.select(Case.delivery).where(Case.id == case))
    outbox.cancel(session, case)
    return {"review": "under_review"} | ({"delivery": "none"} if standing in _SENT else {})

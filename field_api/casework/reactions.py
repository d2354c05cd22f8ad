"""What follows from a change: a case gets its number, goes to review, becomes ready for the centre.

Each reaction is an operation of the server's own, applied in the transaction that made it necessary.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from field_api.casework import delivery, server
from field_api.casework.models import Case
from field_api.casework.numbering import case_numbers
from sync.engine.values import Operation, Record
from sync.service.home import Change
from sync.store import outbox

# What a centre has been told about a case; a change of it makes a new version to review and deliver.
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
    "documents",
)
_SENT = ("waiting", "delivering", "delivered", "held")


def react(session: Session, changes: Sequence[Change], region: str, now: datetime) -> list[Operation]:
    """The server's own operations that these changes call for."""
    values: dict[str, dict[str, Any]] = {}
    maybe_ready: set[str] = set()
    for change in changes:
        if change.after.type == "case":
            values[change.after.id] = _case_values(session, change)
            if delivery.may_be_ready(change.after.body):
                maybe_ready.add(change.after.id)
        elif change.after.type == "evidence":
            case = change.after.body["case"]
            if change.before is None and _was_passed(session, case):
                values.setdefault(case, {}).update(_reopen(session, case))
            else:
                maybe_ready.add(case)
    _number(session, changes, values, region, now)
    changed = {case for case, given in values.items() if given}
    follow = [server.patch("case", case, values[case], now) for case in sorted(changed)]
    for case in sorted(maybe_ready - changed):
        follow += delivery.make_ready(session, case, now)
    return follow


def _number(
    session: Session, changes: Sequence[Change], values: dict[str, dict[str, Any]], region: str, now: datetime
) -> None:
    """Give every case that was registered its number, all of a batch at once."""
    waiting = [
        change.after.id
        for change in changes
        if change.after.type == "case"
        and change.after.body["status"] != "draft"
        and change.after.body["case_no"] is None
    ]
    if waiting:
        for case, number in zip(waiting, case_numbers(session, region, now, len(waiting)), strict=True):
            values[case]["case_no"] = number


def _case_values(session: Session, change: Change) -> dict[str, Any]:
    body, before = change.after.body, change.before
    values: dict[str, Any] = {}
    if body["status"] == "closed" and body["review"] == "none":
        values["review"] = "under_review"
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
    return not stamps or any(not stamp.supervisor and stamp.store != "server" for stamp in stamps)


def _was_passed(session: Session, case: str) -> bool:
    return session.scalar(sa.select(Case.review).where(Case.id == case)) == "passed"


def _reopen(session: Session, case: str, standing: str | None = None) -> dict[str, Any]:
    """Back to review; what was on its way to the centre is overtaken. Writes: outbox."""
    standing = standing or session.scalar(sa.select(Case.delivery).where(Case.id == case))
    outbox.cancel(session, case)
    return {"review": "under_review"} | ({"delivery": "none"} if standing in _SENT else {})

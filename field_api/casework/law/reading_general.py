"""What a proceeding of the general procedure says of itself, as rules read it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from field_api.casework.law.around import Around, Body, day_of, papers_of
from field_api.casework.law.audit import File
from field_api.casework.law.calendar import shanghai_day, work_days_known


def proceeding(file: File, around: Around) -> dict[str, Any]:
    """The facts of the newest proceeding: hearing, legal review, and the days since its filing."""
    body = file.proceedings[-1]
    hearings = {one["act"]: one for one in body.get("hearings") or ()}
    granted = {one["kind"]: one for one in body.get("approvals") or () if one.get("granted")}
    filed = day_of((granted.get("filing") or {}).get("at"))
    told, asked = hearings.get("told"), hearings.get("requested")
    announced, held = hearings.get("announced"), hearings.get("held")
    reviews = [one for one in body.get("documents") or () if one["type"] == "D15"]
    passed = body.get("status") in ("reviewed", "noticed", "hearing", "decided", "served", "enforcing", "performed")
    return {
        "hearing_noticed": bool(told or papers_of(file, "D11")),
        "hearing_asked_working_days": _between(told, asked, around) if asked else None,
        "hearing_held": bool(held),
        "hearing_ahead_working_days": _ahead(announced, around),
        "legal_reviewed": bool(reviews) or passed,
        "legal_review_passed": passed,
        "days_from_filing": (_until(file, around) - filed).days - _stayed(granted) if filed else None,
        "extended": "extension" in granted,
    }


def _stayed(granted: Mapping[str, Body]) -> int:
    return int((granted.get("stay") or {}).get("days") or 0)


def _until(file: File, around: Around) -> date:
    return day_of((file.decision or {}).get("at")) or shanghai_day(around.now)


def _between(first: Body | None, last: Body | None, around: Around) -> int | None:
    start, end = day_of((first or {}).get("at")), day_of((last or {}).get("at"))
    return work_days_known(start, end, around.calendar)


def _ahead(announced: Body | None, around: Around) -> int | None:
    start, end = day_of((announced or {}).get("at")), day_of((announced or {}).get("hearing_at"))
    return work_days_known(start, end, around.calendar)


def enforcement(file: File, around: Around) -> dict[str, Any]:
    """What a proceeding says of getting its fine: the demand (D29), the application to a court (D30), late fees."""
    body = file.proceedings[-1]
    demands = [one for one in papers_of(file, "D29") if (one.get("served") or {}).get("at")]
    applied = papers_of(file, "D30")
    served = {"at": demands[0]["served"]["at"]} if demands else None
    late = [one["amount_fen"] for one in file.elements("payments") if one.get("mode") == "late"]
    return {
        "court_application": bool(applied),
        "demanded": bool(demands),
        "demand_working_days": _between(served, applied[0], around) if applied else None,
        "addon_fen": sum(late) if late else None,
        "principal_fen": body.get("amount_fen") if late else None,
    }

"""From a measure's body to the facts that rules read of it: what was taken, on what ground, for how long."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from field_api.casework.law.calendar import Calendar, shanghai_day, work_days_known
from field_api.casework.law.clocks import CLOCKS
from sync.engine.kinds import parse_time

Body = Mapping[str, Any]
LIFTED = ("lifted", "lapsed", "returned", "confiscated")
HOURS = 3600


def of_measure(body: Body, now: datetime, calendar: Calendar) -> dict[str, Any]:
    """The facts of one measure."""
    taken = parse_time(body.get("imposed_at"))
    ended = parse_time(body.get("lifted_at")) or now
    papers = {one["type"] for one in body.get("documents") or ()}
    signers = {one["signer"] for one in body.get("signatures") or ()}
    day = shanghai_day(taken) if taken else None
    return {
        "kind": body.get("kind"),
        "grounds": [body["ground"]] if body.get("ground") else [],
        "by_police": body.get("subject") == "traffic_police",
        "approved": _approved(body),
        "urgent": body.get("urgent"),
        "hours_unreported": _hours(taken, parse_time(body.get("reported_at") or body.get("approved_at")) or now),
        "hours_undelivered": _hours(taken, parse_time(body.get("delivered_at")) or now),
        "settled": body.get("status") in LIFTED,
        "working_days": work_days_known(day, shanghai_day(ended), calendar),
        "decision": bool(papers & {"D21", "D19", "D37"}),
        "record": "D01" in papers,
        "list_copies": body.get("list_copies"),
        "signed_or_witnessed": bool(signers & {"party", "witness"}),
        "days": (shanghai_day(ended) - day).days if day else None,
        "extended": bool(body.get("extended_days")),
        "extended_late": _extended_late(body, taken),
        "term_days": (body.get("term_days") or 0) + (body.get("extended_days") or 0) or None,
        "lifted": body.get("status") in LIFTED,
        "necessities": body.get("necessities"),
        "cargo_withheld": bool(body.get("goods")) if body.get("kind") == "hold_vehicle" else None,
    }


def _approved(body: Body) -> bool | None:
    if body.get("approved_at"):
        return True
    said = [one["granted"] for one in body.get("approvals") or () if one["kind"] == "measure" and not one.get("void")]
    return said[-1] if said else None


def _extended_late(body: Body, taken: datetime | None) -> bool | None:
    """Whether the extension came once the first term was over; null where nobody noted when it came."""
    given = [one for one in body.get("approvals") or () if one["kind"] == "extension" and one["granted"]]
    when = [moment for one in given if not one.get("void") and (moment := parse_time(one["at"]))]
    first = timedelta(days=body.get("term_days") or int(CLOCKS["seizure"].length))
    return min(when) > taken + first if when and taken else None


def _hours(start: datetime | None, end: datetime) -> int | None:
    return int((end - start).total_seconds() // HOURS) if start else None

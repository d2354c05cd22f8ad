"""What a record's body says of the facts that clocks run on; values in, values out.

A document's own time comes first, the time of the step second: both are the field's, not the server's.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from field_api.casework.law.calendar import Stay
from field_api.casework.law.deadlines import Facts
from sync.engine.kinds import parse_time

# Deadlines of the record itself bear no element's id.
WHOLE = ""
_SEIZURES = frozenset({"seal", "seize"})
_HELD = frozenset({"hold_vehicle", "hold_licence"})
_DEFERRED = frozenset({"instalment", "deferred"})
At = dict[str, datetime]


@dataclass(frozen=True, slots=True)
class Beside:
    """What is known of a record beside its body.

    steps: when it reached each status, as the field says. remedies: reviews and suits of its case. cash: of each
    payment taken on the spot, when it was handed in and banked. revoked: when its decision was taken back.
    """

    steps: Mapping[str, datetime] = field(default_factory=dict)
    remedies: Sequence[tuple[str, datetime, datetime | None]] = ()
    cash: Mapping[str, Mapping[str, datetime]] = field(default_factory=dict)
    revoked: datetime | None = None


def facts_of(record_type: str, body: Mapping[str, Any], beside: Beside) -> dict[str, Facts]:
    """The facts of a record (under `WHOLE`) and of its payments and notices, by the elements' ids."""
    if record_type == "measure":
        return {WHOLE: _measure(body, beside), **_notices(body, beside)}
    whole = _case(body, beside) if record_type == "case" else _proceeding(body, beside)
    return {WHOLE: whole, **_payments(body, beside), **_notices(body, beside)}


def standing(body: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    """The elements of a list that nobody has voided."""
    return [one for one in body.get(name) or () if "void" not in one]


def is_quiet(record_type: str, body: Mapping[str, Any]) -> bool:
    """Say whether no clock can have started on a record: most cases on most pushes."""
    if record_type != "case" or body.get("payments"):
        return False
    return not any(one["type"] in ("D07", "D38") for one in body.get("documents") or ())


def _case(body: Mapping[str, Any], beside: Beside) -> Facts:
    at: At = {}
    decision = _first(body, "D07")
    if decision is not None:
        _put(at, "decided", _time(decision.get("at")), beside.steps.get("decided"))
        _put(at, "served", _served(decision), beside.steps.get("served"))
        _put(at, "filed", beside.steps.get("filed"))
    _put(at, "transferred", beside.steps.get("transferred"))
    _paid(at, body)
    tags = {"summary", "police" if body.get("subject") == "traffic_police" else "city"}
    return Facts("case", at | _remedies(beside), frozenset(tags | _penalty(body, decision)))


def _proceeding(body: Mapping[str, Any], beside: Beside) -> Facts:
    at: At = {}
    decision = _first(body, "D17")
    filing = [one for one in standing(body, "approvals") if one["kind"] == "filing" and one["granted"]]
    _put(at, "opened", *(_time(one["at"]) for one in filing), beside.steps.get("filed"))
    outcome = decision or _first(body, "D18")
    _put(at, "decided", _time(outcome["at"]) if outcome else None, *_steps(beside, "decided", "no_penalty"))
    _put(at, "served", _served(decision) if decision else None, beside.steps.get("served"))
    _put(at, "demanded", _served(_first(body, "D29") or {}))
    _put(at, "court_applied", _time((_first(body, "D30") or {}).get("at")))
    for name in ("closed", "transferred"):
        _put(at, name, beside.steps.get(name))
    _paid(at, body)
    stays = {"hearing": _hearing(at, body), "appraisal": _granted_stays(body)}
    days = sum(one.get("days") or 0 for one in _approved(body, "extension"))
    tags = frozenset({"general", "city"} | _penalty(body, decision))
    return Facts("case", at | _remedies(beside), tags, stays, extensions={"decide": days})


def _measure(body: Mapping[str, Any], beside: Beside) -> Facts:
    at: At = {}
    _put(at, "begun", _time(body.get("imposed_at")))
    _put(at, "approved", *(_time(body.get(name)) for name in ("approved_at", "reported_at")))
    _put(at, "approved", *_steps(beside, "approved", "extended", "confiscated"))
    _put(at, "delivered", _time(body.get("delivered_at")))
    _put(at, "lifted", _time(body.get("lifted_at")), *_steps(beside, "lifted", "returned"))
    disposal = _first(body, "D20") or _first(body, "D23") or {}
    _put(at, "disposed", _time(disposal.get("at")), beside.steps.get("confiscated"))
    kind, tags = body.get("kind"), set()
    tags |= {"register_evidence"} if kind == "register_evidence" else set()
    tags |= {"seizure"} if kind in _SEIZURES else set()
    tags |= {"held"} if kind in _HELD else set()
    tags |= {"police"} if body.get("subject") == "traffic_police" else set()
    tags |= {"urgent"} if body.get("urgent") else set()
    lengths = {"seizure": body["term_days"]} if body.get("term_days") else {}
    extensions = {"seizure": body["extended_days"]} if body.get("extended_days") else {}
    return Facts("measure", at, frozenset(tags), lengths=lengths, extensions=extensions)


def _payments(body: Mapping[str, Any], beside: Beside) -> dict[str, Facts]:
    found = {}
    for one in standing(body, "payments"):
        collected = _time(one["at"])
        if one["mode"] == "on_spot" and collected is not None:
            at = {"collected": collected, **beside.cash.get(one["id"], {})}
            found[one["id"]] = Facts("payment", at, frozenset({"cash"}))
    return found


def _notices(body: Mapping[str, Any], beside: Beside) -> dict[str, Facts]:
    found = {}
    for one in standing(body, "documents"):
        issued = _time(one["at"])
        if one["type"] == "D38" and issued is not None:
            at = {"issued": issued}
            _put(at, "filed", beside.steps.get("filed"))
            found[one["id"]] = Facts("notice", at, frozenset({"police"}))
    return found


def _penalty(body: Mapping[str, Any], decision: Mapping[str, Any] | None) -> set[str]:
    """Whether a penalty was decided, whether it is a fine, and whether its payment was put off."""
    if decision is None:
        return set()
    kinds = body.get("penalty_kinds")
    is_fine = bool(body.get("amount_fen")) and (kinds is None or "fine" in kinds)
    put_off = any(one["mode"] in _DEFERRED for one in standing(body, "payments")) or _approved(body, "payment")
    return {"penalty"} | ({"fine"} if is_fine else set()) | ({"deferred"} if put_off else set())


def _paid(at: At, body: Mapping[str, Any]) -> None:
    """When what had been paid first reached the fine; a late fee is no part of it."""
    left = body.get("amount_fen") or 0
    counted = [one for one in standing(body, "payments") if one["mode"] not in ("late", "deferred")]
    for one, moment in _in_order(counted):
        left = 0 if one["mode"] == "waived" else left - one["amount_fen"]
        if left <= 0:
            _put(at, "paid", moment)
            return


def _hearing(at: At, body: Mapping[str, Any]) -> list[Stay]:
    """Note the facts of a hearing; from the request until it is held, time does not count."""
    acts = {"told": "offered", "requested": "requested", "announced": "notified", "held": "held", "waived": "waived"}
    for one in standing(body, "hearings"):
        _put(at, f"hearing_{acts[one['act']]}", _time(one["at"]))
    if "hearing_requested" not in at or "hearing_waived" in at:
        return []
    return [Stay(at["hearing_requested"], at.get("hearing_held"))]


def _granted_stays(body: Mapping[str, Any]) -> list[Stay]:
    """Appraisals and the like: so many days from the approval on; without a number, until the decision."""
    stays = []
    for one in _approved(body, "stay"):
        since = _time(one["at"])
        if since is not None:
            stays.append(Stay(since, since + timedelta(days=one["days"]) if one.get("days") else None))
    return stays


def _approved(body: Mapping[str, Any], kind: str) -> list[Mapping[str, Any]]:
    return [one for one in standing(body, "approvals") if one["kind"] == kind and one["granted"]]


def _remedies(beside: Beside) -> At:
    at: At = {}
    _put(at, "revoked", beside.revoked)
    for kind, opened, closed in beside.remedies:
        _put(at, f"{kind}_opened", opened)
        _put(at, f"{kind}_closed", closed)
    return at


def _first(body: Mapping[str, Any], document_type: str) -> Mapping[str, Any] | None:
    """The first document of a type that was not voided; what replaces it mends it, and starts no clock anew."""
    found = [one for one in standing(body, "documents") if one["type"] == document_type]
    return next((one for one, _ in _in_order(found)), None)


def _in_order(elements: Sequence[Mapping[str, Any]]) -> list[tuple[Mapping[str, Any], datetime]]:
    """Elements with their times, the earliest first."""
    timed = [(one, moment) for one in elements if (moment := _time(one["at"])) is not None]
    return sorted(timed, key=lambda pair: (pair[1], pair[0]["id"]))


def _served(document: Mapping[str, Any]) -> datetime | None:
    served = document.get("served") or {}
    if served.get("at"):
        return _time(served["at"])
    # Handed over on the spot, with nothing said of another time.
    return _time(document.get("at")) if document.get("served_to") or served.get("mode") else None


def _steps(beside: Beside, *names: str) -> Iterable[datetime | None]:
    return (beside.steps.get(name) for name in names)


def _put(at: At, name: str, *moments: datetime | None) -> None:
    """Note the first of these moments that is known, unless the fact is known already."""
    known = next((one for one in moments if one is not None), None)
    if known is not None:
        at.setdefault(name, known)


def _time(text: Any) -> datetime | None:
    return parse_time(text) if text else None

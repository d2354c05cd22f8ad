"""From a case's records to the facts that rules read: what the file says of each question that law asks.

Pure: bodies of records and what stands around them come in as values. What the file does not say is null, and a
rule then says nothing, or that it is not configured; nothing is guessed. Source of the shape: `facts`.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any

from field_api.casework.law.around import Around, Body, Paid, day_of, papers_of
from field_api.casework.law.audit import DECISIONS, File
from field_api.casework.law.calendar import shanghai_day, work_days_known
from field_api.casework.law.catalogue import Item
from field_api.casework.law.holding import of_measure
from field_api.casework.law.reading_general import enforcement, proceeding
from sync.engine.kinds import parse_time

TAUGHT = ("persuade", "educate", "guide", "warn")
POLICE_ROLE = "liaison"
NOTICE_PARTS = ("facts", "reason", "basis", "rights")
ORDERS = ("D03", "D04")
DECIDED = ("decided", "served", "paid", "filed", "closed", "archived")
# A proceeding that is `filed` has only begun, and one that is closed may have ended without a penalty.
GENERALLY_DECIDED = ("decided", "served", "enforcing", "performed")


def of_file(file: File, around: Around, *, stage: str = "") -> dict[str, Any]:
    """The facts of a case as it stands: the body that a step left, and what hangs on it.

    A proceeding, where there is one, speaks for what is decided; else the case does.
    """
    speaks = file.proceedings[-1] if file.proceedings else file.case
    act = day_of(file.case.get("occurred_at"))
    return {
        "act": _act(file, act, speaks),
        "case": _case(file, speaks, stage, around),
        "party": _party(file, act, around),
        "steps": _steps(file),
        "statement": _statement(file, speaks),
        "decision": _decision(file, speaks, around),
        "signatures": _signatures(file),
        "vehicle": {"papers_returned": _papers_returned(file)},
        "incident": _incident(file, around),
        "proceeding": proceeding(file, around) if file.proceedings else {},
        "service": _service(file, around),
        "enforcement": enforcement(file, around) if file.proceedings else {},
        "clock": _clock(file, act, around),
        "config": dict(around.config),
        "officers": _officers(file, speaks, act, around),
        "violations": [_violation(around.items[code]) for code in _codes(speaks, file) if code in around.items],
        "evidence": [{"digest_differs": one.get("bytes") == "mismatched"} for one in file.evidence],
        "payments": [_payment(one, around) for one in file.elements("payments")],
        "measures": [of_measure(one, around.now, around.calendar) for one in file.measures],
    }


def _steps_named(file: File, *names: str) -> list[Body]:
    return [one for one in file.elements("timeline") if one["step"] in names]


def _of_kind(file: File, kind: str) -> list[Body]:
    return [one for one in file.elements("statements") if one["kind"] == kind]


def _text(day: date | None) -> str | None:
    return day.isoformat() if day else None


def _factors(speaks: Body) -> frozenset[str]:
    return frozenset((speaks.get("discretion") or {}).get("factors") or ())


def _act(file: File, act: date | None, speaks: Body) -> dict[str, Any]:
    given = _factors(speaks)
    return {
        "date": _text(act),
        "minor": "minor" in given,
        "slight_harm": "minor_harm" in given,
        "no_harm": "no_harm" in given,
        "corrected": "corrected" in given or bool(_steps_named(file, "cleared")),
        "no_fault": "no_fault" in given,
    }


def rules_date(case: Body) -> date | None:
    """The date for which a case's rules were chosen: `rule_set` is `<version>@<date>`."""
    _, _, day = str(case.get("rule_set") or "").rpartition("@")
    return _date(day)


def _case(file: File, speaks: Body, stage: str, around: Around) -> dict[str, Any]:
    case = file.case
    decided = _procedure_by_stage(stage) if not file.proceedings else "general"
    return {
        "procedure": decided if file.proceedings else case.get("procedure") or decided,
        "subject": case.get("subject"),
        "evidence_enough": bool(file.evidence) or None,
        "contested": case.get("disputed"),
        "legal_review_matter": speaks.get("major"),
        "archiving": stage == "archive",
        "rules_date": _text(rules_date(case)),
        "lighter_law": around.lighter,
    }


def _procedure_by_stage(stage: str) -> str | None:
    """A case that goes on towards a decision goes by the summary procedure, whether it says so or not."""
    return "summary" if stage in ("notify", "decide", "serve", "pay", "file") else None


def _party(file: File, act: date | None, around: Around) -> dict[str, Any]:
    party = file.case.get("party") or {}
    born = _birth(party)
    return {
        "kind": party.get("kind"),
        "age": _full_years(born, act) if born and act else None,
        "incapable": "incapable" in _factors(file.case),
        "first_offence": around.first_offence,
    }


def _birth(party: Body) -> date | None:
    text, number = party.get("birth"), party.get("id_no") or ""
    if not text and len(number) == 18 and number[6:14].isdigit():
        text = f"{number[6:10]}-{number[10:12]}-{number[12:14]}"
    return _date(text)


def _date(text: str | None) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        return None


def _full_years(first: date, last: date) -> int:
    return last.year - first.year - ((last.month, last.day) < (first.month, first.day))


def _shown(file: File) -> list[str]:
    return sorted({who for one in _steps_named(file, "ids_shown") for who in one.get("officers") or [one.get("by")]})


def _steps(file: File) -> dict[str, Any]:
    decision = file.decision
    logged = {
        "start": bool(file.elements("timeline")),
        "evidence": bool(file.evidence),
        "review": file.case.get("review") == "passed",
        "decision": decision is not None,
        "service": bool(file.service),
        "execution": bool(file.elements("payments")) or file.case.get("amount_fen") in (None, 0),
    }
    return {
        "ids_shown": _shown(file),
        "education": bool(_steps_named(file, *TAUGHT)),
        "correction_ordered": bool(_steps_named(file, "correction_ordered") or papers_of(file, *ORDERS)),
        "logged": [name for name, there in logged.items() if there],
    }


def _statement(file: File, speaks: Body) -> dict[str, Any]:
    notices, waivers = _of_kind(file, "notice"), _of_kind(file, "waiver")
    signed = {one["id"] for one in file.elements("signatures") if one.get("method") != "refused"}
    said, decided = bool(_of_kind(file, "statement")), speaks.get("amount_fen")
    told = notices[-1].get("amount_fen") if notices else None
    return {
        "noticed": bool(notices) or bool(papers_of(file, "D09")),
        "notice_lacks": [part for part in NOTICE_PARTS if notices and not notices[-1].get(part)],
        "given": said,
        "rechecked": bool(_of_kind(file, "recheck")),
        "raised_after": said and told is not None and decided is not None and decided > told,
        "waived": bool(waivers),
        "waiver_signed": bool(waivers) and waivers[-1].get("signature") in signed,
    }


def _decision(file: File, speaks: Body, around: Around) -> dict[str, Any]:
    decision = file.decision or {}
    content = decision.get("content") or {}
    remedy = content.get("remedy")
    highest = [_range(around.items[code], file.case)[1] for code in _codes(speaks, file) if code in around.items]
    known = [one for one in highest if one is not None]
    return {
        "date": _text(day_of(decision.get("at"))),
        "kinds": list(speaks.get("penalty_kinds") or (["fine"] if speaks.get("amount_fen") else [])),
        "amount_fen": speaks.get("amount_fen"),
        "amount_is_highest": bool(known) and speaks.get("amount_fen") == max(known),
        "number": decision.get("number"),
        "number_leased": around.leased,
        "number_reused": around.reused,
        "fields_missing": list(content.get("missing") or ()),
        "remedy_review_first": "先申请行政复议" in remedy if isinstance(remedy, str) else None,
        "reason_for_penalty": bool((speaks.get("discretion") or {}).get("reason")),
        "mitigated": bool(_factors(speaks) & {"aged_14_17", "remedied", "coerced", "confessed", "merit"}),
    }


def _signatures(file: File) -> dict[str, Any]:
    decision = file.decision or {}
    under = [one for one in file.elements("signatures") if one.get("document") in (None, decision.get("id"))]
    party = [one for one in under if one["signer"] == "party"]
    served = file.service
    refused = bool(served.get("refused")) or any(one.get("method") == "refused" for one in party)
    strokes = [one for one in file.elements("signatures") if one.get("method") == "stroke"]
    return {
        "party": "refused" if refused else "signed" if party else "absent",
        "refusal_noted": bool(served.get("note")) or any(one.get("note") for one in party),
        "witness": bool(served.get("witness")) or any(one["signer"] == "witness" for one in under),
        "stroke_missing": any(not one.get("sha256") and not one.get("strokes_sha256") for one in strokes),
    }


def _papers_returned(file: File) -> bool | None:
    return bool(_steps_named(file, "papers_returned")) if file.case.get("subject") == "traffic_police" else None


def _incident(file: File, around: Around) -> dict[str, Any]:
    """The fines of the same incident that were decided before this file's own: the second is one too many."""
    own = parse_time((file.decision or {}).get("at"))
    fines = [one["amount_fen"] for one in around.others if one.get("amount_fen") and _was_fined_before(one, own)]
    return {"other_fines": len(fines), "other_fine_fen": max(fines, default=None)}


def _was_fined_before(other: Body, own: datetime | None) -> bool:
    """Say whether a case or proceeding ended in a penalty, not after `own`; without a time it counts as earlier."""
    decisions = [one for one in other.get("documents") or () if one["type"] in DECISIONS and not one.get("void")]
    if not decisions and other.get("status") not in (GENERALLY_DECIDED if "hearings" in other else DECIDED):
        return False
    times = [moment for one in decisions if (moment := parse_time(one.get("at")))]
    return own is None or not times or min(times) <= own


def _service(file: File, around: Around) -> dict[str, Any]:
    decision, served = file.decision or {}, file.service
    start, end = day_of(decision.get("at")), day_of(served.get("at")) or shanghai_day(around.now)
    return {
        "mode": served.get("mode"),
        "confirmation_signed": bool(served.get("confirmation")) or bool(papers_of(file, "D25")),
        "working_days": work_days_known(start, end, around.calendar),
        "review_channel": (decision.get("content") or {}).get("review_channel"),
    }


def _clock(file: File, act: date | None, around: Around) -> dict[str, Any]:
    decided = day_of((file.decision or {}).get("at"))
    passed = _full_years(act, decided - timedelta(days=1)) if act and decided and decided > act else None
    return {
        "whole_years_passed": passed,
        "paid": bool(file.elements("payments")),
        "filed": file.case.get("status") in ("filed", "closed", "archived"),
        "filing_working_days": around.filing_working_days,
        "days_late": around.days_late,
        "skew_minutes": around.skew_minutes,
    }


def _officers(file: File, speaks: Body, act: date | None, around: Around) -> list[dict[str, Any]]:
    named = list(speaks.get("officers") or file.case.get("officers") or ())
    if not named:
        signed = [one.get("officer") for one in file.elements("signatures") if one["signer"] == "officer"]
        named = list(dict.fromkeys([*filter(None, signed), *_shown(file)]))
    day = act or shanghai_day(around.now)
    return [_officer(one, "main" if place == 0 else "assist", day, around) for place, one in enumerate(named)]


def _officer(officer: str, role: str, day: date, around: Around) -> dict[str, Any]:
    body = around.officers.get(officer) or {}
    roles = frozenset(body.get("roles") or ())
    first, last = body.get("cert_from"), body.get("cert_to")
    is_valid = first <= day.isoformat() <= last if first and last else None
    return {
        "id": officer,
        "role": role,
        "subject": "traffic_police" if POLICE_ROLE in roles else "city_bureau" if roles else None,
        "qualified": bool(body.get("cert_no")) if body else None,
        "cert_valid": is_valid,
        "auxiliary": roles == {"auxiliary"},
    }


def _codes(speaks: Body, file: File) -> Sequence[str]:
    return tuple(speaks.get("violations") or file.case.get("violations") or ())


def _range(item: Item, case: Body) -> tuple[int | None, int | None]:
    penalty = item.penalties.get((case.get("party") or {}).get("kind") or "")
    return (penalty.min_fen, penalty.max_fen) if penalty else (None, None)


def _violation(item: Item) -> dict[str, Any]:
    shown: dict[str, Any] = {"code": item.code, "subject": item.subject, "kinds": []}
    for kind, name in (("citizen", "citizen"), ("org", "org")):
        penalty = item.penalties.get(kind)
        shown |= {f"min_{name}_fen": penalty and penalty.min_fen, f"max_{name}_fen": penalty and penalty.max_fen}
        shown["kinds"] = sorted({*shown["kinds"], *(penalty.kinds if penalty else ())})
    return shown


def _payment(one: Body, around: Around) -> dict[str, Any]:
    shown: dict[str, Any] = {name: one.get(name) for name in ("mode", "ground", "amount_fen", "receipt_no")}
    if one.get("mode") != "on_spot":
        return shown
    cash, last = around.cash.get(one.get("id") or "", Paid()), shanghai_day(around.now)
    handed_in = shanghai_day(cash.handed_in) if cash.handed_in else None
    banked = shanghai_day(cash.banked) if cash.banked else None
    shown |= {"handed_in": handed_in is not None, "banked": banked is not None}
    shown["hand_in_working_days"] = work_days_known(day_of(one.get("at")), handed_in or last, around.calendar)
    shown["bank_working_days"] = work_days_known(handed_in, banked or last, around.calendar)
    return shown

"""What the terminal's own held records say of the questions that law asks; null where they say nothing.

A builder of the client's own, after the shape that the rules bring (`bundle.facts`). Values in, values out.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta, timezone
from typing import Any

from reference.terminal.clock import instant

Body = Mapping[str, Any]
CHINA = timezone(timedelta(hours=8))  # one zone, no summer time
NOTICE_PARTS = ("facts", "reason", "basis", "rights")
DECIDED = ("decided", "served", "paid", "filed", "closed", "archived")
# What Art. 32 of the penalty law lets count in the party's favour.
MITIGATING = frozenset({"aged_14_17", "remedied", "coerced", "confessed", "merit"})


@dataclass(frozen=True)
class Around:
    """What stands around a case: held officers by id, violations in force on the day, its photos, its incident's cases.

    first_offence: None where nobody looked. leased: whether the number is of this terminal's own block.
    """

    officers: Mapping[str, Body] = field(default_factory=dict)
    violations: Sequence[Body] = ()
    evidence: Sequence[Body] = ()
    others: Sequence[Body] = ()
    first_offence: bool | None = None
    leased: bool | None = None


def local_day(moment: datetime) -> date:
    return moment.astimezone(CHINA).date()


def standing(body: Body, name: str) -> list[Body]:
    """The elements of a list that nobody has voided."""
    return [one for one in body.get(name) or () if not one.get("void")]


def decision_of(body: Body) -> Body | None:
    """The decision that stands, or is about to."""
    made = [one for one in standing(body, "documents") if one["type"] == "D07"]
    replaced = {one.get("replaces") for one in made}
    return next((one for one in reversed(made) if one["id"] not in replaced), None)


def facts_of(body: Body, around: Around) -> dict[str, Any]:
    """The facts of a case's body, as it stands or as it would stand after the next step."""
    act = _day(body.get("occurred_at"))
    decision = decision_of(body) or {}
    return {
        "act": _act(body, act),
        "case": _case(body, around),
        "party": _party(body.get("party") or {}, act, around, _factors(body)),
        "steps": _steps(body),
        "statement": _statement(body),
        "decision": _decision(body, decision, around),
        "signatures": _signatures(body, decision),
        "vehicle": {"papers_returned": _papers_returned(body)},
        "incident": _incident(around.others),
        "service": {"mode": _served(body, decision).get("mode")},
        "clock": {
            "whole_years_passed": _years_passed(act, _day(decision.get("at"))),
            "paid": bool(standing(body, "payments")),
            "filed": body.get("status") in DECIDED[3:],
        },
        "officers": _officers(body, act, around.officers),
        "violations": [_violation(one) for one in around.violations],
        "evidence": [{"id": one.get("id")} for one in around.evidence],
        "payments": [
            {name: one.get(name) for name in ("mode", "ground", "amount_fen", "receipt_no")}
            for one in standing(body, "payments")
        ],
    }


def _factors(body: Body) -> frozenset[str]:
    return frozenset((body.get("discretion") or {}).get("factors") or ())


def _day(text: Any) -> date | None:
    return local_day(instant(text)) if isinstance(text, str) else None


def _iso(day: date | None) -> str | None:
    return day.isoformat() if day else None


def _named(body: Body, *steps: str) -> list[Body]:
    return [one for one in standing(body, "timeline") if one["step"] in steps]


def _said(body: Body, kind: str) -> list[Body]:
    return [one for one in standing(body, "statements") if one["kind"] == kind]


def _act(body: Body, act: date | None) -> dict[str, Any]:
    given = _factors(body)
    return {
        "date": _iso(act),
        "minor": "minor" in given,
        "slight_harm": "minor_harm" in given,
        "no_harm": "no_harm" in given,
        "no_fault": "no_fault" in given,
        "corrected": "corrected" in given or bool(_named(body, "cleared")),
    }


def _case(body: Body, around: Around) -> dict[str, Any]:
    return {
        "procedure": body.get("procedure"),
        "subject": body.get("subject"),
        "evidence_enough": bool(around.evidence) or None,
        "contested": body.get("disputed"),
    }


def _party(party: Body, act: date | None, around: Around, factors: frozenset[str]) -> dict[str, Any]:
    born = _birth(party)
    return {
        "kind": party.get("kind"),
        "age": _years(born, act) if born and act else None,
        "incapable": "incapable" in factors,
        "first_offence": around.first_offence,
    }


def _birth(party: Body) -> date | None:
    number = party.get("id_no") or ""
    text = party.get("birth") or (f"{number[6:10]}-{number[10:12]}-{number[12:14]}" if len(number) == 18 else "")
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def _years(first: date, last: date) -> int:
    return last.year - first.year - ((last.month, last.day) < (first.month, first.day))


def _years_passed(act: date | None, decided: date | None) -> int | None:
    """Whole years gone since the act; its anniversary itself is still within."""
    return _years(act, decided - timedelta(days=1)) if act and decided and decided > act else None


def _shown(body: Body) -> list[str]:
    return sorted({who for one in _named(body, "ids_shown") for who in one.get("officers") or ()})


def _steps(body: Body) -> dict[str, Any]:
    return {
        "ids_shown": _shown(body),
        "education": bool(_named(body, "persuade", "educate", "guide", "warn")),
        "correction_ordered": bool(_named(body, "correction_ordered")),
    }


def _statement(body: Body) -> dict[str, Any]:
    notices, waivers, said = _said(body, "notice"), _said(body, "waiver"), _said(body, "statement")
    told = notices[-1] if notices else {}
    signed = {one["id"] for one in standing(body, "signatures") if one.get("method") != "refused"}
    before, now = told.get("amount_fen"), body.get("amount_fen")
    return {
        "noticed": bool(notices),
        "notice_lacks": [part for part in NOTICE_PARTS if notices and not told.get(part)],
        "given": bool(said),
        "rechecked": bool(_said(body, "recheck")),
        "raised_after": bool(said) and before is not None and now is not None and now > before,
        "waived": bool(waivers),
        "waiver_signed": bool(waivers) and waivers[-1].get("signature") in signed,
    }


def _decision(body: Body, decision: Body, around: Around) -> dict[str, Any]:
    content, amount, kind = decision.get("content") or {}, body.get("amount_fen"), (body.get("party") or {}).get("kind")
    tops = [one.get("max_fen") for item in around.violations for one in item["penalties"] if one["party"] == kind]
    highest = max((top for top in tops if top is not None), default=None)
    remedy = content.get("remedy")
    return {
        "date": _iso(_day(decision.get("at"))),
        "kinds": list(body.get("penalty_kinds") or (["fine"] if amount else [])),
        "amount_fen": amount,
        "amount_is_highest": highest is not None and amount == highest,
        "number": decision.get("number"),
        "number_leased": around.leased,
        "fields_missing": list(content.get("missing") or ()),
        "remedy_review_first": "先申请行政复议" in remedy if isinstance(remedy, str) else None,
        "reason_for_penalty": bool((body.get("discretion") or {}).get("reason")),
        "mitigated": bool(_factors(body) & MITIGATING),
    }


def _served(body: Body, decision: Body) -> Body:
    papers, served = standing(body, "documents"), decision.get("id")
    proofs = [one for one in papers if one["type"] == "D26" and one.get("of") == served]
    return next((one["served"] for one in (decision, *proofs) if one.get("served")), {})


def _signatures(body: Body, decision: Body) -> dict[str, Any]:
    under = [one for one in standing(body, "signatures") if one.get("document") == decision.get("id")]
    party, served = [one for one in under if one["signer"] == "party"], _served(body, decision)
    refused = bool(served.get("refused")) or any(one.get("method") == "refused" for one in party)
    strokes = [one for one in standing(body, "signatures") if one.get("method") == "stroke"]
    return {
        "party": "refused" if refused else "signed" if party else "absent",
        "refusal_noted": bool(served.get("note")) or any(one.get("note") for one in party),
        "witness": bool(served.get("witness")) or any(one["signer"] == "witness" for one in under),
        "stroke_missing": any(not one.get("strokes_sha256") for one in strokes),
    }


def _papers_returned(body: Body) -> bool | None:
    return bool(_named(body, "papers_returned")) if body.get("subject") == "traffic_police" else None


def _incident(others: Sequence[Body]) -> dict[str, Any]:
    fines = [one["amount_fen"] for one in others if one.get("amount_fen") and one.get("status") in DECIDED]
    return {"other_fines": len(fines), "other_fine_fen": max(fines, default=None)}


def _officers(body: Body, act: date | None, known: Mapping[str, Body]) -> list[dict[str, Any]]:
    return [
        _officer(one, "main" if place == 0 else "assist", _iso(act), known.get(one) or {})
        for place, one in enumerate(body.get("officers") or ())
    ]


def _officer(officer: str, role: str, day: str | None, held: Body) -> dict[str, Any]:
    roles, first, last = set(held.get("roles") or ()), held.get("cert_from"), held.get("cert_to")
    return {
        "id": officer,
        "role": role,
        "subject": "traffic_police" if "liaison" in roles else "city_bureau" if roles else None,
        "qualified": bool(held.get("cert_no")) if held else None,
        "cert_valid": first <= day <= last if first and last and day else None,
        "auxiliary": roles == {"auxiliary"},
    }


def _violation(held: Body) -> dict[str, Any]:
    shown: dict[str, Any] = {"code": held["code"], "subject": held.get("subject")}
    kinds: set[str] = set()
    for one in held["penalties"]:
        kinds |= set(one.get("kinds") or ())
        if one["party"] in ("citizen", "org"):
            shown |= {f"min_{one['party']}_fen": one.get("min_fen"), f"max_{one['party']}_fen": one.get("max_fen")}
    return shown | {"kinds": sorted(kinds)}

"""`/cases/{id}/audit`, `/audits` and `/cases/{id}/trail`: whether files hold together, and who did what when."""

from __future__ import annotations

from collections import Counter
from typing import Any

from flask import Blueprint, request

from field_api import languages
from field_api.casework import audits
from field_api.casework.audits import Audited
from field_api.casework.law.audit import Report
from field_api.endpoint import Answer, Context, endpoint
from field_api.schemas.audits import AuditDump, DeedDump, MonthDump

blueprint = Blueprint("audits", __name__, url_prefix="/api/v1")


@blueprint.get("/cases/<case>/audit")
@endpoint("Audit a case's file", caller="either", dump=AuditDump, tag="law", problems=("not_permitted", "not_found"))
def audit_case(context: Context, case: str) -> Answer:
    return Answer(_shown(audits.audit_case(context.session, context.identity, case), languages.asked_for()))


@blueprint.get("/audits")
@endpoint(
    "Audit what was registered in a month",
    caller="either",
    dump=MonthDump,
    tag="law",
    problems=("not_permitted", "invalid_field"),
)
def audit_month(context: Context) -> Answer:
    month, unit = request.args.get("month", ""), request.args.get("unit", "")[:32]
    found = audits.audit_month(context.session, context.identity, month, unit)
    scores = [one.report.score for one in found]
    failed = Counter(code for one in found for code in _failed(one.report))
    return Answer(
        {
            "month": month,
            "files": len(found),
            "mean": round(sum(scores) / len(scores), 1) if scores else None,
            "by_check": dict(sorted(failed.items())),
            "cases": [_line(one) for one in found],
        }
    )


@blueprint.get("/cases/<case>/trail")
@endpoint(
    "Who did what when on a case",
    caller="either",
    dump=DeedDump,
    many=True,
    tag="law",
    problems=("not_permitted", "not_found"),
)
def trail(context: Context, case: str) -> Answer:
    dump = DeedDump()
    return Answer([dump.dump(one) for one in audits.trail(context.session, context.identity, case)])


def _failed(report: Report) -> list[str]:
    return [one.check.code for one in report.answers if one.defects]


def _line(one: Audited) -> dict[str, Any]:
    return {
        "case": one.id,
        "case_no": one.case_no,
        "unit": one.unit,
        "status": one.status,
        "score": one.report.score,
        "defects": _failed(one.report),
    }


def _shown(report: Report, language: str) -> dict[str, Any]:
    zh = language == "zh"
    defects = [
        {
            "code": one.check.code,
            "check": one.check.zh if zh else one.check.en,
            "weight": one.check.weight,
            "message": defect[0] if zh else defect[1],
        }
        for one in report.answers
        for defect in one.defects
    ]
    return {"score": report.score, "asked": len(report.answers), "defects": defects}

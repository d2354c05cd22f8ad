"""The month's audit of files (每月评案), as a page and as a table; and who did what when on one case (责任倒查)."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterator

from flask import Blueprint

from field_api.casework import audits
from field_api.casework.audits import Audited
from field_api.casework.enums import label
from field_api.console import show
from field_api.console.desk_queries import badges
from field_api.console.page import argument, language, page, render
from field_api.console.queries import names
from field_api.console.words import say
from field_api.endpoint import Answer, Context

blueprint = Blueprint("console_audits", __name__, url_prefix="/console")
COLUMNS = ("case_no", "unit", "status", "score", "failed", "found")


@blueprint.get("/audits")
@page()
def index(context: Context) -> Answer:
    month, found = _asked(context)
    scores = [one.report.score for one in found]
    return render(
        context,
        "audits.html",
        badges=badges(context.session, context.identity),
        month=month,
        found=found,
        mean=f"{sum(scores) / len(scores):.1f}" if scores else None,
        failed=_failed(found),
        names=names(context.session, ()),
    )


@blueprint.get("/audits.csv")
@page()
def table(context: Context) -> Answer:
    month, found = _asked(context)
    units, lang = names(context.session, ()).units, language()
    file = io.StringIO()
    writer = csv.writer(file)
    writer.writerow([say(lang, f"audits.column.{name}") for name in COLUMNS])
    writer.writerows([_plain(cell) for cell in _line(one, lang, units.get(one.unit or "", ""))] for one in found)
    headers = {"Content-Disposition": f'attachment; filename="fieldpost-audit-{month}.csv"'}
    # The mark has spreadsheets read Chinese as what it is.
    return Answer(file.getvalue().encode("utf-8-sig"), headers=headers, media_type="text/csv")


@blueprint.get("/cases/<uuid:case>/trail")
@page()
def trail(context: Context, case: str) -> Answer:
    deeds = audits.trail(context.session, context.identity, case)
    return render(
        context,
        "trail.html",
        badges=badges(context.session, context.identity),
        case=case,
        deeds=deeds,
        limit=audits.TRAIL_LIMIT,
    )


def _asked(context: Context) -> tuple[str, list[Audited]]:
    """The month of the query, or this one, with its files."""
    month = argument("month", 7)
    if not audits.MONTH.fullmatch(month):
        month = context.now.astimezone(show.CHINA).strftime("%Y-%m")
    return month, audits.audit_month(context.session, context.identity, month)


def _failed(found: list[Audited]) -> list[tuple[str, str, str, int]]:
    """What failed how often over the month, by check: code, Chinese, English, count."""
    counted = Counter(
        (one.check.code, one.check.zh, one.check.en) for file in found for one in file.report.answers if one.defects
    )
    return [(*check, count) for check, count in sorted(counted.items())]


def _line(one: Audited, lang: str, unit: str) -> Iterator[str]:
    yield from (one.case_no, unit, label("status", one.status, lang), str(one.report.score))
    yield " ".join(answer.check.code for answer in one.report.answers if answer.defects)
    yield "；".join(zh if lang == "zh" else en for _, zh, en in one.report.defects)


def _plain(cell: str) -> str:
    """A cell that no spreadsheet takes for a formula."""
    return f"'{cell}" if cell.startswith(("=", "+", "-", "@", "\t")) else cell

"""The list of cases, one case, and the verdicts on it and its photos."""

from __future__ import annotations

from urllib.parse import urlencode

from flask import Blueprint, request

from field_api.casework import review
from field_api.casework.review import Verdict
from field_api.console import queries, story_queries
from field_api.console.desk_queries import badges
from field_api.console.page import argument, form_id, form_text, page, render, return_to, see
from field_api.console.queries import CaseFile, Filter
from field_api.endpoint import Answer, Context
from field_api.extensions import services
from field_api.problems import Problem

blueprint = Blueprint("console_cases", __name__, url_prefix="/console")
VERDICTS = ("passed", "returned", "rejected")


@blueprint.get("/")
@page()
def index(context: Context) -> Answer:
    asked = Filter(
        status=argument("status", 32),
        review=argument("review", 32),
        delivery=argument("delivery", 32),
        unit=argument("unit", 32),
        text=argument("q"),
        page=_page_number(argument("page", 6)),
    )
    found = queries.cases(context.session, context.identity, asked)
    return render(
        context,
        "cases.html",
        badges=badges(context.session, context.identity),
        asked=asked,
        found=found,
        link=lambda **changed: _link(asked, changed),
    )


def _page_number(text: str) -> int:
    return max(1, min(int(text), queries.MOST_PAGES)) if text.isascii() and text.isdigit() else 1


def _link(asked: Filter, changed: dict[str, object]) -> str:
    """The same list with some of its filter changed."""
    held = {"status": asked.status, "review": asked.review, "delivery": asked.delivery, "unit": asked.unit}
    query = {key: value for key, value in {**held, "q": asked.text, **changed}.items() if value}
    return f"/console/?{urlencode(query)}"


@blueprint.get("/cases/<uuid:case>")
@page()
def show_case(context: Context, case: str) -> Answer:
    found = queries.case_file(context.session, context.identity, case)
    return render(
        context,
        "case.html",
        badges=badges(context.session, context.identity),
        file=found,
        story=story_queries.story(context.session, context.identity, found, context.now),
        refusal=_refusal(context, found),
    )


def _refusal(context: Context, found: CaseFile) -> str | None:
    """Why this reader may not judge this case; None when he may."""
    if not context.identity.supervises:
        return "case.role"
    return "case.own" if context.identity.officer in found.hands else None


@blueprint.post("/cases/<uuid:case>/verdict")
@page(mode="write")
def judge_case(context: Context, case: str) -> Answer:
    return_to(f"/console/cases/{case}")
    verdict = _verdict()
    review.review_case(context.session, services().home, case, verdict, context.identity, context.now)
    return see(f"/console/cases/{case}", done=verdict.verdict)


@blueprint.post("/cases/<uuid:case>/photos/<uuid:photo>/verdict")
@page(mode="write")
def judge_photo(context: Context, case: str, photo: str) -> Answer:
    return_to(f"/console/cases/{case}")
    verdict = _verdict()
    review.review_evidence(context.session, services().home, photo, verdict, context.identity, context.now)
    answer = see(f"/console/cases/{case}", done=verdict.verdict)
    answer.headers["Location"] += f"#photo-{photo}"
    return answer


@blueprint.get("/<path:elsewhere>")
@page()
def nowhere(_context: Context, **_path: str) -> Answer:
    """Answer an address that is none, so that a reader keeps the way back and a stranger learns nothing."""
    raise Problem("not_found")


def _verdict() -> Verdict:
    word, reason = request.form.get("verdict", ""), form_text("reason", 500)
    if word not in VERDICTS or (word != "passed" and not reason):
        raise Problem("invalid_field", errors=[{"pointer": "/reason", "code": "required", "message": "reason"}])
    base = form_text("base", 9)
    return Verdict(form_id(), word, reason, int(base) if base.isascii() and base.isdigit() else None)

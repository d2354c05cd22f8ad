"""`/…/{record}/documents/{element}`: a paper as PDF, or as lines for a thermal printer; each look is noted."""

from __future__ import annotations

from functools import partial

from flask import Blueprint, request

from field_api.casework.documents import shelf
from field_api.casework.documents.shelf import Copy, Paper, Press
from field_api.casework.law import money
from field_api.endpoint import Answer, Context, endpoint, read, write
from field_api.extensions import services
from field_api.problems import Problem
from field_api.schemas.documents import read_copy

blueprint = Blueprint("documents", __name__, url_prefix="/api/v1")
PDF, PLAIN = "application/pdf", "text/plain"
_PROBLEMS = ("not_found", "not_permitted", "document_incomplete", "document_form_unknown", "invalid_field")
_TRIES = 3


@blueprint.get("/cases/<case>/documents/<element>")
@endpoint(
    "A paper of a case",
    caller="either",
    mode="own",
    tag="documents",
    problems=_PROBLEMS,
    media_types=(PDF, PLAIN),
)
def of_case(context: Context, case: str, element: str) -> Answer:
    return _show(context, case, "case", element)


@blueprint.get("/proceedings/<proceeding>/documents/<element>")
@endpoint(
    "A paper of a general proceeding",
    caller="either",
    mode="own",
    tag="documents",
    problems=_PROBLEMS,
    media_types=(PDF, PLAIN),
)
def of_proceeding(context: Context, proceeding: str, element: str) -> Answer:
    return _show(context, proceeding, "proceeding", element)


@blueprint.get("/measures/<measure>/documents/<element>")
@endpoint(
    "A paper of a measure",
    caller="either",
    mode="own",
    tag="documents",
    problems=_PROBLEMS,
    media_types=(PDF, PLAIN),
)
def of_measure(context: Context, measure: str, element: str) -> Answer:
    return _show(context, measure, "measure", element)


def _show(context: Context, record: str, record_type: str, element: str) -> Answer:
    """Find or print the copy, keep it and note the look durably, then send."""
    kind = read_copy(request.args)
    for _ in range(_TRIES):
        paper, copy = read(context.session, lambda: _find(context, record, record_type, element, kind))
        printed = copy or shelf.print_copy(paper, kind)
        kept = write(context.session, partial(_keep, context, paper, printed))
        if kept is not None:
            return _answer(paper, kept)
    raise Problem("unavailable", retry_after_s=1)


def _find(context: Context, record: str, record_type: str, element: str, kind: str) -> tuple[Paper, Copy | None]:
    config = context.config
    made = Press(context.keys, config.authorities, config.public_url, money.capitals)
    paper = shelf.find(context.session, context.identity, record, record_type, element, made)
    shelf.require_copy(paper, kind)
    return paper, shelf.kept_copy(context.session, paper, kind)


def _keep(context: Context, paper: Paper, printed: Copy) -> Copy | None:
    now = services().now()
    kept = shelf.put(context.session, paper, printed, context.keys, now)
    if kept is not None:
        shelf.note_view(context.session, context.identity, paper.element, kept.kind, now)
    return kept


def _answer(paper: Paper, copy: Copy) -> Answer:
    if copy.kind == shelf.LINES:
        return Answer(copy.body, media_type=PLAIN)
    tag = f'"{copy.sha256}"'
    if tag in request.headers.get("If-None-Match", ""):
        return Answer(status=304, headers={"ETag": tag})
    name = f"{paper.template.type}-{paper.element}-{copy.kind}.pdf"
    headers = {"ETag": tag, "Content-Disposition": f"inline; filename={name}"}
    return Answer(copy.body, headers=headers, media_type=PDF)

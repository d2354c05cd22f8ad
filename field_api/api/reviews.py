"""`/evidence/{id}/reviews` and `/cases/{id}/reviews`: a supervisor's verdicts."""

from __future__ import annotations

from flask import Blueprint

from field_api.casework import review
from field_api.casework.review import Verdict
from field_api.endpoint import Answer, Context, endpoint
from field_api.extensions import services
from field_api.schemas.reviews import VerdictDump, VerdictLoad

blueprint = Blueprint("reviews", __name__, url_prefix="/api/v1")
_PROBLEMS = (
    "not_permitted",
    "not_found",
    "own_case",
    "invalid_field",
    "changed_meanwhile",
    "operation_id_reused",
)


@blueprint.post("/evidence/<evidence>/reviews")
@endpoint(
    "Pass, return or reject a photo",
    caller="either",
    mode="write",
    load=VerdictLoad,
    dump=VerdictDump,
    tag="review",
    problems=(*_PROBLEMS, "evidence_not_ready"),
)
def review_evidence(context: Context, verdict: Verdict, evidence: str) -> Answer:
    result = review.review_evidence(
        context.session, services().home, evidence, verdict, context.identity, context.now
    )
    return Answer(result)


@blueprint.post("/cases/<case>/reviews")
@endpoint(
    "Pass a case or return it to its unit",
    caller="either",
    mode="write",
    load=VerdictLoad,
    dump=VerdictDump,
    tag="review",
    problems=(*_PROBLEMS, "case_not_closed", "conflicts_open"),
)
def review_case(context: Context, verdict: Verdict, case: str) -> Answer:
    result = review.review_case(context.session, services().home, case, verdict, context.identity, context.now)
    return Answer(result)

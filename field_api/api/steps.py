"""`/measures/{id}/…` and `/proceedings/{id}/…`: acts of the head and of the legal reviewer."""

from __future__ import annotations

from flask import Blueprint

from field_api.casework import steps
from field_api.casework.steps import Approval, Step
from field_api.endpoint import Answer, Context, endpoint
from field_api.extensions import services
from field_api.schemas.steps import ApprovalLoad, StepDump, StepLoad

blueprint = Blueprint("steps", __name__, url_prefix="/api/v1")
_PROBLEMS = ("not_permitted", "not_found", "own_case", "changed_meanwhile", "operation_id_reused")
_STEP_PROBLEMS = (*_PROBLEMS, "invalid_field", "step_not_open")


@blueprint.post("/proceedings/<record>/steps")
@endpoint(
    "Take a step of the general procedure",
    caller="either",
    mode="write",
    load=StepLoad,
    dump=StepDump,
    tag="review",
    problems=_STEP_PROBLEMS,
)
def proceeding_step(context: Context, step: Step, record: str) -> Answer:
    return _take(context, "proceeding", record, step)


@blueprint.post("/measures/<record>/steps")
@endpoint(
    "Approve, extend, lift or return a measure",
    caller="either",
    mode="write",
    load=StepLoad,
    dump=StepDump,
    tag="review",
    problems=(*_STEP_PROBLEMS, "term_over", "signoffs_missing"),
)
def measure_step(context: Context, step: Step, record: str) -> Answer:
    return _take(context, "measure", record, step)


@blueprint.post("/proceedings/<record>/approvals")
@endpoint(
    "Grant or refuse a longer term, a stay or a deferred payment",
    caller="either",
    mode="write",
    load=ApprovalLoad,
    dump=StepDump,
    tag="review",
    problems=_PROBLEMS,
)
def proceeding_approval(context: Context, approval: Approval, record: str) -> Answer:
    return _approve(context, "proceeding", record, approval)


@blueprint.post("/measures/<record>/approvals")
@endpoint(
    "Refuse a measure, with the reason",
    caller="either",
    mode="write",
    load=ApprovalLoad,
    dump=StepDump,
    tag="review",
    problems=_PROBLEMS,
)
def measure_approval(context: Context, approval: Approval, record: str) -> Answer:
    return _approve(context, "measure", record, approval)


def _take(context: Context, record_type: str, record: str, step: Step) -> Answer:
    home = services().home
    return Answer(steps.take(context.session, home, record_type, record, step, context.identity, context.now))


def _approve(context: Context, record_type: str, record: str, approval: Approval) -> Answer:
    home = services().home
    return Answer(steps.approve(context.session, home, record_type, record, approval, context.identity, context.now))

"""`/defects`: what law finds wrong with what was done, and how a person settles it."""

from __future__ import annotations

from flask import Blueprint, request

from field_api.casework import judgement_desk
from field_api.casework.defects import STATES
from field_api.casework.judgement_desk import Settlement
from field_api.casework.terms import terms_of
from field_api.endpoint import Answer, Context, endpoint
from field_api.extensions import services
from field_api.problems import Problem
from field_api.schemas.defects import FoundDefectDump, SettlementLoad

blueprint = Blueprint("defects", __name__, url_prefix="/api/v1")


@blueprint.get("/defects")
@endpoint(
    "List what law finds wrong with what was done",
    caller="either",
    dump=FoundDefectDump,
    many=True,
    tag="law",
    problems=("not_permitted", "invalid_field"),
)
def listed(context: Context) -> Answer:
    state = request.args.get("state", "open")
    if state not in STATES:
        raise Problem("invalid_field", errors=[{"pointer": "/state", "code": "not_in_list", "message": state[:20]}])
    rows = judgement_desk.open_defects(context.session, context.identity, state=state)
    dump = FoundDefectDump()
    return Answer([dump.dump(row) for row in rows])


@blueprint.post("/defects/<uuid:defect>/settlement")
@endpoint(
    "Settle a defect",
    caller="either",
    mode="write",
    load=SettlementLoad,
    dump=FoundDefectDump,
    tag="law",
    problems=("not_permitted", "not_found", "own_case", "changed_meanwhile", "operation_id_reused"),
)
def settle(context: Context, told: Settlement, defect: str) -> Answer:
    row = judgement_desk.settle(
        context.session, services().home, str(defect), told, context.identity, context.now, terms_of(context.config)
    )
    return Answer(FoundDefectDump().dump(row))

"""`/quarantine/{operation}`: a person tries a quarantined operation again, or closes it."""

from __future__ import annotations

from typing import Any

from flask import Blueprint

from field_api.casework.scope import require_quarantined
from field_api.endpoint import Answer, Context, endpoint
from field_api.extensions import services
from field_api.problems import Problem
from field_api.schemas.reviews import DismissalLoad, ReplayLoad
from field_api.schemas.sync import ResultDump
from sync.service import repair
from sync.service.repair import Repair

blueprint = Blueprint("quarantine", __name__, url_prefix="/api/v1/quarantine")
_PROBLEMS = ("not_permitted", "not_found", "not_quarantined", "envelope_invalid")


@blueprint.post("/<operation>/replay")
@endpoint(
    "Try a quarantined operation again, corrected perhaps",
    caller="either",
    mode="write",
    load=ReplayLoad,
    dump=ResultDump,
    tag="review",
    problems=_PROBLEMS,
)
def replay(context: Context, asked: tuple[str, dict[str, Any]], operation: str) -> Answer:
    require_quarantined(context.session, context.identity, operation)
    reason, values = asked
    order = Repair(context.identity.officer, reason, values)
    try:
        return Answer(repair.replay(context.session, services().home, operation, order, context.now))
    except repair.NotQuarantined:
        raise Problem("not_quarantined") from None


@blueprint.post("/<operation>/dismissal")
@endpoint(
    "Close a quarantined operation without effect",
    caller="either",
    mode="write",
    load=DismissalLoad,
    dump=ResultDump,
    tag="review",
    problems=_PROBLEMS,
)
def dismiss(context: Context, reason: str, operation: str) -> Answer:
    require_quarantined(context.session, context.identity, operation)
    order = Repair(context.identity.officer, reason)
    try:
        return Answer(repair.dismiss(context.session, services().home, operation, order, context.now))
    except repair.NotQuarantined:
        raise Problem("not_quarantined") from None

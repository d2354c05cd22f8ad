"""What law finds wrong with what was done, and the reviewer's word on it."""

from __future__ import annotations

import re

from flask import Blueprint

from field_api.casework import judgement_desk
from field_api.casework.defects import OUTCOMES, STATES
from field_api.casework.judgement_desk import Settlement
from field_api.casework.terms import terms_of
from field_api.console import defect_queries
from field_api.console.desk_queries import badges
from field_api.console.page import argument, form_id, form_text, page, render, return_to, see
from field_api.endpoint import Answer, Context
from field_api.extensions import services
from field_api.problems import Problem

blueprint = Blueprint("console_defects", __name__, url_prefix="/console/defects")
READERS = ("supervisor", "legal", "admin", "auditor")
_RULE = re.compile(r"R[0-9]{2}")


@blueprint.get("")
@page()
def index(context: Context) -> Answer:
    context.identity.require(*READERS)
    state, rule = argument("state", 8), argument("rule", 8)
    state = state if state in STATES or state == "all" else "open"
    rule = rule if _RULE.fullmatch(rule) else ""
    found = defect_queries.defects(context.session, context.identity, "" if state == "all" else state, rule)
    return render(
        context,
        "defects.html",
        badges=badges(context.session, context.identity),
        found=found,
        state=state,
        states=STATES,
        rule=rule,
        outcomes=OUTCOMES,
        may_settle=context.identity.supervises,
    )


@blueprint.post("/<uuid:defect>/settlement")
@page(mode="write")
def settle(context: Context, defect: str) -> Answer:
    return_to("/console/defects")
    outcome, reason = form_text("outcome", 16), form_text("reason", 500)
    if outcome not in OUTCOMES or not reason:
        raise Problem("invalid_field", errors=[{"pointer": "/reason", "code": "required", "message": "reason"}])
    told = Settlement(form_id(), outcome, reason)
    terms = terms_of(context.config)
    judgement_desk.settle(context.session, services().home, defect, told, context.identity, context.now, terms)
    return see("/console/defects", done="settled")

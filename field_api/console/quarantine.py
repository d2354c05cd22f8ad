"""Operations that could not be applied: a person reads them, corrects one and tries it again, or closes it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from flask import Blueprint, request

from field_api.console import kept_queries, repair_form
from field_api.console.desk_queries import badges
from field_api.console.page import form_text, page, render, return_to, see
from field_api.endpoint import Answer, Context
from field_api.extensions import services
from field_api.problems import Problem
from sync.service import repair
from sync.service.repair import Repair

blueprint = Blueprint("console_quarantine", __name__, url_prefix="/console/quarantine")
READERS = ("supervisor", "legal", "admin")


@blueprint.get("")
@page()
def index(context: Context) -> Answer:
    context.identity.require(*READERS)
    overdue = context.now - timedelta(seconds=context.config.parked_after_s)
    return render(
        context,
        "quarantine.html",
        badges=badges(context.session, context.identity),
        found=kept_queries.quarantined(context.session, context.identity),
        parked=kept_queries.parked(context.session, context.identity, overdue),
    )


@blueprint.get("/<operation>")
@page()
def show_operation(context: Context, operation: str) -> Answer:
    found = kept_queries.one(context.session, context.identity, operation)
    return render(
        context,
        "kept.html",
        badges=badges(context.session, context.identity),
        one=found,
        inputs=repair_form.inputs(found.kept),
    )


@blueprint.post("/<operation>/replay")
@page(mode="write")
def replay(context: Context, operation: str) -> Answer:
    found = kept_queries.one(context.session, context.identity, operation)
    return_to(f"/console/quarantine/{operation}")
    order = Repair(context.identity.officer, _reason(), repair_form.corrections(found.kept))
    return _carried_out(context, operation, repair.replay, order)


@blueprint.post("/<operation>/dismissal")
@page(mode="write")
def dismiss(context: Context, operation: str) -> Answer:
    kept_queries.one(context.session, context.identity, operation)
    return_to(f"/console/quarantine/{operation}")
    if request.form.get("confirm") != "yes":
        raise _missing("/confirm")
    return _carried_out(context, operation, repair.dismiss, Repair(context.identity.officer, _reason()))


def _carried_out(context: Context, operation: str, act: Callable[..., dict[str, Any]], order: Repair) -> Answer:
    """Do it, and tell what became of the operation on its own page."""
    path = f"/console/quarantine/{operation}"
    try:
        result = act(context.session, services().home, operation, order, context.now)
    except repair.NotQuarantined:
        return see(path, problem="not_quarantined")
    return see(path, done=result["outcome"])


def _reason() -> str:
    reason = form_text("reason", 500)
    if not reason:
        raise _missing("/reason")
    return reason


def _missing(pointer: str) -> Problem:
    return Problem("invalid_field", errors=[{"pointer": pointer, "code": "required", "message": pointer}])

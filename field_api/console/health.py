"""How the terminals' sync stands; an administrator shuts a lost one out."""

from __future__ import annotations

from flask import Blueprint, request

from field_api.auth import terminals, wipes
from field_api.console import health_queries
from field_api.console.desk_queries import badges
from field_api.console.page import page, render, return_to, see
from field_api.endpoint import Answer, Context
from field_api.problems import Problem

blueprint = Blueprint("console_health", __name__, url_prefix="/console/health")
READERS = ("supervisor", "legal", "admin")


@blueprint.get("")
@page()
def index(context: Context) -> Answer:
    context.identity.require(*READERS)
    silent_after_s = context.config.silent_after_s
    return render(
        context,
        "health.html",
        badges=badges(context.session, context.identity),
        found=health_queries.terminals(context.session, context.identity, silent_after_s, context.now),
        limit=health_queries.TERMINALS_LIMIT,
    )


@blueprint.post("/<uuid:terminal>/revocation")
@page(mode="write")
def revoke(context: Context, terminal: str) -> Answer:
    _require_confirmed(context)
    terminals.revoke(context.session, terminal, context.now)
    return see("/console/health", done="revoked")


@blueprint.post("/<uuid:terminal>/wipe")
@page(mode="write")
def wipe(context: Context, terminal: str) -> Answer:
    _require_confirmed(context)
    when = request.form.get("when")
    if when not in ("after_push", "now"):
        raise Problem("invalid_field", errors=[{"pointer": "/when", "code": "invalid", "message": "when"}])
    by = context.identity.username
    wipes.order(context.session, terminal, by, context.now, after_push=when == "after_push")
    return see("/console/health", done="wipe_ordered")


def _require_confirmed(context: Context) -> None:
    context.identity.require("admin")
    return_to("/console/health")
    if request.form.get("confirm") != "yes":
        raise Problem("invalid_field", errors=[{"pointer": "/confirm", "code": "required", "message": "confirm"}])

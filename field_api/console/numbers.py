"""Blocks of document numbers: the fate of every number, and the closing of a block that nobody will account for."""

from __future__ import annotations

from flask import Blueprint

from field_api.casework import block_accounts
from field_api.casework.block_accounts import FATES, READERS
from field_api.console.desk_queries import badges
from field_api.console.page import form_text, page, render, return_to, see
from field_api.console.queries import names
from field_api.endpoint import Answer, Context
from field_api.problems import Problem

blueprint = Blueprint("console_numbers", __name__, url_prefix="/console/numbers")
CLOSERS = ("supervisor", "legal", "admin")


@blueprint.get("")
@page()
def index(context: Context) -> Answer:
    context.identity.require(*READERS)
    found = block_accounts.accounts(context.session, context.identity, context.now)
    # A series runs through every unit, so that its account is the administrator's.
    sees_series = "admin" in context.identity.roles
    return render(
        context,
        "numbers.html",
        badges=badges(context.session, context.identity),
        found=found,
        series=block_accounts.series_accounts(context.session, context.now) if sees_series else [],
        fates=FATES,
        names=names(context.session, {one.block.officer for one in found}),
        may_close=bool(context.identity.roles.intersection(CLOSERS)),
        limit=block_accounts.LIST_LIMIT,
    )


@blueprint.post("/<uuid:block>/closing")
@page(mode="write")
def close(context: Context, block: str) -> Answer:
    return_to("/console/numbers")
    reason = form_text("reason", 200)
    if not reason:
        raise Problem("invalid_field", errors=[{"pointer": "/reason", "code": "required", "message": "reason"}])
    block_accounts.close_lost(context.session, context.identity, block, reason, context.now)
    return see("/console/numbers", done="block_closed")

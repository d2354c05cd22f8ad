"""Operations that could not be applied, to be read; mending them is a later release's."""

from __future__ import annotations

from flask import Blueprint

from field_api.console import desk_queries
from field_api.console.desk_queries import badges
from field_api.console.page import page, render
from field_api.endpoint import Answer, Context

blueprint = Blueprint("console_quarantine", __name__, url_prefix="/console/quarantine")


@blueprint.get("")
@page()
def index(context: Context) -> Answer:
    context.identity.require("supervisor", "legal", "admin")
    found = desk_queries.quarantined(context.session, context.identity)
    return render(context, "quarantine.html", badges=badges(context.session, context.identity), found=found)

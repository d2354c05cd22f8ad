"""The morning page (早会): what is overdue, near its limit, silent or unsent. It counts work, never people."""

from __future__ import annotations

from flask import Blueprint

from field_api.casework import deadlines
from field_api.console import morning_queries
from field_api.console.desk_queries import badges
from field_api.console.page import argument, page, render
from field_api.endpoint import Answer, Context

blueprint = Blueprint("console_morning", __name__, url_prefix="/console/morning")
SHOWN = 5
PARTS = ("overdue", "near", "lapsing", "calls", "defects", "terminals", "alerts", "to_bank")


@blueprint.get("")
@page()
def index(context: Context) -> Answer:
    found = morning_queries.morning(
        context.session, context.identity, context.config.silent_after_s, context.now
    )
    chosen = argument("list", 16)
    return render(
        context,
        "morning.html",
        badges=badges(context.session, context.identity),
        found=found,
        chosen=chosen if chosen in PARTS else "",
        shown=SHOWN,
        limit=deadlines.LIST_LIMIT,
        now=context.now,
    )

"""What is on its way to the centre: what waits for a person first, and the way to send it again."""

from __future__ import annotations

from flask import Blueprint

from field_api.casework import delivery
from field_api.console import desk_queries
from field_api.console.desk_queries import STATES, badges
from field_api.console.page import argument, page, render, see
from field_api.endpoint import Answer, Context
from field_api.extensions import services

blueprint = Blueprint("console_delivery", __name__, url_prefix="/console/delivery")
SENDERS = ("supervisor", "legal", "dispatcher", "admin")


@blueprint.get("")
@page()
def index(context: Context) -> Answer:
    state = argument("state", 16)
    state = state if state in STATES else ""
    found = desk_queries.deliveries(context.session, context.identity, state)
    return render(
        context,
        "delivery.html",
        badges=badges(context.session, context.identity),
        state=state,
        states=STATES,
        found=found,
        may_send=bool(context.identity.roles.intersection(SENDERS)),
    )


@blueprint.post("/<uuid:row>/again")
@page(mode="write")
def again(context: Context, row: str) -> Answer:
    context.identity.require(*SENDERS)
    desk_queries.require_delivery(context.session, context.identity, row)
    released = delivery.send_again(context.session, services().home, row, context.now)
    return see("/console/delivery", done="released" if released else "moved_on")

"""What somebody must look at, and the mark that somebody has."""

from __future__ import annotations

from flask import Blueprint

from field_api import alerts
from field_api.console import alert_queries
from field_api.console.desk_queries import badges
from field_api.console.page import page, render, return_to, see
from field_api.endpoint import Answer, Context

blueprint = Blueprint("console_alerts", __name__, url_prefix="/console/alerts")


@blueprint.get("")
@page()
def index(context: Context) -> Answer:
    context.identity.require(*alerts.READERS)
    found = alert_queries.alerts(context.session, context.identity)
    return render(context, "alerts.html", badges=badges(context.session, context.identity), found=found)


@blueprint.post("/<uuid:alert>/seen")
@page(mode="write")
def mark(context: Context, alert: str) -> Answer:
    return_to("/console/alerts")
    alerts.see(context.session, context.identity, alert, context.now)
    return see("/console/alerts", done="seen")

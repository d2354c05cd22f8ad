"""The file of a vehicle (一车一档), found by its plate."""

from __future__ import annotations

from flask import Blueprint

from field_api.casework.vehicles import dossier
from field_api.console.desk_queries import badges
from field_api.console.page import argument, page, render
from field_api.endpoint import Answer, Context
from field_api.problems import Problem

blueprint = Blueprint("console_vehicles", __name__, url_prefix="/console/vehicles")


@blueprint.get("")
@page()
def index(context: Context) -> Answer:
    context.identity.require(*dossier.READERS)
    plate, found = argument("plate", 16), None
    if plate:
        try:
            found = dossier.of(context.session, plate, context.identity)
        except Problem as problem:
            # Said on the page: whoever mistypes a plate wants the form back, with what he typed.
            if problem.kind.code != "not_found":
                raise
    waiting = badges(context.session, context.identity)
    return render(context, "vehicles.html", badges=waiting, plate=plate, found=found)

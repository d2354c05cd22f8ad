"""A page for each problem code, which is what the `type` of a problem document points at; open to anyone."""

from __future__ import annotations

from flask import Blueprint

from field_api.console.page import known, page, render
from field_api.endpoint import Answer, Context
from field_api.problems import CATALOGUE, Problem

blueprint = Blueprint("problem_pages", __name__, url_prefix="/problems")


@blueprint.get("/")
@page(caller="anyone", mode="own")
def index(context: Context) -> Answer:
    return render(known(context), "problems.html", kinds=sorted(CATALOGUE.values(), key=lambda kind: kind.code))


@blueprint.get("/<code>")
@page(caller="anyone", mode="own")
def show(context: Context, code: str) -> Answer:
    if code not in CATALOGUE:
        raise Problem("not_found")
    return render(known(context), "problem.html", kind=CATALOGUE[code])

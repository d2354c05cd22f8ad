"""The page behind the code on a paper: open to anyone who holds one, and silent about everybody."""

from __future__ import annotations

from flask import Blueprint, request

from field_api.auth import limits
from field_api.casework.documents import checking
from field_api.console.page import page, render
from field_api.endpoint import Answer, Context, read, write
from field_api.problems import Problem

blueprint = Blueprint("checking", __name__, url_prefix="/d")


@blueprint.get("/<token>")
@page(caller="anyone", mode="own")
def show(context: Context, token: str) -> Answer:
    """Count the look, so that names cannot be tried one after another; then say what is known of the paper."""
    subject, limit = limits.checking_subject(request.remote_addr)
    write(context.session, lambda: limits.count_attempt(context.session, subject, limit, context.now))
    found = read(context.session, lambda: checking.check(context.session, token.upper()))
    if found is None:
        raise Problem("not_found")
    return render(context, "checked.html", paper=found)

"""Signing in and out of the console, the choice of language, and the pages' own files."""

from __future__ import annotations

from flask import Blueprint, Response, request

from field_api.auth import console as sessions
from field_api.console.page import HOME, LANGUAGE_COOKIE, form_text, own_path, page, render, see
from field_api.console.words import LANGUAGES
from field_api.endpoint import Answer, Context
from field_api.problems import Problem

blueprint = Blueprint("console", __name__, url_prefix="/console", static_folder="static")
front = Blueprint("front", __name__)
YEAR_S = 365 * 86_400


@front.get("/")
@page(caller="anyone", mode="own")
def door(_context: Context) -> Answer:
    return see(HOME)


@blueprint.get("/login")
@page(caller="anyone", mode="own")
def login(context: Context) -> Answer:
    return render(
        context,
        "login.html",
        refusal=None,
        username="",
        next=own_path(request.args.get("next", "")),
        expired="expired" in request.args,
    )


@blueprint.post("/login")
@page(caller="anyone", mode="own")
def enter(context: Context) -> Answer:
    sessions.check_origin(request)
    username, wanted = form_text("username", 64), own_path(form_text("next"))
    try:
        made = sessions.sign_in_console(
            context.session,
            context.config,
            username,
            request.form.get("password", "")[:1000],
            request.remote_addr,
            context.now,
        )
    except Problem as problem:
        values = {"refusal": problem.kind, "username": username, "next": wanted, "expired": False}
        return render(context, "login.html", problem.kind.status, problem.headers, **values)
    response = Response()
    sessions.set_cookie(response, made, secure=request.is_secure)
    return Answer(status=303, headers={"Location": wanted, "Set-Cookie": response.headers["Set-Cookie"]})


@blueprint.post("/logout")
@page(mode="write")
def leave(context: Context) -> Answer:
    sessions.sign_out_console(context.session, context.identity.session)
    response = Response()
    sessions.drop_cookie(response)
    answer = see("/console/login", done="signed_out")
    # Photos were lent to this browser for a few minutes; the next person at this desk has no claim to them.
    cleared = {"Set-Cookie": response.headers["Set-Cookie"], "Clear-Site-Data": '"cache"'}
    return Answer(status=303, headers=answer.headers | cleared)


@blueprint.get("/language/<choice>")
@page(caller="anyone", mode="own")
def speak(_context: Context, choice: str) -> Answer:
    if choice not in LANGUAGES:
        raise Problem("not_found")
    response = Response()
    response.set_cookie(LANGUAGE_COOKIE, choice, max_age=YEAR_S, secure=request.is_secure, samesite="Lax")
    target = own_path(request.args.get("next", ""), HOME)
    return Answer(status=303, headers={"Location": target, "Set-Cookie": response.headers["Set-Cookie"]})

"""A file from a terminal whose radio is dead: a supervisor brings it in, and takes the answer back to the terminal."""

from __future__ import annotations

import hashlib

import orjson
from flask import Blueprint, request

from field_api.casework import imports
from field_api.console import import_queries
from field_api.console.desk_queries import badges
from field_api.console.page import page, render, return_to, see
from field_api.endpoint import Answer, Context
from field_api.extensions import services
from field_api.problems import Problem

blueprint = Blueprint("console_imports", __name__, url_prefix="/console/import")
READERS = ("supervisor", "legal")


@blueprint.get("")
@page()
def index(context: Context) -> Answer:
    context.identity.require(*READERS)
    return render(context, "import.html", badges=badges(context.session, context.identity), found=None, receipt="")


@blueprint.post("")
@page(mode="own")
def take_in(context: Context) -> Answer:
    context.identity.require(*READERS)
    return_to("/console/import")
    text = _sent(context.config.body_limit_bytes)
    sign = context.keys.sign_jws
    answer = imports.take_export(
        context.session, context.config, services().home, context.identity, text, sign, context.now
    )
    return see(f"/console/import/{hashlib.sha256(answer['receipt'].encode()).hexdigest()}", done="imported")


@blueprint.get("/<receipt>")
@page()
def show_import(context: Context, receipt: str) -> Answer:
    context.identity.require(*READERS)
    found = import_queries.imported(context.session, context.identity, receipt)
    waiting = badges(context.session, context.identity)
    return render(context, "import.html", badges=waiting, found=found, receipt=receipt)


@blueprint.get("/<receipt>/answer")
@page()
def answer_file(context: Context, receipt: str) -> Answer:
    context.identity.require(*READERS)
    found = import_queries.imported(context.session, context.identity, receipt)
    headers = {"Content-Disposition": f'attachment; filename="fieldpost-answer-{found.terminal or "terminal"}.json"'}
    return Answer(orjson.dumps(found.answer), headers=headers)


def _sent(limit: int) -> str:
    """The chosen file's text.

    Raises:
        Problem: invalid_field, batch_too_large.
    """
    file = request.files.get("file")
    raw = file.stream.read(limit + 1) if file is not None else b""
    if not raw:
        raise Problem("invalid_field", errors=[{"pointer": "/file", "code": "required", "message": "file"}])
    if len(raw) > limit:
        raise Problem("batch_too_large")
    return raw.decode("ascii", "replace")

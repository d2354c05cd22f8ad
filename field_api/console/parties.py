"""Whom cases are about: looked for, shown masked, merged, unmasked with a reason that is kept.

What is looked for travels in a form's body and never in an address, which logs and histories keep.
"""

from __future__ import annotations

from typing import Any

from flask import Blueprint, request

from field_api.casework.parties import people
from field_api.console.desk_queries import badges
from field_api.console.page import form_text, page, render, return_to, see
from field_api.console.queries import names
from field_api.endpoint import Answer, Context
from field_api.problems import Problem
from sync.engine.kinds import UUID

blueprint = Blueprint("console_parties", __name__, url_prefix="/console/parties")
FIELDS = ("id_no", "uscc", "phone", "plate", "name", "shop_name")
MERGERS = frozenset({"supervisor", "legal"})
MOST = 50


@blueprint.get("")
@page()
def index(context: Context) -> Answer:
    context.identity.require(*people.READERS)
    return _list(context, {}, None)


@blueprint.post("")
@page()
def search(context: Context) -> Answer:
    asked = {name: text for name in FIELDS if (text := form_text(name, 100))}
    try:
        found = people.search(context.session, context.keys, asked, context.identity)
    except Problem as problem:
        # Nothing to look for was typed: the form says so, where it stands.
        if problem.kind.code != "envelope_invalid":
            raise
        return _list(context, asked, [], wrong=True)
    return _list(context, asked, found)


@blueprint.get("/<uuid:party>")
@page()
def show(context: Context, party: str) -> Answer:
    return _one(context, party, None)


@blueprint.post("/<uuid:party>/unmasking")
@page(mode="write")
def unmask(context: Context, party: str) -> Answer:
    return_to(f"/console/parties/{party}")
    reason = form_text("reason", 500)
    if not reason:
        raise _required("reason")
    row = people.standing(context.session, party)
    clear = people.unmask(context.session, context.keys, row.id, reason, context.identity, context.now)
    return _one(context, row.id, clear)


@blueprint.post("/merging")
@page(mode="write")
def merge(context: Context) -> Answer:
    """Have everybody of a group be the one who was chosen."""
    return_to("/console/parties")
    into, others = form_text("into", 36), request.form.getlist("party")
    if len(others) > MOST or not all(UUID.fullmatch(one) for one in (into, *others)) or not set(others) - {into}:
        raise _required("into")
    for one in sorted(set(others) - {into}):
        people.merge(context.session, one, into, context.identity, context.now)
    return see(f"/console/parties/{into}", done="parties_merged")


def _required(name: str) -> Problem:
    return Problem("invalid_field", errors=[{"pointer": f"/{name}", "code": "required", "message": name}])


def _list(
    context: Context, asked: dict[str, str], found: list[dict[str, Any]] | None, *, wrong: bool = False
) -> Answer:
    merges = bool(context.identity.roles & MERGERS)
    twins = people.duplicates(context.session, context.keys, context.identity) if merges and found is None else []
    return render(
        context,
        "parties.html",
        badges=badges(context.session, context.identity),
        asked=asked,
        found=found,
        wrong=wrong,
        twins=twins,
        merges=merges,
        fields=FIELDS,
    )


def _one(context: Context, party: str, clear: dict[str, Any] | None) -> Answer:
    look_back = context.config.first_offence_days
    found = people.show(
        context.session, context.keys, party, context.identity, now=context.now, look_back_days=look_back
    )
    return render(
        context,
        "party.html",
        badges=badges(context.session, context.identity),
        found=found,
        clear=clear,
        names=names(context.session, ()),
        unmasks=bool(context.identity.roles & people.UNMASKERS),
    )

"""`/parties`: whom cases are about: looked for, shown masked, merged, unmasked with a reason."""

from __future__ import annotations

from flask import Blueprint, request

from field_api.casework.parties import people
from field_api.endpoint import Answer, Context, endpoint
from field_api.schemas.parties import (
    PartyDump,
    PartyDuplicatesDump,
    PartyFileDump,
    PartyMergeDump,
    PartyMergeLoad,
    PartySearchLoad,
    UnmaskDump,
    UnmaskLoad,
)

blueprint = Blueprint("parties", __name__, url_prefix="/api/v1/parties")


@blueprint.post("/search")
@endpoint(
    "Look for a party by a number, or by name and shop",
    caller="either",
    load=PartySearchLoad,
    dump=PartyDump,
    many=True,
    tag="parties",
    problems=("not_permitted", "envelope_invalid"),
)
def search(context: Context, asked: dict[str, str]) -> Answer:
    return Answer(people.search(context.session, context.keys, asked, context.identity))


@blueprint.get("/duplicates")
@endpoint(
    "Parties that may be one",
    caller="either",
    dump=PartyDuplicatesDump,
    many=True,
    tag="parties",
    problems=("not_permitted",),
)
def duplicates(context: Context) -> Answer:
    return Answer(people.duplicates(context.session, context.keys, context.identity))


@blueprint.get("/<party>")
@endpoint(
    "A party, its cases, and whether it is a first offence",
    caller="either",
    dump=PartyFileDump,
    tag="parties",
    problems=("not_permitted", "not_found"),
)
def show(context: Context, party: str) -> Answer:
    found = people.show(
        context.session,
        context.keys,
        party,
        context.identity,
        now=context.now,
        look_back_days=context.config.first_offence_days,
        violation=request.args.get("violation") or None,
    )
    return Answer(found)


@blueprint.post("/<party>/merge")
@endpoint(
    "Have a party be another from now on",
    caller="either",
    mode="write",
    load=PartyMergeLoad,
    dump=PartyMergeDump,
    tag="parties",
    problems=("not_permitted", "not_found", "already_merged"),
)
def merge(context: Context, into: str, party: str) -> Answer:
    return Answer({"id": people.merge(context.session, party, into, context.identity, context.now)})


@blueprint.post("/<party>/unmask")
@endpoint(
    "A party's numbers in clear; who saw them, when and why is kept",
    caller="either",
    mode="write",
    load=UnmaskLoad,
    dump=UnmaskDump,
    tag="parties",
    problems=("not_permitted", "not_found"),
)
def unmask(context: Context, reason: str, party: str) -> Answer:
    return Answer(people.unmask(context.session, context.keys, party, reason, context.identity, context.now))

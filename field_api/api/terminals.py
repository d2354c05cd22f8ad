"""`/terminals` and `/officers`: enrolling, and shutting out."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint

from field_api.auth import terminals, wipes
from field_api.auth.terminals import Enrolment
from field_api.casework import staff
from field_api.endpoint import Answer, Context, endpoint
from field_api.extensions import services
from field_api.schemas.terminals import EnrolmentDump, EnrolmentLoad, WipeDump, WipeLoad

blueprint = Blueprint("terminals", __name__, url_prefix="/api/v1")


@blueprint.post("/terminals")
@endpoint(
    "Enrol a terminal",
    caller="anyone",
    mode="write",
    load=EnrolmentLoad,
    dump=EnrolmentDump,
    status=201,
    problems=("enrolment_invalid", "terminal_revoked"),
    tag="identity",
)
def enrol(context: Context, enrolment: Enrolment) -> Answer:
    enrolled = terminals.enrol(context.session, enrolment, context.now)
    body = {
        "terminal_id": enrolled.terminal_id,
        "terminal_no": enrolled.terminal_no,
        "server_keys": context.keys.public_jwks(),
    }
    return Answer(EnrolmentDump().dump(body), 201)


@blueprint.post("/terminals/<uuid:terminal>/revocation")
@endpoint(
    "Revoke a terminal",
    caller="console",
    mode="write",
    status=204,
    problems=("not_permitted", "not_found", "csrf_failed"),
    tag="identity",
)
def revoke(context: Context, *, terminal: UUID) -> Answer:
    context.identity.require("admin")
    terminals.revoke(context.session, str(terminal), context.now)
    return Answer(status=204)


@blueprint.post("/terminals/<uuid:terminal>/wipe")
@endpoint(
    "Order a terminal to empty itself",
    caller="console",
    mode="write",
    load=WipeLoad,
    dump=WipeDump,
    problems=("not_permitted", "not_found", "csrf_failed"),
    tag="identity",
)
def wipe(context: Context, after_push: bool, *, terminal: UUID) -> Answer:
    context.identity.require("admin")
    by = context.identity.username
    ordered = wipes.order(context.session, str(terminal), by, context.now, after_push=after_push)
    return Answer(WipeDump().dump(ordered))


@blueprint.post("/officers/<uuid:officer>/disabling")
@endpoint(
    "Disable an officer's account",
    caller="console",
    mode="write",
    status=204,
    problems=("not_permitted", "not_found", "csrf_failed"),
    tag="identity",
)
def disable(context: Context, *, officer: UUID) -> Answer:
    context.identity.require("admin")
    staff.disable(context.session, services().home, str(officer), context.now)
    return Answer(status=204)

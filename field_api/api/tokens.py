"""`/tokens`: signing in, going on, signing out."""

from __future__ import annotations

from flask import Blueprint

from field_api.auth import challenges, tokens
from field_api.auth.tokens import PasswordGrant, RefreshGrant
from field_api.endpoint import Answer, Context, endpoint
from field_api.schemas.tokens import ChallengeDump, ChallengeLoad, ChallengeRequest, GrantLoad, PairDump

blueprint = Blueprint("tokens", __name__, url_prefix="/api/v1/tokens")


@blueprint.post("/challenges")
@endpoint(
    "Ask for a nonce to sign",
    caller="anyone",
    mode="own",
    load=ChallengeLoad,
    dump=ChallengeDump,
    tag="identity",
)
def challenge(context: Context, asked: ChallengeRequest) -> Answer:
    made = challenges.challenge(context.keys, asked.terminal_id, context.now)
    return Answer(ChallengeDump().dump(made))


@blueprint.post("")
@endpoint(
    "Sign in, or refresh",
    caller="anyone",
    mode="own",
    load=GrantLoad,
    dump=PairDump,
    problems=(
        "credentials_wrong",
        "token_expired",
        "token_revoked",
        "terminal_revoked",
        "officer_disabled",
        "too_many_requests",
    ),
    tag="identity",
)
def create(context: Context, grant: PasswordGrant | RefreshGrant) -> Answer:
    asked = (context.session, context.keys, context.config)
    if isinstance(grant, PasswordGrant):
        pair = tokens.sign_in(*asked, grant, context.now)
    else:
        pair = tokens.refresh(*asked, grant, context.now)
    return Answer(PairDump().dump(pair))


@blueprint.delete("/current")
@endpoint("Sign out", mode="write", status=204, tag="identity")
def delete(context: Context) -> Answer:
    tokens.sign_out(context.session, context.identity.session, context.now)
    return Answer(status=204)

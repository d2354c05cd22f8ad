"""What machines ask of the service itself: its keys, and whether it lives."""

from __future__ import annotations

from flask import Blueprint

from field_api.endpoint import Answer, Context, endpoint

blueprint = Blueprint("service", __name__)


@blueprint.get("/.well-known/jwks.json")
@endpoint("The keys that receipts are checked with", caller="anyone", mode="own", tag="service")
def jwks(context: Context) -> Answer:
    return Answer(context.keys.public_jwks(), headers={"Cache-Control": "public, max-age=3600"})


@blueprint.get("/healthz")
@endpoint("Say that the process lives", caller="anyone", mode="own", tag="service")
def health(_context: Context) -> Answer:
    return Answer({"status": "ok"})

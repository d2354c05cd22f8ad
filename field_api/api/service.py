"""What machines ask of the service itself: its keys, whether it lives and can work, and its metrics."""

from __future__ import annotations

import tempfile

import sqlalchemy as sa
from flask import Blueprint
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

from field_api.endpoint import Answer, Context, endpoint
from field_api.extensions import services
from field_api.migrate import current_heads, expected_heads
from field_api.problems import Problem

blueprint = Blueprint("service", __name__)


@blueprint.get("/.well-known/jwks.json")
@endpoint("The keys that receipts are checked with", caller="anyone", mode="own", tag="service")
def jwks(context: Context) -> Answer:
    return Answer(context.keys.public_jwks(), headers={"Cache-Control": "public, max-age=60"})


@blueprint.get("/healthz")
@endpoint("Say that the process lives", caller="anyone", mode="own", tag="service")
def health(_context: Context) -> Answer:
    return Answer({"status": "ok"})


@blueprint.get("/readyz")
@endpoint(
    "Say that the database answers, is at the newest schema, and the data folder takes writes",
    caller="anyone",
    problems=("unavailable",),
    tag="service",
)
def ready(context: Context) -> Answer:
    try:
        at_head = current_heads(context.session.connection()) == expected_heads()
    except sa.exc.DBAPIError:
        raise Problem("unavailable", "the database does not answer", retry_after_s=5) from None
    if not at_head:
        raise Problem("unavailable", "the database is not at this program's schema", retry_after_s=5)
    try:
        with tempfile.TemporaryFile(dir=context.config.data) as file:
            file.write(b"ready")
    except OSError:
        raise Problem("unavailable", "the data folder takes no writes", retry_after_s=5) from None
    return Answer({"status": "ready"})


@blueprint.get("/metrics")
@endpoint("Counts and gauges, for Prometheus", caller="anyone", tag="service")
def metrics(context: Context) -> Answer:
    return Answer(services().metrics.expose(context.session), media_type=CONTENT_TYPE_PLAIN_0_0_4)

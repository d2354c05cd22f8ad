"""`/sync`: hello, schema, push, pull."""

from __future__ import annotations

from flask import Blueprint, request

from field_api.auth.identity import Identity
from field_api.casework import imports, schema
from field_api.casework.schemas import SCHEMAS
from field_api.endpoint import Answer, Context, endpoint
from field_api.extensions import services
from field_api.problems import Problem
from field_api.schemas.sync import Ask, HelloDump, ImportLoad, PullDump, PullLoad, PushDump, PushLoad, SchemaDump
from sync.service import pull as pulling
from sync.service import push as pushing
from sync.store import sequence

NDJSON = "application/x-ndjson"
blueprint = Blueprint("sync", __name__, url_prefix="/api/v1/sync")


@blueprint.get("/hello")
@endpoint("Say hello", dump=HelloDump, tag="sync")
def hello(context: Context) -> Answer:
    position = sequence.position(context.session)
    return Answer(
        {
            "protocol": 1,
            "server_time": context.now.isoformat(timespec="milliseconds"),
            "server_hlc": str(position.hlc),
            "epoch": position.epoch,
            "schema": {"current": SCHEMAS.current, "oldest": SCHEMAS.oldest},
            "limits": {"operations": context.config.batch_limit, "bytes": context.config.body_limit_bytes},
            "safe_before": position.safe_before.isoformat() if position.safe_before else None,
            "backoff_ms": context.config.backoff_ms,
            "control": {},
        }
    )


@blueprint.get("/schema")
@endpoint("The record types, code tables and rules", dump=SchemaDump, tag="sync")
def schema_document(_context: Context) -> Answer:
    body, tag = schema.rendered()
    headers = {"ETag": tag, "Cache-Control": "no-cache"}
    if tag in request.headers.get("If-None-Match", ""):
        return Answer(status=304, headers=headers)
    return Answer(body, headers=headers)


@blueprint.post("/push")
@endpoint(
    "Send a batch of operations",
    mode="own",
    load=PushLoad,
    dump=PushDump,
    tag="sync",
    digest_required=True,
    receive_revoked=True,
    problems=("body_damaged", "envelope_invalid", "batch_too_large", "push_in_flight"),
)
def push(context: Context, batch: pushing.Batch) -> Answer:
    identity = context.identity
    pusher = _pusher(identity)
    if len(batch.operations) > context.config.batch_limit:
        raise Problem("batch_too_large")
    home = services().home
    prepared = pushing.prepare(home, pusher, batch, now=context.now)

    locks = context.config.data / "locks"
    return Answer(imports.take(context.session, locks, home, prepared, context.keys.sign_jws))


@blueprint.post("/import")
@endpoint(
    "Process a sealed export like a push of its terminal",
    caller="either",
    mode="own",
    load=ImportLoad,
    dump=PushDump,
    tag="sync",
    problems=("not_permitted", "export_invalid", "out_of_scope", "envelope_invalid", "push_in_flight"),
)
def import_export(context: Context, export: str) -> Answer:
    sign = context.keys.sign_jws
    config, home = context.config, services().home
    return Answer(imports.take_export(context.session, config, home, context.identity, export, sign, context.now))


@blueprint.post("/pull")
@endpoint(
    "Receive what changed",
    load=PullLoad,
    dump=PullDump,
    tag="sync",
    problems=("cursor_expired", "cursor_invalid", "envelope_invalid"),
)
def pull(context: Context, ask: Ask) -> Answer:
    identity = context.identity
    reader = pulling.Reader(_terminal(identity), identity.officer, identity.scope_keys(), identity.masked)
    try:
        page = pulling.pull(
            context.session,
            services().home.types,
            reader,
            cursor=ask.cursor,
            limit=ask.limit,
            lanes=ask.lanes,
            mac=context.keys.mac,
        )
    except pulling.CursorInvalid:
        raise Problem("cursor_invalid") from None
    except pulling.CursorExpired:
        raise Problem("cursor_expired") from None
    if NDJSON in request.headers.get("Accept", ""):
        return Answer(page.as_lines(), media_type=NDJSON)
    return Answer(page.as_object())


def _terminal(identity: Identity) -> str:
    if identity.terminal is None:
        raise Problem("not_permitted")
    return identity.terminal


def _pusher(identity: Identity) -> pushing.Pusher:
    return pushing.Pusher(
        identity.officer,
        identity.roles,
        identity.unit,
        identity.supervises,
        _terminal(identity),
        identity.terminal_no or "",
        frozenset(identity.scope_keys()),
        identity.masked,
        identity.revoked,
    )

"""`/sync`: hello, schema, push, pull, repair."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import orjson
from flask import Blueprint, request

from field_api.auth import limits, terminals, wipes
from field_api.auth.identity import LIAISONS, Identity
from field_api.casework import evidence, imports, pushes, schema
from field_api.casework.schemas import SCHEMAS
from field_api.endpoint import Answer, Context, endpoint, read, write
from field_api.extensions import services
from field_api.pressure import WRITERS
from field_api.problems import Problem
from field_api.schemas.sync import (
    HelloDump,
    ImportLoad,
    PullDump,
    PullLoad,
    PushDump,
    PushLoad,
    RepairDump,
    RepairLoad,
    SchemaDump,
)
from sync.service import pull as pulling
from sync.service import push as pushing
from sync.store import sequence

NDJSON = "application/x-ndjson"
blueprint = Blueprint("sync", __name__, url_prefix="/api/v1/sync")


@blueprint.get("/hello")
@endpoint("Say hello", dump=HelloDump, tag="sync")
def hello(context: Context) -> Answer:
    position, safe_before = sequence.position(context.session), sequence.safe_before(context.session)
    return Answer(
        {
            "protocol": 1,
            "server_time": context.now.isoformat(timespec="milliseconds"),
            "server_hlc": str(position.hlc),
            "epoch": position.epoch,
            "schema": {"current": SCHEMAS.current, "oldest": SCHEMAS.oldest},
            "limits": {"operations": context.config.batch_limit, "bytes": context.config.body_limit_bytes},
            "safe_before": safe_before.isoformat() if safe_before else None,
            "backoff_ms": _backoff_ms(context),
            "control": dict(context.identity.control),
        }
    )


@blueprint.get("/schema")
@endpoint("The record types, code tables and rules", dump=SchemaDump, tag="sync")
def schema_document(context: Context) -> Answer:
    body, tag = schema.rendered(context.keys, context.config.law)
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
    evidence.check_ahead((one.operation for one in prepared.received), pusher.terminal, identity.public_key)

    def work() -> dict[str, Any]:
        answer = pushing.push(context.session, home, prepared, sign=context.keys.sign_jws)
        _heed(context, batch)
        pushes.tell_of_clone(context.session, prepared, answer["results"], context.now)
        return answer | {"control": _orders_left(identity, batch)}

    answer = pushes.in_turn(context.session, context.config, pusher.terminal, work)
    return Answer(answer | {"backoff_ms": _backoff_ms(context)})


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


def _heed(context: Context, batch: pushing.Batch) -> None:
    """Note what a push tells beside its operations: orders carried out, the program's version."""
    identity, session = context.identity, context.session
    terminal = _terminal(identity)
    wipes.confirm(session, terminal, batch.control_done, context.now)
    if batch.app and batch.app != identity.app_version:
        terminals.note_version(session, terminal, batch.app)


def _orders_left(identity: Identity, batch: pushing.Batch) -> dict[str, Any]:
    """What the terminal is still ordered to do once this push has been heard."""
    done = identity.control.get("wipe", {}).get("id") in batch.control_done
    return {} if done else dict(identity.control)


def _backoff_ms(context: Context) -> int:
    return max(context.config.backoff_ms, WRITERS.backoff_ms())


@blueprint.post("/pull")
@endpoint(
    "Receive what changed",
    mode="own",
    load=PullLoad,
    dump=PullDump,
    tag="sync",
    problems=("cursor_expired", "cursor_invalid", "envelope_invalid"),
)
def pull(context: Context, asked: pulling.Asked) -> Answer:
    return _page(context, asked)


@blueprint.post("/repair")
@endpoint(
    "Compare by 256 sums, and receive again what differs",
    mode="own",
    load=RepairLoad,
    dump=RepairDump,
    tag="sync",
    problems=("cursor_expired", "cursor_invalid", "envelope_invalid", "too_many_requests"),
)
def repair(context: Context, asked: pulling.Asked) -> Answer:
    return _page(context, asked)


def _page(context: Context, asked: pulling.Asked) -> Answer:
    """A page on one snapshot; its cursor may name what must be on record before it is sent."""
    session, identity = context.session, context.identity
    scopes = identity.scope_keys()
    urgent = ((LIAISONS, "call"),) if LIAISONS in scopes else ()
    reader = pulling.Reader(_terminal(identity), identity.officer, scopes, identity.masked, urgent)
    types, mac = services().home.types, context.keys.mac
    try:
        if asked.buckets is not None:
            write(session, lambda: _count_repair(context, reader, asked), at_most=context.config.writers_limit)
        page = read(session, lambda: pulling.pull(session, types, reader, asked, mac))
    except pulling.CursorInvalid:
        raise Problem("cursor_invalid") from None
    except pulling.CursorExpired:
        raise Problem("cursor_expired") from None
    if page.sets:
        write(session, lambda: page.keep(session))
    page = _with_orders(page, identity)
    if NDJSON in request.headers.get("Accept", ""):
        return Answer(page.as_lines(), media_type=NDJSON)
    return Answer(page.as_object())


def _count_repair(context: Context, reader: pulling.Reader, asked: pulling.Asked) -> None:
    """Let a terminal that never meets its sums not occupy the server: each repair reads all that it may hold."""
    if pulling.begins_repair(context.session, reader, asked, context.keys.mac):
        limits.count_attempt(context.session, limits.repair_subject(reader.terminal), limits.REPAIRS, context.now)


def _with_orders(page: pulling.Page, identity: Identity) -> pulling.Page:
    """The page with what the terminal is ordered to do, which it mostly is not."""
    if not identity.control:
        return page
    rest = orjson.loads(b"{" + page.rest) | {"control": dict(identity.control)}
    return replace(page, rest=orjson.dumps(rest)[1:])


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

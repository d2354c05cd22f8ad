"""`/conflicts` and `/quarantine`: what only a person can settle."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import orjson
from flask import Blueprint, request

from field_api.casework.review import author_of
from field_api.casework.scope import operations_in_scope
from field_api.endpoint import Answer, Context, endpoint
from field_api.extensions import services
from field_api.problems import Problem
from field_api.schemas.reviews import ConflictDump, QuarantinedDump, ResolutionLoad
from sync.engine.voids import MARK
from sync.service import resolve
from sync.service.resolve import Resolution

blueprint = Blueprint("conflicts", __name__, url_prefix="/api/v1")


@blueprint.get("/conflicts")
@endpoint(
    "Conflicts, oldest first",
    caller="either",
    tag="review",
    dump=ConflictDump,
    many=True,
    problems=("invalid_field",),
)
def index(context: Context) -> Answer:
    state = request.args.get("state", "open")
    if state not in ("open", "resolved"):
        raise Problem("invalid_field", errors=[{"pointer": "/state", "code": "not_in_list", "message": state[:20]}])
    found = resolve.conflicts(context.session, context.identity.scope_keys(), state)
    return Answer([_mask(one) for one in found] if context.identity.masked else found)


def _mask(conflict: dict[str, Any]) -> dict[str, Any]:
    """Take out of a conflict's values what a record's body would withhold too."""
    paths = services().home.types[conflict["type"]].masked
    if conflict["field"] == MARK:
        return conflict | {"mine": _masked_edit(conflict["mine"], paths)}
    parts = {part for name, _, part in (path.partition(".") for path in paths) if name == conflict["field"]}
    return conflict | {
        side: {key: value for key, value in conflict[side].items() if key not in parts}
        for side in ("base", "mine", "theirs")
        if isinstance(conflict[side], dict)
    }


def _masked_edit(edit: Any, paths: Sequence[str]) -> Any:
    """An edit that met a void, without what a record's body would withhold."""
    values = {name: dict(value) if isinstance(value, dict) else value for name, value in edit.get("set", {}).items()}
    for name, _, part in (path.partition(".") for path in paths):
        if isinstance(values.get(name), dict):
            values[name].pop(part, None)
    return edit | ({"set": values} if values else {})


@blueprint.post("/conflicts/<conflict>/resolution")
@endpoint(
    "Settle a conflict",
    caller="either",
    mode="write",
    load=ResolutionLoad,
    dump=ConflictDump,
    tag="review",
    problems=("not_permitted", "not_found", "already_resolved", "invalid_field", "operation_id_reused"),
)
def settle(context: Context, resolution: Resolution, conflict: str) -> Answer:
    identity = context.identity
    if not identity.supervises:
        raise Problem("not_permitted")
    try:
        settled = resolve.resolve(
            context.session,
            services().home,
            conflict,
            resolution,
            author_of(identity),
            identity.scope_keys(),
            context.now,
        )
    except resolve.ConflictUnknown:
        raise Problem("not_found") from None
    except resolve.ConflictResolved:
        raise Problem("already_resolved") from None
    except resolve.ResolutionReused:
        raise Problem("operation_id_reused") from None
    except resolve.StateUnreachable:
        raise Problem("invalid_field", "此值现在不能采用 · this value cannot stand now") from None
    return Answer(settled)


@blueprint.get("/quarantine")
@endpoint(
    "Operations that could not be applied or have waited too long, kept whole",
    caller="either",
    tag="review",
    dump=QuarantinedDump,
    many=True,
    problems=("not_permitted",),
)
def quarantine(context: Context) -> Answer:
    identity = context.identity
    if not identity.supervises and "admin" not in identity.roles:
        raise Problem("not_permitted")
    overdue = context.now - timedelta(seconds=context.config.parked_after_s)
    return Answer(
        [
            {
                "id": row.id,
                "outcome": row.outcome,
                "type": row.type,
                "record": row.record,
                "action": row.action,
                "officer": row.officer,
                "terminal": row.terminal,
                "received_at": row.received_at.isoformat(),
                # As it was sent: it may hold what our own JSON could not write again.
                "payload": orjson.Fragment(row.payload),
                "problem": result.get("problem"),
                "waits_for": result.get("waits_for"),
            }
            for row in operations_in_scope(context.session, identity, parked_before=overdue)
            for result in [orjson.loads(row.result)]
        ]
    )

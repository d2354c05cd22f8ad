"""Conflicts: both values side by side, and a person's word on which one stands."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, cast

from flask import Blueprint, request

from field_api.casework.review import author_of
from field_api.casework.types import TYPES
from field_api.console import desk_queries
from field_api.console.desk_queries import OneConflict, badges
from field_api.console.page import argument, form_id, form_text, page, render, return_to, see
from field_api.endpoint import Answer, Context
from field_api.extensions import services
from field_api.problems import Problem
from sync.engine.values import MergeClass
from sync.service import resolve
from sync.service.resolve import Resolution

blueprint = Blueprint("console_conflicts", __name__, url_prefix="/console/conflicts")
_KEEP = ("mine", "theirs", "value")


@blueprint.get("")
@page()
def index(context: Context) -> Answer:
    state = "resolved" if argument("state") == "resolved" else "open"
    found = desk_queries.conflicts(context.session, context.identity, state)
    return render(
        context, "conflicts.html", badges=badges(context.session, context.identity), state=state, found=found
    )


@blueprint.get("/<uuid:conflict>")
@page()
def show_conflict(context: Context, conflict: str) -> Answer:
    found = desk_queries.conflict(context.session, context.identity, conflict)
    return render(
        context,
        "conflict.html",
        badges=badges(context.session, context.identity),
        found=found,
        editor=editor_of(found.row),
        parts=_parts(found),
    )


@blueprint.post("/<uuid:conflict>")
@page(mode="write")
def settle(context: Context, conflict: str) -> Answer:
    if not context.identity.supervises:
        raise Problem("not_permitted")
    return_to(f"/console/conflicts/{conflict}")
    found = desk_queries.conflict(context.session, context.identity, conflict)
    resolution = _resolution(found)
    author, scopes = author_of(context.identity), context.identity.scope_keys()
    try:
        resolve.resolve(context.session, services().home, conflict, resolution, author, scopes, context.now)
    except resolve.ConflictUnknown:
        raise Problem("not_found") from None
    except resolve.ConflictResolved:
        raise Problem("already_resolved") from None
    except resolve.StateUnreachable:
        raise Problem("invalid_field") from None
    return see(f"/console/conflicts/{conflict}", done="resolved")


def editor_of(row: Mapping[str, Any]) -> str | None:
    """How another value is typed in: text, yuan, integer, code, list, group; None where only one of both can stand."""
    declared = TYPES[row["type"]].fields.get(row["field"])
    if declared is None or declared.merge is MergeClass.STATE:
        # A void stands or does not; so does a state.
        return None
    if declared.name == "amount_fen":
        return "yuan"
    name = declared.kind.name
    if name in ("text", "integer", "code", "group"):
        return name
    return "list" if name.startswith("list of") else None


def _parts(found: OneConflict) -> dict[str, str]:
    """The parts of a group that either side knows, with what stands."""
    sides = (found.row["base"], found.row["theirs"], found.row["mine"], found.standing)
    keys = dict.fromkeys(key for side in sides if isinstance(side, dict) for key in side)
    standing = found.standing if isinstance(found.standing, dict) else {}
    return {key: str(standing.get(key) or "") for key in keys}


def _resolution(found: OneConflict) -> Resolution:
    keep, reason = request.form.get("keep", ""), form_text("reason", 500)
    if keep not in _KEEP or not reason:
        raise _wrong("/reason")
    value = _value(found) if keep == "value" else None
    return Resolution(form_id(), cast(Literal["mine", "theirs", "value"], keep), value, reason)


def _value(found: OneConflict) -> Any:
    """The value as typed, judged by its field."""
    declared = TYPES[found.row["type"]].fields.get(found.row["field"])
    value = _typed(found)
    if declared is None or value is None or declared.kind.check(value) is not None:
        raise _wrong("/value")
    return value


def _typed(found: OneConflict) -> Any:
    editor = editor_of(found.row)
    if editor == "group":
        parts = {key: form_text(f"value.{key}") for key in _parts(found)}
        return {key: text for key, text in parts.items() if text}
    text = form_text("value")
    if not text:
        return None
    if editor == "list":
        return [line.strip() for line in text.split("\n") if line.strip()]
    if editor in ("yuan", "integer"):
        return _number(text, fen=editor == "yuan")
    return text if editor in ("text", "code") else None


def _number(text: str, *, fen: bool) -> int | None:
    """Whole numbers, or yuan with at most two places, without the roundings of a float."""
    whole, _, part = text.replace(",", "").partition(".")
    places = 2 if fen else 0
    digits = whole + part.ljust(places, "0")
    fits = digits.isascii() and digits.isdigit() and len(part) <= places and bool(whole) and len(digits) < 16
    return int(digits) if fits else None


def _wrong(pointer: str) -> Problem:
    return Problem("invalid_field", errors=[{"pointer": pointer, "code": "invalid", "message": pointer}])

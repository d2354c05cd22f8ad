"""Voids and discards: a mark that stays, says why, and turns every later edit into a proposal (ADR 22)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from simulation import oracle_bureau as bureau
from simulation.oracle_merge import Edit, Record, Refused
from simulation.oracle_values import ANY

DISCARDED = "discarded"


def reason_of(payload: Mapping[str, Any]) -> str:
    """The reason that an operation gives, or Refused where it gives none that can stand."""
    if payload["action"] == "discard":
        return DISCARDED
    reason = payload.get("reason")
    if not isinstance(reason, str) or not 1 <= len(reason) <= 500:
        raise Refused("invalid_field")
    return reason


def propose(edit: Edit, mine: Any, theirs: Any) -> str:
    """Nothing is done; a person finds it as a conflict on the field `void`."""
    edit.words.update(dict.fromkeys(edit.values, "proposed"))
    edit.conflicts.append({"field": "void", "class": "state", "kept": "server", "mine": mine, "theirs": theirs})
    return "proposed"


def void_record(edit: Edit, record: Record, payload: Mapping[str, Any], *, locked: bool) -> str:
    """Judge the void of a whole record; the caller marks it where it is `applied`."""
    reason, author = reason_of(payload), edit.author
    own = record.creator == author.officer
    others = [one for one in record.writers if not one.server and one.officer != author.officer]
    if edit.action == "discard":
        first = bureau.FIRST_STATE.get(record.type)
        # What has no state is never a draft.
        drafted = first is not None and record.body[first[0]] == first[1]
        if not own or not drafted or locked or others:
            raise Refused("not_permitted")
        return "applied"
    if not author.supervisor and (locked or not own):
        raise Refused("not_permitted")
    unseen = [one for one in others if one.version > edit.seen and one.store != author.store]
    return propose(edit, {"action": "void", "reason": reason}, None) if unseen and not author.supervisor else "applied"


def void_element(
    edit: Edit, record: Record, kind: Mapping[str, Any], payload: Mapping[str, Any], *, locked: bool
) -> str:
    """Judge the void of one element of a list, and mark it where it is `applied`."""
    reason, name = reason_of(payload), payload["list"]
    if name not in kind["lists"]:
        raise Refused("invalid_field")
    found = [one for one in record.body[name] if one["id"] == payload.get("item")]
    if not found:
        raise Refused("invalid_field")
    if not edit.author.supervisor and (locked or found[0]["by"] != edit.author.officer):
        raise Refused("not_permitted")
    standing = found[0].get("void")
    if standing is not None:
        same = standing["reason"] == reason
        return "unchanged" if same else propose(edit, {"action": "void", "reason": reason}, standing["reason"])
    mark = {"reason": reason, "by": edit.author.officer, "at": ANY}
    edit.changed[name] = [one | {"void": mark} if one is found[0] else one for one in record.body[name]]
    return "applied"

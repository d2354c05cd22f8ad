"""The form by which a person corrects a quarantined operation: an input for each field that its problem names."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from field_api.casework.types import TYPES
from field_api.console.kept_queries import Kept
from field_api.console.page import form_text
from field_api.console.show import CHINA, legible
from field_api.problems import Problem
from sync.engine.kinds import parse_time
from sync.engine.values import Field, MergeClass

# By the kind's name: how it is typed in. Groups, lists, positions and digests are not corrected by hand.
EDITORS = {
    "text": "text",
    "identifier": "text",
    "integer": "integer",
    "boolean": "boolean",
    "code": "code",
    "time": "time",
}
# Whatever the value, these are not for an operation to set.
_CLOSED = frozenset({MergeClass.STATE, MergeClass.SERVER_OWNED})
_LONGEST = 2000
_LONGEST_NUMBER = 16


@dataclass(frozen=True, slots=True)
class Input:
    """One field to be typed in. value: what stands in the operation; text: that, as its input shows it."""

    name: str
    editor: str
    enum: str
    value: Any
    text: str


def inputs(kept: Kept) -> list[Input]:
    """An input for each scalar field that the problem points at, or that was corrected before."""
    declared = TYPES.get(kept.row.type)
    if declared is None or not isinstance(kept.raw, dict) or kept.problem.get("code") == "not_permitted":
        return []
    given = kept.raw.get("set")
    values = (given if isinstance(given, dict) else {}) | _before(kept)
    pointers = (error.get("pointer", "").split("/") for error in kept.problem.get("errors", ()))
    named = [steps[2] for steps in pointers if len(steps) == 3 and steps[1] == "set"]
    wanted = (declared.fields[name] for name in dict.fromkeys([*named, *_before(kept)]) if name in declared.fields)
    return [_input(field, values.get(field.name)) for field in wanted if _is_editable(field)]


def corrections(kept: Kept) -> dict[str, Any]:
    """What the form changes, on top of what was corrected before.

    Raises:
        Problem: invalid_field.
    """
    changed = _before(kept)
    for one in inputs(kept):
        typed = form_text(f"set.{one.name}", _LONGEST)
        if typed != one.text:
            changed[one.name] = _value(one, typed) if typed else None
        elif typed and not _is_of_kind(one):
            changed[one.name] = _value(one, typed)
    return changed


def _before(kept: Kept) -> dict[str, Any]:
    return dict((kept.repair or {}).get("set") or {})


def _is_editable(field: Field) -> bool:
    return field.kind.name in EDITORS and field.merge not in _CLOSED


def _input(field: Field, value: Any) -> Input:
    editor = "yuan" if field.name == "amount_fen" else EDITORS[field.kind.name]
    return Input(field.name, editor, field.kind.enum or "", value, _text(editor, value))


def _text(editor: str, value: Any) -> str:
    """A value as its input takes it; empty where that could not show it."""
    if value is None or isinstance(value, (dict, list)):
        return ""
    if editor == "boolean":
        return str(value).lower() if isinstance(value, bool) else ""
    if editor == "time":
        moment = parse_time(value)
        return moment.astimezone(CHINA).strftime("%Y-%m-%dT%H:%M:%S") if moment else ""
    if editor == "yuan" and type(value) is int:
        whole, fen = divmod(abs(value), 100)
        return f"{'-' if value < 0 else ''}{whole}.{fen:02}"
    plain = str(value).replace("\r\n", "\n").replace("\t", " ")
    return legible(plain, _LONGEST - 1).strip()[: 20 if editor in ("integer", "yuan") else _LONGEST]


def _is_of_kind(one: Input) -> bool:
    """Say whether the value that came is of its field's kind, so that an untouched input changes nothing."""
    if one.editor in ("integer", "yuan"):
        return type(one.value) is int
    return type(one.value) is bool if one.editor == "boolean" else isinstance(one.value, str)


def _value(one: Input, typed: str) -> Any:
    if one.editor in ("integer", "yuan"):
        return _number(one.name, typed, places=2 if one.editor == "yuan" else 0)
    if one.editor == "boolean":
        return _boolean(one.name, typed)
    return _time(one.name, typed) if one.editor == "time" else typed


def _number(name: str, typed: str, *, places: int) -> int:
    """A whole number, or yuan as fen, without the roundings of a float."""
    digits, _, part = typed.removeprefix("-").replace(",", "").partition(".")
    whole = digits + part.ljust(places, "0")
    is_number = whole.isascii() and whole.isdigit() and bool(digits)
    if not is_number or len(part) > places or len(whole) > _LONGEST_NUMBER:
        raise _wrong(name)
    return -int(whole) if typed.startswith("-") else int(whole)


def _boolean(name: str, typed: str) -> bool:
    if typed not in ("true", "false"):
        raise _wrong(name)
    return typed == "true"


def _time(name: str, typed: str) -> str:
    """A time of the bureau's wall clock, as browsers write it."""
    try:
        moment = datetime.fromisoformat(typed)
    except ValueError:
        raise _wrong(name) from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=CHINA)).isoformat(timespec="milliseconds")


def _wrong(name: str) -> Problem:
    return Problem("invalid_field", errors=[{"pointer": f"/set/{name}", "code": "invalid", "message": name}])

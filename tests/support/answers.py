"""Hold an answer to the schema that describes it: what must be there is, what is not declared is not."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from marshmallow import Schema, fields

from field_api.schemas.fields import Instant


def faults(schema: Schema, answer: Any, where: str = "") -> list[str]:
    """Everything in which an answer differs from its dump schema, as `pointer: what`."""
    if not isinstance(answer, dict):
        return [f"{where}: not an object"]
    declared = {field.data_key or name: field for name, field in schema.fields.items()}
    found = [f"{where}/{name}: not declared" for name in answer.keys() - declared.keys()]
    for name, field in declared.items():
        if name not in answer:
            found += [f"{where}/{name}: missing"] if field.required else []
        else:
            found += _faults_of(field, answer[name], f"{where}/{name}")
    return found


def _faults_of(field: fields.Field[Any], value: Any, where: str) -> list[str]:
    if value is None:
        return [] if field.allow_none else [f"{where}: null"]
    if isinstance(field, fields.Nested):
        return faults(field.schema, value, where)
    if isinstance(field, fields.List):
        if not isinstance(value, list):
            return [f"{where}: not a list"]
        return [fault for index, one in enumerate(value) for fault in _faults_of(field.inner, one, f"{where}/{index}")]
    if isinstance(field, fields.Dict) and isinstance(value, dict) and field.value_field is not None:
        return [fault for key, one in value.items() for fault in _faults_of(field.value_field, one, f"{where}/{key}")]
    kinds = [kind for declared, kind in _KINDS if isinstance(field, declared)]
    good = not kinds or type(value) is kinds[0]
    if isinstance(field, Instant):
        good = datetime.fromisoformat(value).tzinfo is not None
    return [] if good else [f"{where}: {type(value).__name__} {str(value)[:40]}"]


_KINDS: tuple[tuple[type[fields.Field[Any]], type], ...] = (
    (fields.String, str),
    (fields.Boolean, bool),
    (fields.Integer, int),
    (fields.Dict, dict),
)

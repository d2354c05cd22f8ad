"""The schema that terminals fetch: types, fields, steps and code tables, as they are declared here."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import orjson

from field_api.auth.keys import Keys
from field_api.casework import rulebook, words
from field_api.casework.enums import ENUMS
from field_api.casework.schemas import SCHEMAS
from field_api.casework.types import TYPES
from sync.engine.values import Field, RecordType


def describe() -> dict[str, Any]:
    """The schema as the wire shows it, without the rules, which are signed."""
    return {
        "schema": SCHEMAS.current,
        "types": {name: _type(declared) for name, declared in TYPES.items()},
        "enums": {
            name: [{"code": code, "zh": zh, "en": en} for code, zh, en in entries] for name, entries in ENUMS.items()
        },
        "words": words.served(),
    }


def rendered(keys: Keys, configured: Mapping[str, Any]) -> tuple[bytes, str]:
    """The schema's bytes and their strong ETag.

    configured: what the bureau says itself, for the rules of law. One key signs the same rules always alike, so
    every process has the same bytes; a new key makes new ones.
    """
    signature = rulebook.sign(keys, configured)
    return _rendered(signature, orjson.dumps(rulebook.named(configured)))


@lru_cache(maxsize=4)
def _rendered(signature: str, named: bytes) -> tuple[bytes, str]:
    rules = {"bundle": rulebook.shipped().document, **orjson.loads(named), "signature": signature}
    body = orjson.dumps({**describe(), "rules": rules}, option=orjson.OPT_SORT_KEYS)
    return body, f'"{hashlib.sha256(body).hexdigest()[:32]}"'


def _type(declared: RecordType) -> dict[str, Any]:
    return {
        "lane": declared.lane,
        "fields": {name: _field(field) for name, field in declared.fields.items()},
        "lists": {
            name: {part: _field(field) for part, field in parts.items()} for name, parts in declared.lists.items()
        },
        "transitions": [
            {
                "event": step.event,
                "from": sorted(step.sources),
                "to": step.target,
                "roles": sorted(step.roles) if step.roles is not None else None,
            }
            for step in declared.transitions
        ],
        "parent": declared.parent,
        "creatable_by": sorted(declared.creators),
    }


def _field(field: Field) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "kind": field.kind.name,
        "class": str(field.merge),
        "required": field.required,
        "writable_by": sorted(field.writable_by) if field.writable_by is not None else None,
    }
    return shown | ({"enum": field.kind.enum} if field.kind.enum else {})

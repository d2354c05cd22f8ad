"""The wire shapes of defects."""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, fields, post_load, validate

from field_api.casework.defects import OUTCOMES
from field_api.casework.judgement_desk import Settlement
from field_api.schemas.fields import Instant, LoadSchema, Text, UuidText


class SettlementLoad(LoadSchema):
    """What a person decides of a defect, and why."""

    id = UuidText(required=True)
    outcome = fields.String(required=True, validate=validate.OneOf(OUTCOMES))
    reason = Text(500, required=True)

    @post_load
    def make(self, values: dict[str, Any], **_options: Any) -> Settlement:
        return Settlement(**values)


class FaultDump(Schema):
    """One question of a rule that found fault, in both languages."""

    check = fields.String(required=True)
    article = fields.String(required=True)
    words = fields.Dict(keys=fields.String(), values=fields.String(), required=True)


class FoundDefectDump(Schema):
    """A rule that a case breaks, until it is settled."""

    id = fields.String(required=True)
    record = fields.String(required=True)
    type = fields.String(required=True)
    unit = fields.String(required=True, allow_none=True)
    rule = fields.String(required=True)
    checks = fields.List(fields.Nested(FaultDump), required=True)
    bundle = fields.String(required=True)
    found_at = Instant(required=True)
    state = fields.String(required=True)
    task = fields.String(required=True, allow_none=True)
    outcome = fields.String(required=True, allow_none=True)
    reason = fields.String(required=True, allow_none=True)
    settled_at = Instant(required=True, allow_none=True)
    settled_by = fields.String(required=True, allow_none=True)

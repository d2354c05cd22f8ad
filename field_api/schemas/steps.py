"""The wire shapes of the acts of the head and the legal reviewer."""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, fields, post_load, validate

from field_api.casework.steps import Approval, Step
from field_api.schemas.fields import LoadSchema, Text, UuidText


class StepLoad(LoadSchema):
    """A step of a measure or proceeding."""

    id = UuidText(required=True)
    event = Text(32, required=True)
    reason = Text(500, load_default="")
    base = fields.Integer(strict=True, allow_none=True, load_default=None, validate=validate.Range(0, 2**31 - 1))
    days = fields.Integer(strict=True, allow_none=True, load_default=None, validate=validate.Range(0, 365))

    @post_load
    def make(self, values: dict[str, Any], **_options: Any) -> Step:
        return Step(**values)


class ApprovalLoad(LoadSchema):
    """What is granted or refused without a step."""

    id = UuidText(required=True)
    kind = fields.String(required=True, validate=validate.OneOf(["extension", "stay", "payment", "measure"]))
    granted = fields.Boolean(required=True)
    days = fields.Integer(strict=True, allow_none=True, load_default=None, validate=validate.Range(0, 365))
    note = Text(500, load_default="")

    @post_load
    def make(self, values: dict[str, Any], **_options: Any) -> Approval:
        return Approval(**values)


class StepDump(Schema):
    """The operation that the act made."""

    id = fields.String(required=True)
    outcome = fields.String(required=True)
    version = fields.Integer()
    flags = fields.List(fields.String())
    duplicate = fields.Boolean()

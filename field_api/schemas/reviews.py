"""The wire shapes of what supervisors decide: verdicts and resolutions."""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, fields, post_load, validate

from field_api.casework.review import Verdict
from field_api.schemas.fields import LoadSchema, Text, UuidText
from sync.service.resolve import Resolution


class VerdictLoad(LoadSchema):
    """A verdict on a piece of evidence or a case."""

    id = UuidText(required=True)
    verdict = fields.String(required=True, validate=validate.OneOf(["passed", "returned", "rejected"]))
    reason = Text(500, load_default="")
    base = fields.Integer(strict=True, allow_none=True, load_default=None, validate=validate.Range(0, 2**31 - 1))

    @post_load
    def make(self, values: dict[str, Any], **_options: Any) -> Verdict:
        return Verdict(**values)


class VerdictDump(Schema):
    """The operation that a verdict made."""

    id = fields.String(required=True)
    outcome = fields.String(required=True)
    version = fields.Integer()
    duplicate = fields.Boolean()


class ResolutionLoad(LoadSchema):
    """How a person settles a conflict."""

    id = UuidText(required=True)
    keep = fields.String(required=True, validate=validate.OneOf(["mine", "theirs", "value"]))
    value = fields.Raw(allow_none=True, load_default=None)
    reason = Text(500, required=True)

    @post_load
    def make(self, values: dict[str, Any], **_options: Any) -> Resolution:
        return Resolution(**values)


class ReplayLoad(LoadSchema):
    """Why an operation is tried again, and which values are corrected."""

    reason = Text(500, required=True)
    set = fields.Dict(keys=Text(64), load_default=dict, validate=validate.Length(max=50))

    @post_load
    def make(self, values: dict[str, Any], **_options: Any) -> tuple[str, dict[str, Any]]:
        return values["reason"], values["set"]


class DismissalLoad(LoadSchema):
    """Why an operation is closed without effect."""

    reason = Text(500, required=True)

    @post_load
    def make(self, values: dict[str, Any], **_options: Any) -> str:
        return str(values["reason"])


class ConflictDump(Schema):
    """Two values of one field, with their authors and times."""

    id = fields.String(required=True)
    type = fields.String(required=True)
    record = fields.String(required=True)
    field = fields.String(required=True)
    merge = fields.String(data_key="class", required=True)
    base = fields.Raw(allow_none=True)
    mine = fields.Raw(allow_none=True)
    theirs = fields.Raw(allow_none=True)
    kept = fields.String(required=True)
    by = fields.Dict(required=True)
    at = fields.Dict(required=True)
    state = fields.String(required=True)
    resolution = fields.Dict(allow_none=True)


class QuarantinedDump(Schema):
    """An operation that could not be applied, or has waited too long (`parked`), kept whole for a person."""

    id = fields.String(required=True)
    outcome = fields.String(required=True)
    type = fields.String(required=True)
    record = fields.String(required=True)
    action = fields.String(required=True)
    officer = fields.String(required=True)
    terminal = fields.String(required=True, allow_none=True)
    received_at = fields.String(required=True)
    payload = fields.Raw(required=True, allow_none=True)
    problem = fields.Dict(required=True, allow_none=True)
    waits_for = fields.List(fields.String(), required=True, allow_none=True)

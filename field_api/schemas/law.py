"""The wire shapes of a question of law: any part of the facts that rules may read, strictly bounded."""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, fields, post_load, validate

from field_api.casework.law import bundle, facts
from field_api.schemas.fields import LoadSchema, Text

MAX_LISTED = 20


class _Truth(fields.Boolean):
    """True or false as JSON has them: 1 and "yes" are somebody's guess."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **options: Any) -> bool:
        if not isinstance(value, bool):
            raise self.make_error("invalid", input=value)
        return value


def _field(kind: str) -> fields.Field[Any]:
    if kind == "bool":
        return _Truth(allow_none=True)
    if kind == "int":
        bounds = validate.Range(-facts.MAX_INT, facts.MAX_INT)
        return fields.Integer(strict=True, allow_none=True, validate=bounds)
    if kind == "date":
        return fields.String(allow_none=True, validate=validate.Regexp(facts.DATE.pattern + r"\Z"))
    if kind == "codes":
        return fields.List(Text(64), allow_none=True, validate=validate.Length(max=MAX_LISTED))
    return Text(facts.MAX_TEXT, shortest=0, allow_none=True)


def _part(name: str, shape: facts.Section) -> type[Schema]:
    return LoadSchema.from_dict(
        {field: _field(kind) for field, kind in shape.items()}, name=f"Law{name.title()}Load"
    )


FactsLoad = LoadSchema.from_dict(
    {
        # What the bureau has configured is its own word, never the caller's.
        **{name: fields.Nested(_part(name, part)) for name, part in facts.SECTIONS.items() if name != "config"},
        **{
            name: fields.List(fields.Nested(_part(name, part)), validate=validate.Length(max=MAX_LISTED))
            for name, part in facts.LISTS.items()
        },
    },
    name="LawFactsLoad",
)


class LawCheckLoad(LoadSchema):
    """A planned step. Without a stage: may a summary penalty be given here?"""

    stage = fields.String(load_default="check", validate=validate.OneOf(bundle.STAGES))
    facts = fields.Nested(FactsLoad, required=True)

    @post_load
    def make(self, values: dict[str, Any], **_options: Any) -> tuple[str, dict[str, Any]]:
        return values["stage"], values["facts"]


class LawFindingDump(Schema):
    """What a rule says. `consequence`: block, flag, compute, alert or not_configured."""

    rule = fields.String(required=True)
    check = fields.String(required=True)
    consequence = fields.String(required=True, validate=validate.OneOf(bundle.CONSEQUENCES))
    article = fields.String(required=True)
    reason = fields.String(required=True)
    remedy = fields.String(required=True)
    law = fields.String(required=True)
    values = fields.Dict(required=True)


class LawCheckDump(Schema):
    """Whether the step is lawful: nothing blocks it, and nothing that is needed to say so is missing."""

    allowed = fields.Boolean(required=True)
    version = fields.String(required=True)
    findings = fields.List(fields.Nested(LawFindingDump), required=True)

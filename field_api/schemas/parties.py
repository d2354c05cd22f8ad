"""The wire shapes of the register of parties."""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, fields, post_load

from field_api.schemas.fields import LoadSchema, Text, UuidText


class PartySearchLoad(LoadSchema):
    """What a party is looked for by: one number, or a name with the shop's. In a body, since addresses are logged."""

    id_no = Text(32, load_default="")
    uscc = Text(18, load_default="")
    phone = Text(20, load_default="")
    plate = Text(12, load_default="")
    name = Text(100, load_default="")
    shop_name = Text(100, load_default="")

    @post_load
    def make(self, values: dict[str, Any], **_options: Any) -> dict[str, str]:
        return {name: str(value) for name, value in values.items() if value}


class PartyMergeLoad(LoadSchema):
    """Who a party turned out to be."""

    into = UuidText(required=True)

    @post_load
    def make(self, values: dict[str, Any], **_options: Any) -> str:
        return str(values["into"])


class UnmaskLoad(LoadSchema):
    """Why somebody must see a party's numbers."""

    reason = Text(500, required=True)

    @post_load
    def make(self, values: dict[str, Any], **_options: Any) -> str:
        return str(values["reason"])


class PartyDump(Schema):
    """A party, its numbers masked."""

    id = fields.String(required=True)
    kind = fields.String(required=True, allow_none=True)
    name = fields.String(required=True, allow_none=True)
    shop_name = fields.String(required=True, allow_none=True)
    id_type = fields.String(required=True, allow_none=True)
    uscc = fields.String(required=True, allow_none=True)
    id_no = fields.String(required=True, allow_none=True)
    phone = fields.String(required=True, allow_none=True)


class PartyFileDump(PartyDump):
    """A party with its cases. first_offence: null where nobody can tell."""

    cases = fields.List(fields.Dict(), required=True)
    first_offence = fields.Boolean(required=True, allow_none=True)
    look_back_days = fields.Integer(required=True)


class PartyDuplicatesDump(Schema):
    """Parties that may be one, and what they share."""

    by = fields.String(required=True)
    parties = fields.List(fields.Nested(PartyDump), required=True)


class PartyMergeDump(Schema):
    """Who stands after a merge."""

    id = fields.String(required=True)


class UnmaskDump(Schema):
    """A party's numbers in clear."""

    id = fields.String(required=True)
    id_no = fields.String(required=True, allow_none=True)
    phone = fields.String(required=True, allow_none=True)

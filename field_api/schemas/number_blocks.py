"""The wire shapes of blocks of document numbers."""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, fields, post_load, validate

from field_api.casework.blocks import MAX_COUNT, Returned, Wanted
from field_api.casework.leases import MAX_CHARS
from field_api.schemas.fields import Instant, LoadSchema, Text, UuidText

_NUMBER = validate.Range(1, 10**12)


class BlockLoad(LoadSchema):
    """What a terminal asks for. `lease`: of a block that it holds and presents again."""

    id = UuidText(required=True)
    kind = Text(40, required=True)
    count = fields.Integer(strict=True, required=True, validate=validate.Range(1, MAX_COUNT))
    store = UuidText(allow_none=True, load_default=None)
    lease = Text(MAX_CHARS, allow_none=True, load_default=None)

    @post_load
    def make(self, values: dict[str, Any], **_options: Any) -> Wanted:
        return Wanted(**values)


class BlockDump(Schema):
    """A block: its numbers run from `from` to `to`; `lease` is the server's signed word for it."""

    block = fields.String(required=True)
    kind = fields.String(required=True)
    prefix = fields.String(required=True)
    first = fields.Integer(required=True, data_key="from")
    last = fields.Integer(required=True, data_key="to")
    expires_at = Instant(required=True)
    lease = fields.String(required=True)


class VoidedLoad(LoadSchema):
    """A number that no document bears, and why."""

    number = fields.Integer(strict=True, required=True, validate=_NUMBER)
    reason = Text(200, required=True)


class ReturnLoad(LoadSchema):
    """The account of a block; what it does not name was never used."""

    used = fields.List(
        fields.Integer(strict=True, validate=_NUMBER), required=True, validate=validate.Length(max=MAX_COUNT)
    )
    voided = fields.List(fields.Nested(VoidedLoad), required=True, validate=validate.Length(max=MAX_COUNT))

    @post_load
    def make(self, values: dict[str, Any], **_options: Any) -> Returned:
        voided = tuple((one["number"], one["reason"]) for one in values["voided"])
        return Returned(tuple(values["used"]), voided)


class AccountDump(Schema):
    """Every number of a block by its fate, as ranges of first and last."""

    block = fields.String(required=True)
    kind = fields.String(required=True)
    prefix = fields.String(required=True)
    first = fields.Integer(required=True, data_key="from")
    last = fields.Integer(required=True, data_key="to")
    terminal = fields.String(required=True)
    terminal_no = fields.String(required=True)
    store = fields.String(required=True, allow_none=True)
    officer = fields.String(required=True)
    unit = fields.String(required=True)
    leased_at = Instant(required=True)
    expires_at = Instant(required=True)
    closed_at = Instant(required=True, allow_none=True)
    reason = fields.String(required=True, allow_none=True)
    state = fields.String(required=True, validate=validate.OneOf(["open", "closed", "expired", "revoked"]))
    used = fields.List(fields.List(fields.Integer()), required=True)
    voided = fields.List(fields.Dict(), required=True)
    free = fields.List(fields.List(fields.Integer()), required=True)
    open = fields.List(fields.List(fields.Integer()), required=True)
    missing = fields.List(fields.List(fields.Integer()), required=True)
    documents = fields.List(fields.Dict(), required=True)

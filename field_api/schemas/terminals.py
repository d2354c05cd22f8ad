"""The wire shapes of terminals."""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, fields, post_load

from field_api.auth.signatures import PUBLIC_KEY_BYTES, SIGNATURE_BYTES
from field_api.auth.terminals import Enrolment
from field_api.schemas.fields import Base64Url, Instant, LoadSchema, Text


class EnrolmentLoad(LoadSchema):
    """What a terminal sends to be enrolled."""

    enrolment_code = Text(64, required=True)
    public_key = Base64Url(PUBLIC_KEY_BYTES, required=True)
    model = Text(100, required=True)
    app_version = Text(32, required=True)
    signature = Base64Url(SIGNATURE_BYTES, required=True)

    @post_load
    def make(self, values: dict[str, Any], **_options: Any) -> Enrolment:
        return Enrolment(**values)


class WipeLoad(LoadSchema):
    """How a terminal is to be emptied: after it has brought what is unsent, or at once."""

    after_push = fields.Boolean(load_default=True, truthy={True}, falsy={False})

    @post_load
    def make(self, values: dict[str, Any], **_options: Any) -> bool:
        return bool(values["after_push"])


class WipeDump(Schema):
    """The order that stands, and since when."""

    id = fields.String(required=True)
    after_push = fields.Boolean(required=True)
    ordered_at = Instant(required=True)
    ordered_by = fields.String(required=True)


class EnrolmentDump(Schema):
    """A terminal's names, and the keys that it checks receipts with."""

    terminal_id = fields.String()
    terminal_no = fields.String()
    server_keys = fields.Dict()

"""The wire shape of a look-up set: what came, what went, and the server's signed word on both."""

from __future__ import annotations

from marshmallow import Schema, fields


class SetDump(Schema):
    """A set, or what changed in it. The header is a JWS; entries are sixteen bytes each, sorted, in base64url."""

    header = fields.String(required=True)
    added = fields.String(required=True)
    removed = fields.String(required=True)

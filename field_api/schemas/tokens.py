"""The wire shapes of signing in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from marshmallow import Schema, ValidationError, fields, post_load, validate, validates_schema

from field_api.auth.passwords import MAX_LENGTH
from field_api.auth.signatures import SIGNATURE_BYTES
from field_api.auth.tokens import PasswordGrant, Proof, RefreshGrant
from field_api.schemas.fields import Base64Url, Instant, LoadSchema, Text, UuidText

_OF_GRANT = {"password": ("username", "password"), "refresh": ("refresh_token",)}


@dataclass(frozen=True, slots=True)
class ChallengeRequest:
    """Which terminal asks for a nonce."""

    terminal_id: str


class ChallengeLoad(LoadSchema):
    """Which terminal asks for a nonce."""

    terminal_id = UuidText(required=True)

    @post_load
    def make(self, values: dict[str, Any], **_options: Any) -> ChallengeRequest:
        return ChallengeRequest(**values)


class ChallengeDump(Schema):
    """A nonce to sign."""

    nonce = fields.String()
    expires_at = Instant()


class GrantLoad(LoadSchema):
    """Either grant; each needs its own fields and no other's."""

    grant = fields.String(required=True, validate=validate.OneOf(sorted(_OF_GRANT)))
    username = Text(64)
    password = Text(MAX_LENGTH)
    refresh_token = Base64Url()
    terminal_id = UuidText(required=True)
    nonce = Base64Url(required=True)
    signature = Base64Url(SIGNATURE_BYTES, required=True)

    @validates_schema
    def check_fields(self, values: dict[str, Any], **_options: Any) -> None:
        """Hold each grant to its own fields."""
        wanted = _OF_GRANT.get(values.get("grant", ""), ())
        others = {name for names in _OF_GRANT.values() for name in names} - set(wanted)
        errors = {name: ["Missing data for required field."] for name in wanted if name not in values}
        errors |= {name: ["Unknown field."] for name in sorted(others) if name in values}
        if errors:
            raise ValidationError(errors)

    @post_load
    def make(self, values: dict[str, Any], **_options: Any) -> PasswordGrant | RefreshGrant:
        proof = Proof(values["terminal_id"], values["nonce"], values["signature"])
        if values["grant"] == "password":
            return PasswordGrant(values["username"], values["password"], proof)
        return RefreshGrant(values["refresh_token"], proof)


class OfficerDump(Schema):
    """The officer, as his terminal shows him."""

    id = fields.String()
    name = fields.String()
    roles = fields.List(fields.String())
    unit = fields.String()


class PairDump(Schema):
    """A pair of tokens and whom they speak for."""

    access_token = fields.String()
    expires_in = fields.Integer(metadata={"description": "seconds"})
    refresh_token = fields.String()
    offline_until = Instant()
    officer = fields.Nested(OfficerDump)

"""Bounded fields that every resource's load schemas are made of."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

from marshmallow import Schema, fields, validate

# Control characters and lone surrogates: no database holds the one, no UTF-8 the other.
_UNPRINTABLE = re.compile("[\x00-\x1f\x7f\ud800-\udfff]")
_UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"


class LoadSchema(Schema):
    """Base of what is read: an unknown key is an error."""

    class Meta:
        unknown = "raise"


class Text(fields.String):
    """One line of text of bounded length."""

    default_error_messages = {"unprintable": "Holds a character that cannot be stored."}  # noqa: RUF012 - marshmallow's own

    def __init__(self, longest: int, *, shortest: int = 1, **options: Any) -> None:
        super().__init__(validate=validate.Length(min=shortest, max=longest), **options)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **options: Any) -> str:
        text = str(super()._deserialize(value, attr, data, **options))
        if _UNPRINTABLE.search(text):
            raise self.make_error("unprintable")
        return text


class UuidText(fields.String):
    """A UUID in its canonical lower-case text."""

    def __init__(self, **options: Any) -> None:
        shape = validate.Regexp(f"{_UUID}\\Z", error="Not a UUID in lower case.")
        super().__init__(validate=shape, **options)


class Base64Url(fields.String):
    """Unpadded base64url, of exactly `size` bytes where given."""

    def __init__(self, size: int | None = None, *, longest: int = 512, **options: Any) -> None:
        length = validate.Length(equal=(size * 4 + 2) // 3) if size else validate.Length(min=1, max=longest)
        alphabet = validate.Regexp(r"[A-Za-z0-9_-]*\Z", error="Not base64url without padding.")
        super().__init__(validate=[length, alphabet], **options)


class Instant(fields.Field[datetime]):
    """A time in an answer: RFC 3339, UTC, milliseconds."""

    def _serialize(self, value: datetime | None, *_context: Any, **_options: Any) -> str | None:
        if value is None:
            return None
        return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")

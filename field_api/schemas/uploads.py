"""The wire shapes of uploads: what tus 1.0.0 carries in headers, taken as hostile."""

from __future__ import annotations

import base64
import binascii
import re

from marshmallow import ValidationError, fields, validate
from werkzeug.datastructures import Headers

from field_api.casework.uploads import Creation
from field_api.problems import Problem
from field_api.schemas.fields import LoadSchema, UuidText
from media.tables import KEY_CHARS, MEDIA_TYPE_CHARS

VERSION = "1.0.0"
CHUNK_TYPE = "application/offset+octet-stream"
MAX_METADATA_CHARS = 4096
_WHOLE_NUMBER = re.compile(r"[0-9]{1,15}")


class MetadataLoad(LoadSchema):
    """What `Upload-Metadata` must say of a photo."""

    evidence = UuidText(required=True)
    sha256 = fields.String(required=True, validate=validate.Regexp(r"[0-9a-f]{64}\Z"))
    filetype = fields.String(
        required=True,
        validate=[
            validate.Length(max=MEDIA_TYPE_CHARS),
            validate.Regexp(r"[A-Za-z0-9!#$&^_.+-]+/[A-Za-z0-9!#$&^_.+-]+\Z"),
        ],
    )

    class Meta:
        # tus clients send what they like beside; a file's name says nothing that we keep.
        unknown = "exclude"


def read_creation(headers: Headers) -> Creation:
    """Read the headers of a creation.

    Raises:
        Problem: malformed_body, invalid_field.
    """
    try:
        named = MetadataLoad().load(_read_metadata(headers.get("Upload-Metadata", "")))
    except ValidationError as error:
        errors = [
            {"pointer": f"/{name}", "code": "invalid", "message": str(said)}
            for name, said in error.messages_dict.items()
        ]
        raise Problem("invalid_field", "Upload-Metadata", errors=errors) from None
    size = read_number(headers, "Upload-Length")
    if (size is None) != (headers.get("Upload-Defer-Length") == "1"):
        raise Problem("malformed_body", "Upload-Length, or Upload-Defer-Length: 1, but not both")
    return Creation(
        evidence=named["evidence"],
        sha256=named["sha256"],
        media_type=named["filetype"],
        size=size,
        key=_read_key(headers.get("Idempotency-Key")),
    )


def read_number(headers: Headers, name: str) -> int | None:
    """Read a header that holds a whole number. Raises: Problem malformed_body."""
    text = headers.get(name)
    if text is None:
        return None
    if not _WHOLE_NUMBER.fullmatch(text):
        raise Problem("malformed_body", f"{name} must be a whole number")
    return int(text)


def read_checksum(headers: Headers) -> tuple[str, bytes] | None:
    """Read `Upload-Checksum` as algorithm and digest. Raises: Problem malformed_body."""
    text = headers.get("Upload-Checksum")
    if text is None:
        return None
    algorithm, _, digest = text.partition(" ")
    return algorithm, _from_base64(digest, "Upload-Checksum")


def _read_metadata(text: str) -> dict[str, str]:
    """Read `name base64, name base64`; a value that is no UTF-8 names nothing that we know."""
    if len(text) > MAX_METADATA_CHARS:
        raise Problem("malformed_body", f"Upload-Metadata is longer than {MAX_METADATA_CHARS}")
    pairs: dict[str, str] = {}
    for part in text.split(","):
        name, _, value = part.strip().partition(" ")
        if name in pairs:
            raise Problem("malformed_body", "a name stands twice in Upload-Metadata")
        pairs[name] = _from_base64(value, "Upload-Metadata").decode("utf-8", "replace")
    return pairs


def _read_key(text: str | None) -> str | None:
    """Read an idempotency key, bare or as the string of a structured field."""
    if text is None:
        return None
    key = text[1:-1] if len(text) > 1 and text[0] == text[-1] == '"' else text
    if not (0 < len(key) <= KEY_CHARS and key.isascii() and key.isprintable()):
        raise Problem("malformed_body", f"Idempotency-Key has 1 to {KEY_CHARS} printable ASCII characters")
    return key


def _from_base64(text: str, header: str) -> bytes:
    try:
        return base64.b64decode(text.strip(), validate=True)
    except (binascii.Error, ValueError):
        raise Problem("malformed_body", f"{header} is not base64") from None

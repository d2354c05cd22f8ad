"""What lets a citizen check a paper: a name that cannot be guessed, the digest of its words, a code to scan."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from io import BytesIO
from typing import Any, Protocol

import segno

from field_api.casework.documents import contexts
from field_api.casework.documents.glyphs import breakable

# More characters than this do not fit one line of the roll.
WIDEST = 52
TOKEN_BYTES = 15
PURPOSE = "document"


class Maker(Protocol):
    def mac(self, purpose: str, data: bytes) -> bytes: ...


def token(keys: Maker, element: str) -> str:
    """A paper's public name: 24 characters that only this server can make, the same each time."""
    return base64.b32encode(keys.mac(PURPOSE, element.encode())[:TOKEN_BYTES]).decode()


def sealed(context: Mapping[str, Any], name: str, public_url: str) -> dict[str, Any]:
    """The context with what is printed for checking it; without a public address, without a code."""
    url = f"{public_url.rstrip('/')}/d/{name}" if public_url else ""
    shown = url if len(url) <= WIDEST else breakable(url)
    code = _code(url) if url else ""
    return {**context, "check": {"url": shown, "digest": contexts.digest(context), "qr": code}}


def _code(url: str) -> str:
    held = BytesIO()
    segno.make(url, error="m", micro=False).save(held, kind="svg", border=2, xmldecl=False, nl=False)
    return held.getvalue().decode()

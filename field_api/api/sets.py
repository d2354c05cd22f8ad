"""`/sets/{name}`: the look-up sets that terminals hold, whole or as what changed since a revision."""

from __future__ import annotations

import hashlib
from typing import Any

from flask import Blueprint, request

from field_api.auth.keys import encode_base64url
from field_api.casework.sets import shelf
from field_api.endpoint import Answer, Context, endpoint
from field_api.problems import Problem
from field_api.schemas.sets import SetDump

blueprint = Blueprint("sets", __name__, url_prefix="/api/v1/sets")
PURPOSE = "set"


@blueprint.get("/<name>")
@endpoint("A look-up set, or what changed in it", caller="either", dump=SetDump, tag="sets", problems=("not_found",))
def lookup_set(context: Context, name: str) -> Answer:
    if name not in shelf.NAMES:
        raise Problem("not_found")
    found = shelf.difference(context.session, name, _since())
    added, removed = b"".join(found.added), b"".join(found.removed)
    header: dict[str, Any] = {
        "purpose": PURPOSE,
        "set": name,
        "revision": found.revision,
        "since": found.since,
        "count": found.count,
        "sum": found.sum,
        "added_sha256": hashlib.sha256(added).hexdigest(),
        "removed_sha256": hashlib.sha256(removed).hexdigest(),
        "key": encode_base64url(context.keys.mac(f"set-{name}", b"")),
        "codes": [{"number": number, "code": code, "zh": zh, "en": en} for number, code, zh, en in found.codes],
        "imported_at": found.imported_at.isoformat(timespec="milliseconds") if found.imported_at else None,
        "time": context.now.isoformat(timespec="milliseconds"),
    }
    return Answer(
        {
            "header": context.keys.sign_jws(header),
            "added": encode_base64url(added),
            "removed": encode_base64url(removed),
        }
    )


def _since() -> int | None:
    """The revision that the caller holds; what is no number is none, and brings the whole."""
    text = request.args.get("since", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None

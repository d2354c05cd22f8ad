"""Photos for the pages. Whoever is shown one is written into the custody ledger before its first byte leaves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, BinaryIO
from uuid import UUID

import orjson
from flask import Blueprint, Response, g, request, send_file
from sqlalchemy.orm import Session

from field_api.auth.identity import Identity
from field_api.auth.sessions import identify_console
from field_api.casework import custody, scope
from field_api.console.page import TEMPLATES, language
from field_api.console.words import say
from field_api.extensions import db, services
from field_api.problems import Problem
from field_api.transactions import read, write
from media.errors import BlobMissing

blueprint = Blueprint("console_pictures", __name__, url_prefix="/console/evidence")
KINDS = ("thumbnail", "review", "original")
# A list is gone through back and forth; each of its thumbnails need not be asked for, and logged, every time.
THUMBNAIL_CACHE = "private, max-age=300"


@blueprint.get("/<uuid:evidence>/<kind>")
def picture(evidence: UUID, kind: str) -> Response:
    """Stream a picture; that it is shown is on disk before the stream begins."""
    if kind not in KINDS:
        raise Problem("not_found")
    session, now = db.session(), services().now()
    identity = g.who = identify_console(session, services().keys, request, now)
    body = read(session, lambda: _body(session, identity, str(evidence), kind))
    opened = _open(body, kind)
    if isinstance(opened, str):
        return _placeholder(opened, 404 if kind == "original" else 200)
    try:
        write(session, lambda: custody.note_view(session, identity, str(evidence), kind, now))
    except BaseException:
        opened.close()
        raise
    response = send_file(opened, mimetype=body["media_type"] if kind == "original" else "image/jpeg")
    response.headers["Cache-Control"] = THUMBNAIL_CACHE if kind == "thumbnail" else "no-store"
    return response


def _body(session: Session, identity: Identity, evidence: str, kind: str) -> Mapping[str, Any]:
    """The record of a photo that this reader may be shown in this form.

    Raises:
        Problem: not_found, not_permitted.
    """
    row = scope.require(session, identity, evidence, "evidence")
    body: Mapping[str, Any] = orjson.loads(row.body)
    if kind == "original" and body["bytes"] == "verified":
        custody.require_original(custody.find(session, identity, evidence), identity)
    return body


def _open(body: Mapping[str, Any], kind: str) -> BinaryIO | str:
    """Open the picture; the words for why there is none otherwise."""
    if body["bytes"] != "verified":
        return "photo.broken" if body["bytes"] == "mismatched" else "photo.awaited"
    blobs = services().blobs
    try:
        return blobs.open(body["sha256"]) if kind == "original" else blobs.open_derived(body["sha256"], f"{kind}.jpg")
    except BlobMissing:
        return "photo.being_prepared"


def _placeholder(key: str, status: int) -> Response:
    """A drawing that says why there is no picture yet; the same address gives the picture once there is."""
    text = TEMPLATES.get_template("placeholder.svg").render(words=say(language(), key))
    return Response(text, status, mimetype="image/svg+xml")

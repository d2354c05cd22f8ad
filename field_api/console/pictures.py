"""Photos for the pages. Whoever is shown one is written into the custody ledger before its first byte leaves."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import BinaryIO
from uuid import UUID

import orjson
import sqlalchemy as sa
from flask import Blueprint, Response, g, request, send_file

from field_api.auth.identity import Identity
from field_api.auth.sessions import identify_console
from field_api.casework import scope
from field_api.console.page import TEMPLATES, language
from field_api.console.words import say
from field_api.extensions import db, services
from field_api.problems import Problem
from field_api.transactions import write
from media.blobs import FileBlobs
from media.errors import BlobMissing
from media.tables import EvidenceView
from sync.store.ids import new_id

blueprint = Blueprint("console_pictures", __name__, url_prefix="/console/evidence")
KINDS = ("thumbnail", "review", "original")
# A list is gone through back and forth; each of its thumbnails need not be asked for, and logged, every time.
THUMBNAIL_CACHE = "private, max-age=300"


@blueprint.get("/<uuid:evidence>/<kind>")
def picture(evidence: UUID, kind: str) -> Response:
    """Stream a picture; the transaction that logs the view is over before the stream begins."""
    if kind not in KINDS:
        raise Problem("not_found")
    session, now = db.session(), datetime.now(UTC)
    identity = g.who = identify_console(session, services().keys, request, now)
    opened = write(session, lambda: _open(session, identity, str(evidence), kind, now))
    if isinstance(opened, str):
        return _placeholder(opened, 404 if kind == "original" else 200)
    file, media_type = opened
    response = send_file(file, mimetype=media_type)
    response.headers["Cache-Control"] = THUMBNAIL_CACHE if kind == "thumbnail" else "no-store"
    return response


def _open(
    session: sa.orm.Session, identity: Identity, evidence: str, kind: str, now: datetime
) -> tuple[BinaryIO, str] | str:
    """Open the picture and log that it is shown; the words for why there is none otherwise. Writes: evidence_view.

    Raises:
        Problem: not_found.
    """
    body = orjson.loads(scope.require(session, identity, evidence, "evidence").body)
    if body["bytes"] != "verified":
        return "photo.broken" if body["bytes"] == "mismatched" else "photo.awaited"
    blobs = FileBlobs(services().config.data / "blobs")
    try:
        file = blobs.open(body["sha256"]) if kind == "original" else blobs.open_derived(body["sha256"], f"{kind}.jpg")
    except BlobMissing:
        return "photo.being_prepared"
    session.add(EvidenceView(id=new_id(), evidence=evidence, officer=identity.officer, kind=kind, at=now))
    return file, body["media_type"] if kind == "original" else "image/jpeg"


def _placeholder(key: str, status: int) -> Response:
    """A drawing that says why there is no picture yet; the same address gives the picture once there is."""
    text = TEMPLATES.get_template("placeholder.svg").render(words=say(language(), key))
    return Response(text, status, mimetype="image/svg+xml")

"""`/evidence/{id}/…`: a photo's pictures, each look at one noted, and its custody receipt."""

from __future__ import annotations

import os
from typing import BinaryIO

from flask import Blueprint, request

from field_api.casework import custody
from field_api.casework.custody import Photo
from field_api.endpoint import Answer, Context, endpoint, read, write
from field_api.extensions import services
from field_api.problems import Problem
from media.errors import BlobMissing

blueprint = Blueprint("evidence", __name__, url_prefix="/api/v1/evidence")
_PROBLEMS = ("not_found", "evidence_not_ready", "unavailable")
_SUFFIXES = {"image/jpeg": "jpg", "image/png": "png", "image/webp": "webp"}
DERIVED_TYPE = "image/jpeg"
RECEIPT_TYPE = "application/jose"
MAKING_S = 2


@blueprint.get("/<evidence>/original")
@endpoint(
    "A photo as the terminal sent it",
    caller="either",
    mode="own",
    tag="evidence",
    problems=(*_PROBLEMS, "not_permitted"),
    media_types=tuple(_SUFFIXES),
)
def original(context: Context, evidence: str) -> Answer:
    photo = read(context.session, lambda: custody.find(context.session, context.identity, evidence))
    custody.require_original(photo, context.identity)
    return _show(context, photo, "original")


@blueprint.get("/<evidence>/review")
@endpoint(
    "A photo at the size for review",
    caller="either",
    mode="own",
    tag="evidence",
    problems=_PROBLEMS,
    media_types=(DERIVED_TYPE,),
)
def review(context: Context, evidence: str) -> Answer:
    photo = read(context.session, lambda: custody.find(context.session, context.identity, evidence))
    return _show(context, photo, "review")


@blueprint.get("/<evidence>/thumbnail")
@endpoint(
    "A photo, small",
    caller="either",
    mode="own",
    tag="evidence",
    problems=_PROBLEMS,
    media_types=(DERIVED_TYPE,),
)
def thumbnail(context: Context, evidence: str) -> Answer:
    photo = read(context.session, lambda: custody.find(context.session, context.identity, evidence))
    return _show(context, photo, "thumbnail")


@blueprint.get("/<evidence>/receipt")
@endpoint(
    "The server's signed word that it holds a photo",
    caller="either",
    tag="evidence",
    problems=_PROBLEMS,
    media_types=(RECEIPT_TYPE,),
)
def receipt(context: Context, evidence: str) -> Answer:
    photo = custody.find_taken(context.session, context.identity, evidence)
    # Against this an original is deleted: what the database says is not enough.
    try:
        held = services().blobs.size(photo.sha256)
    except BlobMissing:
        held = -1
    if held != photo.size:
        raise Problem("unavailable")
    token = context.keys.sign_jws(photo.receipt())
    return Answer(token.encode(), media_type=RECEIPT_TYPE)


def _show(context: Context, photo: Photo, kind: str) -> Answer:
    """Open the picture, note the look durably, then send; what was not noted is not shown."""
    file = _open(photo, kind)
    try:
        write(
            context.session,
            lambda: custody.note_view(
                context.session, context.identity, photo.evidence, kind, services().now()
            ),
        )
        media_type = photo.media_type if kind == "original" else DERIVED_TYPE
        held = os.fstat(file.fileno())
        # A copy may be made anew, with the case's number on it.
        made = "" if kind == "original" else f"-{kind}-{held.st_mtime_ns:x}-{held.st_size:x}"
        tag = f'"{photo.sha256}{made}"'
        headers = {
            "Content-Length": str(held.st_size),
            "ETag": tag,
            "Content-Disposition": f"inline; filename={photo.evidence}-{kind}.{_SUFFIXES.get(media_type, 'bin')}",
            "X-Content-Type-Options": "nosniff",
        }
    except BaseException:
        file.close()
        raise
    if tag in request.headers.get("If-None-Match", ""):
        file.close()
        return Answer(status=304, headers={"ETag": tag})
    return Answer(file, headers=headers, media_type=media_type)


def _open(photo: Photo, kind: str) -> BinaryIO:
    blobs = services().blobs
    try:
        if kind == "original":
            return blobs.open(photo.sha256)
        return blobs.open_derived(photo.sha256, f"{kind}.jpg")
    except BlobMissing:
        raise Problem("unavailable", retry_after_s=MAKING_S) from None

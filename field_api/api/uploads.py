"""`/uploads`: photos on their way in, by tus 1.0.0.

No transaction is open while bytes flow: a line can be slow for an hour.
"""

from __future__ import annotations

from dataclasses import replace

from flask import Blueprint, Response, request
from werkzeug.http import http_date

from field_api.casework import uploads as opening
from field_api.endpoint import Answer, Context, endpoint, read, write
from field_api.extensions import services
from field_api.problems import Problem
from field_api.schemas.uploads import CHUNK_TYPE, VERSION, read_checksum, read_creation, read_number
from media.chunks import CHECKSUMS
from media.errors import OffsetConflict
from media.uploads import UploadState
from sync.store.ids import new_id

PREFIX = "/api/v1/uploads"
EXTENSIONS = "creation,creation-with-upload,creation-defer-length,checksum,expiration,termination"
_ANY_TIME = ("protocol_version", "unavailable", "not_found", "upload_gone", "digest_mismatch", "storage_full")
_BYTES = (
    "malformed_body",
    "unsupported_media",
    "upload_offset_wrong",
    "upload_busy",
    "upload_too_long",
    "checksum_mismatch",
    "body_damaged",
)
_OPENING = ("invalid_field", "key_reused", "write_once_changed", "out_of_scope", "too_many_requests")
BUSY_S = 2
blueprint = Blueprint("uploads", __name__, url_prefix=PREFIX)


@blueprint.before_request
def _require_version() -> None:
    if request.method != "OPTIONS" and request.headers.get("Tus-Resumable") != VERSION:
        raise Problem("protocol_version", headers={"Tus-Version": VERSION})


@blueprint.after_app_request
def _name_version(response: Response) -> Response:
    """Say on every answer of this path that it is ours, on those that no route gave too."""
    if request.path == PREFIX or request.path.startswith(f"{PREFIX}/"):
        response.headers["Tus-Resumable"] = VERSION
    return response


@blueprint.route("", methods=["OPTIONS"], provide_automatic_options=False)
@endpoint("What this tus server can do", caller="anyone", mode="own", status=204, tag="evidence")
def options(context: Context) -> Answer:
    headers = {
        "Tus-Version": VERSION,
        "Tus-Extension": EXTENSIONS,
        "Tus-Checksum-Algorithm": ",".join(CHECKSUMS),
        "Tus-Max-Size": str(context.config.upload_limit_bytes),
    }
    return Answer(status=204, headers=headers)


@blueprint.route("", methods=["POST"], provide_automatic_options=False)
@endpoint(
    "Create an upload, or find it again by its key",
    mode="own",
    status=201,
    tag="evidence",
    problems=(*_ANY_TIME, *_BYTES, *_OPENING),
)
def create(context: Context) -> Answer:
    creation, carries = read_creation(request.headers), _carries_bytes()
    session, held, new = context.session, services(), new_id()
    with opening.told_as_problems():
        upload = write(
            session,
            lambda: opening.open_upload(
                session, held.home, held.uploads, context.identity, new, creation, held.now()
            ),
        )
        if carries and upload.state == "open" and upload.offset == 0:
            upload = _append(upload, 0)
        upload = _finish(context, upload)
    return Answer(status=201, headers={"Location": f"{PREFIX}/{upload.id}", **_progress(upload)})


@blueprint.route("/<upload>", methods=["HEAD"], provide_automatic_options=False)
@endpoint("How far an upload is", mode="own", tag="evidence", problems=_ANY_TIME)
def head(context: Context, upload: str) -> Answer:
    return _head(context, upload)


@blueprint.route("/<upload>", methods=["PATCH"], provide_automatic_options=False)
@endpoint(
    "Send the next bytes", mode="own", status=204, tag="evidence", problems=(*_ANY_TIME, *_BYTES)
)
def patch(context: Context, upload: str) -> Answer:
    return _patch(context, upload)


@blueprint.route("/<upload>", methods=["DELETE"], provide_automatic_options=False)
@endpoint(
    "End an upload", mode="own", status=204, tag="evidence", problems=(*_ANY_TIME, "upload_complete")
)
def delete(context: Context, upload: str) -> Answer:
    return _delete(context, upload)


@blueprint.route("/<upload>", methods=["POST"], provide_automatic_options=False)
@endpoint(
    "Any of these where a line lets only POST pass, named in X-HTTP-Method-Override",
    mode="own",
    status=204,
    tag="evidence",
    problems=(*_ANY_TIME, *_BYTES, "upload_complete", "method_not_allowed"),
)
def overridden(context: Context, upload: str) -> Answer:
    view = _OVERRIDES.get(request.headers.get("X-HTTP-Method-Override", "").upper())
    if view is None:
        raise Problem("method_not_allowed")
    return view(context, upload)


def _head(context: Context, upload: str) -> Answer:
    with opening.told_as_problems():
        found = _finish(context, _state(context, upload))
    length = {"Upload-Defer-Length": "1"} if found.size is None else {"Upload-Length": str(found.size)}
    return Answer(headers={**_progress(found), **length, "Cache-Control": "no-store"})


def _patch(context: Context, upload: str) -> Answer:
    if request.mimetype != CHUNK_TYPE:
        raise Problem("unsupported_media")
    offset = read_number(request.headers, "Upload-Offset")
    if offset is None:
        raise Problem("malformed_body", "Upload-Offset is missing")
    with opening.told_as_problems():
        found = _declared(context, _state(context, upload))
        found = _finish(context, _append(found, offset))
    return Answer(status=204, headers=_progress(found))


def _delete(context: Context, upload: str) -> Answer:
    held, terminal = services(), opening.terminal_of(context.identity)
    with opening.told_as_problems():
        if _finish(context, _state(context, upload)).state == "complete":
            raise Problem("upload_complete")
        if write(context.session, lambda: held.uploads.terminate(context.session, upload, terminal)):
            held.uploads.discard([upload])
    return Answer(status=204)


_OVERRIDES = {"HEAD": _head, "PATCH": _patch, "DELETE": _delete}


def _state(context: Context, upload: str) -> UploadState:
    terminal = opening.terminal_of(context.identity)
    return read(context.session, lambda: services().uploads.state(context.session, upload, terminal))


def _declared(context: Context, upload: UploadState) -> UploadState:
    """Take the length that creation deferred, where this request brings it."""
    size = read_number(request.headers, "Upload-Length")
    if size is None or size == upload.size:
        return upload
    session = context.session
    return write(
        session, lambda: services().uploads.declare_length(session, upload.id, upload.terminal, size)
    )


def _append(upload: UploadState, offset: int) -> UploadState:
    """Add the request's body, as it comes over the line, to what is on disk."""
    if upload.is_full and not request.content_length:
        # Nothing to add; asking this way must work after the bytes have left for the blob store.
        if offset != upload.offset:
            raise OffsetConflict(upload.offset)
        return upload
    checksum = read_checksum(request.headers)
    lines = services().upload_lines
    if not lines.acquire(blocking=False):
        raise Problem("unavailable", retry_after_s=BUSY_S)
    try:
        reached = services().uploads.append(
            upload, offset, request.stream, length=request.content_length, checksum=checksum
        )
    finally:
        lines.release()
    return replace(upload, offset=reached)


def _finish(context: Context, upload: UploadState) -> UploadState:
    """Judge an upload that has all its bytes, however long ago the last one came."""
    if upload.state == "complete" or not upload.is_full:
        return upload
    session, held = context.session, services()
    completed = held.uploads.complete(upload)
    settled = write(
        session,
        lambda: opening.settle(session, held.home, held.uploads, completed, held.now()),
    )
    if not completed.matches:
        raise Problem("digest_mismatch")
    return settled


def _carries_bytes() -> bool:
    """Say whether a creation brings bytes along. Raises: Problem unsupported_media."""
    if request.mimetype == CHUNK_TYPE:
        return request.content_length != 0
    if request.content_length:
        raise Problem("unsupported_media")
    return False


def _progress(upload: UploadState) -> dict[str, str]:
    headers = {"Upload-Offset": str(upload.offset)}
    if upload.state == "open":
        headers["Upload-Expires"] = http_date(upload.expires_at)
    return headers

"""What uploads mean for evidence: who may send what, and what follows when the bytes are whole.

Knows rows and records; the bytes themselves are `media.uploads`'.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from field_api.auth.identity import Identity
from field_api.casework import evidence
from field_api.casework.models import Evidence
from field_api.casework.scope import visible_families
from field_api.problems import Problem
from media.errors import (
    BodyCut,
    ChecksumMismatch,
    ChecksumUnknown,
    KeyReused,
    LengthConflict,
    MediaError,
    OffsetConflict,
    StorageFull,
    TooLong,
    UploadBusy,
    UploadGone,
    UploadInvalid,
    UploadUnknown,
)
from media.tables import Upload
from media.uploads import Completed, Uploads, UploadState
from sync.service.home import Home
from sync.store.tables import AudienceRow, RecordRow

MAX_OPEN = 200
_CODES: dict[type[MediaError], str] = {
    UploadUnknown: "not_found",
    UploadGone: "upload_gone",
    UploadBusy: "upload_busy",
    UploadInvalid: "invalid_field",
    KeyReused: "key_reused",
    TooLong: "upload_too_long",
    LengthConflict: "malformed_body",
    ChecksumUnknown: "malformed_body",
    ChecksumMismatch: "checksum_mismatch",
    OffsetConflict: "upload_offset_wrong",
    BodyCut: "body_damaged",
    StorageFull: "storage_full",
}
_RETRY_AFTER_S = {"upload_busy": 1, "storage_full": 60}


@dataclass(frozen=True, slots=True)
class Creation:
    """An upload as its terminal announces it; `size` None while its length is deferred."""

    evidence: str
    sha256: str
    media_type: str
    size: int | None
    key: str | None


@contextmanager
def told_as_problems() -> Iterator[None]:
    """Turn what can go wrong with bytes into problems; every other error passes."""
    try:
        yield
    except MediaError as error:
        code = _CODES.get(type(error))
        if code is None:
            raise
        headers = {}
        if isinstance(error, OffsetConflict):
            headers["Upload-Offset"] = str(error.actual)
        elif isinstance(error, BodyCut):
            headers["Upload-Offset"] = str(error.offset)
        detail = str(error) if code in ("malformed_body", "invalid_field") else ""
        raise Problem(code, detail, headers=headers, retry_after_s=_RETRY_AFTER_S.get(code)) from error


def open_upload(
    session: Session,
    home: Home,
    uploads: Uploads,
    identity: Identity,
    upload: str,
    creation: Creation,
    now: datetime,
) -> UploadState:
    """Open an upload under the id, or give the one that the key has.

    Writes: upload; where the bytes are here already also blob and evidence. Raises: as `Uploads.create`,
    Problem out_of_scope, write_once_changed, too_many_requests.
    """
    terminal = terminal_of(identity)
    _refuse_contradiction(session, identity, creation)
    _refuse_hoard(session, terminal, creation.key, now)
    opened = uploads.create(
        session,
        id=upload,
        terminal=terminal,
        officer=identity.officer,
        evidence=creation.evidence,
        sha256=creation.sha256,
        size=creation.size,
        media_type=creation.media_type,
        idempotency_key=creation.key,
        stored=_is_named_in_scope(session, identity, creation.sha256),
    )
    if opened.state == "complete":
        # The blob may be known by its file alone: whoever stored it was killed before he could say so.
        evidence.arrived(session, home, opened.sha256, opened.offset, now)
    return opened


def settle(
    session: Session, home: Home, uploads: Uploads, completed: Completed, now: datetime
) -> UploadState:
    """Write down what the whole turned out to be, on the upload and on the evidence together.

    Running it again changes nothing. Writes: upload, blob, evidence, outbox. Raises: UploadUnknown,
    UploadGone.
    """
    settled = uploads.settle(session, completed)
    if completed.matches:
        evidence.arrived(session, home, completed.sha256, completed.size, now)
    elif _is_its_own(session, settled):
        evidence.mismatched(session, home, settled.evidence, now)
    return settled


def terminal_of(identity: Identity) -> str:
    """Give the terminal that asks. Raises: Problem not_permitted at the console."""
    if identity.terminal is None:
        raise Problem("not_permitted")
    return identity.terminal


def _refuse_contradiction(session: Session, identity: Identity, creation: Creation) -> None:
    """Refuse bytes that the record, if it is here already, can never be verified by.

    One's own photo is taken after the scope was lost: it was accepted while it was held.
    """
    query = sa.select(Evidence.sha256, Evidence.size, Evidence.terminal, RecordRow.family).join(
        RecordRow, RecordRow.id == Evidence.id
    )
    row = session.execute(query.where(Evidence.id == creation.evidence)).first()
    if row is None:
        return
    if row.terminal != identity.terminal:
        seen = visible_families(identity).where(AudienceRow.family == row.family).limit(1)
        if session.scalar(seen) is None:
            raise Problem("out_of_scope")
    if row.sha256 != creation.sha256 or creation.size not in (None, row.size):
        raise Problem("write_once_changed")


def _refuse_hoard(session: Session, terminal: str, key: str | None, now: datetime) -> None:
    """Bound what one terminal may have open; a key that is known opens nothing new."""
    mine = sa.select(sa.func.count()).select_from(Upload).where(Upload.terminal == terminal)
    if key is not None and session.scalar(mine.where(Upload.idempotency_key == key)):
        return
    unfinished = mine.where(Upload.state == "open", Upload.expires_at > now)
    if (session.scalar(unfinished) or 0) >= MAX_OPEN:
        raise Problem("too_many_requests", retry_after_s=60)


def _is_named_in_scope(session: Session, identity: Identity, sha256: str) -> bool:
    query = (
        sa.select(Evidence.id)
        .join(RecordRow, RecordRow.id == Evidence.id)
        .where(Evidence.sha256 == sha256, RecordRow.family.in_(visible_families(identity)))
        .limit(1)
    )
    return session.scalar(query) is not None


def _is_its_own(session: Session, upload: UploadState) -> bool:
    """Say whether the record is of the terminal that sent: nobody spoils another's evidence."""
    query = sa.select(Evidence.id).where(
        Evidence.id == upload.evidence, Evidence.terminal == upload.terminal, Evidence.sha256 == upload.sha256
    )
    return session.scalar(query) is not None

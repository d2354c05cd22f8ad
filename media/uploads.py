"""Resumable uploads (tus 1.0.0) without their HTTP: the rows on top of the bytes of `media.intake`.

Methods that take a session are short and only flush; methods that move bytes take none. A request goes
`state` (transaction) → `append` → `complete` when the upload is full → `settle` (transaction).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from media.blobs import DIGEST
from media.errors import KeyReused, LengthConflict, TooLong, UploadGone, UploadInvalid, UploadUnknown
from media.intake import UPLOAD_ID, Completed, Intake, Limits, UploadState
from media.tables import KEY_CHARS, MEDIA_TYPE_CHARS, Blob, Upload

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from pathlib import Path

    from sqlalchemy.orm import Session

    from media.blobs import Blobs
    from sync.store.base import Base

__all__ = ["Completed", "Limits", "UploadState", "Uploads"]

SWEEP_ROWS = 500


class Uploads(Intake):
    """All uploads of one installation: their rows through a session, their bytes in `folder`."""

    def __init__(
        self, folder: Path, blobs: Blobs, clock: Callable[[], datetime], limits: Limits | None = None
    ) -> None:
        super().__init__(folder, blobs, limits)
        self._clock = clock

    def create(
        self,
        session: Session,
        *,
        id: str,  # noqa: A002 - the column's name
        terminal: str,
        officer: str,
        evidence: str,
        sha256: str,
        size: int | None,
        media_type: str,
        idempotency_key: str | None,
        stored: bool = False,
    ) -> UploadState:
        """Open an upload, or give the one that this terminal's key has open or complete.

        stored: the caller may count on a blob that is here already, so that nothing need be sent; the
        answer is then `complete`. Writes: upload, blob, and an empty part (an orphan after a rollback).
        Raises: UploadInvalid, TooLong, KeyReused, StorageFull.
        """
        self._check(id, sha256, size, media_type, idempotency_key)
        now = self._clock()
        values: dict[str, Any] = {
            "id": id,
            "terminal": terminal,
            "officer": officer,
            "evidence": evidence,
            "sha256": sha256,
            "size": size,
            "media_type": media_type,
            "idempotency_key": idempotency_key,
            "state": "open",
            "created_at": now,
            "expires_at": now + self.limits.ttl,
        }
        if stored and self._blobs.exists(sha256) and size in (None, self._blobs.size(sha256)):
            values |= {"state": "complete", "size": self._blobs.size(sha256)}
            self._record(session, sha256, values["size"], media_type)
        standing = self._insert(session, values)
        if standing.id != id:
            again = self._again(session, standing, values)
            if again is not None:
                return again
            standing = self._insert(session, values)
        if standing.state == "open":
            self._part(id).create()
        return self._view(standing)

    def state(self, session: Session, id: str, terminal: str) -> UploadState:  # noqa: A002 - as above
        """Give an upload as it stands. Raises: UploadUnknown, UploadGone."""
        row = self._row(session, id, terminal)
        if row.state not in ("open", "complete"):
            raise UploadGone(row.state)
        view = self._view(row)
        if self._is_overdue(view):
            raise UploadGone("expired")
        return view

    def declare_length(
        self,
        session: Session,
        id: str,  # noqa: A002 - as above
        terminal: str,
        size: int,
    ) -> UploadState:
        """Set the length that creation had deferred. Raises: as `state`, LengthConflict, TooLong."""
        view = self.state(session, id, terminal)
        if view.size not in (None, size):
            raise LengthConflict(f"the length was declared as {view.size}")
        if size < view.offset:
            raise LengthConflict(f"{view.offset} bytes are here already")
        if size > self.limits.max_bytes:
            raise TooLong(f"an upload may have {self.limits.max_bytes} bytes")
        row = self._row(session, id, terminal)
        row.size = size
        session.flush()
        return _state_of(row, view.offset)

    def settle(self, session: Session, completed: Completed) -> UploadState:
        """Write down what `complete` found; the caller changes the evidence in the same transaction.

        Running it again changes nothing. Writes: upload, blob. Raises: UploadUnknown, UploadGone.
        """
        row = session.get(Upload, completed.upload, with_for_update=True)
        if row is None:
            raise UploadUnknown("no such upload")
        if row.state == "terminated":
            raise UploadGone(row.state)
        if completed.matches:
            self._record(session, completed.sha256, completed.size, row.media_type)
            row.state, row.size = "complete", completed.size
        else:
            row.state, row.idempotency_key = "mismatched", None
        session.flush()
        return _state_of(row, completed.size)

    def terminate(self, session: Session, id: str, terminal: str) -> bool:  # noqa: A002 - as above
        """End an open upload at its terminal's wish; if it says True, `discard` it after the commit.

        One that has ended stays as it is: evidence is not deleted this way. Raises: UploadUnknown.
        """
        row = self._row(session, id, terminal)
        if row.state != "open":
            return False
        row.state, row.idempotency_key = "terminated", None
        session.flush()
        return True

    def expire(self, session: Session, now: datetime) -> tuple[str, ...]:
        """End what was not finished in time, at most 500 at once; `discard` them after the commit.

        Running it again ends nothing twice. An upload that has all its bytes is left to be completed.
        """
        due = session.scalars(
            sa.select(Upload)
            .where(Upload.state == "open", Upload.expires_at <= now)
            .order_by(Upload.expires_at)
            .limit(SWEEP_ROWS)
        )
        ended = [row for row in due if not self._has_all_bytes(row)]
        for row in ended:
            row.state, row.idempotency_key = "expired", None
        session.flush()
        return tuple(row.id for row in ended)

    def unsettled(self, session: Session) -> tuple[UploadState, ...]:
        """Give open uploads that have all their bytes: a kill came between the last byte and `settle`."""
        rows = session.scalars(
            sa.select(Upload)
            .where(Upload.state == "open", Upload.size.is_not(None))
            .execution_options(yield_per=SWEEP_ROWS)
        )
        return tuple(_state_of(row, row.size or 0) for row in rows if self._has_all_bytes(row))

    def orphans(self, session: Session) -> tuple[str, ...]:
        """Name day-old parts whose upload is not open (a rollback or a kill), to be discarded."""
        found = self._old_parts(SWEEP_ROWS)
        living = session.scalars(sa.select(Upload.id).where(Upload.id.in_(found), Upload.state == "open"))
        return tuple(sorted(set(found) - set(living)))

    def _check(
        self, upload: str, sha256: str, size: int | None, media_type: str, key: str | None
    ) -> None:
        if not UPLOAD_ID.fullmatch(upload):
            raise UploadInvalid("an upload's id is a lower-case UUID")
        if not DIGEST.fullmatch(sha256):
            raise UploadInvalid("a digest is 64 lower-case hex digits")
        if size is not None and size < 0:
            raise UploadInvalid("a size is not negative")
        if size is not None and size > self.limits.max_bytes:
            raise TooLong(f"an upload may have {self.limits.max_bytes} bytes")
        if not _is_plain(media_type, MEDIA_TYPE_CHARS):
            raise UploadInvalid(f"a media type has 1 to {MEDIA_TYPE_CHARS} printable ASCII characters")
        if key is not None and not _is_plain(key, KEY_CHARS):
            raise UploadInvalid(f"an idempotency key has 1 to {KEY_CHARS} printable ASCII characters")

    def _record(self, session: Session, sha256: str, size: int, media_type: str) -> None:
        """Write down that the blob is stored, unless that is known."""
        blob = {"sha256": sha256, "size": size, "media_type": media_type, "stored_at": self._clock()}
        _insert_new(session, Blob, blob)

    def _insert(self, session: Session, values: dict[str, Any]) -> Upload:
        """Insert the row, or give the one that has its key; a concurrent insert is waited for."""
        _insert_new(session, Upload, values)
        named = sa.and_(
            Upload.terminal == values["terminal"], Upload.idempotency_key == values["idempotency_key"]
        )
        if values["idempotency_key"] is None:
            named = Upload.id == values["id"]
        return session.scalars(sa.select(Upload).where(named)).one()

    def _again(self, session: Session, standing: Upload, values: dict[str, Any]) -> UploadState | None:
        """Give the key's upload if it can go on; else end it, so that the key is free, and give None."""
        if (standing.sha256, standing.evidence) != (values["sha256"], values["evidence"]):
            raise KeyReused("this key was used for another photo")
        if None not in (standing.size, values["size"]) and standing.size != values["size"]:
            raise KeyReused("this key was used with another length")
        try:
            view = self._view(standing)
        except UploadGone:
            standing.state = "terminated"
        else:
            if not self._is_overdue(view):
                return view
            standing.state = "expired"
        standing.idempotency_key = None
        session.flush()
        return None

    def _row(self, session: Session, upload: str, terminal: str) -> Upload:
        row = session.get(Upload, upload) if UPLOAD_ID.fullmatch(upload) else None
        if row is None or row.terminal != terminal:
            raise UploadUnknown("no such upload")
        return row

    def _view(self, row: Upload) -> UploadState:
        if row.state == "complete" and row.size is not None:
            return _state_of(row, row.size)
        return _state_of(row, self._offset(row.id, row.sha256, row.size))

    def _is_overdue(self, view: UploadState) -> bool:
        return view.state == "open" and view.expires_at <= self._clock() and not view.is_full

    def _has_all_bytes(self, row: Upload) -> bool:
        try:
            return self._view(row).is_full
        except UploadGone:
            return False


def _state_of(row: Upload, offset: int) -> UploadState:
    return UploadState(
        id=row.id,
        terminal=row.terminal,
        officer=row.officer,
        evidence=row.evidence,
        sha256=row.sha256,
        size=row.size,
        media_type=row.media_type,
        state=row.state,
        offset=offset,
        created_at=row.created_at,
        expires_at=row.expires_at,
    )


def _is_plain(text: str, limit: int) -> bool:
    return 0 < len(text) <= limit and text.isascii() and text.isprintable()


def _insert_new(session: Session, table: type[Base], values: dict[str, Any]) -> None:
    """Insert unless a unique constraint has it already; both databases then wait for the other writer."""
    on_postgresql = session.get_bind().dialect.name == "postgresql"
    insert = postgresql.insert if on_postgresql else sqlite.insert
    session.execute(insert(table).values(**values).on_conflict_do_nothing())

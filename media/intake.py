"""The bytes of uploads: appending, judging the whole, moving it to its place. Knows no row and no HTTP.

Nothing here may run inside a database transaction: a line can be slow for an hour.
"""

from __future__ import annotations

import contextlib
import hashlib
import re
import time
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from media.chunks import Check, RunningDigests, receive
from media.disk import fsync_folder
from media.errors import (
    BodyCut,
    ChecksumMismatch,
    LengthConflict,
    MediaError,
    OffsetConflict,
    StorageFull,
    TooLong,
    UploadGone,
    UploadUnknown,
)
from media.parts import PART, Part

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from media.blobs import Blobs
    from media.chunks import ByteStream, Chunk

UPLOAD_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
ORPHAN_AGE_S = 86_400


@dataclass(frozen=True, slots=True)
class Limits:
    """How much one upload may hold and how long it may take."""

    max_bytes: int = 256 * 1024 * 1024
    ttl: timedelta = field(default=timedelta(days=7))


@dataclass(frozen=True, slots=True)
class UploadState:
    """An upload as it stands; `offset` is on disk, `size` None while its length is not declared."""

    id: str
    terminal: str
    officer: str
    evidence: str
    sha256: str
    size: int | None
    media_type: str
    state: str
    offset: int
    created_at: datetime
    expires_at: datetime

    @property
    def is_full(self) -> bool:
        """Say whether every byte is there: then `complete` is due, however long ago the last one came."""
        return self.size is not None and self.offset == self.size


@dataclass(frozen=True, slots=True)
class Completed:
    """What the whole turned out to be; `sha256` is the digest of the bytes, not the declared one."""

    upload: str
    sha256: str
    size: int
    matches: bool


class Intake:
    """The byte half of `Uploads`. `folder` and a file blob store must be on one filesystem.

    One object serves all threads of a process; several processes may share the folder.
    """

    def __init__(self, folder: Path, blobs: Blobs, limits: Limits | None = None) -> None:
        self.limits = limits or Limits()
        self._folder = folder
        self._aside = folder / "mismatched"
        self._blobs = blobs
        self._digests = RunningDigests()
        self._aside.mkdir(parents=True, exist_ok=True)

    def append(
        self,
        upload: UploadState,
        offset: int,
        stream: ByteStream,
        *,
        length: int | None,
        checksum: tuple[str, bytes] | None = None,
    ) -> int:
        """Add the stream's bytes and give the new offset, which is on disk.

        length: the body's announced length; without it the chunk counts only as a whole. checksum:
        algorithm and digest; the chunk is kept only if it matches. A cut chunk without a checksum is kept
        as far as it came: servers report a broken line as a normal end, so only `length` tells.
        Raises: OffsetConflict, TooLong, ChecksumUnknown, ChecksumMismatch, BodyCut, UploadBusy (a newer
        request took over), UploadGone, StorageFull.
        """
        check = Check(*checksum) if checksum else None
        actual = self._offset(upload.id, upload.sha256, upload.size)
        if offset != actual:
            raise OffsetConflict(actual)
        room = (self.limits.max_bytes if upload.size is None else upload.size) - offset
        if length is not None and length > room:
            raise TooLong(f"there is room for {room} bytes more")
        if length == 0 and check is None:
            return offset
        try:
            reached, lost = self._write(upload.id, offset, stream, room, length, check)
        except FileNotFoundError as error:
            raise UploadGone("ended") from error
        if length is not None and reached < offset + length:
            raise BodyCut(reached) from lost
        return reached

    def complete(self, upload: UploadState) -> Completed:
        """Judge the whole against its declared digest and move it: into the blob store, or aside.

        Running it again, also after a kill at any line, gives the same answer.
        Raises: OffsetConflict while bytes are lacking, LengthConflict while the length is not declared,
        UploadGone, StorageFull.
        """
        if upload.size is None:
            raise LengthConflict("the length was never declared")
        part = self._part(upload.id)
        try:
            with part.whole() as size:
                if size != upload.size:
                    raise OffsetConflict(size)
                return self._judge(part, upload, size)
        except FileNotFoundError:
            return self._judged_before(upload, upload.size)

    def discard(self, ids: Iterable[str]) -> None:
        """Remove the bytes of uploads that have ended; running it again does nothing."""
        for upload in ids:
            self._part(upload).remove()
            self._digests.take(upload, 0)

    def _write(
        self, upload: str, offset: int, stream: ByteStream, room: int, length: int | None, check: Check | None
    ) -> tuple[int, Exception | None]:
        staged = check is not None or length is None
        whole = self._digests.take(upload, offset)
        before = whole.copy() if whole and staged else None
        with self._part(upload).turn(offset, staged=staged) as turn:
            hashes = tuple(digest for digest in (whole, check and check.digest) if digest)
            limit = room if length is None else length
            try:
                chunk = receive(stream, turn, limit, hashes, probe=length is None)
            except StorageFull:
                if staged:
                    turn.drop()
                raise
            refusal = _refusal(chunk, offset, length, check) if staged else None
            if refusal is not None:
                turn.drop()
                self._digests.put(upload, offset, before)
                raise refusal from chunk.lost
            reached = turn.keep()
        self._digests.put(upload, reached, whole)
        return reached, chunk.lost

    def _judge(self, part: Part, upload: UploadState, size: int) -> Completed:
        running = self._digests.take(upload.id, size)
        actual = running.hexdigest() if running else _digest_of(part.path)
        if actual == upload.sha256:
            self._blobs.put(part.path, actual, size)
        else:
            part.path.replace(self._aside / upload.id)
            fsync_folder(self._aside)
        return Completed(upload.id, actual, size, actual == upload.sha256)

    def _judged_before(self, upload: UploadState, size: int) -> Completed:
        aside = self._aside / upload.id
        if aside.is_file():
            return Completed(upload.id, _digest_of(aside), size, matches=False)
        if self._blobs.exists(upload.sha256) and self._blobs.size(upload.sha256) == size:
            return Completed(upload.id, upload.sha256, size, matches=True)
        raise UploadGone("lost")

    def _offset(self, upload: str, sha256: str, size: int | None) -> int:
        """Give what is on disk; a part that is gone was judged already, or else it is lost."""
        with contextlib.suppress(FileNotFoundError):
            return self._part(upload).size()
        if size is not None and (
            (self._aside / upload).is_file()
            or (self._blobs.exists(sha256) and self._blobs.size(sha256) == size)
        ):
            return size
        raise UploadGone("lost")

    def _part(self, upload: str) -> Part:
        if not UPLOAD_ID.fullmatch(upload):
            raise UploadUnknown("no such upload")
        return Part(self._folder, upload)

    def _old_parts(self, limit: int) -> list[str]:
        """Name the uploads whose part nobody has written to for a day."""
        before = time.time() - ORPHAN_AGE_S
        names: list[str] = []
        for path in self._folder.glob(f"*{PART}"):
            if len(names) == limit:
                break
            if UPLOAD_ID.fullmatch(path.stem) and path.stat().st_mtime < before:
                names.append(path.stem)
        return names


def _refusal(chunk: Chunk, offset: int, length: int | None, check: Check | None) -> MediaError | None:
    """Say why a staged chunk is not kept, if it is not."""
    if chunk.more:
        return TooLong("the body goes on behind the upload's length")
    if chunk.lost is not None or (length is not None and chunk.count < length):
        return BodyCut(offset)
    if check is not None and not check.matches():
        return ChecksumMismatch("the chunk does not match its checksum")
    return None


def _digest_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()

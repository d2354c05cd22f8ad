"""The bytes of an upload under way: one file that only grows, and whose turn it is to grow it.

A part's size is the upload's offset. The newest request has the turn; an older one that still hangs on a
dead line finds at its next write that it lost it, so that a terminal that comes back never waits for its own
ghost.
A request whose bytes may yet be refused (a checksum, no announced length) notes in the turn where it began:
until it is done nobody counts what lies behind that mark, not after a kill either.
"""

from __future__ import annotations

import fcntl
import os
import secrets
from contextlib import contextmanager
from typing import TYPE_CHECKING

from media.disk import fsync_folder, storage_errors
from media.errors import OffsetConflict, UploadBusy

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PART, TURN = ".part", ".turn"


class Part:
    """One upload's file. Every method raises FileNotFoundError when the part has been taken or removed.

    Locks: flock on the file, held for one write or one look, never while a line is read.
    """

    def __init__(self, folder: Path, upload: str) -> None:
        self.path = folder / f"{upload}{PART}"
        self._turn = folder / f"{upload}{TURN}"

    def create(self) -> None:
        """Make the empty file; one that is there already stays as it is."""
        with storage_errors():
            self.path.touch(mode=0o600, exist_ok=True)

    def size(self) -> int:
        """Give the number of bytes that count, after making sure that they are on disk."""
        with self.locked() as descriptor:
            with storage_errors():
                os.fdatasync(descriptor)
            return self._counted(descriptor)

    @contextmanager
    def turn(self, offset: int, *, staged: bool) -> Iterator[Turn]:
        """Take the turn from whoever has it, to write at `offset`. Raises: OffsetConflict, StorageFull."""
        descriptor = os.open(self.path, os.O_RDWR | os.O_CLOEXEC)
        try:
            with self.hold(descriptor):
                actual = self._counted(descriptor)
                if offset != actual:
                    raise OffsetConflict(actual)
                # Behind the mark of a request that was killed or overtaken.
                os.ftruncate(descriptor, actual)
                token = self._take(offset if staged else None)
            yield Turn(self, descriptor, token, offset, staged=staged)
        finally:
            os.close(descriptor)

    @contextmanager
    def whole(self) -> Iterator[int]:
        """Hold the part alone, with nobody's turn left, and give its size: what is done now is final."""
        with self.locked() as descriptor:
            size = self._counted(descriptor)
            self._turn.unlink(missing_ok=True)
            yield size

    def remove(self) -> None:
        """Remove the part and its turn, if they are there."""
        self.path.unlink(missing_ok=True)
        self._turn.unlink(missing_ok=True)

    @contextmanager
    def locked(self) -> Iterator[int]:
        """Open and lock the part; read-only, as a part on its way into the blob store is."""
        descriptor = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            with self.hold(descriptor):
                yield descriptor
        finally:
            os.close(descriptor)

    @contextmanager
    def hold(self, descriptor: int) -> Iterator[None]:
        """Lock an open part and make sure that it is still the part."""
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        try:
            # The one before us may have made a blob of this very file: writing on would change an original.
            if not os.path.samestat(os.fstat(descriptor), os.stat(self.path)):  # noqa: PTH116 - no pathlib twin
                raise FileNotFoundError(self.path)
            yield
        finally:
            fcntl.flock(descriptor, fcntl.LOCK_UN)

    def holder(self) -> str:
        """Give the token of the request whose turn it is, or an empty text."""
        return self._read_turn()[0]

    def end_turn(self) -> None:
        """Have nobody's turn, so that every byte in the file counts."""
        self._turn.unlink(missing_ok=True)

    def _take(self, mark: int | None) -> str:
        token = secrets.token_hex(16)
        beside = self._turn.with_suffix(f".{token}")
        with storage_errors():
            try:
                beside.write_text(token if mark is None else f"{token} {mark}", "ascii")
                beside.replace(self._turn)
            finally:
                beside.unlink(missing_ok=True)
        return token

    def _read_turn(self) -> tuple[str, int | None]:
        try:
            token, _, mark = self._turn.read_text("ascii").partition(" ")
        except FileNotFoundError:
            return "", None
        return token, int(mark) if mark.isdigit() else None

    def _counted(self, descriptor: int) -> int:
        size = os.fstat(descriptor).st_size
        mark = self._read_turn()[1]
        return size if mark is None else min(size, mark)


class Turn:
    """One request's right to write; each call raises UploadBusy once a newer request has it."""

    def __init__(self, part: Part, descriptor: int, token: str, offset: int, *, staged: bool) -> None:
        self._part = part
        self._descriptor = descriptor
        self._token = token
        self._start = offset
        self._staged = staged
        self.position = offset

    def write(self, piece: memoryview) -> None:
        """Write the piece where the last one ended. Raises: StorageFull."""
        with self._mine(), storage_errors():
            done = 0
            while done < len(piece):
                done += os.pwrite(self._descriptor, piece[done:], self.position + done)
        self.position += len(piece)

    def keep(self) -> int:
        """Make what was written durable and count it; give the new offset. Raises: StorageFull."""
        with self._mine(), storage_errors():
            os.fdatasync(self._descriptor)
            self._part.end_turn()
        # The file's own name with its first bytes; and a mark must not come back after a power cut.
        if self._staged or self._start == 0:
            fsync_folder(self._part.path.parent)
        return self.position

    def drop(self) -> None:
        """Cut the part back to where this request began."""
        with self._mine():
            os.ftruncate(self._descriptor, self._start)
            self._part.end_turn()

    @contextmanager
    def _mine(self) -> Iterator[None]:
        try:
            with self._part.hold(self._descriptor):
                if self._part.holder() != self._token:
                    raise UploadBusy("a newer request has taken this upload over")
                yield
        except FileNotFoundError as error:
            raise UploadBusy("this upload was finished or ended by another request") from error

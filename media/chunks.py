"""One request's bytes on their way from the line to the disk: constant memory, every byte hashed once."""

from __future__ import annotations

import hashlib
import hmac
from collections import OrderedDict
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING, Protocol

from media.errors import ChecksumUnknown

if TYPE_CHECKING:
    from media.parts import Turn

PIECE_BYTES = 256 * 1024
RUNNING_DIGESTS = 1024
CHECKSUMS = ("sha1", "sha256")


class ByteStream(Protocol):
    """What a body must offer; `readinto` is used where there is one."""

    def read(self, size: int, /) -> bytes:
        """Give up to `size` bytes, none at the end."""
        ...


class Digest(Protocol):
    """A hash under way, as hashlib gives it."""

    def update(self, piece: memoryview, /) -> None:
        """Take in the piece."""
        ...

    def copy(self) -> Digest:
        """Give one that goes on from here by itself."""
        ...

    def digest(self) -> bytes:
        """Give the digest of what came so far."""
        ...

    def hexdigest(self) -> str:
        """Give the same in hex."""
        ...


@dataclass(frozen=True, slots=True)
class Chunk:
    """What came over the line; `lost` is the error that ended it, `more` that bytes were left over."""

    count: int
    more: bool = False
    lost: Exception | None = None


class Check:
    """A chunk's checksum as announced, and the digest it must have."""

    def __init__(self, algorithm: str, expected: bytes) -> None:
        if algorithm not in CHECKSUMS:
            raise ChecksumUnknown(f"offered are {', '.join(CHECKSUMS)}")
        self.digest: Digest = hashlib.new(algorithm, usedforsecurity=False)
        self._expected = expected

    def matches(self) -> bool:
        """Say whether the bytes that came are those that were meant."""
        return hmac.compare_digest(self.digest.digest(), self._expected)


class RunningDigests:
    """The digests of uploads that this process has seen from their first byte, the least used forgotten.

    A hash's state cannot be stored; where it is not at hand the file is read once more at completion.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._running: OrderedDict[str, tuple[int, Digest]] = OrderedDict()

    def take(self, upload: str, offset: int) -> Digest | None:
        """Give the digest of the first `offset` bytes away, if it is known; it is then known no more."""
        with self._lock:
            count, digest = self._running.pop(upload, (0, None))
        if digest is not None and count == offset:
            return digest
        return hashlib.sha256() if offset == 0 else None

    def put(self, upload: str, count: int, digest: Digest | None) -> None:
        """Remember the digest of the first `count` bytes."""
        if digest is None or count == 0:
            return
        with self._lock:
            self._running[upload] = (count, digest)
            if len(self._running) > RUNNING_DIGESTS:
                self._running.popitem(last=False)


def receive(
    stream: ByteStream, turn: Turn, limit: int, digests: tuple[Digest, ...], *, probe: bool
) -> Chunk:
    """Write up to `limit` bytes, each piece before the next is read.

    probe: look whether more is left behind the limit. Raises: UploadBusy, StorageFull.
    """
    buffer = memoryview(bytearray(min(PIECE_BYTES, max(limit, 1))))
    received = 0
    try:
        while received < limit:
            count = _read(stream, buffer[: min(len(buffer), limit - received)])
            if not count:
                return Chunk(received)
            piece = buffer[:count]
            turn.write(piece)
            for digest in digests:
                digest.update(piece)
            received += count
        return Chunk(received, more=probe and _read(stream, buffer[:1]) > 0)
    except _LineLost as lost:
        return Chunk(received, lost=lost.error)


class _LineLost(Exception):
    def __init__(self, error: Exception) -> None:
        super().__init__(str(error))
        self.error = error


def _read(stream: ByteStream, into: memoryview) -> int:
    """Read once, in place where the stream can; whatever a server raises means that the line is lost."""
    try:
        read_into = getattr(stream, "readinto", None)
        if read_into is not None:
            return int(read_into(into) or 0)
        piece = stream.read(len(into))
    except Exception as error:
        raise _LineLost(error) from error
    into[: len(piece)] = piece
    return len(piece)

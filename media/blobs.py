"""Originals and their derived pictures, found by digest. Knows bytes and paths, no database and no picture.

`Blobs` is what every store must do; `tests/contracts/test_blobs.py` holds each implementation to it.
"""

from __future__ import annotations

import os
import re
import secrets
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Protocol

from media.disk import fsync_folder, storage_errors
from media.errors import BlobMissing

if TYPE_CHECKING:
    from collections.abc import Iterator

DIGEST = re.compile(r"[0-9a-f]{64}")
DERIVED_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}(\.[a-z0-9]{1,8})?")
READ_ONLY = 0o440


class Blobs(Protocol):
    """A content-addressed store: what is under a digest never changes."""

    def put(self, source: Path, sha256: str, size: int) -> None:
        """Take the file over, durably; the caller has checked that it hashes to `sha256`.

        The same digest again leaves one blob. The source is gone afterwards.
        Raises: StorageFull.
        """
        ...

    def open(self, sha256: str) -> BinaryIO:
        """Give the original for reading. Raises: BlobMissing."""
        ...

    def path(self, sha256: str) -> Path:
        """Give a local file with the original's bytes, not to be written to. Raises: BlobMissing."""
        ...

    def exists(self, sha256: str) -> bool:
        """Say whether the original is stored."""
        ...

    def size(self, sha256: str) -> int:
        """Give the original's size in bytes. Raises: BlobMissing."""
        ...

    def put_derived(self, sha256: str, name: str, content: bytes) -> None:
        """Store a picture made from the original, in the place of an older one. Raises: StorageFull."""
        ...

    def open_derived(self, sha256: str, name: str) -> BinaryIO:
        """Give a derived picture for reading. Raises: BlobMissing."""
        ...


class FileBlobs:
    """Blobs as files under one folder: `ab/cd/<sha256>` and `derived/<sha256>/<name>`."""

    def __init__(self, root: Path) -> None:
        self._root = root
        root.mkdir(parents=True, exist_ok=True)

    def put(self, source: Path, sha256: str, size: int) -> None:
        """Link the file into place and drop the old name; both names must be on one filesystem."""
        target = self._original(sha256)
        with storage_errors():
            self._make_folder(target.parent)
            _seal(source)
            try:
                # A link never replaces: of two writers of one digest the second finds the first's file.
                target.hardlink_to(source)
            except FileExistsError:
                if target.stat().st_size != size:  # a damaged disk; the source was checked just now
                    source.replace(target)
            # Before the source goes, so that a power cut leaves at least one name.
            fsync_folder(target.parent)
            source.unlink(missing_ok=True)

    def open(self, sha256: str) -> BinaryIO:
        """Give the original for reading."""
        with _missing(sha256):
            return self._original(sha256).open("rb")

    def path(self, sha256: str) -> Path:
        """Give the original's own file."""
        path = self._original(sha256)
        if not path.is_file():
            raise BlobMissing(sha256)
        return path

    def exists(self, sha256: str) -> bool:
        """Say whether the original is stored."""
        return self._original(sha256).is_file()

    def size(self, sha256: str) -> int:
        """Give the original's size in bytes."""
        with _missing(sha256):
            return self._original(sha256).stat().st_size

    def put_derived(self, sha256: str, name: str, content: bytes) -> None:
        """Write beside, then rename, so that a reader sees the old picture or the new one."""
        target = self._derived(sha256, name)
        with storage_errors():
            self._make_folder(target.parent)
            beside = target.with_name(f".{target.name}.{secrets.token_hex(8)}")
            try:
                with beside.open("xb") as file:
                    file.write(content)
                    file.flush()
                    os.fsync(file.fileno())
                beside.replace(target)
            finally:
                beside.unlink(missing_ok=True)
            fsync_folder(target.parent)

    def open_derived(self, sha256: str, name: str) -> BinaryIO:
        """Give a derived picture for reading."""
        with _missing(sha256):
            return self._derived(sha256, name).open("rb")

    def _original(self, sha256: str) -> Path:
        _check_digest(sha256)
        return self._root / sha256[:2] / sha256[2:4] / sha256

    def _derived(self, sha256: str, name: str) -> Path:
        _check_digest(sha256)
        if not DERIVED_NAME.fullmatch(name):
            raise ValueError("a derived picture's name is a plain file name")
        return self._root / "derived" / sha256 / name

    def _make_folder(self, folder: Path) -> None:
        """Make the folders that lack, each durable in its parent before anything is put into it."""
        lacking = [path for path in (folder, *folder.parents) if not path.is_dir()]
        for path in reversed(lacking):
            path.mkdir(exist_ok=True)
            fsync_folder(path.parent)


def _check_digest(sha256: str) -> None:
    """Refuse what is no digest before it becomes part of a path."""
    if not DIGEST.fullmatch(sha256):
        raise ValueError("a digest is 64 lower-case hex digits")


def _seal(source: Path) -> None:
    """Make the file's bytes durable and its mode read-only."""
    descriptor = os.open(source, os.O_RDONLY)
    try:
        os.fchmod(descriptor, READ_ONLY)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _missing(sha256: str) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as error:
        raise BlobMissing(sha256) from error

"""Uploads under cut lines, ghosts, kills and failing disks: what was answered stays."""

from __future__ import annotations

import errno
import hashlib
import io
import os
import resource
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy.orm import Session

from media.errors import (
    BodyCut,
    StorageFull,
    UploadBusy,
    UploadGone,
)
from media.parts import Part
from media.tables import Blob
from tests.support.uploads import DIGEST, PHOTO, ReadOnly, World, sha1


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    world = World(tmp_path)
    yield world
    world.engine.dispose()


def test_a_cut_line_keeps_what_came(world: World) -> None:
    """A body that ends before its announced length is an error, but its bytes count."""
    upload = world.create()
    with pytest.raises(BodyCut) as raised:
        world.send(upload, PHOTO[:300_000], length=len(PHOTO))
    assert raised.value.offset == world.state(upload).offset == 300_000
    world.send(upload, PHOTO[300_000:], 300_000)
    assert world.finish(upload).state == "complete"


def test_a_broken_line_keeps_what_came(world: World) -> None:
    """A server that raises in the middle of a body loses none of what it gave before."""
    upload = world.create()
    with pytest.raises(BodyCut) as raised:
        world.uploads.append(upload, 0, ReadOnly(PHOTO, break_at=50_000), length=len(PHOTO))
    assert raised.value.offset == world.state(upload).offset == 50_000


def test_a_cut_chunk_with_a_checksum_is_dropped(world: World) -> None:
    """What cannot be checked is not kept."""
    upload = world.create()
    with pytest.raises(BodyCut) as raised:
        world.send(upload, PHOTO[:300_000], length=len(PHOTO), checksum=sha1(PHOTO))
    assert raised.value.offset == world.state(upload).offset == 0


def test_completion_runs_again_after_a_kill_before_it_was_written_down(world: World) -> None:
    """Between the move and the row a restart finds the upload full, and completes it once more."""
    for content, matches in ((PHOTO, True), (PHOTO[:-1] + b"\0", False)):
        upload = world.create(sha256=DIGEST if matches else hashlib.sha256(b"other").hexdigest())
        world.send(upload, content)
        first = world.uploads.complete(upload)
        world.uploads = world.new_process()
        with Session(world.engine) as session:
            assert [found.id for found in world.uploads.unsettled(session)] == [upload.id]
        found = world.state(upload)
        assert found.is_full
        assert world.uploads.complete(found) == first
        assert world.finish(found).state == ("complete" if matches else "mismatched")
        assert first.matches is matches


def test_an_upload_whose_bytes_are_lost_says_so(world: World) -> None:
    """A lost part is never answered with a smaller offset; the same key then opens a new upload."""
    upload = world.create(idempotency_key="k1")
    world.send(upload, PHOTO[:10])
    (world.folder / "uploads" / f"{upload.id}.part").unlink()
    with pytest.raises(UploadGone):
        world.state(upload)
    assert world.create(idempotency_key="k1").id != upload.id


def test_parts_without_an_upload_are_found_after_a_day(world: World) -> None:
    """What a rollback left behind is named for removal; an open upload's part never is."""
    folder = world.folder / "uploads"
    upload = world.create()
    left = str(uuid4())
    (folder / f"{left}.part").touch()
    with Session(world.engine) as session:
        assert world.uploads.orphans(session) == ()
        for name in (left, upload.id):
            os.utime(folder / f"{name}.part", (0, 0))
        assert world.uploads.orphans(session) == (left,)
    world.uploads.discard([left])
    assert [path.stem for path in folder.glob("*.part")] == [upload.id]


def test_a_blob_without_its_row_gets_it_when_it_is_counted_on(world: World) -> None:
    """A kill between the move and the row leaves a blob that the next creation writes down."""
    upload = world.create()
    world.send(upload, PHOTO)
    world.uploads.complete(upload)
    assert world.create(stored=True).state == "complete"
    with Session(world.engine) as session:
        assert session.get_one(Blob, DIGEST).size == len(PHOTO)


class Overtaken:
    """A body in whose middle a newer request arrives."""

    def __init__(self, content: bytes, meanwhile: Any) -> None:
        self._file = io.BytesIO(content)
        self._meanwhile = meanwhile

    def read(self, size: int, /) -> bytes:
        piece = self._file.read(min(size, 1000))
        if self._file.tell() == 5000:
            self._meanwhile()
        return piece


@pytest.mark.parametrize("piece", [10, 100_000])
@pytest.mark.parametrize("checksum", [None, sha1(PHOTO)])
def test_a_newer_request_takes_over_from_a_hung_one(
    world: World, checksum: tuple[str, bytes] | None, piece: int
) -> None:
    """The ghost's next write fails, the newcomer goes on from what counted, and the photo is whole.

    Nothing that the ghost left behind the mark is counted, not when the newcomer brings less than it.
    """
    upload = world.create()
    seen: list[int] = []

    def newcomer() -> None:
        offset = world.state(upload).offset
        seen.append(offset)
        world.send(upload, PHOTO[offset : offset + piece], offset)

    with pytest.raises(UploadBusy):
        world.uploads.append(upload, 0, Overtaken(PHOTO, newcomer), length=len(PHOTO), checksum=checksum)
    assert seen == [0 if checksum else 4000]
    offset = seen[0] + piece
    assert world.state(upload).offset == offset
    world.send(upload, PHOTO[offset:], offset)
    assert world.finish(upload).state == "complete"


def test_a_part_that_became_a_blob_is_not_locked_as_a_part(world: World) -> None:
    """Whoever opened the part before it was moved, and waited for its lock, is told that it is gone."""
    part = Part(world.folder, "part")
    part.create()
    with part.path.open("rb") as opened:
        part.path.rename(world.folder / "blob")
        with pytest.raises(FileNotFoundError), part.hold(opened.fileno()):
            pytest.fail("the lock of a blob was given as a part's")
        part.create()
        with pytest.raises(FileNotFoundError), part.hold(opened.fileno()):
            pytest.fail("the lock of a blob was given as a part's")


def test_a_ghost_cannot_write_into_an_original(world: World) -> None:
    """A request that hung while another completed the upload changes no byte of the blob."""
    upload = world.create()

    def newcomer() -> None:
        offset = world.state(upload).offset
        world.send(upload, PHOTO[offset:], offset)
        world.finish(upload)

    ghost = Overtaken(b"\0" * 10_000, newcomer)
    with pytest.raises(UploadBusy):
        world.uploads.append(upload, 0, ghost, length=10_000, checksum=sha1(b""))
    assert world.blobs.path(DIGEST).read_bytes() == PHOTO


@pytest.mark.parametrize("checksum", [None, sha1(PHOTO)])
def test_a_full_disk_is_said_and_nothing_counted_is_lost(
    world: World, checksum: tuple[str, bytes] | None
) -> None:
    """When no byte more fits the error is StorageFull; once there is room the upload goes on."""
    upload = world.create()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, limits[1]))
        with pytest.raises(StorageFull):
            world.send(upload, PHOTO, checksum=checksum)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)
    offset = world.state(upload).offset
    assert offset == (0 if checksum else 300_000)
    world.send(upload, PHOTO[offset:], offset)
    assert world.finish(upload).state == "complete"


@pytest.mark.parametrize(
    ("step", "function", "target"),
    [
        ("append", "fdatasync", "uploads/{id}.part"),
        ("append", "fsync", "uploads"),
        ("complete", "fsync", "uploads/{id}.part"),
        ("complete", "fsync", f"blobs/{DIGEST[:2]}/{DIGEST[2:4]}"),
    ],
)
def test_nothing_is_answered_that_the_disk_did_not_take(
    world: World, monkeypatch: pytest.MonkeyPatch, step: str, function: str, target: str
) -> None:
    """Where one sync of the way fails, its step does not answer; once the disk is well it goes on."""
    upload = world.create()
    path = world.folder / target.format(id=upload.id)
    real = getattr(os, function)

    def fail(descriptor: int) -> None:
        if path.exists() and os.path.samestat(os.fstat(descriptor), path.stat()) and not is_empty(path):
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        real(descriptor)

    if step == "complete":
        world.send(upload, PHOTO)
    with monkeypatch.context() as patch:
        patch.setattr(os, function, fail)
        with pytest.raises(OSError, match="Input/output"):
            world.uploads.complete(upload) if step == "complete" else world.send(upload, PHOTO)
    assert world.row(upload).state == "open"
    offset = world.state(upload).offset
    world.send(upload, PHOTO[offset:], offset)
    assert world.finish(world.state(upload)).state == "complete"


def is_empty(path: Path) -> bool:
    return path.is_file() and path.stat().st_size == 0

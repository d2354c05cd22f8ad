"""Uploads on real files and a real database: offsets, chunks, checksums, ends."""

from __future__ import annotations

import errno
import hashlib
import io
import os
import resource
import signal
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from media.blobs import FileBlobs
from media.errors import (
    BodyCut,
    ChecksumMismatch,
    ChecksumUnknown,
    KeyReused,
    LengthConflict,
    OffsetConflict,
    StorageFull,
    TooLong,
    UploadBusy,
    UploadGone,
    UploadInvalid,
    UploadUnknown,
)
from media.parts import Part
from media.tables import Blob, EvidenceView, Upload
from media.uploads import Limits, Uploads, UploadState
from sync.store.base import Base

PHOTO = hashlib.shake_256(b"photo").digest(700_001)
DIGEST = hashlib.sha256(PHOTO).hexdigest()
TERMINAL, OTHER = str(uuid4()), str(uuid4())
START = datetime(2026, 11, 22, 2, 0, tzinfo=UTC)


@dataclass
class World:
    """One installation: a folder, a database, a clock that stands."""

    folder: Path
    now: datetime = START
    limits: Limits = field(default_factory=Limits)

    def __post_init__(self) -> None:
        self.engine = sa.create_engine(f"sqlite:///{self.folder}/test.sqlite3")
        Base.metadata.create_all(self.engine)
        self.blobs = FileBlobs(self.folder / "blobs")
        self.uploads = self.new_process()

    def new_process(self) -> Uploads:
        """Give an engine that remembers nothing, as after a restart."""
        return Uploads(self.folder / "uploads", self.blobs, lambda: self.now, self.limits)

    def create(self, **changes: Any) -> UploadState:
        values: dict[str, Any] = {
            "id": str(uuid4()),
            "terminal": TERMINAL,
            "officer": str(uuid4()),
            "evidence": "0192f0a1-0000-7000-8000-000000000001",
            "sha256": DIGEST,
            "size": len(PHOTO),
            "media_type": "image/jpeg",
            "idempotency_key": None,
        }
        with Session(self.engine) as session, session.begin():
            return self.uploads.create(session, **values | changes)

    def state(self, upload: UploadState, terminal: str = TERMINAL) -> UploadState:
        with Session(self.engine) as session:
            return self.uploads.state(session, upload.id, terminal)

    def row(self, upload: UploadState) -> Upload:
        with Session(self.engine) as session:
            return session.get_one(Upload, upload.id)

    def finish(self, upload: UploadState) -> UploadState:
        completed = self.uploads.complete(upload)
        with Session(self.engine) as session, session.begin():
            return self.uploads.settle(session, completed)

    def send(self, upload: UploadState, content: bytes, offset: int = 0, **options: Any) -> int:
        options.setdefault("length", len(content))
        return self.uploads.append(upload, offset, io.BytesIO(content), **options)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    world = World(tmp_path)
    yield world
    world.engine.dispose()


class ReadOnly:
    """A body that has no readinto, gives little at a time and may break."""

    def __init__(self, content: bytes, break_at: int | None = None) -> None:
        self._file = io.BytesIO(content)
        self._break_at = break_at

    def read(self, size: int, /) -> bytes:
        if self._break_at is not None and self._file.tell() >= self._break_at:
            raise ConnectionResetError("the line is gone")
        return self._file.read(min(size, 10_000))


def sha1(content: bytes) -> tuple[str, bytes]:
    return "sha1", hashlib.sha1(content).digest()


def test_a_photo_sent_in_pieces_becomes_a_blob(world: World) -> None:
    """Chunks at their offsets end in one read-only original and a complete upload."""
    upload = world.create()
    middle = world.send(upload, PHOTO[:300_000])
    assert world.state(upload).offset == middle == 300_000
    assert world.send(upload, PHOTO[300_000:], middle, checksum=sha1(PHOTO[300_000:])) == len(PHOTO)
    assert world.state(upload).is_full
    settled = world.finish(upload)
    assert (settled.state, settled.offset) == ("complete", len(PHOTO))
    assert world.blobs.path(DIGEST).read_bytes() == PHOTO
    with Session(world.engine) as session:
        blob = session.get_one(Blob, DIGEST)
        assert (blob.size, blob.media_type, blob.stored_at) == (len(PHOTO), "image/jpeg", START)
    assert list((world.folder / "uploads").glob("*.*")) == []


def test_a_new_process_goes_on_where_the_old_one_ended(world: World) -> None:
    """Without the running digest the whole is read again and judged the same."""
    upload = world.create()
    world.send(upload, PHOTO[:5])
    world.uploads = world.new_process()
    world.send(upload, PHOTO[5:], 5)
    assert world.finish(upload).state == "complete"


def test_a_body_that_only_reads_is_taken_too(world: World) -> None:
    """A stream without readinto gives the same bytes."""
    upload = world.create()
    assert world.uploads.append(upload, 0, ReadOnly(PHOTO), length=len(PHOTO)) == len(PHOTO)
    assert world.finish(upload).state == "complete"


@pytest.mark.parametrize("offset", [0, 99, 101, len(PHOTO)])
def test_a_chunk_at_another_offset_is_refused(world: World, offset: int) -> None:
    """The answer names the true offset, and no byte changed."""
    upload = world.create()
    world.send(upload, PHOTO[:100])
    with pytest.raises(OffsetConflict) as raised:
        world.send(upload, b"xyz", offset)
    assert raised.value.actual == 100
    assert world.state(upload).offset == 100


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


def test_a_damaged_chunk_is_dropped_and_can_be_sent_again(world: World) -> None:
    """A wrong checksum leaves the offset; the right bytes then complete the photo."""
    upload = world.create()
    world.send(upload, PHOTO[:100_000])
    damaged = b"\0" + PHOTO[100_001:]
    with pytest.raises(ChecksumMismatch):
        world.send(upload, damaged, 100_000, checksum=sha1(PHOTO[100_000:]))
    assert world.state(upload).offset == 100_000
    world.send(upload, PHOTO[100_000:], 100_000, checksum=sha1(PHOTO[100_000:]))
    assert world.finish(upload).state == "complete"


def test_an_unknown_checksum_is_refused_before_any_byte(world: World) -> None:
    """An algorithm that is not offered changes nothing."""
    upload = world.create()
    with pytest.raises(ChecksumUnknown):
        world.send(upload, PHOTO, checksum=("md5", b"x" * 16))
    assert world.state(upload).offset == 0


@pytest.mark.parametrize("length", [len(PHOTO) + 1, None])
def test_more_than_the_length_is_refused_whole(world: World, length: int | None) -> None:
    """An overlong body leaves nothing, whether it announced its length or not."""
    upload = world.create()
    world.send(upload, PHOTO[:10])
    with pytest.raises(TooLong):
        world.send(upload, PHOTO[10:] + b"x" * 11, 10, length=length)
    assert world.state(upload).offset == 10


def test_a_body_without_a_length_counts_as_a_whole(world: World) -> None:
    """Exactly the bytes that lack, without Content-Length, complete the upload."""
    upload = world.create()
    assert world.send(upload, PHOTO, length=None) == len(PHOTO)
    assert world.finish(upload).state == "complete"


def test_a_full_upload_takes_an_empty_chunk(world: World) -> None:
    """A repeated last request without bytes answers the same offset, before and after completion."""
    upload = world.create()
    world.send(upload, PHOTO)
    assert world.send(upload, b"", len(PHOTO)) == len(PHOTO)
    world.finish(upload)
    assert world.send(upload, b"", len(PHOTO)) == len(PHOTO)
    with pytest.raises(TooLong):
        world.send(upload, b"x", len(PHOTO))


def test_a_photo_that_is_not_the_declared_one_is_set_aside(world: World) -> None:
    """A mismatch makes no blob, keeps the bytes for a person, and frees the key for sending again."""
    upload = world.create(idempotency_key="k1")
    wrong = b"\0" + PHOTO[1:]
    world.send(upload, wrong)
    completed = world.uploads.complete(upload)
    assert (completed.matches, completed.sha256) == (False, hashlib.sha256(wrong).hexdigest())
    assert world.finish(upload).state == "mismatched"
    assert not world.blobs.exists(DIGEST)
    assert (world.folder / "uploads" / "mismatched" / upload.id).read_bytes() == wrong
    with pytest.raises(UploadGone):
        world.state(upload)
    again = world.create(idempotency_key="k1")
    assert (again.id != upload.id, again.offset) == (True, 0)
    world.send(again, PHOTO)
    assert world.finish(again).state == "complete"


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


def test_an_upload_with_missing_bytes_is_not_completed(world: World) -> None:
    """Complete says what is on disk instead."""
    upload = world.create()
    world.send(upload, PHOTO[:10])
    with pytest.raises(OffsetConflict) as raised:
        world.uploads.complete(upload)
    assert raised.value.actual == 10


def test_the_same_key_gives_the_same_upload(world: World) -> None:
    """A creation whose answer was lost is found again, with its bytes; another terminal's key is its own."""
    first = world.create(idempotency_key="k1")
    world.send(first, PHOTO[:10])
    again = world.create(idempotency_key="k1")
    assert (again.id, again.offset) == (first.id, 10)
    assert world.create(idempotency_key="k1", terminal=OTHER).id != first.id
    assert len(list((world.folder / "uploads").glob("*.part"))) == 2


@pytest.mark.parametrize("changes", [{"sha256": "0" * 64}, {"size": 5}, {"evidence": str(uuid4())}])
def test_a_key_stands_for_one_photo(world: World, changes: dict[str, Any]) -> None:
    """The same key with another digest, length or record is refused."""
    world.create(idempotency_key="k1")
    with pytest.raises(KeyReused):
        world.create(idempotency_key="k1", **changes)


def test_a_stored_photo_is_not_sent_again(world: World) -> None:
    """A caller that may count on the blob gets a complete upload at once; one that may not sends."""
    upload = world.create()
    world.send(upload, PHOTO)
    world.finish(upload)
    assert world.create(stored=True).state == "complete"
    assert world.create(stored=True, size=None).offset == len(PHOTO)
    assert world.create(stored=True, size=len(PHOTO) + 1).offset == 0
    assert world.create(stored=False).offset == 0
    assert world.create(stored=True, sha256="0" * 64).offset == 0


def test_a_deferred_length_is_declared_once(world: World) -> None:
    """Bytes come before the length; the length must hold them and may not change; complete needs it."""
    upload = world.create(size=None)
    world.send(upload, PHOTO)
    with pytest.raises(LengthConflict):
        world.uploads.complete(upload)
    with Session(world.engine) as session, session.begin():
        with pytest.raises(LengthConflict):
            world.uploads.declare_length(session, upload.id, TERMINAL, len(PHOTO) - 1)
        declared = world.uploads.declare_length(session, upload.id, TERMINAL, len(PHOTO))
        assert world.uploads.declare_length(session, upload.id, TERMINAL, len(PHOTO)) == declared
        with pytest.raises(LengthConflict):
            world.uploads.declare_length(session, upload.id, TERMINAL, len(PHOTO) + 1)
    assert world.finish(declared).state == "complete"


def test_a_deferred_length_is_still_limited(tmp_path: Path) -> None:
    """Nobody fills the disk by never saying how much is to come."""
    world = World(tmp_path, limits=Limits(max_bytes=1000))
    with pytest.raises(TooLong):
        world.create(size=1001)
    upload = world.create(size=None)
    for length in (1001, None):
        with pytest.raises(TooLong):
            world.send(upload, b"x" * 1001, length=length)
    assert world.state(upload).offset == 0
    with Session(world.engine) as session, pytest.raises(TooLong):
        world.uploads.declare_length(session, upload.id, TERMINAL, 1001)
    world.engine.dispose()


def test_an_upload_is_its_terminals_alone(world: World) -> None:
    """Another terminal sees no difference between a foreign upload and none; ids are no paths."""
    upload = world.create()
    with pytest.raises(UploadUnknown):
        world.state(upload, OTHER)
    with Session(world.engine) as session:
        for name in (str(uuid4()), "../blobs", "", "x" * 500, upload.id.upper()):
            with pytest.raises(UploadUnknown):
                world.uploads.state(session, name, TERMINAL)
        with pytest.raises(UploadUnknown):
            world.uploads.terminate(session, upload.id, OTHER)


@pytest.mark.parametrize(
    "changes",
    [
        {"id": "../../etc/passwd"},
        {"sha256": "A" * 64},
        {"sha256": "a" * 63},
        {"size": -1},
        {"media_type": ""},
        {"media_type": "x" * 65},
        {"media_type": "图"},
        {"idempotency_key": ""},
        {"idempotency_key": "k" * 129},
        {"idempotency_key": "a\nb"},
    ],
)
def test_a_malformed_declaration_is_refused(world: World, changes: dict[str, Any]) -> None:
    """Nothing malformed reaches a path or a row."""
    with pytest.raises(UploadInvalid):
        world.create(**changes)
    assert list((world.folder / "uploads").glob("*.part")) == []


def test_a_terminated_upload_is_gone(world: World) -> None:
    """Its bytes go, it takes no more, and its key may be used afresh."""
    upload = world.create(idempotency_key="k1")
    world.send(upload, PHOTO[:10])
    with Session(world.engine) as session, session.begin():
        assert world.uploads.terminate(session, upload.id, TERMINAL)
    world.uploads.discard([upload.id])
    assert list((world.folder / "uploads").glob("*.part")) == []
    with pytest.raises(UploadGone):
        world.send(upload, PHOTO[10:], 10)
    with pytest.raises(UploadGone):
        world.state(upload)
    with Session(world.engine) as session:
        assert not world.uploads.terminate(session, upload.id, TERMINAL)
    assert world.create(idempotency_key="k1").offset == 0


def test_evidence_is_not_deleted_by_terminating_its_upload(world: World) -> None:
    """A complete upload stays complete."""
    upload = world.create()
    world.send(upload, PHOTO)
    world.finish(upload)
    with Session(world.engine) as session, session.begin():
        assert not world.uploads.terminate(session, upload.id, TERMINAL)
    assert world.state(upload).state == "complete"
    assert world.blobs.exists(DIGEST)


def test_an_unfinished_upload_expires(world: World) -> None:
    """After its time an upload is gone, before the sweep too; the sweep ends it once and spares the rest."""
    old = world.create(idempotency_key="k1")
    full = world.create()
    world.send(old, PHOTO[:10])
    world.send(full, PHOTO)
    world.now += timedelta(days=8)
    young = world.create()
    with pytest.raises(UploadGone):
        world.state(old)
    with Session(world.engine) as session, session.begin():
        assert world.uploads.expire(session, world.now) == (old.id,)
    world.uploads.discard([old.id])
    with Session(world.engine) as session, session.begin():
        assert world.uploads.expire(session, world.now) == ()
    assert world.row(old).state == "expired"
    assert world.state(young).offset == 0
    assert world.finish(world.state(full)).state == "complete"


def test_a_key_whose_upload_expired_opens_a_new_one(world: World) -> None:
    """A terminal back after weeks gets a live upload by its old key, swept or not."""
    old = world.create(idempotency_key="k1")
    world.now += timedelta(days=8)
    assert world.create(idempotency_key="k1").id != old.id
    assert world.row(old).state == "expired"


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


def test_the_custody_ledger_takes_only_known_kinds(world: World) -> None:
    """The database itself refuses a view of an unknown kind, and keeps the others."""
    for kind in ("original", "review", "thumbnail", "bundle"):
        with Session(world.engine) as session, session.begin():
            session.add(EvidenceView(id=str(uuid4()), evidence=OTHER, officer=OTHER, kind=kind, at=START))
    with Session(world.engine) as session:
        session.add(EvidenceView(id=str(uuid4()), evidence=OTHER, officer=OTHER, kind="theft", at=START))
        with pytest.raises(sa.exc.IntegrityError, match="ck_evidence_view_kind_known"):
            session.flush()


def test_a_blob_without_its_row_gets_it_when_it_is_counted_on(world: World) -> None:
    """A kill between the move and the row leaves a blob that the next creation writes down."""
    upload = world.create()
    world.send(upload, PHOTO)
    world.uploads.complete(upload)
    assert world.create(stored=True).state == "complete"
    with Session(world.engine) as session:
        assert session.get_one(Blob, DIGEST).size == len(PHOTO)

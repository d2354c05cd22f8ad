"""Uploads on real files and a real database: offsets, chunks, checksums, keys, ends."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from media.errors import (
    ChecksumMismatch,
    ChecksumUnknown,
    KeyReused,
    LengthConflict,
    OffsetConflict,
    TooLong,
    UploadGone,
    UploadInvalid,
    UploadUnknown,
)
from media.tables import Blob, EvidenceView
from media.uploads import Limits
from tests.support.uploads import DIGEST, OTHER, PHOTO, START, TERMINAL, ReadOnly, World, sha1


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    world = World(tmp_path)
    yield world
    world.engine.dispose()


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


def test_the_custody_ledger_takes_only_known_kinds(world: World) -> None:
    """The database itself refuses a view of an unknown kind, and keeps the others."""
    for kind in ("original", "review", "thumbnail", "bundle"):
        with Session(world.engine) as session, session.begin():
            session.add(EvidenceView(id=str(uuid4()), evidence=OTHER, officer=OTHER, kind=kind, at=START))
    with Session(world.engine) as session:
        session.add(EvidenceView(id=str(uuid4()), evidence=OTHER, officer=OTHER, kind="theft", at=START))
        with pytest.raises(sa.exc.IntegrityError, match="ck_evidence_view_kind_known"):
            session.flush()

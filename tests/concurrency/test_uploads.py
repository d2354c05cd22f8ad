"""Uploads under threads and kills: what was answered stays, one digest is one blob."""

from __future__ import annotations

import hashlib
import io
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from media.blobs import FileBlobs
from media.errors import MediaError, OffsetConflict, UploadBusy
from media.tables import Blob, Upload
from media.uploads import Uploads, UploadState
from sync.store.base import Base

PHOTO = hashlib.shake_256(b"photo").digest(3_000_001)
DIGEST = hashlib.sha256(PHOTO).hexdigest()
TERMINAL = str(uuid4())
NOW = datetime(2026, 11, 22, 2, 0, tzinfo=UTC)
ROOT = Path(__file__).parents[2]

# Appends the photo's bytes for ever smaller pieces of it and says each offset once it was answered.
CHILD = """
import hashlib, io, sys
from datetime import UTC, datetime
from pathlib import Path
from media.blobs import FileBlobs
from media.uploads import Uploads, UploadState

folder, upload, mode, piece = Path(sys.argv[1]), sys.argv[2], sys.argv[3], int(sys.argv[4])
photo = hashlib.shake_256(b"photo").digest(3_000_001)
uploads = Uploads(folder / "uploads", FileBlobs(folder / "blobs"), lambda: datetime.now(UTC))
now = datetime(2026, 11, 22, 2, 0, tzinfo=UTC)
digest = hashlib.sha256(photo).hexdigest()
state = UploadState(upload, "", "", "", digest, len(photo), "image/jpeg", "open", 0, now, now)


class Slow:
    # Tells before each read how far it is, so that the parent can kill in the middle of a chunk.
    def __init__(self, content):
        self.file = io.BytesIO(content)

    def read(self, size, /):
        print("reading", flush=True)
        return self.file.read(min(size, 4096))


offset = int(sys.argv[5])
while offset < len(photo):
    chunk = photo[offset : offset + piece]
    checksum = ("sha256", hashlib.sha256(chunk).digest()) if mode == "checked" else None
    length = None if mode == "unannounced" else len(chunk)
    offset = uploads.append(state, offset, Slow(chunk), length=length, checksum=checksum)
    print("answered", offset, flush=True)
"""


class Bench:
    """One folder and database, and an upload in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.engine = sa.create_engine(f"sqlite:///{folder}/test.sqlite3")
        Base.metadata.create_all(self.engine)
        self.blobs = FileBlobs(folder / "blobs")
        self.uploads = Uploads(folder / "uploads", self.blobs, lambda: NOW)

    def create(self, key: str | None = None) -> UploadState:
        with Session(self.engine) as session, session.begin():
            return self.uploads.create(
                session,
                id=str(uuid4()),
                terminal=TERMINAL,
                officer=TERMINAL,
                evidence=TERMINAL,
                sha256=DIGEST,
                size=len(PHOTO),
                media_type="image/jpeg",
                idempotency_key=key,
            )

    def state(self, upload: UploadState) -> UploadState:
        with Session(self.engine) as session:
            return self.uploads.state(session, upload.id, TERMINAL)

    def finish(self, upload: UploadState) -> str:
        completed = self.uploads.complete(upload)
        with Session(self.engine) as session, session.begin():
            return self.uploads.settle(session, completed).state


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    bench = Bench(tmp_path)
    yield bench
    bench.engine.dispose()


def killed_append(bench: Bench, upload: UploadState, mode: str, piece: int, offset: int, reads: int) -> int:
    """Append in another process, kill it before its n-th read, and give the last offset it answered."""
    arguments = [str(bench.folder), upload.id, mode, str(piece), str(offset)]
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, *arguments], stdout=subprocess.PIPE, text=True, cwd=ROOT
    )
    answered = offset
    assert child.stdout is not None
    for line in child.stdout:
        if line.startswith("answered"):
            answered = int(line.split()[1])
        else:
            reads -= 1
        if reads == 0:
            child.send_signal(signal.SIGKILL)
            break
    for line in child.stdout:
        if line.startswith("answered"):
            answered = int(line.split()[1])
    child.stdout.close()
    assert child.wait() == -signal.SIGKILL
    return answered


@pytest.mark.parametrize(
    ("mode", "piece"), [("plain", 500_000), ("checked", 40_000), ("unannounced", len(PHOTO))]
)
def test_a_kill_loses_no_answered_byte(bench: Bench, mode: str, piece: int) -> None:
    """After each kill -9 the offset is at least what was answered, and all that counts is the photo's.

    A chunk with a checksum, or without a length, counts whole or not at all.
    """
    upload, offset = bench.create(), 0
    for reads in (3, 40, 25):
        answered = killed_append(bench, upload, mode, piece, offset, reads)
        found = bench.state(upload).offset
        assert found >= answered >= offset
        if mode != "plain":
            assert found == answered
        part = bench.folder / "uploads" / f"{upload.id}.part"
        assert part.read_bytes()[:found] == PHOTO[:found]
        offset = found
    rest = PHOTO[offset:]
    assert bench.uploads.append(upload, offset, io.BytesIO(rest), length=len(rest)) == len(PHOTO)
    assert bench.finish(upload) == "complete"
    assert bench.blobs.path(DIGEST).read_bytes() == PHOTO


def test_concurrent_uploads_of_one_photo_are_one_blob(bench: Bench) -> None:
    """Four uploads of one digest at once all complete, and its bytes are stored once."""
    uploads = [bench.create() for _ in range(4)]
    together = threading.Barrier(4)

    def send(upload: UploadState) -> None:
        together.wait()
        bench.uploads.append(upload, 0, io.BytesIO(PHOTO), length=len(PHOTO))
        together.wait()
        bench.uploads.complete(upload)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(send, uploads))
    assert [bench.finish(upload) for upload in uploads] == ["complete"] * 4
    stored = [path for path in (bench.folder / "blobs").rglob("*") if path.is_file()]
    assert [path.name for path in stored] == [DIGEST]
    assert stored[0].read_bytes() == PHOTO
    assert stored[0].stat().st_nlink == 1
    with Session(bench.engine) as session:
        assert session.scalars(sa.select(Blob.sha256)).all() == [DIGEST]


def test_rival_senders_of_one_upload_corrupt_nothing(bench: Bench) -> None:
    """Four requests that fight for one upload, in chunks with and without checksums, end in the photo."""
    upload = bench.create()
    seen: list[list[int]] = [[] for _ in range(4)]

    def fight(number: int) -> None:
        offset, piece = 0, 70_000 + 1000 * number
        while offset < len(PHOTO):
            seen[number].append(offset)
            chunk = PHOTO[offset : offset + piece]
            body, length = io.BytesIO(chunk), len(chunk)
            checksum = ("sha256", hashlib.sha256(chunk).digest()) if number % 2 else None
            try:
                offset = bench.uploads.append(upload, offset, body, length=length, checksum=checksum)
            except OffsetConflict as conflict:
                offset = conflict.actual
            except UploadBusy:
                offset = bench.state(upload).offset

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(fight, range(4)))
    # A true offset never goes back, whoever asks.
    assert all(offsets == sorted(offsets) for offsets in seen)
    assert bench.finish(upload) == "complete"
    assert bench.blobs.path(DIGEST).read_bytes() == PHOTO


def test_rival_completions_agree(bench: Bench) -> None:
    """Four completions of one upload at once all give the same answer."""
    upload = bench.create()
    bench.uploads.append(upload, 0, io.BytesIO(PHOTO), length=len(PHOTO))
    together = threading.Barrier(4)

    def complete(_number: int) -> object:
        together.wait()
        return bench.uploads.complete(upload)

    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(complete, range(4)))
    assert len(set(answers)) == 1
    assert bench.finish(upload) == "complete"


def test_one_key_at_once_opens_one_upload(bench: Bench) -> None:
    """Eight creations with one key, at the same moment, give one upload."""
    together = threading.Barrier(8)

    def create(_number: int) -> str:
        together.wait()
        return bench.create(key="k1").id

    with ThreadPoolExecutor(8) as pool:
        ids = set(pool.map(create, range(8)))
    with Session(bench.engine) as session:
        assert {row.id for row in session.scalars(sa.select(Upload))} == ids
    assert len(ids) == 1


def test_a_sender_of_an_upload_that_is_ended_meanwhile_is_told(bench: Bench) -> None:
    """Discarding in the middle of a body stops the sender, and leaves no file."""
    upload = bench.create()

    class Ended:
        reads = 0

        def read(self, size: int, /) -> bytes:
            self.reads += 1
            if self.reads == 3:
                bench.uploads.discard([upload.id])
            return bytes(min(size, 1000))

    with pytest.raises(MediaError) as raised:
        bench.uploads.append(upload, 0, Ended(), length=len(PHOTO))
    assert raised.value.code in ("upload_busy", "upload_gone")
    assert list((bench.folder / "uploads").glob(f"{upload.id}*")) == []

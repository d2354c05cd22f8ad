"""One installation's uploads for tests: real files, a real database, a clock that stands."""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import sqlalchemy as sa
from sqlalchemy.orm import Session

from media.blobs import FileBlobs
from media.tables import Upload
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

"""The tables of photo evidence: uploads under way, stored blobs, who looked at what."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from sync.store.base import Base, Id, Json, UtcDateTime

UPLOAD_STATES = ("open", "complete", "mismatched", "expired", "terminated")
VIEW_KINDS = ("original", "review", "thumbnail", "bundle")
MEDIA_TYPE_CHARS = 64
KEY_CHARS = 128


def _one_of(column: str, values: tuple[str, ...], name: str) -> sa.CheckConstraint:
    listed = ", ".join(f"'{value}'" for value in values)
    return sa.CheckConstraint(f"{column} IN ({listed})", name=name)


class Upload(Base):
    """One photo's way in; its bytes so far are a file, and that file's size is the offset."""

    __tablename__ = "upload"
    __table_args__ = (
        sa.UniqueConstraint("terminal", "idempotency_key"),
        sa.Index(None, "state", "expires_at"),
        sa.Index(None, "evidence"),
        _one_of("state", UPLOAD_STATES, "state_known"),
        sa.CheckConstraint("size >= 0", name="size_not_negative"),
        sa.CheckConstraint("length(sha256) = 64", name="sha256_length"),
        sa.CheckConstraint("state <> 'complete' OR size IS NOT NULL", name="complete_has_size"),
    )

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    terminal: Mapped[str] = mapped_column(Id)
    officer: Mapped[str] = mapped_column(Id)
    evidence: Mapped[str] = mapped_column(Id)
    sha256: Mapped[str] = mapped_column(sa.String(64))
    size: Mapped[int | None] = mapped_column(sa.BigInteger)
    media_type: Mapped[str] = mapped_column(sa.String(MEDIA_TYPE_CHARS))
    # None once the upload has ended without its bytes: the key is then free for sending again.
    idempotency_key: Mapped[str | None] = mapped_column(sa.String(KEY_CHARS))
    state: Mapped[str] = mapped_column(sa.String(16))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)


class Blob(Base):
    """An original whose bytes are in the blob store and hash to its key."""

    __tablename__ = "blob"
    __table_args__ = (
        sa.CheckConstraint("size >= 0", name="size_not_negative"),
        sa.CheckConstraint("length(sha256) = 64", name="sha256_length"),
    )

    sha256: Mapped[str] = mapped_column(sa.String(64), primary_key=True)
    size: Mapped[int] = mapped_column(sa.BigInteger)
    media_type: Mapped[str] = mapped_column(sa.String(MEDIA_TYPE_CHARS))
    stored_at: Mapped[datetime] = mapped_column(UtcDateTime)
    facts: Mapped[Any | None] = mapped_column(Json)


class EvidenceView(Base):
    """A row of the custody ledger: this officer was shown this evidence. Never changed, never deleted."""

    __tablename__ = "evidence_view"
    __table_args__ = (
        sa.Index(None, "evidence", "at"),
        _one_of("kind", VIEW_KINDS, "kind_known"),
    )

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    evidence: Mapped[str] = mapped_column(Id)
    officer: Mapped[str] = mapped_column(Id)
    kind: Mapped[str] = mapped_column(sa.String(16))
    at: Mapped[datetime] = mapped_column(UtcDateTime)

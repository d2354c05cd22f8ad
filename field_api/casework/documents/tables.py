"""Papers that were printed: what each says, and the bytes of each copy, once and for ever."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from sync.store.base import Base, Id, UtcDateTime

DIGEST = sa.String(64)
COPY_CHARS = 8
VIEWED = ("party", "stub", "thermal", "lines")


class RenderedDocument(Base):
    """What a paper says, fixed when it is first printed; every copy is made from it.

    element: of the record's `documents`. token: its name on the public page. context: what was filled in, as
    compressed JSON. sha256: of those words, as printed on the paper. made_at: the paper's own time.
    """

    __tablename__ = "rendered_document"
    __table_args__ = (
        sa.UniqueConstraint("token"),
        sa.Index(None, "record"),
        sa.CheckConstraint("length(sha256) = 64", name="sha256_length"),
    )

    element: Mapped[str] = mapped_column(Id, primary_key=True)
    record: Mapped[str] = mapped_column(Id, sa.ForeignKey("sync_record.id"))
    token: Mapped[str] = mapped_column(sa.String(24))
    type: Mapped[str] = mapped_column(sa.String(4))
    template: Mapped[str] = mapped_column(sa.String(32))
    number: Mapped[str] = mapped_column(sa.String(200))
    authority: Mapped[str] = mapped_column(sa.String(300))
    made_at: Mapped[datetime] = mapped_column(UtcDateTime)
    context: Mapped[bytes] = mapped_column(sa.LargeBinary)
    sha256: Mapped[str] = mapped_column(DIGEST)
    at: Mapped[datetime] = mapped_column(UtcDateTime)


class RenderedCopy(Base):
    """The bytes of one copy, as they were first printed; a newer typesetter changes none of them."""

    __tablename__ = "rendered_copy"
    __table_args__ = (sa.CheckConstraint("length(sha256) = 64", name="sha256_length"),)

    element: Mapped[str] = mapped_column(Id, sa.ForeignKey("rendered_document.element"), primary_key=True)
    copy: Mapped[str] = mapped_column(sa.String(COPY_CHARS), primary_key=True)
    sha256: Mapped[str] = mapped_column(DIGEST)
    pdf: Mapped[bytes] = mapped_column(sa.LargeBinary)
    at: Mapped[datetime] = mapped_column(UtcDateTime)


class DocumentView(Base):
    """This officer was given this paper. Never changed, never deleted."""

    __tablename__ = "document_view"
    __table_args__ = (
        sa.Index(None, "element", "at"),
        sa.CheckConstraint(f"kind IN ({', '.join(map(repr, VIEWED))})", name="kind_known"),
    )

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    element: Mapped[str] = mapped_column(Id)
    officer: Mapped[str] = mapped_column(Id)
    kind: Mapped[str] = mapped_column(sa.String(COPY_CHARS))
    at: Mapped[datetime] = mapped_column(UtcDateTime)

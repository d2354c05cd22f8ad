"""The tables of the look-up sets: what each holds, and since which revision."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from sync.store.base import Base, UtcDateTime


class LookupSet(Base):
    """One set. revision: grows with every change; count, sum: of the entries that stand, as a checkpoint's.

    oldest: the earliest revision from which a difference can still be told; imported_at, source: of what was
    brought from outside, where it was.
    """

    __tablename__ = "lookup_set"
    __table_args__ = (sa.CheckConstraint("oldest <= revision", name="oldest_not_ahead"),)

    name: Mapped[str] = mapped_column(sa.String(16), primary_key=True)
    revision: Mapped[int]
    oldest: Mapped[int]
    count: Mapped[int]
    sum: Mapped[str] = mapped_column(sa.String(16))
    changed_at: Mapped[datetime] = mapped_column(UtcDateTime)
    imported_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    source: Mapped[str | None] = mapped_column(sa.String(200))


class LookupEntry(Base):
    """One entry of a set: a keyed digest and a few bytes of what it says. It is gone where `removed` is set.

    added, removed: the revisions of the set that brought it and took it away.
    """

    __tablename__ = "lookup_entry"
    __table_args__ = (sa.Index(None, "name", "added"), sa.Index(None, "name", "removed"))

    name: Mapped[str] = mapped_column(sa.String(16), sa.ForeignKey("lookup_set.name"), primary_key=True)
    entry: Mapped[bytes] = mapped_column(sa.LargeBinary(16), primary_key=True)
    added: Mapped[int]
    removed: Mapped[int | None]


class LookupCode(Base):
    """What the number in an entry's last bytes stands for; a number is given once and never again."""

    __tablename__ = "lookup_code"
    __table_args__ = (sa.UniqueConstraint("name", "code"),)

    name: Mapped[str] = mapped_column(sa.String(16), sa.ForeignKey("lookup_set.name"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    code: Mapped[str] = mapped_column(sa.String(64))
    zh: Mapped[str] = mapped_column(sa.String(100))
    en: Mapped[str] = mapped_column(sa.String(100))


class WatchEntry(Base):
    """A plate that somebody looks for, as the last import brought it. reason: a code of `lists.WATCH_REASONS`."""

    __tablename__ = "watch_entry"

    plate: Mapped[str] = mapped_column(sa.String(12), primary_key=True)
    reason: Mapped[str] = mapped_column(sa.String(32), primary_key=True)
    note: Mapped[str | None] = mapped_column(sa.String(200))
    valid_to: Mapped[str | None] = mapped_column(sa.String(10))
    imported_at: Mapped[datetime] = mapped_column(UtcDateTime)

"""The tables of identity: who may ask, from which terminal, since when."""

from __future__ import annotations

from datetime import UTC, datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from sync.store.base import Base, Id, Json, UtcDateTime
from sync.store.ids import new_id

DIGEST = sa.String(64)


def _now() -> datetime:
    return datetime.now(UTC)


class Unit(Base):
    """A unit (中队), by its short code."""

    __tablename__ = "unit"

    id: Mapped[str] = mapped_column(sa.String(32), primary_key=True)
    name: Mapped[str] = mapped_column(sa.String(100))


class Officer(Base):
    """A person of the bureau; never deleted, since records name him."""

    __tablename__ = "officer"
    __table_args__ = (sa.UniqueConstraint("username"),)

    id: Mapped[str] = mapped_column(Id, primary_key=True, default=new_id)
    username: Mapped[str] = mapped_column(sa.String(64))
    password_hash: Mapped[str] = mapped_column(sa.String(200))
    name: Mapped[str] = mapped_column(sa.String(100))
    badge_no: Mapped[str] = mapped_column(sa.String(32), default="")
    roles: Mapped[list[str]] = mapped_column(Json)
    unit: Mapped[str] = mapped_column(sa.ForeignKey("unit.id"), index=True)
    units: Mapped[list[str]] = mapped_column(Json, default=list)
    grids: Mapped[list[str]] = mapped_column(Json, default=list)
    disabled_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class Terminal(Base):
    """An enrolled handheld. `number` counts enrolments; `terminal_no` is its short name inside an HLC."""

    __tablename__ = "terminal"
    __table_args__ = (
        sa.UniqueConstraint("number"),
        sa.UniqueConstraint("terminal_no"),
        sa.UniqueConstraint("public_key"),
    )

    id: Mapped[str] = mapped_column(Id, primary_key=True, default=new_id)
    number: Mapped[int]
    terminal_no: Mapped[str] = mapped_column(sa.String(16))
    public_key: Mapped[str] = mapped_column(sa.String(43))
    model: Mapped[str] = mapped_column(sa.String(100))
    app_version: Mapped[str] = mapped_column(sa.String(32))
    enrolled_at: Mapped[datetime] = mapped_column(UtcDateTime, default=_now)
    revoked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    last_seen_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class Invitation(Base):
    """An enrolment code, by its digest; `terminal` is whom it served."""

    __tablename__ = "invitation"

    code_digest: Mapped[str] = mapped_column(DIGEST, primary_key=True)
    created_by: Mapped[str] = mapped_column(sa.String(64))
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)
    public_key: Mapped[str | None] = mapped_column(sa.String(43))
    terminal: Mapped[str | None] = mapped_column(sa.ForeignKey("terminal.id"), index=True)


class SpentChallenge(Base):
    """A nonce that was used; challenges that were only asked for leave no row."""

    __tablename__ = "spent_challenge"

    nonce_digest: Mapped[str] = mapped_column(DIGEST, primary_key=True)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)


class TokenFamily(Base):
    """One sign-in on one terminal, and the generations of its token pairs.

    No token is stored: each is derived from the family, its generation and the server's secret. Where
    `next_expires_at` is set, the pair of `generation + 1` was handed out and not yet seen in use.
    """

    __tablename__ = "token_family"
    __table_args__ = (
        sa.CheckConstraint("generation >= 1", name="generation_positive"),
        sa.Index("ix_token_family_terminal_officer", "terminal", "officer"),
        sa.Index("ix_token_family_officer", "officer"),
    )

    id: Mapped[str] = mapped_column(Id, primary_key=True, default=new_id)
    terminal: Mapped[str] = mapped_column(sa.ForeignKey("terminal.id"))
    officer: Mapped[str] = mapped_column(sa.ForeignKey("officer.id"))
    generation: Mapped[int] = mapped_column(default=1)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    access_expires_at: Mapped[datetime] = mapped_column(UtcDateTime)
    next_expires_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    offline_until: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)
    revoked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    reason: Mapped[str | None] = mapped_column(sa.String(32))


class ConsoleSession(Base):
    """One sign-in at the console, by its cookie's digest."""

    __tablename__ = "console_session"

    token_digest: Mapped[str] = mapped_column(DIGEST, primary_key=True)
    officer: Mapped[str] = mapped_column(sa.ForeignKey("officer.id"), index=True)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)


class SignInAttempts(Base):
    """How often one subject tried to sign in, or had itself repaired, within its window; the subject is a digest."""

    __tablename__ = "sign_in_attempts"

    subject: Mapped[str] = mapped_column(DIGEST, primary_key=True)
    count: Mapped[int]
    window_ends_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)


class WipeOrder(Base):
    """An administrator's order to empty a terminal; at most one of a terminal is open, until it is confirmed.

    after_push: what is unsent is brought first. ordered_by: a user name.
    """

    __tablename__ = "wipe_order"
    __table_args__ = (
        sa.Index(
            "uq_wipe_order_open",
            "terminal",
            unique=True,
            sqlite_where=sa.text("confirmed_at IS NULL"),
            postgresql_where=sa.text("confirmed_at IS NULL"),
        ),
        sa.Index(None, "terminal", "ordered_at"),
    )

    id: Mapped[str] = mapped_column(Id, primary_key=True, default=new_id)
    terminal: Mapped[str] = mapped_column(sa.ForeignKey("terminal.id"))
    after_push: Mapped[bool]
    ordered_at: Mapped[datetime] = mapped_column(UtcDateTime)
    ordered_by: Mapped[str] = mapped_column(sa.String(64))
    confirmed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

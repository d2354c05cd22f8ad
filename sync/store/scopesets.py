"""Sets of scopes by their digests, so that a cursor can name one in eight bytes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, cast

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, Session, mapped_column

from sync.store.base import Base, Json
from sync.store.upsert import upsert


class ScopeSetRow(Base):
    """A set of scopes under which some terminal has pulled. Never changed: the digest is of its content."""

    __tablename__ = "sync_scope_set"

    digest: Mapped[str] = mapped_column(sa.String(16), primary_key=True)
    scopes: Mapped[Any] = mapped_column(Json)


_KNOWN = sa.select(ScopeSetRow.digest, ScopeSetRow.scopes)


def known(session: Session, digests: Iterable[bytes]) -> dict[bytes, frozenset[str]]:
    """Those of these sets that are on record."""
    names = sorted({one.hex() for one in digests})
    rows = session.execute(_KNOWN.where(ScopeSetRow.digest.in_(names)))
    return {bytes.fromhex(digest): frozenset(scopes) for digest, scopes in rows}


def add(session: Session, sets: Mapping[bytes, Iterable[str]]) -> None:
    """Put sets on record; one that is there already stays. Writes: sync_scope_set."""
    rows = [{"digest": digest.hex(), "scopes": sorted(scopes)} for digest, scopes in sorted(sets.items())]
    upsert(session, cast(sa.Table, ScopeSetRow.__table__), rows)

"""The look-up sets in the database: changed under one row's lock, told as a difference since a revision."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from field_api.casework.sets import content
from field_api.casework.sets.models import LookupCode, LookupEntry, LookupSet

NAMES = ("watch", "history", "carriers")
# What a terminal that missed more asks for whole; what is gone longer than that is forgotten.
REVISIONS_KEPT = 1_000
_PIECE = 500


@dataclass(frozen=True, slots=True)
class Difference:
    """A set at `revision`: whole where `since` is None, else what came and went since. Entries are sorted."""

    revision: int
    since: int | None
    count: int
    sum: str
    added: Sequence[bytes]
    removed: Sequence[bytes]
    codes: Sequence[tuple[int, str, str, str]]
    imported_at: datetime | None
    source: str | None


def numbers(
    session: Session, name: str, codes: Mapping[str, tuple[str, str]], now: datetime
) -> dict[str, int]:
    """The numbers of codes in a set; what has none gets the next. Locks: the set's row. Writes: lookup_code."""
    _lock(session, name, now)
    query = sa.select(LookupCode.code, LookupCode.number).where(LookupCode.name == name)
    known: dict[str, int] = {row.code: row.number for row in session.execute(query)}
    last = max(known.values(), default=0)
    for code in sorted(codes.keys() - known.keys()):
        last += 1
        zh, en = codes[code]
        session.add(LookupCode(name=name, number=last, code=code, zh=zh, en=en))
        known[code] = last
    session.flush()
    return {code: known[code] for code in codes}


def replace(session: Session, name: str, entries: Set[bytes], now: datetime, source: str) -> LookupSet:
    """Make a set hold exactly these entries, and say where they were brought from. Writes: the set."""
    held = _lock(session, name, now)
    there = _standing(session, name)
    _move(session, held, entries - there, there - entries, now)
    held.imported_at, held.source = now, source[:200]
    session.flush()
    return held


def change(session: Session, name: str, added: Set[bytes], removed: Set[bytes], now: datetime) -> None:
    """Add entries to a set and take others away; what is so already is left. Writes: the set."""
    if not added and not removed:
        return
    held = _lock(session, name, now)
    there = _standing(session, name, added | removed)
    _move(session, held, added - there, (removed - added) & there, now)


def difference(session: Session, name: str, since: int | None) -> Difference:
    """A set as a terminal that holds `since` needs it."""
    held = session.get(LookupSet, name)
    if held is None:
        return Difference(0, None, 0, _hex(0), (), (), (), None, None)
    if since is not None and not held.oldest <= since <= held.revision:
        since = None
    entry, added, removed = LookupEntry.entry, LookupEntry.added, LookupEntry.removed
    query = sa.select(entry).where(LookupEntry.name == name).order_by(entry)
    came = query.where(removed.is_(None))
    gone: Sequence[bytes] = ()
    if since is not None:
        came = came.where(added > since)
        gone = session.scalars(query.where(removed > since, added <= since)).all()
    codes = sa.select(LookupCode.number, LookupCode.code, LookupCode.zh, LookupCode.en)
    listed = session.execute(codes.where(LookupCode.name == name).order_by(LookupCode.number)).all()
    return Difference(
        held.revision,
        since,
        held.count,
        held.sum,
        session.scalars(came).all(),
        gone,
        [(row.number, row.code, row.zh, row.en) for row in listed],
        held.imported_at,
        held.source,
    )


def _lock(session: Session, name: str, now: datetime) -> LookupSet:
    """A set's row, locked, made where it is missing."""
    query = sa.select(LookupSet).where(LookupSet.name == name).with_for_update()
    held = session.scalar(query)
    if held is None:
        fresh = {"name": name, "revision": 0, "oldest": 0, "count": 0, "sum": _hex(0), "changed_at": now}
        # Another may make it just now: both then lock the one row.
        session.execute(_insert(session)(LookupSet).values(fresh).on_conflict_do_nothing())
        held = session.scalars(query).one()
    return held


def _insert(session: Session) -> Callable[..., Any]:
    return postgresql.insert if session.get_bind().dialect.name == "postgresql" else sqlite.insert


def _standing(session: Session, name: str, among: Collection[bytes] | None = None) -> set[bytes]:
    query = sa.select(LookupEntry.entry).where(LookupEntry.name == name, LookupEntry.removed.is_(None))
    if among is None:
        return set(session.scalars(query))
    asked, found = sorted(among), set[bytes]()
    for start in range(0, len(asked), _PIECE):
        found.update(session.scalars(query.where(LookupEntry.entry.in_(asked[start : start + _PIECE]))))
    return found


def _move(session: Session, held: LookupSet, came: Set[bytes], gone: Set[bytes], now: datetime) -> None:
    """Write a new revision, if anything came or went, and forget what is gone too long to be told."""
    if not came and not gone:
        return
    held.revision += 1
    held.changed_at = now
    held.count += len(came) - len(gone)
    held.sum = _hex(int(held.sum, 16) + content.total(came) - content.total(gone))
    # A terminal whose set is one revision behind must not be told that what came back is gone.
    _bring(session, held, sorted(came))
    gone_now = sorted(gone)
    for start in range(0, len(gone_now), _PIECE):
        piece = LookupEntry.entry.in_(gone_now[start : start + _PIECE])
        session.execute(
            sa.update(LookupEntry).where(LookupEntry.name == held.name, piece).values(removed=held.revision)
        )
    if held.revision - held.oldest > 2 * REVISIONS_KEPT:
        held.oldest = held.revision - REVISIONS_KEPT
        session.execute(
            sa.delete(LookupEntry).where(LookupEntry.name == held.name, LookupEntry.removed <= held.oldest)
        )
    session.flush()


def _bring(session: Session, held: LookupSet, entries: Sequence[bytes]) -> None:
    if not entries:
        return
    statement = _insert(session)(LookupEntry)
    again = {"added": statement.excluded.added, "removed": None}
    rows = [{"name": held.name, "entry": entry, "added": held.revision, "removed": None} for entry in entries]
    session.execute(statement.on_conflict_do_update(index_elements=["name", "entry"], set_=again), rows)


def _hex(value: int) -> str:
    return f"{value % 2**64:016x}"

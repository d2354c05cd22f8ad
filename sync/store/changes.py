"""Read what changed since a position, for a set of scopes; never writes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from heapq import merge
from operator import itemgetter
from typing import Any, NamedTuple

from sqlalchemy.orm import Session

from sync.store import change_queries as queries

CHUNK = 2_000


class Row(NamedTuple):
    """A record, wire-ready, with the first and the last sequence by which a page found it."""

    lane: str
    seq: int
    last: int
    since: int
    id: str
    type: str
    version: int
    body: str
    void: str | None
    parent: str | None


class Standing(NamedTuple):
    """A record as it stands. `since`: when these scopes first gained it; `seq`: its last change."""

    id: str
    since: int
    type: str
    version: int
    seq: int


def pages(session: Session, lanes: Mapping[str, tuple[Sequence[str], int]], limit: int) -> dict[str, list[Row]]:
    """Per lane, at most `limit` records by their first sequence after the position within these scopes.

    lanes: {name: (scopes, position)}. One statement, one bounded index range for each scope; a record in
    several scopes counts once.
    """
    asked = tuple((name, len(scopes)) for name, (scopes, _) in lanes.items() if scopes)
    found: dict[str, list[Row]] = {name: [] for name in lanes}
    if not asked:
        return found
    values: dict[str, Any] = {"limit": limit}
    for name, (scopes, after) in lanes.items():
        values |= {f"{name}_after": after} | _named(name, scopes)
    for row in queries.pages(asked).rows(session, **values):
        found[row[0]].append(Row._make(row))
    for rows in found.values():
        rows.sort(key=itemgetter(1))
    return found


def gained(
    session: Session, scopes: Sequence[str], kept: Sequence[str], after: int, bound: int, limit: int
) -> list[Row]:
    """Records of gained scopes with a sequence after one and up to another, but for those in kept scopes."""
    values = _named("gained", scopes) | _named("kept", kept)
    values |= {"limit": limit, "gained_after": after, "bound": bound}
    return [Row._make(row) for row in queries.gained(len(scopes), len(kept)).rows(session, **values)]


def lost(
    session: Session, scopes: Sequence[str], kept: Sequence[str], after: str, bound: int, limit: int
) -> list[tuple[str, str]]:
    """(record, type) of what these scopes had at a sequence and the kept ones have not, by id after one."""
    values = _named("lost", scopes) | _named("kept", kept) | {"limit": limit, "after": after, "bound": bound}
    return [(record, type_) for record, type_ in queries.lost(len(scopes), len(kept)).rows(session, **values)]


def lost_parents(session: Session, records: Sequence[str], scopes: Sequence[str], bound: int) -> list[tuple[str, str]]:
    """(record, type) of those above records that these scopes gained only after a sequence.

    They came early, because a child brought them along.
    """
    values = _named("lost", scopes) | {"ids": list(records), "bound": bound}
    return [(record, type_) for record, type_ in queries.lost_parents(len(scopes)).rows(session, **values)]


def parents(session: Session, ids: Iterable[str], scopes: Sequence[str], after: int) -> list[Row]:
    """Of these records those that whoever has read up to `after` has not received."""
    values = _named("scope", scopes) | {"ids": sorted(ids), "after": after}
    return [Row._make(row) for row in queries.parents(len(scopes)).rows(session, **values)]


def newest(session: Session, scope: str, record_type: str, after: int, limit: int) -> list[Row]:
    """The newest records of one type in a scope after a position, the newest first, but for voided ones."""
    values = {"scope": scope, "type": record_type, "after": after, "limit": limit}
    return [Row._make(row) for row in queries.NEWEST.rows(session, **values)]


def records(session: Session, ids: Iterable[str]) -> dict[str, Row]:
    """Records by their ids, wire-ready."""
    wanted = sorted(ids)
    if not wanted:
        return {}
    return {row.id: Row._make(row) for row in queries.RECORDS.rows(session, ids=wanted)}


def changed(session: Session, scopes: Sequence[str], after: int) -> Iterator[list[Standing]]:
    """Every record in these scopes that changed after a position, each once, in pieces of bounded size."""
    for index, scope in enumerate(scopes):
        statement = queries.changed(index, len(scopes))
        values = _named("scope", scopes) | {"own": scope, "origin": after, "after": after, "limit": CHUNK}
        while rows := statement.rows(session, **values):
            yield [Standing._make(row) for row in rows]
            values["after"] = rows[-1].seq


def standing(session: Session, scopes: Iterable[str], after: str = "") -> Iterator[Standing]:
    """Every record in these scopes, each once, by id after one; in memory are a few pieces at a time."""
    last: Standing | None = None
    for row in merge(*(_of_scope(session, scope, after) for scope in scopes), key=itemgetter(0)):
        if last is not None and last.id == row.id:
            last = last._replace(since=min(last.since, row.since))
            continue
        if last is not None:
            yield last
        last = row
    if last is not None:
        yield last


def _of_scope(session: Session, scope: str, after: str) -> Iterator[Standing]:
    while rows := queries.OF_SCOPE.rows(session, scope=scope, after=after, limit=CHUNK):
        yield from map(Standing._make, rows)
        after = rows[-1].record


def _named(prefix: str, scopes: Sequence[str]) -> dict[str, Any]:
    return {f"{prefix}_{index}": scope for index, scope in enumerate(scopes)}

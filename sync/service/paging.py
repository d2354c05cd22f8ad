"""One page of a pull under way: what is left of its room, what it holds, how far its cursor has come.

In this order: what was lost is evicted, what a repair replaces is sent again, what was gained is delivered,
what is new follows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from heapq import merge
from operator import itemgetter

import orjson
from sqlalchemy.orm import Session

from sync.engine.checkpoint import shift, term
from sync.engine.cursor import Cursor, Lane, Move, Refill, bucket, digest_of
from sync.engine.pages import parents_first
from sync.engine.values import RecordType
from sync.service.buckets import differing
from sync.store import changes, operations, scopesets
from sync.store.changes import Row, Standing

EVERYONE = ("all",)
RECORDS = "records"
# Characters of bodies: no terminal takes an answer of any size, and a page stands in memory whole.
URGENT_LIMIT = 20
MAX_PAGE_TEXT = 4 * 1024 * 1024
Above = Callable[[Iterable[str]], Iterable[Row]]


class CursorExpired(Exception):
    """It was made for another officer, terminal or epoch."""


@dataclass(frozen=True, slots=True)
class Reader:
    """Who pulls. `scopes`: what he may hold now; `masked`: parts of bodies that he may not see.

    urgent: (scope, type) of records whose newest come at the head of a page that does not hold all.
    """

    terminal: str
    officer: str
    scopes: tuple[str, ...]
    masked: bool
    urgent: tuple[tuple[str, str], ...] = ()


class Building:
    """A page, built step by step; `cursor` moves along, `more` says that room ran out."""

    def __init__(
        self,
        session: Session,
        types: Mapping[str, RecordType],
        reader: Reader,
        cursor: Cursor,
        lanes: Sequence[str],
        room: int,
    ) -> None:
        self.pieces: list[bytes] = []
        self.more = False
        self._session = session
        self._types = types
        self._reader = reader
        self._cursor = cursor
        self._lanes = lanes
        self._room = room
        self._text = 0
        self._own = digest_of(reader.scopes)
        self._sets: dict[bytes, frozenset[str]] = {self._own: frozenset(reader.scopes)}
        self._on_record: set[bytes] = set()
        self._start = cursor.lanes[RECORDS].position

    def trust_sets(self) -> None:
        """The cursor came from a terminal: what it names was put on record before it was sent."""
        self._on_record |= _named(self._cursor)

    def new_sets(self) -> dict[bytes, frozenset[str]]:
        """The sets that the cursor names now and that are not on record."""
        missing = _named(self._cursor) - self._on_record
        if missing:
            missing -= scopesets.known(self._session, missing).keys()
        return {digest: self._sets[digest] for digest in missing}

    def begin_repair(self, sums: Sequence[int]) -> list[int]:
        """Find the buckets that differ, unless the cursor is in the middle of a repair; they are replaced.

        What differs is judged by the scopes of today, so a change of them that was under way is done with it.
        """
        cursor, lane = self._cursor, self._cursor.lanes[RECORDS]
        if cursor.refill is not None:
            return []
        if RECORDS in self._lanes and (cursor.move is not None or cursor.held != self._own):
            cursor.held, cursor.move = self._own, None
            lane.recount()
        known = {name: (self._scopes(name), cursor.lanes[name].position) for name in self._lanes}
        cursor.refill = Refill(differing(self._session, known, sums))
        return sorted(cursor.refill.buckets)

    def fill(self) -> None:
        """Put into the page what there is room for."""
        if RECORDS in self._lanes:
            self._turn()
        moving = self._cursor.move is not None and RECORDS in self._lanes
        if moving and not self._evict():
            return
        if self._cursor.refill is not None and not self._cursor.refill.done and not self._refill():
            return
        if not moving:
            self._follow(self._lanes)
        elif self._follow([name for name in self._lanes if name != RECORDS]) and self._gain():
            self._follow([RECORDS])

    def lead(self) -> None:
        """Put at the head what is urgent and would come on a later page only; it comes again there, which is harmless.

        Asked of pages that are cut alone: whoever is up to date pays nothing.
        """
        if not self.more or RECORDS not in self._lanes:
            return
        cursor = self._cursor
        is_plain = cursor.move is None and cursor.refill is None
        after = cursor.lanes[RECORDS].position if is_plain else 0
        start = self._start if is_plain else 0
        rest, self.pieces = self.pieces, []
        for scope, record_type in self._reader.urgent:
            rows = changes.newest(self._session, scope, record_type, after, URGENT_LIMIT)
            self._put(rows, self._parents(self._reader.scopes, start))
        self.pieces += rest

    def _scopes(self, lane: str) -> tuple[str, ...]:
        return self._reader.scopes if lane == RECORDS else EVERYONE

    def _turn(self) -> None:
        """Notice that the reader's scopes are not those for which the cursor stood.

        A change in the middle of another keeps what both have, and evicts of all that may have been sent.
        """
        cursor = self._cursor
        if cursor.move is None and cursor.held == self._own:
            return
        found = scopesets.known(self._session, _named(cursor))
        if found.keys() != _named(cursor):
            raise CursorExpired
        self._sets |= found
        if (cursor.move.target if cursor.move else cursor.held) == self._own:
            return
        if not cursor.lanes[RECORDS].position:
            cursor.held, cursor.move = self._own, None
            return
        kept = self._sets[cursor.held] & self._sets[self._own]
        known = self._sets[cursor.held] | self._sets[self._own]
        if cursor.move is not None:
            known |= self._sets[cursor.move.known]
        cursor.held = self._named_set(kept)
        cursor.move = Move(self._own, self._named_set(known))

    def _named_set(self, scopes: frozenset[str]) -> bytes:
        digest = digest_of(scopes)
        self._sets[digest] = scopes
        return digest

    def _evict(self) -> bool:
        """Take back what no scope of the reader's has any more; says whether that is all."""
        move, bound = self._cursor.move, self._cursor.lanes[RECORDS].position
        if move is None or not move.evicting:
            return True
        gone = sorted(self._sets[move.known] - self._sets[self._own])
        if gone:
            kept = self._reader.scopes
            found = changes.lost(self._session, gone, kept, move.after, bound, self._room + 1)
            cut, found = len(found) > self._room, found[: self._room]
            ids = [record for record, _ in found]
            above = changes.lost_parents(self._session, ids, gone, bound) if ids else []
            self.pieces += [_evicted(record, type_) for record, type_ in dict.fromkeys([*found, *above])]
            self._room -= len(found)
            if cut:
                self.more, move.after = True, ids[-1] if ids else move.after
                return False
        move.evicting = False
        return True

    def _gain(self) -> bool:
        """Deliver what was there before its scope was gained; says whether that is all."""
        move, lane = self._cursor.move, self._cursor.lanes[RECORDS]
        if move is None:
            return True
        kept = self._sets[self._cursor.held]
        fresh = sorted(self._sets[self._own] - kept)
        if fresh:
            found = changes.gained(
                self._session, fresh, sorted(kept), move.behind, lane.position, self._room + 1
            )
            rows, cut = self._fitting(found)
            self._put(rows, self._parents(self._reader.scopes, move.behind))
            if rows:
                move.behind = rows[-1].seq
            if cut:
                return False
        self._cursor.held, self._cursor.move = move.target, None
        lane.recount()
        return True

    def _refill(self) -> bool:
        """Send the buckets that are replaced, by id; says whether that is all."""
        refill = self._cursor.refill
        if refill is None:
            return True
        ids: list[str] = []
        for row in self._standing(refill.after) if refill.buckets else ():
            if bucket(row.id) in refill.buckets:
                if len(ids) == self._room:
                    self.more = True
                    break
                ids.append(row.id)
        found = changes.records(self._session, ids)
        rows, _ = self._fitting([found[record] for record in ids])
        self._put(
            rows,
            lambda above: changes.records(
                self._session, (one for one in above if bucket(one) in refill.buckets)
            ).values(),
        )
        if rows:
            refill.after = rows[-1].id
        refill.done = not self.more
        return refill.done

    def _standing(self, after: str) -> Iterable[Standing]:
        """What the terminal must have at its positions, by id; what came after them follows by itself."""
        return merge(*(self._standing_in(name, after) for name in self._lanes), key=itemgetter(0))

    def _standing_in(self, name: str, after: str) -> Iterable[Standing]:
        bound = self._cursor.lanes[name].position
        return (row for row in changes.standing(self._session, self._scopes(name), after) if row.since <= bound)

    def _follow(self, names: Sequence[str]) -> bool:
        """Go on from each lane's position; at its end the checkpoint moves along."""
        start = {name: self._cursor.lanes[name].position for name in names}
        asked = {name: (self._scopes(name), start[name]) for name in names}
        found = changes.pages(self._session, asked, self._room + 1)
        for name in names:
            lane, scopes, after = self._cursor.lanes[name], *asked[name]
            rows, cut = self._fitting(found[name])
            self._put(rows, self._parents(scopes, after))
            if rows:
                lane.position = rows[-1].seq
            if cut:
                return False
            lane.position = max((row.last for row in rows), default=lane.position)
            if lane.position > lane.origin:
                whole = after == lane.origin
                _settle(self._session, lane, [rows] if whole else changes.changed(self._session, scopes, lane.origin))
        return True

    def _fitting(self, rows: Sequence[Row]) -> tuple[Sequence[Row], bool]:
        """Those for which there is room, at least one on a page; and whether others are left."""
        count = 0
        for row in rows[: self._room]:
            if self._text and self._text + len(row.body) > MAX_PAGE_TEXT:
                break
            self._text += len(row.body)
            count += 1
        cut = count < len(rows)
        self.more |= cut
        self._room -= count
        return rows[:count], cut

    def _parents(self, scopes: Sequence[str], after: int) -> Above:
        return lambda ids: changes.parents(self._session, ids, scopes, after)

    def _put(self, rows: Sequence[Row], above: Above) -> None:
        """Add records; one whose parent comes later brings it along."""
        found = {row.id: row for row in rows}
        fresh: Iterable[Row] = rows
        while missing := {row.parent for row in fresh if row.parent is not None} - found.keys():
            fresh = list(above(missing))
            found |= {row.id: row for row in fresh}
        order = parents_first([row.id for row in rows], {row.id: row.parent for row in found.values()})
        self.pieces += [_change(found[record], self._types, self._reader.masked) for record in order]


def _named(cursor: Cursor) -> set[bytes]:
    move = cursor.move
    return {cursor.held, move.target, move.known} if move else {cursor.held}


def _settle(session: Session, lane: Lane, pieces: Iterable[Sequence[Row | Standing]]) -> None:
    """Move the checkpoint from `origin` to the end that was just reached: O(what changed between)."""
    for rows in pieces:
        had = [row.id for row in rows if row.since <= lane.origin]
        before = operations.versions_at(session, had, lane.origin) if had else {}
        plus = sum(term(row.type, row.id, row.version) for row in rows)
        minus = sum(term(row.type, row.id, before[row.id]) for row in rows if row.id in before)
        lane.count += len(rows) - len(before)
        lane.sum = shift(lane.sum, plus=plus, minus=minus)
    lane.origin = lane.position


def _evicted(record: str, record_type: str) -> bytes:
    return f'{{"action":"evict","type":"{record_type}","record":"{record}"}}'.encode()


def _change(row: Row, types: Mapping[str, RecordType], masked: bool) -> bytes:
    head = f'"type":"{row.type}","record":"{row.id}","version":{row.version}'
    if row.void is not None:
        return f'{{"action":"void",{head},"reason":'.encode() + orjson.dumps(row.void) + b"}"
    hidden = types[row.type].masked if masked else ()
    if not hidden:
        return f'{{"action":"put",{head},"body":{row.body}}}'.encode()
    body = orjson.loads(row.body)
    for path in hidden:
        name, _, part = path.partition(".")
        if isinstance(body.get(name), dict):
            body[name].pop(part, None)
    tail = orjson.dumps({"body": body, "masked": hidden})
    return f'{{"action":"put",{head},'.encode() + tail[1:]

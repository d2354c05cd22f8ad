"""Where a terminal's copy differs from what it must be: 256 sums against those of the server."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice

from sqlalchemy.orm import Session

from sync.engine.checkpoint import shift, term
from sync.engine.cursor import BUCKETS, bucket
from sync.store import changes, operations
from sync.store.changes import Standing

_PIECE = 2_000


def differing(
    session: Session, lanes: Mapping[str, tuple[Sequence[str], int]], sums: Sequence[int]
) -> frozenset[int]:
    """The buckets whose sum is neither what held at the positions nor what holds now.

    lanes: {name: (scopes, position)}. Both will do, since a terminal knows the versions that its own edits got
    before it pulls them. In memory are a few pieces at a time, however much is held.
    """
    then, now = [0] * BUCKETS, [0] * BUCKETS
    for scopes, position in lanes.values():
        rows = changes.standing(session, scopes)
        for piece in _pieces(rows):
            _add(session, piece, position, then, now)
    return frozenset(number for number in range(BUCKETS) if sums[number] not in (then[number], now[number]))


def _pieces(rows: Iterator[Standing]) -> Iterator[list[Standing]]:
    while piece := list(islice(rows, _PIECE)):
        yield piece


def _add(session: Session, rows: Sequence[Standing], position: int, then: list[int], now: list[int]) -> None:
    moved = [row.id for row in rows if row.since <= position < row.seq]
    before = operations.versions_at(session, moved, position) if moved else {}
    for row in rows:
        number = bucket(row.id)
        value = term(row.type, row.id, row.version)
        now[number] = shift(now[number], plus=value)
        if row.since <= position:
            old = before.get(row.id, row.version)
            then[number] = shift(then[number], plus=value if old == row.version else term(row.type, row.id, old))

"""Load, lock and save records, and the audience that may hold them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Any, cast

import orjson
import sqlalchemy as sa
from sqlalchemy.orm import Session

from sync.engine.values import Record, Stamp
from sync.store.prepared import Prepared, among
from sync.store.tables import AudienceRow, RecordRow
from sync.store.upsert import insert, upsert


@dataclass(slots=True)
class Held:
    """A record in hand: as it stands, and where it belongs."""

    record: Record
    family: str
    parent: str | None


def load(session: Session, ids: Iterable[str]) -> dict[str, Held]:
    """Load records by id and lock them with the roots of their families, in sorted order.

    Sorted, because two batches that lock the same records in different orders wait for each other for ever.
    Locks: the rows, on PostgreSQL; on SQLite the transaction holds the whole database already.
    """
    wanted = set(ids)
    if not wanted:
        return {}
    if session.get_bind().dialect.name == "postgresql":
        wanted |= {row[0] for row in _ROOTS.rows(session, ids=wanted)}
    return {row[0]: _held(row) for row in _LOAD.rows(session, ids=wanted)}


def _held(row: Any) -> Held:
    id_, type_, version, family, parent, body, stamps, void = row
    return Held(Record(id_, type_, version, orjson.loads(body), unpack_stamps(stamps), void), family, parent)


_ROOTS = Prepared(lambda dialect: sa.select(RecordRow.family).where(among(RecordRow.id, "ids", dialect)))
_LOAD = Prepared(
    lambda dialect: sa.select(
        RecordRow.id,
        RecordRow.type,
        RecordRow.version,
        RecordRow.family,
        RecordRow.parent,
        RecordRow.body,
        RecordRow.stamps,
        RecordRow.void,
    )
    .where(among(RecordRow.id, "ids", dialect))
    .order_by(RecordRow.id)
    .with_for_update()
)
_AUDIENCES = Prepared(
    lambda dialect: sa.select(AudienceRow.family, AudienceRow.scope)
    .where(among(AudienceRow.family, "families", dialect))
    .distinct()
)
_MEMBERS = Prepared(
    lambda dialect: sa.select(RecordRow.family, RecordRow.id).where(among(RecordRow.family, "families", dialect))
)


def save(session: Session, held: Sequence[Held], seqs: Sequence[int], new: Set[str]) -> None:
    """Write records with their change sequences. Writes: sync_record.

    new: those that were not there when they were loaded. They are inserted, not replaced: whoever created one
    of them meanwhile must not be overwritten.

    Raises:
        IntegrityError: somebody did.
    """
    rows = [
        {
            "id": one.record.id,
            "type": one.record.type,
            "version": one.record.version,
            "seq": seq,
            "family": one.family,
            "parent": one.parent,
            "body": orjson.dumps(one.record.body).decode(),
            "stamps": pack_stamps(one.record.stamps),
            "void": one.record.void,
        }
        for one, seq in zip(held, seqs, strict=True)
    ]
    table = cast(sa.Table, RecordRow.__table__)
    insert(session, table, [row for row in rows if row["id"] in new])
    standing = [row for row in rows if row["id"] not in new]
    upsert(session, table, standing, keep=frozenset({"type", "family", "parent"}))


def audiences(session: Session, families: Iterable[str]) -> dict[str, set[str]]:
    """The scopes that each family has."""
    wanted = set(families)
    found: dict[str, set[str]] = defaultdict(set)
    if wanted:
        for row in _AUDIENCES.rows(session, families=wanted):
            found[row[0]].add(row[1])
    return found


def members(session: Session, families: Iterable[str]) -> dict[str, list[str]]:
    """The records of each family."""
    wanted = set(families)
    found: dict[str, list[str]] = defaultdict(list)
    if wanted:
        for row in _MEMBERS.rows(session, families=wanted):
            found[row[0]].append(row[1])
    return found


def publish(session: Session, rows: Sequence[Mapping[str, Any]]) -> None:
    """Show records to scopes: rows of scope, record, family, seq, since. Writes: sync_audience."""
    upsert(session, cast(sa.Table, AudienceRow.__table__), rows, keep=frozenset({"since", "family"}))


def pack_stamps(stamps: Mapping[str, Stamp]) -> str:
    """Write stamps as JSON, each distinct one once: most fields of a record share theirs."""
    # By identity: an operation gives all it sets one stamp, and hashing each by its values took longer than the rest.
    places: dict[int, int] = {}
    packed: list[list[Any]] = []
    fields: dict[str, int] = {}
    for name, one in stamps.items():
        place = places.get(id(one))
        if place is None:
            place = places[id(one)] = len(packed)
            packed.append(
                [one.version, one.store, one.hlc, one.supervisor, one.officer, one.at, one.operation, one.number]
            )
        fields[name] = place
    return orjson.dumps([packed, fields]).decode()


def unpack_stamps(text: str) -> dict[str, Stamp]:
    packed, fields = orjson.loads(text)
    distinct = [Stamp(*one) for one in packed]
    return {name: distinct[index] for name, index in fields.items()}

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
from sync.store.tables import AudienceRow, RecordRow
from sync.store.upsert import upsert


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
    table = RecordRow
    if session.get_bind().dialect.name == "postgresql":
        roots = session.scalars(sa.select(table.family).where(table.id.in_(wanted)))
        query = sa.select(table).where(table.id.in_(wanted | set(roots))).order_by(table.id).with_for_update()
    else:
        query = sa.select(table).where(table.id.in_(wanted))
    rows = session.execute(query.with_only_columns(*table.__table__.columns)).all()
    return {row.id: _held(row) for row in rows}


def _held(row: Any) -> Held:
    record = Record(
        row.id, row.type, row.version, orjson.loads(row.body), unpack_stamps(row.stamps), row.void
    )
    return Held(record, row.family, row.parent)


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
    fresh = [row for row in rows if row["id"] in new]
    if fresh:
        session.execute(sa.insert(table), fresh)
    standing = [row for row in rows if row["id"] not in new]
    upsert(session, table, standing, keep=frozenset({"type", "family", "parent"}))


def audiences(session: Session, families: Iterable[str]) -> dict[str, set[str]]:
    """The scopes that each family has."""
    wanted = set(families)
    found: dict[str, set[str]] = defaultdict(set)
    if wanted:
        query = sa.select(AudienceRow.family, AudienceRow.scope).where(AudienceRow.family.in_(wanted)).distinct()
        for family, scope in session.execute(query):
            found[family].add(scope)
    return found


def members(session: Session, families: Iterable[str]) -> dict[str, list[str]]:
    """The records of each family."""
    wanted = set(families)
    found: dict[str, list[str]] = defaultdict(list)
    if wanted:
        query = sa.select(RecordRow.family, RecordRow.id).where(RecordRow.family.in_(wanted))
        for family, record in session.execute(query):
            found[family].append(record)
    return found


def publish(session: Session, rows: Sequence[Mapping[str, Any]]) -> None:
    """Show records to scopes: rows of scope, record, family, seq, since. Writes: sync_audience."""
    upsert(session, cast(sa.Table, AudienceRow.__table__), rows, keep=frozenset({"since", "family"}))


def pack_stamps(stamps: Mapping[str, Stamp]) -> str:
    """Write stamps as JSON, each distinct one once: most fields of a record share theirs."""
    distinct: dict[Stamp, int] = {}
    fields = {name: distinct.setdefault(stamp, len(distinct)) for name, stamp in stamps.items()}
    packed = [
        [one.version, one.store, one.hlc, one.supervisor, one.officer, one.at, one.operation] for one in distinct
    ]
    return orjson.dumps([packed, fields]).decode()


def unpack_stamps(text: str) -> dict[str, Stamp]:
    packed, fields = orjson.loads(text)
    distinct = [Stamp(*one) for one in packed]
    return {name: distinct[index] for name, index in fields.items()}

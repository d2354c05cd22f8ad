"""The inbox: every operation that arrived, what became of it, and the history it makes."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, cast

import orjson
import rfc8785
import sqlalchemy as sa
from sqlalchemy.orm import Session

from sync.engine.values import SERVER_STORE
from sync.store import upsert as upserting
from sync.store.prepared import Prepared, among
from sync.store.tables import ConflictRow, OperationRow
from sync.store.upsert import upsert

# What orjson writes otherwise than RFC 8785 wants it, or what no database holds as text; each is looked for in the
# bytes at hand, which takes a tenth of a walk through the value. A hit that only looks like one costs that walk.
# Each begins with a letter, which the search jumps to; one that begins with a class tries every byte.
_EXPONENT = re.compile(rb"e[-+]?[0-9]+(?:[,}\]]|$)")
_WHOLE_FLOAT = re.compile(rb"\.0(?:[,}\]]|$)")
_LONG_NAME = re.compile(rb'"[^"]{65,}+":')  # a name's length bounds the answer that points at it
_OPTIONS = orjson.OPT_SORT_KEYS | orjson.OPT_STRICT_INTEGER


def plain(value: Any) -> bytes | None:
    """Canonical JSON by the fast writer; None where it might differ, or might hold what cannot be kept."""
    try:
        written = orjson.dumps(value, option=_OPTIONS)
    except TypeError:  # a lone surrogate, an integer beyond 2^53, more than 254 levels
        return None
    if b"\\u0000" in written or any(form.search(written) for form in (_EXPONENT, _WHOLE_FLOAT, _LONG_NAME)):
        return None
    return written if written.isascii() or _sorts_alike(written.decode()) else None


def _sorts_alike(text: str) -> bool:
    """Say whether names go by UTF-16 units as they go by bytes; beyond the basic plane they need not."""
    return len(text.encode("utf-16-le")) == 2 * len(text)


def canonical(value: Any) -> bytes:
    """Canonical JSON, RFC 8785.

    Raises:
        ValueError: the value holds what JSON text cannot (a lone surrogate, an integer beyond 2^53).
    """
    try:
        return plain(value) or rfc8785.dumps(value)
    except (rfc8785.CanonicalizationError, UnicodeEncodeError, RecursionError) as error:
        raise ValueError(str(error)) from None


def digest(payload: bytes) -> str:
    """SHA-256 in lower-case hex."""
    return hashlib.sha256(payload).hexdigest()


def known(session: Session, ids: Iterable[str]) -> dict[str, Any]:
    """The rows of those operations that arrived before: id, payload_sha256, outcome, version, seen, result."""
    wanted = set(ids)
    if not wanted:
        return {}
    return {row.id: row for row in _KNOWN.rows(session, ids=wanted)}


_KNOWN = Prepared(
    lambda dialect: sa.select(
        OperationRow.id,
        OperationRow.record,
        OperationRow.store,
        OperationRow.payload_sha256,
        OperationRow.outcome,
        OperationRow.version,
        OperationRow.seen,
        OperationRow.result,
    ).where(among(OperationRow.id, "ids", dialect))
)


def insert(session: Session, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write operations. Writes: sync_operation."""
    upserting.insert(session, cast(sa.Table, OperationRow.__table__), rows)


_REVISED = frozenset({"seen", "outcome", "version", "seq", "result", "changed", "context", "problem"})
_AS_IT_CAME = frozenset(column.name for column in OperationRow.__table__.columns) - _REVISED


def revise(session: Session, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write what became of operations that were tried again; as they came they stay. Writes: sync_operation."""
    upsert(session, cast(sa.Table, OperationRow.__table__), rows, keep=_AS_IT_CAME)


def others_wrote(session: Session, record: str, *, after: int, column: str, own: str) -> bool:
    """Say whether anyone but `own` (of the column `store` or `officer`) and the server changed a record since."""
    query = sa.select(OperationRow.id).where(
        OperationRow.record == record,
        OperationRow.version > after,
        OperationRow.seq.is_not(None),
        OperationRow.store != SERVER_STORE,
        getattr(OperationRow, column) != own,
    )
    return session.scalar(query.limit(1)) is not None


def value_at(session: Session, record: str, field: str, version: int) -> tuple[bool, Any]:
    """The value that a field had at a version: (whether the history knows it, the value).

    The first effective change after that version holds the old value.
    """
    query = (
        sa.select(OperationRow.changed)
        .where(OperationRow.record == record, OperationRow.version > version, OperationRow.seq.is_not(None))
        .order_by(OperationRow.version)
    )
    for changed in session.scalars(query):
        if changed and field in changed:
            return True, changed[field][0]
    return False, None


_VERSIONS_AT = Prepared(
    lambda dialect: sa.select(OperationRow.record, sa.func.max(OperationRow.version))
    .where(among(OperationRow.record, "ids", dialect), OperationRow.seq <= sa.bindparam("seq"))
    .group_by(OperationRow.record)
)


def versions_at(session: Session, records: Sequence[str], seq: int) -> dict[str, int]:
    """The version that each record had when the change sequence stood at `seq`."""
    found: dict[str, int] = {}
    for start in range(0, len(records), 5_000):
        rows = _VERSIONS_AT.rows(session, ids=records[start : start + 5_000], seq=seq)
        found |= {record: version for record, version in rows if version is not None}
    return found


def add_conflicts(session: Session, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write conflicts. Writes: sync_conflict."""
    if rows:
        session.execute(sa.insert(cast(sa.Table, ConflictRow.__table__)), list(rows))


def dump(value: Any) -> str:
    """JSON text as it is stored and sent."""
    return orjson.dumps(value).decode()


def quarantined(session: Session, limit: int, after: datetime | None = None) -> Sequence[Any]:
    """What waits in quarantine, oldest first."""
    query = sa.select(OperationRow).where(OperationRow.outcome == "quarantined")
    if after is not None:
        query = query.where(OperationRow.received_at > after)
    columns = OperationRow.__table__.columns
    return session.execute(
        query.with_only_columns(*columns).order_by(OperationRow.received_at, OperationRow.id).limit(limit)
    ).all()

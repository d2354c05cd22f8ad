"""Blocks of document numbers as the tests ask for them, and a server that forgets what its backup did not hold."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from field_api.casework.block_tables import DecisionNumber, NumberBlock, NumberGap, NumberSeries
from field_api.casework.series import written
from sync.store.ids import new_id
from sync.store.tables import Sequence
from tests.integration.field import Terminal
from tests.integration.people import Bureau

KIND = "D07.city_bureau"
# Children before parents.
TABLES = (DecisionNumber, NumberBlock, NumberGap, NumberSeries)


def ask(own: Terminal, count: int = 5, kind: str = KIND, **more: Any) -> TestResponse:
    body = {"id": new_id(), "kind": kind, "count": count, "store": own.store} | more
    return own.handheld.post("/number-blocks", body, headers=own.handheld.bearer)


def leased(own: Terminal, count: int = 5, kind: str = KIND, **more: Any) -> dict[str, Any]:
    answer = ask(own, count, kind, **more)
    assert answer.status_code in (200, 201), answer.text
    return dict(answer.json)


def give_back(own: Terminal, block: str, used: list[int], **voided: str) -> TestResponse:
    """Account for a block; voided: reasons by `n<number>`."""
    listed = [{"number": int(name[1:]), "reason": reason} for name, reason in voided.items()]
    path = f"/number-blocks/{block}/return"
    return own.handheld.post(path, {"used": used, "voided": listed}, headers=own.handheld.bearer)


def decide(own: Terminal, number: str, type_: str = "D03", case: str | None = None) -> tuple[str, list[dict[str, Any]]]:
    """Push a document with a number, of a new case where none is named; gives the case and the results."""
    operations = []
    if case is None:
        operations.append(own.create("case"))
        case = operations[0]["record"]
    operations.append(own.append("case", case, "documents", type=type_, number=number))
    return case, own.done(*operations)


def text(block: dict[str, Any], number: int) -> str:
    return written(block["prefix"], number)


class Backup:
    """What a backup holds of the numbers; `restore` puts it back, under another epoch."""

    def __init__(self, bureau: Bureau) -> None:
        self._bureau = bureau
        self._rows: dict[Any, list[dict[str, Any]]] = bureau.change(self._read)

    def _read(self, session: Session) -> dict[Any, list[dict[str, Any]]]:
        return {
            table: [dict(row) for row in session.execute(sa.select(*table.__table__.columns)).mappings()]
            for table in TABLES
        }

    def restore(self) -> None:
        def write(session: Session) -> None:
            for table in TABLES:
                session.execute(sa.delete(table))
            for table in reversed(TABLES):
                if self._rows[table]:
                    session.execute(sa.insert(table), self._rows[table])
            session.execute(sa.update(Sequence).values(epoch=new_id()))

        self._bureau.change(write)

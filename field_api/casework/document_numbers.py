"""The numbers that documents bear: noted as they arrive, and judged; never refused, since what is served is served.

Rule R10. These are the numbers printed on documents; the numbers that a store gives its operations are sync's.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

import orjson
import sqlalchemy as sa
from sqlalchemy.orm import Session

from field_api import alerts
from field_api.casework.block_tables import (
    FREE,
    USED,
    VOIDED,
    DecisionNumber,
    NumberBlock,
    NumberGap,
    NumberSeries,
)
from field_api.casework.series import NUMBERED, began, ceiling, read, year_of
from sync.service.home import Change
from sync.store import sequence
from sync.store.tables import OperationRow
from sync.store.upsert import upsert

RULE = "R10"
ALERT = "document_number"
# Why a number is not one that this document may bear. Source: R10; 处罚法 52.
FINDINGS: Mapping[str, tuple[str, str]] = {
    "unknown": ("文书编号不是本系统发放的", "the number is not one of ours"),
    "beyond_block": ("文书编号超出已领号段", "the number lies beyond every block that was leased"),
    "other_terminal": ("文书编号属于另一终端的号段", "the number is of another terminal's block"),
    "other_store": ("文书编号属于本终端的另一本地库", "the number is of a block of another store of this terminal"),
    "reused": ("文书编号已用于另一文书", "another document bears the number"),
    "voided": ("文书编号已作废", "the number was reported as void"),
    "returned": ("文书编号已作为未用交回", "the number was returned as unused"),
}


@dataclass(frozen=True, slots=True)
class Written:
    """A number as it stands on a document. document: the element's id; type: of the document, where it is known."""

    document: str
    number: str
    type: str | None = None


@dataclass(frozen=True, slots=True)
class NumberFinding:
    """Why a document may not bear its number: a key of `FINDINGS`."""

    document: str
    number: str
    code: str

    @property
    def rule(self) -> str:
        return RULE

    @property
    def words(self) -> tuple[str, str]:
        return FINDINGS[self.code]


def number_findings(
    session: Session, numbers: Iterable[Written], terminal: str | None, store: str | None
) -> list[NumberFinding]:
    """Judge the numbers of documents that one store of a terminal wrote; the same before and after they are noted.

    A number that the server skipped at a restore has no finding: its block may be leased by what it forgot.
    """
    found: list[NumberFinding] = []
    seen: dict[tuple[str, int], str] = {}
    for one in numbers:
        place = read(one.number)
        if place is None:
            code = "unknown" if one.type in NUMBERED else None
        else:
            first = seen.setdefault(place, one.document)
            code = "reused" if first != one.document else _code(session, place, one, terminal, store)
        if code is not None:
            found.append(NumberFinding(one.document, one.number, code))
    return found


def _code(
    session: Session, place: tuple[str, int], one: Written, terminal: str | None, store: str | None
) -> str | None:
    prefix, number = place
    rows = session.execute(
        sa.select(DecisionNumber.document, DecisionNumber.state).where(
            DecisionNumber.prefix == prefix, DecisionNumber.number == number
        )
    ).all()
    if any(row.document not in ("", one.document) for row in rows):
        return "reused"
    block = _block(session, prefix, number)
    if block is None:
        return None if _is_skipped(session, prefix, number) else _stray(session, prefix, one)
    if block.terminal != terminal:
        return "other_terminal"
    if block.store is not None and block.store != store:
        return "other_store"
    told = {row.state for row in rows if not row.document}
    return "voided" if VOIDED in told else "returned" if FREE in told else None


def _stray(session: Session, prefix: str, one: Written) -> str | None:
    """A number in no block: of a series of ours, or of nobody's; a slip may bear what its writer likes."""
    known = session.scalar(sa.select(NumberBlock.id).where(NumberBlock.prefix == prefix).limit(1))
    if known is not None:
        return "beyond_block"
    return "unknown" if one.type in NUMBERED else None


def _block(session: Session, prefix: str, number: int) -> NumberBlock | None:
    query = sa.select(NumberBlock).where(
        NumberBlock.prefix == prefix, NumberBlock.first <= number, NumberBlock.last >= number
    )
    return session.scalars(query).first()


def _is_skipped(session: Session, prefix: str, number: int) -> bool:
    """Say whether a restored server skipped a number, or is about to: its series has not been asked for since."""
    if not sequence.is_restored(session):
        return False
    epoch = sequence.epoch(session)
    counted = session.execute(
        sa.select(NumberSeries.value, NumberSeries.epoch).where(NumberSeries.prefix == prefix)
    ).one_or_none()
    if counted is None or counted.epoch != epoch:
        first = counted.value if counted is not None else 0
        return first < number <= ceiling(year_of(prefix), began(epoch))
    query = sa.select(NumberGap.first).where(
        NumberGap.prefix == prefix, NumberGap.first <= number, NumberGap.last >= number
    )
    return session.scalars(query).first() is not None


def record(session: Session, changes: Sequence[Change], now: datetime) -> None:
    """Note the numbers that came with documents, each with its case, document, terminal and what is wrong with it.

    Reads whose they are from the inbox, where their operations stand by now. Writes: decision_number, alert.
    """
    for change in changes:
        if change.after.type != "case":
            continue
        before = change.before.body.get("documents") if change.before else None
        documents = change.after.body.get("documents")
        if documents is before or documents == before:
            continue
        known = {one["id"] for one in before or ()}
        fresh = [one for one in documents or () if one["id"] not in known and one.get("number")]
        if fresh:
            _record(session, change, fresh, now)


def _record(session: Session, change: Change, fresh: Sequence[Mapping[str, Any]], now: datetime) -> None:
    authors = _authors(session, change)
    for one in fresh:
        author = authors.get(one["id"])
        terminal, store = (author.terminal, author.store) if author is not None else (None, None)
        asked = Written(one["id"], one["number"], one.get("type"))
        findings = number_findings(session, [asked], terminal, store)
        code = findings[0].code if findings else None
        place = read(one["number"])
        if place is not None:
            _note(session, change.after.id, one, place, (terminal, store), code, now)
        if code is not None:
            _tell(session, change, one["number"], code, terminal, now)


def _note(
    session: Session,
    case: str,
    element: Mapping[str, Any],
    place: tuple[str, int],
    whose: tuple[str | None, str | None],
    code: str | None,
    now: datetime,
) -> None:
    row = {"prefix": place[0], "number": place[1], "document": element["id"], "state": USED, "reason": None}
    row |= {"case": case, "terminal": whose[0], "store": whose[1], "officer": element.get("by")}
    upsert(session, cast(sa.Table, DecisionNumber.__table__), [row | {"finding": code, "noted_at": now}])


def _authors(session: Session, change: Change) -> dict[str, Any]:
    """The operations that appended to this case just now, by the element that each brought."""
    seen = change.before.version if change.before else 0
    query = sa.select(OperationRow.terminal, OperationRow.store, OperationRow.payload).where(
        OperationRow.record == change.after.id, OperationRow.version > seen, OperationRow.action == "append"
    )
    return {
        item["id"]: row
        for row in session.execute(query)
        if isinstance(item := orjson.loads(row.payload).get("item"), dict) and isinstance(item.get("id"), str)
    }


def _tell(session: Session, change: Change, number: str, code: str, terminal: str | None, now: datetime) -> None:
    unit, subject = change.after.body.get("unit"), terminal or change.after.id
    detail = {"rule": RULE, "why": code, "case": change.after.id} | ({"terminal": terminal} if terminal else {})
    alerts.happened(session, alerts.Finding(ALERT, subject, unit, detail=detail), [number], now)

"""What became of every number, to the last one: the account of a block, and of a whole series.

Each number of a block is exactly one of: `used`, by a document that came or by its terminal's word; `voided`, with a
reason; `free`, returned unused and never given out again; `open`, still in its terminal's hands; `missing`, where
nobody will say any more: the block expired or was closed by a person, or its terminal was revoked.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from field_api.auth.identity import Identity
from field_api.auth.tables import Terminal
from field_api.casework.block_tables import (
    DECLARED,
    FREE,
    USED,
    VOIDED,
    DecisionNumber,
    NumberBlock,
    NumberGap,
    NumberSeries,
)
from field_api.problems import Problem

LIST_LIMIT = 200
READERS = ("supervisor", "legal", "admin", "auditor")
FATES = ("used", "voided", "free", "open", "missing")
Range = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Account:
    """One block's numbers by their fate. block: its row. state: `open`, `closed`, `expired` or `revoked`.

    fates: ranges of numbers for each of `FATES`. voided: number and reason. documents: number, case, document and
    finding of what came. findings: how many of those may not bear their number.
    """

    block: sa.Row[Any]
    terminal_no: str
    state: str
    fates: Mapping[str, tuple[Range, ...]]
    voided: tuple[tuple[int, str], ...]
    documents: tuple[Mapping[str, Any], ...]

    def count(self, fate: str) -> int:
        return sum(last - first + 1 for first, last in self.fates[fate])

    @property
    def findings(self) -> int:
        return sum(1 for one in self.documents if one["finding"])


@dataclass(frozen=True, slots=True)
class SeriesAccount:
    """A whole series: its blocks in their order, what was skipped, and used numbers that no block holds."""

    prefix: str
    value: int
    blocks: tuple[Account, ...]
    skipped: tuple[Range, ...]
    strays: tuple[int, ...] = field(default=())


def accounts(
    session: Session,
    identity: Identity | None,
    now: datetime,
    *,
    prefix: str | None = None,
    block: str | None = None,
    limit: int | None = LIST_LIMIT,
) -> list[Account]:
    """The blocks of a person's units, the newest first, each to its last number; identity None: all there are.

    Raises:
        Problem: not_permitted.
    """
    columns = (*NumberBlock.__table__.columns, Terminal.terminal_no, Terminal.revoked_at)
    query = sa.select(*columns).join(Terminal, Terminal.id == NumberBlock.terminal)
    if identity is not None:
        identity.require(*READERS)
        if "admin" not in identity.roles:
            query = query.where(NumberBlock.unit.in_(identity.units))
    if prefix is not None:
        query = query.where(NumberBlock.prefix == prefix)
    if block is not None:
        query = query.where(NumberBlock.id == block)
    found = session.execute(query.order_by(NumberBlock.leased_at.desc(), NumberBlock.id.desc()).limit(limit)).all()
    return [_account(session, row, now) for row in found]


def series_accounts(session: Session, now: datetime) -> list[SeriesAccount]:
    """Every series whole: what its blocks, its skipped numbers and its strays come to, up to the last number."""
    found = []
    for row in session.scalars(sa.select(NumberSeries).order_by(NumberSeries.prefix)):
        blocks = sorted(
            accounts(session, None, now, prefix=row.prefix, limit=None), key=lambda one: one.block.first
        )
        held = [(one.block.first, one.block.last) for one in blocks]
        gaps = session.execute(sa.select(NumberGap.first, NumberGap.last).where(NumberGap.prefix == row.prefix))
        # What a terminal brought back lies within what was skipped.
        skipped = [piece for gap in gaps for piece in without((gap.first, gap.last), held)]
        used = session.scalars(sa.select(DecisionNumber.number).where(DecisionNumber.prefix == row.prefix))
        strays = sorted({one for one in used if not any(first <= one <= last for first, last in held)})
        found.append(SeriesAccount(row.prefix, row.value, tuple(blocks), tuple(sorted(skipped)), tuple(strays)))
    return found


def close_lost(session: Session, identity: Identity | None, block: str, reason: str, now: datetime) -> None:
    """Note that nobody will account for a block any more, and why; its terminal still may. Locks, writes: the block.

    Raises:
        Problem: not_permitted, not_found.
    """
    if identity is not None:
        identity.require("supervisor", "legal", "admin")
    query = sa.select(NumberBlock).where(NumberBlock.id == block).with_for_update()
    row: NumberBlock | None = session.scalar(query)
    if row is None or not (identity is None or "admin" in identity.roles or row.unit in identity.units):
        raise Problem("not_found")
    if row.closed_at is None:
        row.closed_at, row.reason = now, reason
    session.flush()


def _account(session: Session, block: sa.Row[Any], now: datetime) -> Account:
    query = sa.select(DecisionNumber).where(
        DecisionNumber.prefix == block.prefix, DecisionNumber.number.between(block.first, block.last)
    )
    rows = session.scalars(query.order_by(DecisionNumber.number, DecisionNumber.document)).all()
    state = _state(block, now)
    fates = _fates(block, rows, "open" if state == "open" else "missing")
    voided = {one.number: one.reason or "" for one in rows if one.state == VOIDED}
    used = {one.number for one in rows if one.state == USED}
    return Account(
        block,
        block.terminal_no,
        state,
        {fate: ranges(number for number, own in fates.items() if own == fate) for fate in FATES},
        tuple((number, reason) for number, reason in voided.items() if number not in used),
        tuple(
            {"number": one.number, "case": one.case, "document": one.document, "finding": one.finding}
            for one in rows
            if one.state == USED
        ),
    )


def _state(block: sa.Row[Any], now: datetime) -> str:
    if block.closed_at is not None:
        return "closed"
    if block.revoked_at is not None:
        return "revoked"
    return "expired" if block.expires_at <= now else "open"


def _fates(block: sa.Row[Any], rows: Sequence[DecisionNumber], silent: str) -> dict[int, str]:
    """Every number's one fate; a document that came outranks whatever its terminal said."""
    fates = dict.fromkeys(range(block.first, block.last + 1), silent)
    for state, fate in ((FREE, "free"), (VOIDED, "voided"), (DECLARED, "used"), (USED, "used")):
        fates |= {one.number: fate for one in rows if one.state == state}
    return fates


def ranges(numbers: Iterable[int]) -> tuple[Range, ...]:
    """Whole ranges of numbers, in their order."""
    ordered = sorted(numbers)
    if not ordered:
        return ()
    breaks = [(one, two) for one, two in pairwise(ordered) if two != one + 1]
    starts, ends = [ordered[0], *(two for _, two in breaks)], [*(one for one, _ in breaks), ordered[-1]]
    return tuple(zip(starts, ends, strict=True))


def without(whole: Range, taken: Iterable[Range]) -> list[Range]:
    """What is left of a range without others."""
    left, at = [], whole[0]
    for first, last in sorted(taken):
        if last < at or first > whole[1]:
            continue
        if first > at:
            left.append((at, first - 1))
        at = last + 1
    return [*left, (at, whole[1])] if at <= whole[1] else left


def wire(account: Account) -> dict[str, Any]:
    """A block's account as the interface gives it."""
    block = account.block
    names = ("kind", "prefix", "terminal", "store", "officer", "unit", "leased_at", "expires_at", "closed_at", "reason")
    told = {"block": block.id, "first": block.first, "last": block.last, "terminal_no": account.terminal_no}
    told |= {name: getattr(block, name) for name in names} | {"state": account.state}
    told |= {fate: [list(one) for one in account.fates[fate]] for fate in FATES if fate != "voided"}
    told["voided"] = [{"number": number, "reason": reason} for number, reason in account.voided]
    return told | {"documents": [dict(one) for one in account.documents]}

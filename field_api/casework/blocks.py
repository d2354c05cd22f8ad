"""Blocks of document numbers: leased online, used offline by one store of one terminal, accounted for at the end.

No two blocks share a number, in any life of the database: a series is counted under a lock, never gives a number
out twice, free ones neither, and goes on beyond whatever it may have forgotten after a restore. ADR 35.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast

import orjson
import sqlalchemy as sa
from sqlalchemy.orm import Session

from field_api.auth.identity import Identity
from field_api.auth.keys import Keys
from field_api.auth.tables import Terminal
from field_api.casework import leases
from field_api.casework.block_tables import (
    DECLARED,
    FREE,
    VOIDED,
    DecisionNumber,
    NumberBlock,
    NumberGap,
    NumberSeries,
)
from field_api.casework.leases import Lease
from field_api.casework.series import Series, began, ceiling, read_kind, year_ends
from field_api.problems import Problem
from sync.store import sequence
from sync.store.ids import new_id
from sync.store.upsert import upsert

MAX_COUNT = 100
# What a terminal may hold of one series without having accounted for it.
MAX_HELD = 400
TTL = timedelta(days=90)
SUPERSEDED = "never received: the terminal holds another block under this request"
_TOO_SOON = "此系列编号刚启用或刚恢复，请稍候 · this series was opened or restored just now"
_LEASERS: Mapping[str, tuple[str, ...]] = {
    "city_bureau": ("officer", "supervisor", "legal"),
    "traffic_police": ("liaison",),
}


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a terminal asks for. id: its own name of the request. lease: of a block that it brings back."""

    id: str
    kind: str
    count: int
    store: str | None = None
    lease: str | None = None


@dataclass(frozen=True, slots=True)
class Returned:
    """How a terminal accounts for a block; what is in neither list was never used."""

    used: tuple[int, ...]
    voided: tuple[tuple[int, str], ...]


def lease(
    session: Session, identity: Identity, keys: Keys, words: Mapping[str, str], wanted: Wanted, now: datetime
) -> tuple[NumberBlock, bool]:
    """Give a terminal a block of numbers, and say whether it is a new one; the same request gives the same block.

    A request with a lease is of a terminal that may know more than this server, which was restored perhaps.
    Locks: the terminal, the series. Writes: number_series, number_gap, number_block.

    Raises:
        Problem: not_permitted, invalid_field, operation_id_reused, numbers_unaccounted, lease_invalid, unavailable.
    """
    terminal = _terminal(session, identity)
    if wanted.lease is not None:
        return _adopt(session, identity, keys, terminal, wanted, now)
    known = session.scalars(
        sa.select(NumberBlock).where(NumberBlock.request == wanted.id).order_by(NumberBlock.leased_at.desc())
    ).first()
    if known is not None:
        return _repeated(known, terminal, wanted), False
    series = read_kind(wanted.kind, now)
    if series is None:
        raise Problem("invalid_field", errors=[_error("/kind", "not_in_list", "没有这种文书编号 · no such series")])
    identity.require(*_LEASERS[series.subject])
    _bound(session, terminal, series, wanted.count, now)
    return _new(session, identity, keys, words, terminal, series, wanted, now), True


def give_back(session: Session, identity: Identity, block: str, account: Returned, now: datetime) -> NumberBlock:
    """Close a block by its terminal's account; the same account again changes nothing.

    A number that came with a document counts as used, whatever the account says of it.
    Locks: the block. Writes: number_block, decision_number.

    Raises:
        Problem: not_found, invalid_field, block_closed.
    """
    own = sa.select(NumberBlock).where(NumberBlock.id == block, NumberBlock.terminal == identity.terminal)
    row: NumberBlock | None = session.scalar(own.with_for_update())
    if row is None:
        raise Problem("not_found")
    _check(row, account)
    digest = hashlib.sha256(orjson.dumps([sorted(account.used), sorted(account.voided)])).hexdigest()
    if row.closed_at is not None and row.account_sha256 == digest:
        return row
    if row.account_sha256 is not None:
        raise Problem("block_closed")
    _write_account(session, row, account, now)
    row.closed_at, row.account_sha256 = now, digest
    session.flush()
    return row


def _terminal(session: Session, identity: Identity) -> Terminal:
    """The caller's terminal, locked: its requests come one at a time."""
    row = session.get(Terminal, identity.terminal, with_for_update=True) if identity.terminal else None
    if row is None:
        raise Problem("not_permitted")
    return row


def _repeated(known: NumberBlock, terminal: Terminal, wanted: Wanted) -> NumberBlock:
    """The block that this request was given before."""
    asked = read_kind(wanted.kind, known.leased_at)
    same = (terminal.id, wanted.count, wanted.store) == (known.terminal, known.last - known.first + 1, known.store)
    if not same or asked is None or asked.kind != known.kind:
        raise Problem("operation_id_reused")
    return known


def _bound(session: Session, terminal: Terminal, series: Series, count: int, now: datetime) -> None:
    """Refuse a terminal that holds enough which nobody has accounted for."""
    size = sa.func.coalesce(sa.func.sum(NumberBlock.last - NumberBlock.first + 1), 0)
    held = session.scalar(
        sa.select(size).where(
            NumberBlock.terminal == terminal.id,
            NumberBlock.kind == series.kind,
            NumberBlock.closed_at.is_(None),
            NumberBlock.expires_at > now,
        )
    )
    if int(held or 0) + count > MAX_HELD:
        raise Problem("numbers_unaccounted")


def _new(
    session: Session,
    identity: Identity,
    keys: Keys,
    words: Mapping[str, str],
    terminal: Terminal,
    series: Series,
    wanted: Wanted,
    now: datetime,
) -> NumberBlock:
    prefix = series.prefix(words)
    last = _counted(session, prefix, series.year, wanted.count, now)
    leased = Lease(
        block=new_id(),
        request=wanted.id,
        kind=series.kind,
        prefix=prefix,
        first=last - wanted.count + 1,
        last=last,
        key=terminal.public_key,
        store=wanted.store,
        leased_at=now,
        expires_at=min(now + TTL, year_ends(series.year)),
    )
    return _keep(session, identity, leased, leases.sign(leased, keys), None)


def _counted(session: Session, prefix: str, year: int, count: int, now: datetime) -> int:
    """Take the next numbers of a series; gives the last of them. Locks: the series."""
    series = _series(session, prefix, year, now)
    left_s = series.value + count - ceiling(year, now)
    if left_s > 0:
        raise Problem("unavailable", _TOO_SOON, retry_after_s=left_s)
    series.value += count
    session.flush()
    return series.value


def _series(session: Session, prefix: str, year: int, now: datetime) -> NumberSeries:
    """A series, locked, and beyond all that an earlier life of this database can have given out."""
    epoch = sequence.epoch(session)
    # Made without an epoch of ours, so that a new one in a restored database skips ahead like a known one.
    born = "" if sequence.is_restored(session) else epoch
    row = {"prefix": prefix, "year": year, "value": 0, "epoch": born}
    upsert(session, cast(sa.Table, NumberSeries.__table__), [row], keep=frozenset({"value", "epoch"}))
    query = sa.select(NumberSeries).where(NumberSeries.prefix == prefix).with_for_update()
    series = session.scalars(query.execution_options(populate_existing=True)).one()
    if series.epoch != epoch:
        beyond = max(series.value, ceiling(year, min(began(epoch), now)))
        if beyond > series.value:
            session.add(
                NumberGap(prefix=prefix, first=series.value + 1, last=beyond, epoch=epoch, skipped_at=now)
            )
        series.value, series.epoch = beyond, epoch
        session.flush()
    return series


def _keep(
    session: Session, identity: Identity, leased: Lease, token: str, adopted_at: datetime | None
) -> NumberBlock:
    row = NumberBlock(
        id=leased.block,
        request=leased.request,
        kind=leased.kind,
        prefix=leased.prefix,
        first=leased.first,
        last=leased.last,
        terminal=cast(str, identity.terminal),
        store=leased.store,
        officer=identity.officer,
        unit=identity.unit,
        lease=token,
        leased_at=leased.leased_at,
        expires_at=leased.expires_at,
        adopted_at=adopted_at,
    )
    session.add(row)
    session.flush()
    return row


def _adopt(
    session: Session, identity: Identity, keys: Keys, terminal: Terminal, wanted: Wanted, now: datetime
) -> tuple[NumberBlock, bool]:
    """Take up again a block whose lease a terminal presents, and that a restored server may not know."""
    leased = leases.opened(cast(str, wanted.lease), keys)
    if leased is None or leased.key != terminal.public_key or not _is_asked(leased, wanted):
        raise Problem("lease_invalid")
    known = session.get(NumberBlock, leased.block, with_for_update=True)
    if known is not None:
        return known, False
    series = _series(session, leased.prefix, _year(leased.kind), now)
    if _overlaps(session, leased):
        raise Problem("lease_invalid")
    if leased.last > series.value:
        gap = NumberGap(prefix=leased.prefix, first=series.value + 1, last=leased.last, epoch=series.epoch)
        gap.skipped_at = now
        session.add(gap)
        series.value = leased.last
    _supersede(session, leased, now)
    return _keep(session, identity, leased, cast(str, wanted.lease), now), True


def _is_asked(leased: Lease, wanted: Wanted) -> bool:
    """Say whether a lease is the answer to this request; the kind may have been asked for without its year."""
    same = (leased.request, leased.last - leased.first + 1) == (wanted.id, wanted.count)
    return same and wanted.kind in (leased.kind, leased.kind.rpartition(".")[0])


def _year(kind: str) -> int:
    return int(kind.rpartition(".")[2])


def _overlaps(session: Session, leased: Lease) -> bool:
    query = sa.select(NumberBlock.id).where(
        NumberBlock.prefix == leased.prefix, NumberBlock.first <= leased.last, NumberBlock.last >= leased.first
    )
    return session.scalars(query).first() is not None


def _supersede(session: Session, leased: Lease, now: datetime) -> None:
    """Close what a late repeat of the same request was given by a server that had forgotten the answer."""
    query = sa.select(NumberBlock).where(NumberBlock.request == leased.request, NumberBlock.closed_at.is_(None))
    for row in session.scalars(query.with_for_update()):
        _write_account(session, row, Returned((), ()), now)
        row.closed_at, row.reason = now, SUPERSEDED


def _check(row: NumberBlock, account: Returned) -> None:
    """Raise invalid_field for a number that is not of this block, or stands in the account twice."""
    told = [*(("used", one) for one in account.used), *(("voided", one) for one, _ in account.voided)]
    seen: set[int] = set()
    for name, number in told:
        if not row.first <= number <= row.last:
            wrong = _error(f"/{name}", "out_of_range", f"{number} 不在此号段 · not of this block")
            raise Problem("invalid_field", errors=[wrong])
        if number in seen:
            raise Problem("invalid_field", errors=[_error(f"/{name}", "invalid", f"{number} 重复 · stands twice")])
        seen.add(number)


def _write_account(session: Session, row: NumberBlock, account: Returned, now: datetime) -> None:
    reasons = dict(account.voided)
    known: dict[str, Any] = {"prefix": row.prefix, "document": "", "case": None, "terminal": row.terminal}
    known |= {"store": row.store, "officer": row.officer, "finding": None, "noted_at": now}
    said = [
        known | {"number": number, "state": _state(number, account.used, reasons), "reason": reasons.get(number)}
        for number in range(row.first, row.last + 1)
    ]
    upsert(session, cast(sa.Table, DecisionNumber.__table__), said)


def _state(number: int, used: Sequence[int], reasons: Mapping[int, str]) -> str:
    return VOIDED if number in reasons else DECLARED if number in used else FREE


def _error(pointer: str, code: str, message: str) -> dict[str, str]:
    return {"pointer": pointer, "code": code, "message": message}


def wire(row: NumberBlock) -> dict[str, Any]:
    """A block as its terminal gets it."""
    named = {"block": row.id, "kind": row.kind, "prefix": row.prefix, "first": row.first, "last": row.last}
    return named | {"expires_at": row.expires_at, "lease": row.lease}

"""What waits, and for whom: the values that an alert is set on, read from the database when they are asked for.

All but the photos' size look only at what is unfinished, by an index; a value is kept for a few seconds, so that
however often somebody asks, the database is asked seldom.
"""

from __future__ import annotations

import base64
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import sqlalchemy as sa
from sqlalchemy.orm import Session, aliased

from field_api import alerts
from field_api.alerts import Alert
from field_api.auth.tables import Terminal
from field_api.casework import delivery, evidence
from field_api.extensions import services
from field_api.metrics import Gauge, register_gauge
from media.tables import Blob
from sync.store.outbox import OutboxRow
from sync.store.tables import ConflictRow, OperationRow, ReceiptRow, StoreRow

KINDS = (delivery.KIND, evidence.DERIVE)
# What is done or cancelled is history, and grows for ever.
STATES = ("waiting", "running", "held", "refused")
FRESH_S = 5.0
SILENT_FRESH_S = 60.0
# The one value that reads a whole table.
BLOBS_FRESH_S = 600.0
# As text: with bound values a database cannot know that its index of open operations suffices.
OPEN = sa.text("sync_operation.outcome IN ('quarantined', 'parked')")
_NOT_SENT = frozenset({"retry", "parked", "quarantined"})

Values = Iterator[tuple[Sequence[str], float]]


def register() -> None:
    """Have all of them served at `/metrics`."""
    for name, words, labels, read, fresh_s in (
        ("outbox_rows", "Outbox rows that are not done", ("kind", "state"), _rows, FRESH_S),
        ("outbox_due_seconds", "How long the oldest row has been due", ("kind",), _oldest_due, FRESH_S),
        ("conflicts_open", "Conflicts that wait for a person", (), _conflicts, FRESH_S),
        ("operations_open", "Operations that are kept unapplied", ("outcome",), _operations, FRESH_S),
        ("terminals_silent", "Terminals long unheard of that hold unsent work", (), _silent, SILENT_FRESH_S),
        ("alerts_open", "Alerts that are not over", ("kind",), _alerts, FRESH_S),
        ("blob_bytes", "Bytes of all stored originals", (), _blob_bytes, BLOBS_FRESH_S),
        ("data_free_bytes", "Free bytes of the data folder's disk", (), _free, FRESH_S),
        ("data_size_bytes", "Size of the data folder's disk", (), _size, FRESH_S),
    ):
        register_gauge(Gauge(f"fieldpost_{name}", words, labels, read, fresh_s))


def _rows(session: Session) -> Values:
    query = (
        sa.select(OutboxRow.kind, OutboxRow.state, sa.func.count())
        .where(OutboxRow.state.in_(STATES))
        .group_by(OutboxRow.kind, OutboxRow.state)
    )
    found = {(kind, state): count for kind, state, count in session.execute(query)}
    # A series that is absent while there is nothing to count cannot be told from one that is broken.
    for kind in KINDS:
        for state in STATES:
            yield (kind, state), float(found.get((kind, state), 0))


def _oldest_due(session: Session) -> Values:
    now = datetime.now(UTC)
    query = (
        sa.select(OutboxRow.kind, sa.func.min(OutboxRow.due_at))
        .where(OutboxRow.state.in_(("waiting", "running")), OutboxRow.due_at <= now)
        .group_by(OutboxRow.kind)
    )
    oldest: dict[str, datetime] = {row[0]: row[1] for row in session.execute(query)}
    for kind in KINDS:
        yield (kind,), (now - oldest.get(kind, now)).total_seconds()


def _conflicts(session: Session) -> Values:
    query = sa.select(sa.func.count()).select_from(ConflictRow).where(ConflictRow.state == "open")
    yield (), float(session.scalar(query) or 0)


def _operations(session: Session) -> Values:
    query = sa.select(OperationRow.outcome, sa.func.count()).where(OPEN).group_by(OperationRow.outcome)
    found = {row[0]: row[1] for row in session.execute(query)}
    for outcome in ("quarantined", "parked"):
        yield (outcome,), float(found.get(outcome, 0))


def _silent(session: Session) -> Values:
    yield (), float(len(silent(session, services().config.silent_after_s, datetime.now(UTC))))


@dataclass(frozen=True, slots=True)
class Silent:
    """A terminal that has been silent for long, and how many operations it must still hold."""

    terminal: str
    terminal_no: str
    last_seen_at: datetime
    unsent: int


def silent(session: Session, silent_after_s: float, now: datetime) -> list[Silent]:
    """Terminals that are not revoked, by their newest store: an older one's work went with it."""
    before = now - timedelta(seconds=silent_after_s)
    newer = aliased(StoreRow)
    superseded = sa.exists().where(
        newer.terminal == StoreRow.terminal, newer.last_seen_at > StoreRow.last_seen_at
    )
    query = (
        sa.select(
            StoreRow.id, StoreRow.terminal, StoreRow.last_seen_at, StoreRow.health, ReceiptRow.jws, Terminal.terminal_no
        )
        .join(Terminal, Terminal.id == StoreRow.terminal)
        .outerjoin(ReceiptRow, ReceiptRow.sha256 == StoreRow.last_receipt_sha256)
        .where(StoreRow.last_seen_at < before, Terminal.revoked_at.is_(None), ~superseded)
    )
    here = _here(session)
    found = [
        Silent(row.terminal, row.terminal_no, row.last_seen_at, unsent(row.health, row.jws, here.get(row.id, 0)))
        for row in session.execute(query)
    ]
    return [one for one in found if one.unsent]


def _here(session: Session) -> dict[str, int]:
    """How many operations of each store are kept here though the terminal still counts them as pending."""
    query = sa.select(OperationRow.store, sa.func.count()).where(OPEN).group_by(OperationRow.store)
    return {row[0]: row[1] for row in session.execute(query)}


def unsent(health: Any, receipt: str | None, here: int) -> int:
    """How many operations a terminal must still hold, by what it told in its last push and what came of that.

    here: how many of its store's are kept here unapplied, which it counts as pending too.
    """
    return max(0, pending(health) - _sent(receipt) - here)


def pending(health: Any) -> int:
    """What a terminal said of its queue before its last push, that push's own operations among it."""
    told = health.get("pending") if isinstance(health, dict) else None
    return told if isinstance(told, int) else 0


def _sent(receipt: str | None) -> int:
    """How many operations the answer to that push took off the queue."""
    if receipt is None:
        return 0
    payload = receipt.split(".")[1]
    results = orjson.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))["results"]
    return sum(outcome not in _NOT_SENT for _, _, _, outcome, *_ in results)


def _alerts(session: Session) -> Values:
    query = (
        sa.select(Alert.kind, sa.func.count()).where(Alert.cleared_at.is_(None)).group_by(Alert.kind)
    )
    found = {row[0]: row[1] for row in session.execute(query)}
    for kind in alerts.KINDS:
        yield (kind,), float(found.get(kind, 0))


def _blob_bytes(session: Session) -> Values:
    yield (), float(session.scalar(sa.select(sa.func.sum(Blob.size))) or 0)


def _free(_session: Session) -> Values:
    yield (), float(shutil.disk_usage(services().config.data).free)


def _size(_session: Session) -> Values:
    yield (), float(shutil.disk_usage(services().config.data).total)

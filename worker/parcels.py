"""One delivery from claim to end: short transactions around outbound work that holds none."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import orjson
import structlog
from sqlalchemy.orm import Session

from field_api.casework import delivery
from field_api.config import Config
from field_api.extensions import utc_now
from field_api.transactions import write
from media.blobs import Blobs
from media.errors import BlobMissing
from sync.service.home import Home
from sync.store import outbox
from sync.store.outbox import OutboxRow
from worker.centre import SLOWEST_UPLOAD_BYTES_PER_S, CentreClient, Delivered, Later, Refused
from worker.pauses import pause_s

EVIDENCE_MISSING = "evidence_missing"
_log = structlog.get_logger("fieldpost.worker")


class Overtaken(Exception):
    """The row was cancelled or claimed anew while this attempt ran; it must send no more."""


@dataclass(frozen=True, slots=True)
class Carrier:
    """Takes rows of the outbox to one centre."""

    session: Session
    home: Home
    config: Config
    blobs: Blobs
    client: CentreClient
    now: Callable[[], datetime] = utc_now
    pause: Callable[[float, int, float | None], float] = pause_s

    def carry(self, row: str) -> None:
        """Deliver a row if it is due and its turn. Writes: outbox, case, in transactions of its own."""
        claimed = write(self.session, lambda: self._claim(row))
        if claimed is None:
            _log.info("delivery not due", row=row)
            return
        try:
            outcome = self._send(claimed)
        except Overtaken:
            write(self.session, lambda: outbox.let_go(self.session, row, claimed.attempts))
            _log.info("delivery overtaken", row=row, case=claimed.subject, version=claimed.version)
            return
        write(self.session, lambda: self._conclude(claimed, outcome))
        self._tell(claimed, outcome)

    def _claim(self, row: str) -> OutboxRow | None:
        config = self.config
        return delivery.claim(
            self.session,
            self.home,
            row,
            self.now(),
            lease_s=config.lease_s,
            pause_s=config.retry_base_s,
            attempts=config.delivery_attempts,
        )

    def _send(self, row: OutboxRow) -> Delivered | Refused | Later:
        """Send evidence, then the case; a centre that misses evidence gets all of it once more."""
        parcel: dict[str, Any] = orjson.loads(row.payload or "{}")
        outcome: Delivered | Refused | Later = Later("")
        for again in (False, True):
            fault = self._send_evidence(row, parcel, again=again)
            if fault is not None:
                return fault
            self._hold(row, self.config.centre_timeout_s)
            outcome = self.client.deliver(parcel, row.key)
            if not (isinstance(outcome, Refused) and outcome.code == EVIDENCE_MISSING):
                return outcome
        # No unit can correct what is ours to send.
        return Later("中心收到证据后仍说缺少 / The centre misses evidence that it was sent")

    def _send_evidence(self, row: OutboxRow, parcel: dict[str, Any], *, again: bool) -> Later | None:
        for piece in parcel.get("evidence", ()):
            digest, size = piece["sha256"], piece["size"]
            self._hold(row, self.config.centre_timeout_s)
            if not again and self.client.has_evidence(digest):
                continue
            try:
                path = self.blobs.path(digest)
            except BlobMissing:
                return Later(f"证据原件不在本机，请管理员查看 / Evidence {digest[:12]} is not on our disk")
            self._hold(row, self.config.centre_timeout_s + size / SLOWEST_UPLOAD_BYTES_PER_S)
            answer = self.client.put_evidence(digest, path, piece["media_type"], size)
            if isinstance(answer, Later):
                return answer
        return None

    def _hold(self, row: OutboxRow, needed_s: float) -> None:
        """Keep the row for the length of one more call. Raises: Overtaken."""
        until = self.now() + timedelta(seconds=self.config.lease_s + needed_s)
        if not write(self.session, lambda: outbox.renew(self.session, row.id, row.attempts, until)):
            raise Overtaken

    def _conclude(self, row: OutboxRow, outcome: Delivered | Refused | Later) -> None:
        session, config, now = self.session, self.config, self.now()
        if isinstance(outcome, Delivered):
            delivery.delivered(session, self.home, row, outcome.task_number, now)
        elif isinstance(outcome, Refused):
            delivery.refused(session, self.home, row, outcome.message or outcome.code, now)
        else:
            pause = self.pause(config.retry_base_s, row.attempts, outcome.retry_after_s)
            delivery.failed(
                session,
                self.home,
                row,
                outcome.reason,
                now,
                pause_s=pause,
                attempts=config.delivery_attempts,
                counts=not outcome.retry_after_s,
            )
        outbox.let_go(session, row.id, row.attempts)

    def _tell(self, row: OutboxRow, outcome: Delivered | Refused | Later) -> None:
        words = {"row": row.id, "case": row.subject, "version": row.version, "attempt": row.attempts}
        if isinstance(outcome, Delivered):
            _log.info("delivered", **words, task_number=outcome.task_number)
        elif isinstance(outcome, Refused):
            _log.info("refused by the centre", **words, code=outcome.code)
        else:
            _log.warning("delivery failed", **words, reason=outcome.reason)

"""Looks for rows that are due and has RQ wake a worker for each; keeps nothing that it could lose.

What it remembers only spares the queue: a row that waits there is not put there again every second. When
Redis was away, was flushed or came back without its last second, everything due is put there anew.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import redis
import sqlalchemy as sa
import structlog
from flask import Flask
from rq import Queue

from field_api.casework import delivery, evidence
from field_api.extensions import db, services
from field_api.problems import Problem
from field_api.transactions import read, write
from media.uploads import Limits, Uploads
from sync.store import outbox
from worker.jobs import blobs_of, centre_of

QUEUES = {evidence.DERIVE: "fieldpost-derive", delivery.KIND: "fieldpost-deliver"}
FUNCTIONS = {evidence.DERIVE: "worker.jobs.derive", delivery.KIND: "worker.jobs.deliver"}
# A job longer than this is cut; what it has sent so far is skipped by the next attempt.
TIMEOUTS_S = {evidence.DERIVE: 300, delivery.KIND: 3600}
SERIALIZER = "json"
AGAIN_S = 60.0
FAILURES_KEPT_S = 24 * 3600
SWEEP_S = 60.0
LONGEST_PAUSE_S = 10.0
_log = structlog.get_logger("fieldpost.relay")


class Relay:
    """One loop; `stop` ends it. Safe to run twice beside each other: rows are claimed, not handed out."""

    def __init__(self, app: Flask, connection: redis.Redis, stop: threading.Event) -> None:
        self._app = app
        self._redis = connection
        self._stop = stop
        self._queues = {
            kind: Queue(name, connection=connection, serializer=SERIALIZER) for kind, name in QUEUES.items()
        }
        # By row and due time, which every claim, pause and release changes: when, and as which job.
        self._sent: dict[tuple[str, datetime], tuple[float, str]] = {}
        self._mark = f"fieldpost:relay:{secrets.token_hex(8)}"
        self._kinds = self._known_kinds()
        self._swept_s = -SWEEP_S

    def run(self) -> None:
        """Look again and again until told to stop; with growing pauses while something is away."""
        failures = 0
        with self._app.app_context():
            interval_s = services().config.relay_interval_s
            while not self._stop.is_set():
                failures = 0 if self._survive("relay", self._look) else failures + 1
                self._sweep()
                self._stop.wait(min(interval_s * 2 ** min(failures, 16), max(interval_s, LONGEST_PAUSE_S)))

    def _known_kinds(self) -> tuple[str, ...]:
        with self._app.app_context():
            client = centre_of(services().config)
        if client is None:
            _log.warning("no centre to deliver to; deliveries wait")
            return (evidence.DERIVE,)
        client.close()
        return (evidence.DERIVE, delivery.KIND)

    def _survive(self, what: str, work: Callable[[], None]) -> bool:
        """Do a part of the work; say whether it came to its end."""
        try:
            work()
        except redis.RedisError as error:
            self._sent.clear()
            _log.warning("Redis is away", at=what, error=type(error).__name__)
        except (sa.exc.SQLAlchemyError, Problem) as error:
            _log.warning("the database is away", at=what, error=type(error).__name__)
        except OSError as error:
            _log.warning("the disk or the line failed", at=what, error=type(error).__name__)
        else:
            return True
        finally:
            db.session.remove()
        return False

    def _look(self) -> None:
        session, now = db.session(), datetime.now(UTC)
        rows = read(session, lambda: outbox.due(session, now, self._kinds))
        if not rows:
            self._sent.clear()
            return
        self._notice_a_flush()
        due = {(row.id, row.due_at) for row in rows}
        self._sent = {key: value for key, value in self._sent.items() if key in due}
        for row in rows:
            if self._stop.is_set():
                return
            self._wake(row)

    def _notice_a_flush(self) -> None:
        """Forget what was put into a Redis that has forgotten it itself."""
        if not self._redis.exists(self._mark):
            self._sent.clear()
            self._redis.set(self._mark, "1", ex=timedelta(days=1))

    def _wake(self, row: Any) -> None:
        key, now_s = (row.id, row.due_at), time.monotonic()
        at_s, job = self._sent.get(key, (None, ""))
        if at_s is not None and now_s - at_s < AGAIN_S:
            return
        queue = self._queues[row.kind]
        if at_s is None or not _still_waits(queue, job):
            job = f"{row.id}-{row.attempts}-{secrets.token_hex(4)}"
            queue.enqueue_call(
                FUNCTIONS[row.kind],
                args=[row.id, row.request_id or secrets.token_hex(8)],
                timeout=TIMEOUTS_S[row.kind],
                result_ttl=0,
                failure_ttl=FAILURES_KEPT_S,
                description=f"{row.kind} {row.id}",
                job_id=job,
                unique=True,
            )
            _log.info("woken", kind=row.kind, row=row.id, attempts=row.attempts, request_id=row.request_id)
        self._sent[key] = now_s, job

    def _sweep(self) -> None:
        """Now and then end uploads that were never finished, and drop their bytes."""
        if time.monotonic() - self._swept_s >= SWEEP_S:
            self._swept_s = time.monotonic()
            self._survive("sweep", self._expire_uploads)

    def _expire_uploads(self) -> None:
        config, session = services().config, db.session()
        limits = Limits(config.upload_limit_bytes, timedelta(seconds=config.upload_ttl_s))
        uploads = Uploads(config.data / "uploads", blobs_of(config), lambda: datetime.now(UTC), limits)
        ended: Sequence[str] = write(session, lambda: uploads.expire(session, datetime.now(UTC)))
        orphans: Sequence[str] = read(session, lambda: uploads.orphans(session))
        uploads.discard((*ended, *orphans))


def _still_waits(queue: Queue, job: str) -> bool:
    return queue.get_job_position(job) is not None

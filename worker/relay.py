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
from field_api.casework.uploads import settle
from field_api.extensions import Services, db, services
from field_api.nudges import KEY
from field_api.problems import Problem
from field_api.transactions import read, write
from media.errors import MediaError
from media.uploads import Completed
from sync.store import outbox
from worker import clocks, watch
from worker.jobs import centre_of

QUEUES = {evidence.DERIVE: "fieldpost-derive", delivery.KIND: "fieldpost-deliver"}
FUNCTIONS = {evidence.DERIVE: "worker.jobs.derive", delivery.KIND: "worker.jobs.deliver"}
# A job longer than this is cut; what it has sent so far is skipped by the next attempt.
TIMEOUTS_S = {evidence.DERIVE: 300, delivery.KIND: 3600}
SERIALIZER = "json"
AGAIN_S = 60.0
FAILURES_KEPT_S = 24 * 3600
SWEEP_S = 60.0
WATCH_S = 30.0
LONGEST_PAUSE_S = 10.0
# Hearing nudges cannot be broken off, so each time it is short.
SHORTEST_WAIT_S, LONGEST_WAIT_S = 0.02, 1.0
BELL = "fieldpost-relay"
_log = structlog.get_logger("fieldpost.relay")


class Relay:
    """One loop; `stop` ends it. Safe to run twice beside each other: rows are claimed, not handed out."""

    def __init__(
        self, app: Flask, connection: redis.Redis, stop: threading.Event, bell: redis.Redis | None = None
    ) -> None:
        """Build it. bell: a connection to hear nudges on, answering within a few seconds or failing."""
        self._app = app
        self._redis = connection
        self._bell = bell
        self._stop = stop
        self._queues = {
            kind: Queue(name, connection=connection, serializer=SERIALIZER) for kind, name in QUEUES.items()
        }
        # By row and due time, which every claim, pause and release changes: when, and as which job.
        self._sent: dict[tuple[str, datetime], tuple[float, str]] = {}
        self._mark = f"fieldpost:relay:{secrets.token_hex(8)}"
        self._kinds = self._known_kinds()
        self._swept_s = -SWEEP_S
        self._watched_s = -WATCH_S

    def run(self) -> None:
        """Look again and again until told to stop; with growing pauses while something is away."""
        failures = 0
        with self._app.app_context():
            interval_s = services().config.relay_interval_s
            while not self._stop.is_set():
                self._sweep()
                self._watch()
                failures = 0 if self._survive("relay", self._look) else failures + 1
                if failures:
                    self._stop.wait(min(interval_s * 2 ** min(failures, 16), max(interval_s, LONGEST_PAUSE_S)))
                else:
                    self._rest(interval_s)

    def _rest(self, pause_s: float) -> None:
        """Wait until the pause is over, a nudge comes, or the end is asked for; without Redis, without nudges."""
        until_s = time.monotonic() + pause_s
        try:
            while self._bell and not self._stop.is_set() and (left_s := until_s - time.monotonic()) > 0:
                if self._bell.blpop([KEY], timeout=max(SHORTEST_WAIT_S, min(left_s, LONGEST_WAIT_S))):
                    # What is committed in the same moment is looked for at once.
                    self._stop.wait(SHORTEST_WAIT_S)
                    return
        except (redis.RedisError, OSError) as error:
            _log.warning("Redis is away", at="bell", error=type(error).__name__)
        self._stop.wait(max(0.0, until_s - time.monotonic()))

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
        """Now and then finish uploads whose last byte came before a kill, and end those that nobody goes on with."""
        if time.monotonic() - self._swept_s >= SWEEP_S:
            self._swept_s = time.monotonic()
            self._survive("settle", self._settle_uploads)
            self._survive("sweep", self._expire_uploads)

    def _watch(self) -> None:
        """Now and then look for what somebody must be told of."""
        if time.monotonic() - self._watched_s >= WATCH_S:
            self._watched_s = time.monotonic()
            self._survive("clocks", self._settle_clocks)
            self._survive("watch", self._raise_alerts)

    def _settle_clocks(self) -> None:
        session, home = db.session(), services().home
        lapsed: int = write(session, lambda: clocks.settle(session, home, datetime.now(UTC)))
        if lapsed:
            _log.info("measures lapsed", count=lapsed)

    def _raise_alerts(self) -> None:
        session, silent_after_s = db.session(), services().config.silent_after_s
        write(session, lambda: watch.look(session, silent_after_s, datetime.now(UTC)))

    def _settle_uploads(self) -> None:
        held, session = services(), db.session()
        for upload in read(session, lambda: held.uploads.unsettled(session)):
            if self._stop.is_set():
                return
            try:
                self._settle(held, held.uploads.complete(upload))
            except (MediaError, OSError) as error:
                # Whoever sent it may have been quicker, or the disk failed; the next sweep looks again.
                _log.warning("an upload could not be finished", upload=upload.id, error=type(error).__name__)

    def _settle(self, held: Services, done: Completed) -> None:
        session = db.session()
        write(session, lambda: settle(session, held.home, held.uploads, done, datetime.now(UTC)))
        _log.info("an upload was finished", upload=done.upload, matches=done.matches)

    def _expire_uploads(self) -> None:
        uploads, session = services().uploads, db.session()
        ended: Sequence[str] = write(session, lambda: uploads.expire(session, datetime.now(UTC)))
        orphans: Sequence[str] = read(session, lambda: uploads.orphans(session))
        uploads.discard((*ended, *orphans))


def _still_waits(queue: Queue, job: str) -> bool:
    return queue.get_job_position(job) is not None

"""Tells the relay that something is due now; whether it hears it changes nothing but how soon it looks.

A request only sets an event. One thread of the process speaks to Redis, with short time-outs, so that a Redis
that is away or hangs delays no answer; what it could not say, the relay finds by itself at its next look.
"""

from __future__ import annotations

import os
import threading

import redis
import structlog
from redis.backoff import NoBackoff
from redis.retry import Retry
from sqlalchemy.orm import ORMExecuteState

from field_api.transactions import after_commit
from sync.store.outbox import OutboxRow

# A list of at most one element: a relay that comes late finds the nudge, and one is as good as many.
KEY = "fieldpost:nudge"
KEPT_S = 60
TIMEOUT_S = 0.5
PAUSE_S = 5.0
_log = structlog.get_logger("fieldpost.nudges")


class Nudges:
    """One process's way to the relay; its thread begins with the first nudge."""

    def __init__(self, redis_url: str) -> None:
        self._url = redis_url
        self._due = threading.Event()
        self._closed = threading.Event()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def nudge(self) -> None:
        """Have the relay look soon; returns at once, and never fails."""
        self._due.set()
        if self._thread is None:
            self._begin()

    def follow(self, state: ORMExecuteState) -> None:
        """Nudge after the commit of a transaction that writes to the outbox."""
        table = getattr(state.statement, "table", None) if state.is_insert or state.is_update else None
        # By name: the statement holds an annotated copy of the table.
        if table is not None and table.name == OutboxRow.__tablename__:
            after_commit(state.session, self.nudge)

    def close(self) -> None:
        """End the thread."""
        self._closed.set()
        self._due.set()
        if self._thread is not None:
            self._thread.join()

    def _begin(self) -> None:
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name=f"nudges-{os.getpid()}", daemon=True)
                self._thread.start()

    def _run(self) -> None:
        try:
            connection = redis.Redis.from_url(
                self._url,
                socket_timeout=TIMEOUT_S,
                socket_connect_timeout=TIMEOUT_S,
                retry=Retry(NoBackoff(), 0),
            )
        except ValueError as error:
            _log.error("the address of Redis cannot work; the relay is not nudged", reason=str(error))
            return
        with connection:
            while self._due.wait() and not self._closed.is_set():
                self._due.clear()
                self._push(connection)

    def _push(self, connection: redis.Redis) -> None:
        try:
            with connection.pipeline() as pipeline:
                pipeline.lpush(KEY, "1")
                pipeline.ltrim(KEY, 0, 0)
                pipeline.expire(KEY, KEPT_S)
                pipeline.execute()
        except (redis.RedisError, OSError) as error:
            _log.warning("no nudge: Redis is away", error=type(error).__name__)
            self._closed.wait(PAUSE_S)

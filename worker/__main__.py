"""The two background processes: `python -m worker run` and `python -m worker relay`."""

from __future__ import annotations

import argparse
import os
import resource
import secrets
import signal
import socket
import sys
import threading
from collections.abc import Sequence

import redis
import structlog
from redis.backoff import NoBackoff
from redis.retry import Retry
from rq import Queue, Worker
from rq.job import Job
from rq.worker import DequeueStrategy

from field_api.config import Config, ConfigError
from field_api.observe import configure_logging
from worker import jobs
from worker.relay import BELL, LONGEST_WAIT_S, QUEUES, SERIALIZER, Relay

# With RQ's own times a job whose worker was killed is not looked at for minutes.
WORKER_TTL_S, MAINTENANCE_S, MONITORING_S = 25, 5, 5
REDIS_PAUSE_S = 2.0
REDIS_TIMEOUT_S = 10.0
# Above the longest wait for a nudge; a signal to end is not heard meanwhile.
BELL_TIMEOUT_S = LONGEST_WAIT_S + 2.0
# A picture may unfold to far more than its bytes; the horse dies or gives up, the machine does not.
HORSE_MEMORY_BYTES = 2 * 1024**3
_log = structlog.get_logger("fieldpost.worker")


class FieldWorker(Worker):
    """Runs each job in a process of its own, with limited memory."""

    max_connection_wait_time = 5.0

    @property
    def was_told_to_stop(self) -> bool:
        return self._shutdown_requested_date is not None

    def main_work_horse(self, job: Job, queue: Queue) -> None:
        """Limit the child before the job begins (called by RQ after the fork)."""
        _, most = resource.getrlimit(resource.RLIMIT_AS)
        limit = HORSE_MEMORY_BYTES if most == resource.RLIM_INFINITY else min(HORSE_MEMORY_BYTES, most)
        resource.setrlimit(resource.RLIMIT_AS, (limit, most))
        super().main_work_horse(job, queue)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one of the processes until it is told to end; 0 when it was, 1 when it could not go on."""
    options = _parser().parse_args(argv)
    configure_logging()
    try:
        config = Config.from_env(os.environ)
    except ConfigError as error:
        _log.error("the configuration cannot work", reason=str(error))
        return 2
    if config.redis_url is None:
        _log.error("FIELDPOST_REDIS_URL is not set; name a Redis 7 or Valkey server")
        return 2
    return run(config.redis_url) if options.process == "run" else relay(config.redis_url)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m worker", description="Background processes of Fieldpost; configured by FIELDPOST_…"
    )
    processes = parser.add_subparsers(dest="process", required=True, metavar="run|relay")
    processes.add_parser("run", help="run jobs: deliver cases, make copies of photos")
    processes.add_parser("relay", help="look for what is due and wake the workers")
    return parser


def run(redis_url: str) -> int:
    """Run jobs. RQ's worker ends when Redis goes away under a job; the supervisor starts another."""
    stop = _stop_on_signals()
    connection = redis.Redis.from_url(redis_url)
    if not _wait_for_redis(connection, stop):
        return 0
    # Built before the first fork, connected after it: a horse starts at once and shares no connection.
    jobs.application()
    worker: FieldWorker | None = None
    try:
        worker = _worker(connection)
        if stop.is_set():  # RQ's own handlers take over only now
            return 0
        worker.work(dequeue_strategy=DequeueStrategy.ROUND_ROBIN)
    except (redis.RedisError, OSError) as error:
        _log.warning("Redis went away", error=type(error).__name__)
    return 0 if worker is not None and worker.was_told_to_stop else 1


def _worker(connection: redis.Redis) -> FieldWorker:
    return FieldWorker(
        list(QUEUES.values()),
        name=f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}",
        connection=connection,
        serializer=SERIALIZER,
        worker_ttl=WORKER_TTL_S,
        maintenance_interval=MAINTENANCE_S,
        job_monitoring_interval=MONITORING_S,
    )


def relay(redis_url: str) -> int:
    """Wake the workers for what is due."""
    stop = _stop_on_signals()
    connection = redis.Redis.from_url(
        redis_url, socket_timeout=REDIS_TIMEOUT_S, socket_connect_timeout=REDIS_TIMEOUT_S
    )
    bell = redis.Redis.from_url(
        redis_url,
        socket_timeout=BELL_TIMEOUT_S,
        socket_connect_timeout=BELL_TIMEOUT_S,
        retry=Retry(NoBackoff(), 0),
        client_name=BELL,
    )
    Relay(jobs.application(), connection, stop, bell).run()
    return 0


def _stop_on_signals() -> threading.Event:
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    return stop


def _wait_for_redis(connection: redis.Redis, stop: threading.Event) -> bool:
    """Wait until Redis answers; False when told to stop first."""
    while not stop.is_set():
        try:
            connection.ping()
        except (redis.RedisError, OSError) as error:
            _log.warning("waiting for Redis", error=type(error).__name__)
            stop.wait(REDIS_PAUSE_S)
        else:
            return True
    return False


if __name__ == "__main__":
    sys.exit(main())

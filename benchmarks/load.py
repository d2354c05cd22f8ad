"""The load: terminals as plain HTTP clients in processes of their own, their requests built beforehand."""

from __future__ import annotations

import base64
import hashlib
import http.client
import json
import multiprocessing
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from uuid_utils import uuid7

OPERATIONS = 50


@dataclass(frozen=True, slots=True)
class Client:
    """A signed-in terminal, as the load needs it."""

    port: int
    token: str
    terminal: str
    officer: str


@dataclass(slots=True)
class Sample:
    """What one process measured: seconds of each request, and when it began and ended."""

    begun: float = 0.0
    ended: float = 0.0
    seconds: list[float] = field(default_factory=list)
    failures: int = 0


def batches(count: int) -> list[bytes]:
    """Bodies of pushes of 50 operations: new cases, their steps, and edits of them, as a terminal writes them."""
    store, number = str(uuid7()), 0
    bodies: list[bytes] = []
    for _ in range(count):
        operations: list[dict[str, Any]] = []
        while len(operations) < OPERATIONS:
            case = str(uuid7())
            for made in _of_one_case():
                number += 1
                operations.append({"number": number, "type": "case", "record": case, "at": _now(), **made})
        envelope = {
            "protocol": 1, "schema": 1, "app": "1.0.0", "batch": str(uuid7()), "store": store,
            "clock": {"wall": _now(), "monotonic_ms": 1000, "boot": "bench"}, "operations": operations[:OPERATIONS],
        }  # fmt: skip
        bodies.append(json.dumps(envelope, ensure_ascii=False).encode())
    return bodies


def _of_one_case() -> list[dict[str, Any]]:
    create, values = str(uuid7()), {
        "category": "0406", "description": "演示数据：占道经营", "address": "演示路 1 号", "source": "patrol",
        "position": {"lng": 103.8477, "lat": 30.0512, "coord_sys": "cgcs2000", "accuracy_m": 6},
    }  # fmt: skip
    steps = [
        {"id": str(uuid7()), "action": "append", "list": "timeline",
         "item": {"id": str(uuid7()), "step": step, "at": _now()}}
        for step in ("ids_shown", "persuade")
    ]  # fmt: skip
    return [
        {"id": create, "action": "create", "set": values},
        *steps,
        {"id": str(uuid7()), "action": "patch", "base": {"operation": create}, "set": {"address": "演示路 2 号"}},
        {"id": str(uuid7()), "action": "transition", "base": {"operation": create}, "event": "register"},
    ]


def creates(count: int) -> list[bytes]:
    """Bodies of pushes that make `count` new cases."""
    store, bodies = str(uuid7()), []
    for start in range(0, count, OPERATIONS):
        operations = [
            {"id": str(uuid7()), "number": start + index + 1, "type": "case", "record": str(uuid7()), "at": _now(),
             "action": "create", "set": {"category": "0406", "description": "演示数据：占道经营", "address": "演示路"}}
            for index in range(min(OPERATIONS, count - start))
        ]  # fmt: skip
        envelope = {
            "protocol": 1, "schema": 1, "app": "1.0.0", "batch": str(uuid7()), "store": store,
            "clock": {"wall": _now(), "monotonic_ms": 1000, "boot": "bench"}, "operations": operations,
        }  # fmt: skip
        bodies.append(json.dumps(envelope, ensure_ascii=False).encode())
    return bodies


def push_all(client: Client, bodies: Sequence[bytes]) -> Sample:
    """Send bodies one after the other over one connection."""
    connection = http.client.HTTPConnection("127.0.0.1", client.port, timeout=120)
    sample = Sample(begun=time.monotonic())
    for body in bodies:
        digest = base64.b64encode(hashlib.sha256(body).digest()).decode()
        headers = {
            "Authorization": f"Bearer {client.token}",
            "Content-Type": "application/json",
            "Content-Digest": f"sha-256=:{digest}:",
        }
        begun = time.monotonic()
        connection.request("POST", "/api/v1/sync/push", body, headers)
        answer = connection.getresponse()
        content = answer.read()
        sample.seconds.append(time.monotonic() - begun)
        sample.failures += answer.status != 200 or b'"quarantined"' in content
    sample.ended = time.monotonic()
    connection.close()
    return sample


def pull_all(client: Client, limit: int = 1_000) -> tuple[float, int, str]:
    """A first pull from nothing: (seconds, records, the last cursor)."""
    connection = http.client.HTTPConnection("127.0.0.1", client.port, timeout=120)
    begun, records, cursor, more = time.monotonic(), 0, None, True
    while more:
        page, _ = _pull(connection, client, cursor, limit)
        records += len(page["changes"])
        cursor, more = page["cursor"], page["more"]
    took = time.monotonic() - begun
    connection.close()
    return took, records, str(cursor)


def idle_pulls(client: Client, cursor: str, count: int) -> tuple[list[float], int]:
    """Pulls with nothing new: seconds of each, and the bytes of one answer's body."""
    connection = http.client.HTTPConnection("127.0.0.1", client.port, timeout=60)
    seconds, size = [], 0
    for _ in range(count):
        begun = time.monotonic()
        _, size = _pull(connection, client, cursor, 1_000)
        seconds.append(time.monotonic() - begun)
    connection.close()
    return seconds, size


def _pull(
    connection: http.client.HTTPConnection, client: Client, cursor: str | None, limit: int
) -> tuple[dict[str, Any], int]:
    headers = {"Authorization": f"Bearer {client.token}", "Content-Type": "application/json"}
    connection.request("POST", "/api/v1/sync/pull", json.dumps({"cursor": cursor, "limit": limit}), headers)
    answer = connection.getresponse()
    content = answer.read()
    if answer.status != 200:
        raise RuntimeError(f"pull answered {answer.status}")
    page: dict[str, Any] = json.loads(content)
    return page, len(content)


def upload_all(client: Client, photos: Sequence[bytes]) -> Sample:
    """Send photos by tus, each whole in one creation-with-upload."""
    connection = http.client.HTTPConnection("127.0.0.1", client.port, timeout=120)
    # A terminal knows its photos' digests since they were taken.
    known = [(photo, _upload_headers(client, hashlib.sha256(photo).hexdigest(), len(photo))) for photo in photos]
    sample = Sample(begun=time.monotonic())
    for photo, headers in known:
        begun = time.monotonic()
        connection.request("POST", "/api/v1/uploads", photo, headers)
        answer = connection.getresponse()
        answer.read()
        sample.seconds.append(time.monotonic() - begun)
        sample.failures += answer.status != 201 or answer.headers.get("Upload-Offset") != str(len(photo))
    sample.ended = time.monotonic()
    connection.close()
    return sample


def _upload_headers(client: Client, sha256: str, size: int) -> dict[str, str]:
    parts = {"evidence": str(uuid7()), "sha256": sha256, "filetype": "image/jpeg"}
    metadata = ",".join(f"{name} {base64.b64encode(value.encode()).decode()}" for name, value in parts.items())
    return {
        "Authorization": f"Bearer {client.token}",
        "Content-Type": "application/offset+octet-stream",
        "Tus-Resumable": "1.0.0",
        "Upload-Length": str(size),
        "Upload-Metadata": metadata,
        "Idempotency-Key": str(uuid7()),
    }


def together(
    work: Callable[..., Sample], jobs: Sequence[tuple[Any, ...]], cores: frozenset[int] = frozenset()
) -> list[Sample]:
    """Run one job in each of as many processes; all begin at the same moment, when every process is up.

    cores: those that the load is pinned to; none leaves it where the server is.
    """
    with multiprocessing.get_context("spawn").Pool(len(jobs), initializer=_pin, initargs=(cores,)) as pool:
        pool.map(_wait, [time.monotonic() + 1.0] * len(jobs), chunksize=1)
        begin = time.monotonic() + 0.5
        samples: list[Sample] = pool.starmap(_begin, [(work, begin, job) for job in jobs], chunksize=1)
    return samples


def _pin(cores: frozenset[int]) -> None:
    if cores:
        os.sched_setaffinity(0, cores)


def _begin(work: Callable[..., Sample], begin: float, job: tuple[Any, ...]) -> Sample:
    _wait(begin)
    return work(*job)


def _wait(until: float) -> None:
    time.sleep(max(0.0, until - time.monotonic()))


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")

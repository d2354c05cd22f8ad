"""Photos by tus, several at once, with the worker held and beside it."""

from __future__ import annotations

import base64
import hashlib
import secrets
import time
from collections.abc import Iterator

from uuid_utils import uuid7

from benchmarks.crew import Job, Requests, Run, Sample
from benchmarks.lines import Line, request
from benchmarks.measure import Figure, Stage
from benchmarks.resident import peak_mib
from benchmarks.site import Client

LANES = 4


def prepare(client: Client, count: int, size: int) -> Requests:
    """Creations with the whole photo in them. A terminal knows its photos' digests since they were taken."""
    return Requests(client.port, [_upload(client, secrets.token_bytes(size)) for _ in range(count)])


def _upload(client: Client, photo: bytes) -> bytes:
    parts = {"evidence": str(uuid7()), "sha256": hashlib.sha256(photo).hexdigest(), "filetype": "image/jpeg"}
    metadata = ",".join(f"{name} {base64.b64encode(value.encode()).decode()}" for name, value in parts.items())
    headers = {
        "Authorization": f"Bearer {client.token}",
        "Content-Type": "application/offset+octet-stream",
        "Tus-Resumable": "1.0.0",
        "Upload-Length": str(len(photo)),
        "Upload-Metadata": metadata,
        "Idempotency-Key": str(uuid7()),
    }
    return request("POST", "/api/v1/uploads", photo, headers)


def upload_all(prepared: Requests) -> Sample:
    """Send photos one after the other."""
    line, sample = Line(prepared.port), Sample(begun=time.monotonic())
    for one in prepared.requests:
        begun = time.monotonic()
        sample.take(line.send(one), time.monotonic() - begun)
    sample.ended = time.monotonic()
    line.close()
    return sample


def uploads(stage: Stage) -> Iterator[Figure]:
    """The worker makes copies of what was uploaded, on the same cores: measured with it held, and beside it."""
    before = sum(map(peak_mib, stage.site.pids("web")))
    stage.site.hold("worker")
    held = [_speed(stage) for _ in range(stage.scale.repeat)]
    stage.site.let_go("worker")
    beside = [_speed(stage) for _ in range(stage.scale.repeat)]
    growth = sum(map(peak_mib, stage.site.pids("web"))) - before
    name = f"{stage.scale.photos} photos of {stage.scale.photo_bytes / 1e6:g} MB, {LANES} at once"
    yield Figure(f"{name}, the worker held", "MB/s", held)
    yield Figure(f"{name}, beside the worker", "MB/s", beside)
    yield Figure("the web processes' peak growth for each upload at once", "MiB", [growth / LANES])


def _speed(stage: Stage) -> float:
    each = max(1, stage.scale.photos // LANES)
    clients = [stage.clients[index % len(stage.clients)] for index in range(LANES)]
    run = stage.weigh([Job(prepare, (client, each, stage.scale.photo_bytes), upload_all) for client in clients]).run
    _check(run)
    return LANES * each * stage.scale.photo_bytes / 1e6 / run.wall_s


def _check(run: Run) -> None:
    if set(run.statuses) != {201}:
        raise RuntimeError(f"not every photo was taken: {dict(run.statuses)}")

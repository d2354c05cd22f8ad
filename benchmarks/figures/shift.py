"""The start of a shift: hundreds of terminals come within a minute, push what they have and pull what changed."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from dataclasses import dataclass

from benchmarks.crew import Job, Sample
from benchmarks.lines import Line, Reply, pull_request, push_request, wait_until
from benchmarks.measure import Figure, Stage, Target, percentile
from benchmarks.resident import watched
from benchmarks.site import Client

BATCH = 200
RECEIPTS_S, NO_5XX, RESIDENT_MIB = Target("at most", 120), Target("at most", 0), Target("at most", 600)
PAGE = 1_000
LATEST_S = 300.0
PROCESSES = 2


@dataclass(frozen=True, slots=True)
class Arrival:
    """A terminal: when it comes, what it pushes, where it had read to."""

    client: Client
    after_s: float
    pushes: list[bytes]
    cursor: str


def prepare(client: Client, seed: int, after_s: float, operations: int, cursor: str) -> Arrival:
    """Build a terminal's pushes."""
    writer = client.writer(seed)
    pushes = [
        push_request(client.token, writer.body(writer.mixed(min(BATCH, operations - at))))
        for at in range(0, operations, BATCH)
    ]
    return Arrival(client, after_s, pushes, cursor)


def arrive(arrival: Arrival) -> Sample:
    """Come when it is time, over a connection of one's own; push until there is a receipt, then pull to the end."""
    sample = Sample(begun=time.monotonic())
    wait_until(sample.begun + arrival.after_s)
    line = Line(arrival.client.port)
    for push in arrival.pushes:
        sample.count_outcomes(_patiently(line, push, sample))
    receipt_s = time.monotonic() - sample.begun
    cursor, more, changes = arrival.cursor, True, 0
    while more:
        page = _patiently(line, pull_request(arrival.client.token, cursor, limit=PAGE, packed="gzip"), sample)
        body = page.body
        changes += body.count(b'"action":"')
        cursor, more = page.cursor(), page.has_more()
    sample.ended = time.monotonic()
    sample.notes = {
        "receipt_s": receipt_s, "waited_s": receipt_s - arrival.after_s, "done_s": sample.ended - sample.begun,
        "changes": changes,
    }  # fmt: skip
    line.close()
    return sample


def _patiently(line: Line, request: bytes, sample: Sample) -> Reply:
    """Send until it is answered; obey 429 and 503 as a terminal does.

    Raises: RuntimeError for another refusal, or when it takes too long.
    """
    until = time.monotonic() + LATEST_S
    while time.monotonic() < until:
        begun = time.monotonic()
        reply = line.send(request)
        sample.take(reply, time.monotonic() - begun)
        if reply.status == 200:
            return reply
        if reply.status not in (429, 503) or reply.retry_after_s is None:
            break
        time.sleep(reply.retry_after_s + random.random())
    raise RuntimeError(f"a terminal was answered {reply.status}: {reply.sent[:300]!r}")


def shift(stage: Stage) -> Iterator[Figure]:
    """One shift: its spread is that of its terminals, so it is not repeated."""
    scale = stage.scale
    each = scale.shift_terminals // scale.shift_units
    clients = [
        client
        for index in range(scale.shift_units)
        for client in stage.site.sign_in(stage.site.unit(f"shift{index}"), each)
    ]
    gap = scale.shift_window_s / len(clients)
    order = random.Random(1).sample(range(len(clients)), len(clients))
    jobs = [
        Job(prepare, (client, index, order[index] * gap, scale.shift_operations, _cursor(client)), arrive)
        for index, client in enumerate(clients)
    ]
    with watched(stage.site.pids) as own, watched(stage.site.cluster) as cluster:
        weighed = stage.weigh(jobs, PROCESSES)
    run = weighed.run
    receipts = sorted(one.notes["receipt_s"] for one in run.samples)
    failed = sum(count for status, count in run.statuses.items() if status >= 500 and status != 503)
    name = f"{len(clients)} terminals, {scale.shift_operations} operations each, within {scale.shift_window_s:g} s"
    raw = {
        "outcomes": dict(run.outcomes), "statuses": {str(status): count for status, count in run.statuses.items()},
        "changes_pulled": sum(one.notes["changes"] for one in run.samples), **weighed.costs,
        "median_wait_for_receipt_s": percentile([one.notes["waited_s"] for one in run.samples], 0.5),
        "p95_wait_for_receipt_s": percentile([one.notes["waited_s"] for one in run.samples], 0.95),
        "all_pulled_s": max(one.notes["done_s"] for one in run.samples),
    }  # fmt: skip
    yield Figure(f"{name}: last receipt after", "s", [receipts[-1]], RECEIPTS_S, raw)
    yield Figure("… 5xx other than 503 with Retry-After", "answers", [failed], NO_5XX)
    more = {"rss_mib": round(own.rss_mib, 1), "postgresql_pss_mib": round(cluster.pss_mib, 1)}
    yield Figure("… resident in all, what is shared counted once", "MiB", [own.pss_mib], RESIDENT_MIB, more)


def _cursor(client: Client) -> str:
    """Where a terminal had read to the evening before: it knows the reference data, and no cases."""
    line = Line(client.port)
    cursor, more = None, True
    while more:
        reply = line.send(pull_request(client.token, cursor, limit=2_000))
        cursor, more = reply.cursor(), reply.has_more()
    line.close()
    assert cursor is not None
    return cursor

"""What it costs a terminal to hear of nothing, of a little, and of everything."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from benchmarks.cases import moment
from benchmarks.crew import Job, Requests, send_all
from benchmarks.lines import Line, pull_request, push_request
from benchmarks.measure import Figure, Held, Stage, Target, ms, percentile
from benchmarks.site import Client
from sync.engine.checkpoint import term

PAGE, LARGEST_PAGE = 1_000, 2_000
CHANGED = 50
RECORDS = ("records",)
ENCODINGS = ("gzip", "zstd")
FIRST_S, FIRST_MB = Target("at most", 0.5), Target("at most", 1.5)
IDLE_BYTES, IDLE_P95_MS = Target("at most", 250), Target("at most", 5)
CHANGED_MS, CHANGED_RATE = Target("at most", 3), Target("at least", 500)


def as_prepared(port: int, requests: list[bytes]) -> Requests:
    """Requests that were made before."""
    return Requests(port, requests)


def walk(client: Client, limit: int, lanes: tuple[str, ...], packed: str) -> tuple[list[bytes], list[dict[str, Any]]]:
    """Pull from nothing to the end: the request of each page, and the pages without their changes' bodies."""
    line, cursor, more = Line(client.port), None, True
    requests: list[bytes] = []
    pages: list[dict[str, Any]] = []
    while more:
        requests.append(pull_request(client.token, cursor, limit=limit, lanes=lanes, packed=packed))
        reply = line.send(requests[-1])
        if reply.status != 200:
            raise RuntimeError(f"a pull answered {reply.status}")
        page = json.loads(reply.body)
        pages.append({**page, "changes": [(one["type"], one["record"], one["version"]) for one in page["changes"]]})
        cursor, more = page["cursor"], page["more"]
    line.close()
    return requests, pages


def first(stage: Stage) -> Iterator[Figure]:
    """A first pull, page after page, each from the cursor of a walk before: so it can be resumed at any page."""
    cases = stage.scale.first_cases
    [client] = stage.site.sign_in(stage.site.unit("first"), 1)
    stage.seed(client, cases, photos=0)
    for packed in ENCODINGS:
        requests, pages = walk(client, PAGE, RECORDS, packed)
        _check_whole(pages, cases)
        seconds, megabytes, costs = [], [], []
        for _ in range(stage.scale.repeat):
            weighed = stage.weigh([Job(as_prepared, (client.port, requests), send_all)])
            seconds.append(sum(weighed.run.seconds))
            megabytes.append(weighed.run.samples[0].bytes / 1e6)
            costs.append(weighed.costs)
        raw = {"pages": len(pages), "runs_costs": costs}
        yield Figure(f"first pull of {cases:,} cases, {packed}", "s", seconds, FIRST_S, raw)
        yield Figure(f"first pull of {cases:,} cases, {packed}", "MB", megabytes, FIRST_MB)


def _check_whole(pages: list[dict[str, Any]], cases: int) -> None:
    """See that the pages hold every case once, and that the checkpoint counts and sums just these."""
    records = {change for page in pages for change in page["changes"]}
    total = sum(term(*change) for change in records) % (1 << 64)
    if len(records) != cases or pages[-1]["checkpoint"] != {"count": cases, "sum": f"{total:016x}"}:
        raise RuntimeError(f"a first pull brought {len(records)} of {cases} cases: {pages[-1]['checkpoint']}")


def hold(stage: Stage) -> Held:
    """Have a terminal hold the unit with the many cases, once for all figures."""
    if stage.held is None:
        client, neighbour = stage.site.sign_in(stage.site.unit("held"), 2)
        stage.seed(client, stage.scale.held_cases)
        _, pages = walk(client, LARGEST_PAGE, ("reference", "records"), "")
        cases = [(record, version) for page in pages for type_, record, version in page["changes"] if type_ == "case"]
        chosen = cases[:: max(1, len(cases) // CHANGED)][:CHANGED]
        names = [record for record, _ in chosen]
        stage.held = Held(client, neighbour, pages[-1]["cursor"], names, chosen[0][1])
    return stage.held


def idle(stage: Stage) -> Iterator[Figure]:
    """Pulls with nothing new over one connection."""
    held = hold(stage)
    yield from idle_pulls(stage, held, f"{stage.scale.held_cases:,} cases stored")


def idle_pulls(stage: Stage, held: Held, where: str) -> Iterator[Figure]:
    """The figures of pulls from a cursor at the end."""
    line = Line(stage.site.port)
    reply = line.send(pull_request(held.client.token, held.cursor))
    held.cursor = reply.cursor()
    one = pull_request(held.client.token, held.cursor)
    size = len(line.send(one).sent)
    line.close()
    p95s, medians, costs = [], [], []
    for _ in range(stage.scale.repeat):
        weighed = stage.weigh([Job(as_prepared, (stage.site.port, [one] * stage.scale.idle_pulls), send_all)])
        p95s.append(ms(percentile(weighed.run.seconds, 0.95)))
        medians.append(ms(percentile(weighed.run.seconds, 0.5)))
        costs.append(weighed.costs)
    yield Figure(f"pull with nothing new, {where}", "bytes", [size], IDLE_BYTES)
    raw = {"median_ms": medians, "runs_costs": costs}
    yield Figure(f"p95 of a pull with nothing new, {where}", "ms", p95s, IDLE_P95_MS, raw)


def changed(stage: Stage) -> Iterator[Figure]:
    """Pulls that bring fifty changes, from one cursor again and again."""
    held = hold(stage)
    yield from changed_pulls(stage, held, f"50 changed among {stage.scale.held_cases:,} cases")


def changed_pulls(stage: Stage, held: Held, where: str) -> Iterator[Figure]:
    """The figures of pulls from a cursor behind fifty edits; on eight connections it is one terminal's too."""
    requests = [pull_request(held.client.token, held.cursor)] * stage.scale.changed_pulls
    edit(held)
    medians, rates, costs = [], [], []
    for _ in range(stage.scale.repeat):
        alone = stage.weigh([Job(as_prepared, (stage.site.port, requests), send_all)])
        beside = stage.weigh([Job(as_prepared, (stage.site.port, requests), send_all)] * 8)
        medians.append(ms(percentile(alone.run.seconds, 0.5)))
        rates.append(len(beside.run.seconds) / beside.run.wall_s)
        costs.append(beside.costs)
    yield Figure(f"{where}, one connection", "ms", medians, CHANGED_MS)
    yield Figure(f"{where}, eight connections", "pulls a second", rates, CHANGED_RATE, {"runs_costs": costs})


def edit(held: Held) -> None:
    """Change the chosen cases, and see that a pull tells of exactly these."""
    by = held.neighbour
    writer = by.writer()
    edits = [writer.patch(case, held.version, description=f"演示改动 {moment()}") for case in held.cases]
    line = Line(by.port)
    reply = line.send(push_request(by.token, writer.body(edits)))
    told = json.loads(line.send(pull_request(held.client.token, held.cursor)).body)["changes"]
    line.close()
    if reply.sent.count(b'"applied"') != len(edits) or {one["record"] for one in told} != set(held.cases):
        raise RuntimeError(f"{len(edits)} edits, {len(told)} changes told: {reply.sent[:300]!r}")
    held.version += 1

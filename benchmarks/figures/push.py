"""Mixed operations in batches, from as many terminals at once as there are load clients."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.crew import Job, Requests, send_all
from benchmarks.lines import push_request
from benchmarks.measure import Figure, Stage, Target, all_fine, ms, percentile
from benchmarks.site import Client

SIZES = (50, 200)
OPERATIONS_TARGET = Target("at least", 3_000)
P95_TARGET = Target("at most", 120)


def prepare(client: Client, seed: int, size: int, count: int) -> Requests:
    """Pushes of the mix; every second edit reaches back to the batch before."""
    writer = client.writer(seed)
    bodies = [writer.body(writer.mixed(size)) for _ in range(count)]
    return Requests(client.port, [push_request(client.token, body) for body in bodies])


def mixed(stage: Stage) -> Iterator[Figure]:
    """Operations a second, and how long the slowest twentieth of the pushes took."""
    for size in SIZES:
        count = max(1, stage.scale.batches * SIZES[0] // size)
        rates, p95s, medians, costs = [], [], [], []
        for turn in range(stage.scale.repeat):
            jobs = [
                Job(prepare, (client, turn * 100 + index, size, count), send_all)
                for index, client in enumerate(stage.clients)
            ]
            weighed = stage.weigh(jobs)
            all_fine(weighed.run)
            rates.append(weighed.run.outcomes.total() / weighed.run.wall_s)
            p95s.append(ms(percentile(weighed.run.seconds, 0.95)))
            medians.append(ms(percentile(weighed.run.seconds, 0.5)))
            costs.append(weighed.costs)
        raw = {"runs_costs": costs, "operations_a_run": len(stage.clients) * count * size}
        yield Figure(f"mixed operations, batches of {size}", "a second", rates, OPERATIONS_TARGET, raw)
        target = P95_TARGET if size == SIZES[0] else None
        yield Figure(f"p95 of a push of {size}", "ms", p95s, target, {"median_ms": medians})

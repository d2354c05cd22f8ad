"""Edits that somebody else has overtaken: every one is merged, or loses and leaves a conflict row."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from uuid_utils import uuid7

from benchmarks.crew import Job, Requests, send_all
from benchmarks.lines import push_request
from benchmarks.measure import Figure, Stage, Target, all_fine, ms, percentile
from benchmarks.site import Client

BATCH = 50
TARGET = Target("at least", 2_500)
_BATCHES = 6


def prepare_first(client: Client, cases: Sequence[str], seed: int) -> Requests:
    """Pushes that create cases of these ids."""
    writer = client.writer(seed)
    creates = [{**writer.case(), "record": case} for case in cases]
    return _requests(client, [writer.body(creates[at : at + BATCH]) for at in range(0, len(creates), BATCH)])


def prepare_edits(client: Client, cases: Sequence[str], seed: int, name: str) -> Requests:
    """Pushes that edit one field of each, as they were when they were created."""
    writer = client.writer(seed)
    edits = [writer.patch(case, 1, **{name: f"演示 {seed} {case[-6:]}"}) for case in cases]
    return _requests(client, [writer.body(edits[at : at + BATCH]) for at in range(0, len(edits), BATCH)])


def _requests(client: Client, bodies: Sequence[bytes]) -> Requests:
    return Requests(client.port, [push_request(client.token, body) for body in bodies])


def stale(stage: Stage) -> Iterator[Figure]:
    """Each terminal edits what its neighbour created and edited: half of the edits meet the same field."""
    rates, p95s, costs, kept = [], [], [], []
    batches = _BATCHES if stage.scale.batches > 1 else 1
    count = len(stage.clients)
    for turn in range(stage.scale.repeat):
        names = _names(stage, batches * BATCH)
        own = [Job(prepare_first, (c, names[i], turn), send_all) for i, c in enumerate(stage.clients)]
        all_fine(stage.weigh(own).run)
        first = [Job(prepare_edits, (c, names[i], turn, "address"), send_all) for i, c in enumerate(stage.clients)]
        all_fine(stage.weigh(first).run)
        late = [
            Job(_prepare_late, (c, names[(i + 1) % count], turn), send_all) for i, c in enumerate(stage.clients)
        ]
        weighed = stage.weigh(late)
        all_fine(weighed.run, frozenset({"applied", "merged"}))
        rates.append(weighed.run.outcomes.total() / weighed.run.wall_s)
        p95s.append(ms(percentile(weighed.run.seconds, 0.95)))
        costs.append(weighed.costs)
        kept.append(dict(weighed.run.outcomes))
    raw = {"p95_ms": p95s, "outcomes": kept, "runs_costs": costs}
    yield Figure("stale edits, batches of 50", "a second", rates, TARGET, raw)


def _prepare_late(client: Client, cases: Sequence[str], seed: int) -> Requests:
    """Every second edit is of the field that its owner has changed since, the others of another one."""
    writer = client.writer(seed + 50)
    edits = [
        writer.patch(case, 1, **{("address", "shop_name")[index % 2]: f"演示 {seed}"})
        for index, case in enumerate(cases)
    ]
    return _requests(client, [writer.body(edits[at : at + BATCH]) for at in range(0, len(edits), BATCH)])


def _names(stage: Stage, each: int) -> list[list[str]]:
    return [[str(uuid7()) for _ in range(each)] for _ in stage.clients]

"""What spoiled operations cost their neighbours: five hundred at once, clean, with 1 and with 50 poisoned."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

from uuid_utils import uuid7

from benchmarks.cases import Writer
from benchmarks.crew import Job, Requests, send_all
from benchmarks.lines import push_request
from benchmarks.measure import Figure, Stage, Target, ms
from benchmarks.site import Client

OPERATIONS = 500
MOST = {1: Target("at most", 1.5), 50: Target("at most", 4)}
CLEAN = ("clean", 0)
# "engine": a field that our own checks refuse. "database": what only a foreign key knows to be wrong.
KINDS = ("engine", "database")


def _spoiled(writer: Writer, kind: str) -> dict[str, Any]:
    if kind == "engine":
        case = writer.case()
        return {**case, "set": {**case["set"], "amount_fen": -5}}
    values = {"title": "演示任务", "kind": "check", "for_unit": "no-such-unit"}
    return writer.operation("create", str(uuid7()), "task", set=values)


def prepare(client: Client, seed: int, kind: str, count: int) -> Requests:
    """One push of five hundred operations, so many of them poisoned, spread among the others."""
    writer = client.writer(seed)
    operations = writer.mixed(OPERATIONS - count)
    source = random.Random(seed)
    for _ in range(count):
        operations.insert(source.randrange(len(operations)), _spoiled(writer, kind))
    return Requests(client.port, [push_request(client.token, writer.body(operations))])


def poison(stage: Stage) -> Iterator[Figure]:
    """Times of the clean push and, turn by turn beside it, of the poisoned ones, as multiples of it."""
    [client] = stage.site.sign_in(stage.clients[0].unit, 1, "officer", "supervisor")
    kinds = [CLEAN, *((kind, count) for kind in KINDS for count in MOST)]
    took: dict[tuple[str, int], list[float]] = {one: [] for one in kinds}
    for turn in range(stage.scale.repeat):
        for index, (kind, count) in enumerate(kinds):
            run = stage.weigh([Job(prepare, (client, turn * 10 + index, kind, count), send_all)]).run
            wanted = {"applied": OPERATIONS - count} | ({"quarantined": count} if count else {})
            if dict(run.outcomes) != wanted:
                raise RuntimeError(f"{kind}, {count}: {dict(run.outcomes)} instead of {wanted}")
            took[kind, count].append(run.seconds[0])
    yield Figure("500 operations in one push, clean", "ms", [ms(one) for one in took[CLEAN]])
    for kind, count in kinds[1:]:
        times = [poisoned / clean for poisoned, clean in zip(took[kind, count], took[CLEAN], strict=True)]
        raw = {"ms": [ms(one) for one in took[kind, count]]}
        yield Figure(f"{count} poisoned of 500, refused by the {kind}", "× clean", times, MOST[count], raw)
